// The data of the run, and the state of every object at any instant.

const data = JSON.parse(document.getElementById("data").textContent);
const { texts, run, rows, objects } = data;
const N = rows.t.length;
const WRITE = 0, REFUSED = 1, STEP = 2, FAULT = 3, MARK = 4;
const CREATED = 1, DELETED = 2, BEFORE = 4, BAD = 8, QUESTION = 16;
const TIMER = 1;
const $ = (id) => document.getElementById(id);

const T = Float64Array.from(rows.t);
const actorOf = (i) => texts[rows.a[i]];
const verbOf = (i) => texts[rows.v[i]];
const wordsOf = (i) => texts[rows.w[i]];
const whyOf = (i) => texts[rows.y[i]];
const objectOf = (i) => rows.o[i];
const kindOf = (o) => texts[objects.kind[o]];
const nameOf = (o) => texts[objects.name[o]];
const spaceOf = (o) => texts[objects.namespace[o]];
const keyOf = (o) => `${kindOf(o)}/${spaceOf(o) ? spaceOf(o) + "/" : ""}${nameOf(o)}`;
const keys = new Map(objects.kind.map((_, o) => [keyOf(o), o]));
const END = Math.max(N ? T[N - 1] : 0, run.verdict ? run.verdict.end : 0, 1);
// Nothing is shown of the moments before the first thing that happens.
const BEGIN = (() => {
  for (let i = 0; i < N; i++) if (!(rows.f[i] & BEFORE)) return Math.max(0, Math.min(T[i], 1e6) - 50e3);
  return 0;
})();

// Rows of each object, in order.
const rowsOf = objects.kind.map(() => []);
for (let i = 0; i < N; i++) if (rows.k[i] === WRITE && rows.o[i] >= 0) rowsOf[rows.o[i]].push(i);

// Rows that each row led to.
const effects = new Map();
for (let i = 0; i < N; i++) {
  const c = rows.c[i];
  if (c >= 0) { if (!effects.has(c)) effects.set(c, []); effects.get(c).push(i); }
}

// Distinct states, parsed once.
const parsed = new Map();
function stateOfText(n) {
  if (n < 0) return null;
  let state = parsed.get(n);
  if (state === undefined) {
    const p = texts[n].split("|");
    if (p[0] === "P") state = { node: p[1], phase: p[2], ready: p[3] === "1", restarts: +p[4], leaving: p[5] === "1", word: p[6], image: p[7] };
    else if (p[0] === "N") state = { ready: p[1], closed: p[2] === "1", taints: p[3], zone: p[4], room: p[5], cpu: p[6], memory: p[7] };
    else if (p[0] === "W") state = { desired: +p[1], pods: +p[2], ready: +p[3], available: +p[4], updated: +p[5], done: +p[6], failed: +p[7] };
    else state = null;
    parsed.set(n, state);
  }
  return state;
}

// The last row at or before an instant; -1 for none.
function rowAt(t) {
  let lo = 0, hi = N;
  while (lo < hi) { const mid = (lo + hi) >> 1; if (T[mid] <= t) lo = mid + 1; else hi = mid; }
  return lo - 1;
}
// The last row of an object at or before a row; -1 for none.
function versionAt(o, row) {
  const all = rowsOf[o];
  let lo = 0, hi = all.length;
  while (lo < hi) { const mid = (lo + hi) >> 1; if (all[mid] <= row) lo = mid + 1; else hi = mid; }
  return lo ? all[lo - 1] : -1;
}
const isThere = (o, row) => { const v = versionAt(o, row); return v >= 0 && !(rows.f[v] & DELETED); };

// The present: what is there, moved forwards row by row, and begun anew to go backwards.
const present = { row: -1, states: new Array(objects.kind.length).fill(null), there: new Uint8Array(objects.kind.length) };
function seek(row) {
  if (row < present.row) { present.row = -1; present.states.fill(null); present.there.fill(0); }
  for (let i = present.row + 1; i <= row; i++) {
    if (rows.k[i] !== WRITE) continue;
    const o = rows.o[i];
    present.there[o] = rows.f[i] & DELETED ? 0 : 1;
    present.states[o] = stateOfText(rows.s[i]);
  }
  present.row = row;
}

const podObjects = [], nodeObjects = [], workObjects = [];
objects.kind.forEach((_, o) => {
  const kind = kindOf(o), first = rowsOf[o][0];
  if (kind === "Pod") podObjects.push(o);
  else if (kind === "Node") nodeObjects.push(o);
  else if (first !== undefined && texts[rows.s[first]].startsWith("W|")) workObjects.push(o);
});
// Workloads that nobody else owns: what a person asked for.
const workSet = new Set(workObjects);
const topWork = workObjects.filter((o) => !workSet.has(objects.owner[o]));
const topSet = new Set(topWork);
const topOf = (o) => { let x = o, n = 0; while (objects.owner[x] >= 0 && n++ < 10) x = objects.owner[x]; return x; };

