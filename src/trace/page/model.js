// The data of the run, and the state of every object at any instant.

const { run } = head, rows = columns;
const objects = { kind: columns.kind, namespace: columns.namespace, name: columns.name, owner: columns.owner };
const N = rows.t.length, OBJECTS = objects.kind.length;
const WRITE = 0, REFUSED = 1, STEP = 2, FAULT = 3, MARK = 4;
const CREATED = 1, DELETED = 2, BEFORE = 4, BAD = 8, QUESTION = 16;
const TIMER = 1;

const T = rows.t;
const actorOf = (i) => texts[rows.a[i]];
const verbOf = (i) => texts[rows.v[i]];
const wordsOf = (i) => texts[rows.w[i]];
const whyOf = (i) => texts[rows.y[i]];
const kindOf = (o) => texts[objects.kind[o]];
const nameOf = (o) => texts[objects.name[o]];
const spaceOf = (o) => texts[objects.namespace[o]];
const keyOf = (o) => `${kindOf(o)}/${spaceOf(o) ? spaceOf(o) + "/" : ""}${nameOf(o)}`;
let keys = null;
function objectNamed(key) {
  if (!keys) { keys = new Map(); for (let o = 0; o < OBJECTS; o++) keys.set(keyOf(o), o); }
  return keys.get(key);
}
const END = Math.max(N ? T[N - 1] : 0, run.verdict ? run.verdict.end : 0, 1);
// Nothing is shown of the moments before the first thing that happens.
const BEGIN = (() => {
  for (let i = 0; i < N; i++) if (!(rows.f[i] & BEFORE)) return Math.max(0, Math.min(T[i], 1e6) - 50e3);
  return 0;
})();

// Numbers in groups: those of group `g` are `list` from `start[g]` to `start[g + 1]`, in order.
function grouped(groups, groupOf) {
  const start = new Int32Array(groups + 1);
  for (let i = 0; i < N; i++) { const g = groupOf(i); if (g >= 0) start[g + 1]++; }
  for (let g = 0; g < groups; g++) start[g + 1] += start[g];
  const list = new Int32Array(start[groups]), next = start.slice();
  for (let i = 0; i < N; i++) { const g = groupOf(i); if (g >= 0) list[next[g]++] = i; }
  return (g) => list.subarray(start[g], start[g + 1]);
}
// Rows of each object, and the rows that each row led to.
const rowsOf = grouped(OBJECTS, (i) => rows.k[i] === WRITE ? rows.o[i] : -1);
const effects = grouped(N, (i) => rows.c[i]);

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
    else if (p[0] === "D") state = { want: +p[1], have: +p[2], apart: p[3] === "1", unit: p[4], say: p.slice(5).join("|") };
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
  const all = rowsOf(o);
  let lo = 0, hi = all.length;
  while (lo < hi) { const mid = (lo + hi) >> 1; if (all[mid] <= row) lo = mid + 1; else hi = mid; }
  return lo ? all[lo - 1] : -1;
}

// The present: what is there, moved forwards row by row, and begun anew to go backwards.
const present = { row: -1, states: new Array(OBJECTS).fill(null), there: new Uint8Array(OBJECTS) };
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
for (let o = 0; o < OBJECTS; o++) {
  const kind = kindOf(o);
  if (kind === "Event") continue;
  if (kind === "Pod") { podObjects.push(o); if (objects.owner[o] < 0) workObjects.push(o); }
  else if (kind === "Node") nodeObjects.push(o);
  else if (rowsOf(o).some((i) => /^[WD]\|/.test(texts[rows.s[i]]))) workObjects.push(o);
}
{
  const order = new Intl.Collator("en", { numeric: true }).compare;
  nodeObjects.sort((a, b) => order(nameOf(a), nameOf(b)));
}
const keepsPods = (o) => kindOf(o) !== "Pod" && rowsOf(o).some((i) => texts[rows.s[i]].startsWith("W|"));
const keepers = new Set(workObjects.filter(keepsPods));
// What a person asked for: all but those that keep pods for another, as ReplicaSets do.
const topWork = workObjects.filter((o) => !(keepers.has(o) && keepers.has(objects.owner[o])));
const topSet = new Set(topWork);
// Whether an object is another, or is owned by it, or by one that it owns.
const isUnder = (o, top) => { for (let x = o, n = 0; x >= 0 && n < 10; x = objects.owner[x], n++) if (x === top) return true; return false; };

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
// What is desired and what is observed, and what is counted.
function wants(o, s) {
  if ("want" in s) return { want: s.want, have: s.have, unit: s.unit };
  if (kindOf(o) === "Pod") { const done = s.phase === "Succeeded"; return { want: 1, have: done || s.ready ? 1 : 0, unit: done ? "completed" : "ready" }; }
  return kindOf(o) === "Job" ? { want: s.desired, have: s.done, unit: "completed" } : { want: s.desired, have: s.ready, unit: "ready" };
}
function isApart(o, s) {
  if ("want" in s) return s.apart;
  const w = wants(o, s), kind = kindOf(o);
  if (w.have !== w.want) return true;
  return (kind === "Deployment" || kind === "DaemonSet") && s.updated !== s.desired || kind === "Deployment" && s.pods !== s.desired;
}

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
const stepOf = new Map(head.steps.map((s) => [s[0], { row: s[0], end: s[1], code: s[2], output: s[3] }]));
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

// Readings of queues and caches.
const gauges = head.gauges && (() => {
  let at = 0;
  return head.gauges.map(([metric, component, label, value, count]) => {
    const times = columns.times.subarray(at, at + count), values = columns.values.subarray(at, at + count);
    at += count;
    return { metric, component, label, value, times, values };
  });
})();
// The reading of an instant; undefined before the first.
function readingAt(g, t) {
  let lo = 0, hi = g.times.length;
  while (lo < hi) { const mid = (lo + hi) >> 1; if (g.times[mid] <= t) lo = mid + 1; else hi = mid; }
  return lo ? g.values[lo - 1] : undefined;
}