function podClass(s) {
  if (!s) return "pending";
  if (s.leaving) return "leaving";
  if (s.phase === "Succeeded") return "done";
  if (s.phase === "Failed" || /BackOff|Err|Error|OOM|Invalid/.test(s.word)) return "bad";
  if (s.phase === "Running") return s.ready ? "ready" : "running";
  return "pending";
}
const podSigns = { ready: "✓", running: "◐", pending: "…", bad: "!", leaving: "×", done: "■" };
const podWords = { ready: "ready", running: "running, not ready", pending: "pending", bad: "in trouble", leaving: "terminating", done: "completed" };
const wants = (o, s) => kindOf(o) === "Job" ? { want: s.desired, have: s.done, word: "done" } : { want: s.desired, have: s.ready, word: "ready" };
const isApart = (o, s) => { const w = wants(o, s); return w.have !== w.want || (kindOf(o) === "Deployment" && (s.updated !== s.desired || s.pods !== s.desired)); };

// Moments at which desired and observed part, and meet again.
const partings = [], meetings = [];
{
  const apart = new Map();
  for (let i = 0; i < N; i++) {
    if (rows.k[i] !== WRITE || (rows.f[i] & BEFORE)) continue;
    const o = rows.o[i];
    if (!topSet.has(o)) continue;
    const s = stateOfText(rows.s[i]);
    const is = !(rows.f[i] & DELETED) && s && isApart(o, s);
    if (is && !apart.get(o)) partings.push(i);
    if (!is && apart.get(o)) meetings.push(i);
    apart.set(o, is);
  }
}
const stepRows = [], faultRows = [];
for (let i = 0; i < N; i++) { if (rows.k[i] === STEP) stepRows.push(i); if (rows.k[i] === FAULT) faultRows.push(i); }
const stepOf = new Map(data.steps.map((s) => [s[0], { row: s[0], end: s[1], code: s[2], output: s[3] }]));
const expectations = run.verdict ? run.verdict.expectations : [];
const failures = expectations.filter((e) => e.outcome === "failed");
// Spans of faults: from a begin to the end of the same one.
const bands = [];
for (const i of faultRows) {
  // What `node-start` brings back ends what `node-stop` began.
  const stopped = /-start$/.test(wordsOf(i)) ? wordsOf(i).replace(/-start$/, "-stop") : null;
  const ended = stopped && bands.find((b) => b.to === END && b.what === stopped && (b.hit === whyOf(i) || !whyOf(i) || whyOf(i).split(", ").includes(b.hit)));
  if (ended) ended.to = T[i];
  else if (verbOf(i) === "begins") bands.push({ row: i, from: T[i], to: stopped ? T[i] : END, what: wordsOf(i), hit: whyOf(i) });
  else { const b = bands.find((b) => b.to === END && b.what === wordsOf(i)); if (b) b.to = T[i]; }
}

// A kill is over at once, unless something says when it ends.
for (const b of bands) if (b.to === END && b.what.endsWith("-kill")) b.to = b.from;

// Whole versions of an object, put together from changes.
function applyChanges(value, changes) {
  for (const [way, ...rest] of changes) {
    if (!way.length) { value = rest[0]; continue; }
    let at = value;
    for (let n = 0; n < way.length - 1; n++) at = at[way[n]];
    const last = way[way.length - 1];
    if (!rest.length) delete at[last]; else at[last] = rest[0];
  }
  return value;
}
function firstVersion(i) {
  const [base, changes] = JSON.parse(texts[rows.p[i]]);
  const begin = base < 0 ? {} : firstVersion(rowsOf[base][0]);
  return applyChanges(begin, changes);
}
// The versions of an object, each with its row and what changed: `[way, old, new]`.
function versionsOf(o) {
  const out = [];
  let value = null;
  for (const i of rowsOf[o]) {
    const fresh = rows.f[i] & CREATED;
    let changes = [];
    if (fresh || value === null) {
      const parsed = JSON.parse(texts[rows.p[i]]);
      value = typeof parsed[0] === "number" ? firstVersion(i) : applyChanges({}, parsed);
    } else {
      const raw = JSON.parse(texts[rows.p[i]]);
      changes = raw.map(([way, ...rest]) => [way, find(value, way), rest.length ? rest[0] : undefined]);
      value = applyChanges(JSON.parse(JSON.stringify(value)), raw);
    }
    out.push({ row: i, value, changes });
  }
  return out;
}
function find(value, way) {
  for (const step of way) { if (value === undefined || value === null) return undefined; value = value[step]; }
  return value;
}
