// Why: the chain of causes of a change, and every version of an object.

const inspect = (() => {
  const go = (i, inner) => `<button data-row="${i}">${inner}</button>`;
  const time = (i) => `<span class="quiet">${clockText(T[i])}</span>`;
  function chain(i) {
    const out = []; let at = i, n = 0;
    while (at >= 0 && n++ < 60) {
      const last = rows.c[at] < 0;
      const isRoot = rows.k[at] === STEP || rows.k[at] === FAULT;
      out.push(`<li class="${isRoot ? "root" : ""}">${time(at)} ${go(at, safe(sentence(at)))}${rows.k[at] !== FAULT && whyOf(at) ? `<div class="quiet">because ${safe(whyOf(at))}</div>` : ""}</li>`);
      if (last) {
        if (!isRoot) out.push(`<li class="root">${rows.e[at] === TIMER ? "A timer: the time had come." : "The beginning of the run."}</li>`);
        break;
      }
      at = rows.c[at];
    }
    return out.join("");
  }
  function why(i) {
    if (i < 0) return '<p class="hint">Choose anything in the story, a tile or a lane: here stands why it happened, step by step back to the person, the fault or the timer that began it.</p>';
    const led = [...effects(i)].filter((j) => !isQuiet(j));
    const step = stepOf.get(i);
    const output = step && step.output ? `<pre>${safe(step.output)}</pre>` : "";
    const on = led.length ? `<p class="quiet">It led to:</p><ul class="chain">${led.slice(0, 8).map((j) => `<li>${time(j)} ${go(j, safe(sentence(j)))}</li>`).join("")}${led.length > 8 ? `<li class="quiet">and ${led.length - 8} more</li>` : ""}</ul>` : "";
    return `<ul class="chain" aria-label="Chain of causes, newest first">${chain(i)}</ul>${output}${on}`;
  }
  const valueText = (v) => v === undefined ? "nothing" : JSON.stringify(v);
  // Of two long texts what differs, with a little of what is around it.
  function parts(was, is) {
    if (typeof was !== "string" || typeof is !== "string" || Math.max(was.length, is.length) < 80) return [valueText(was), valueText(is)];
    let from = 0, end = 0;
    while (from < was.length && was[from] === is[from]) from++;
    while (end < Math.min(was.length, is.length) - from && was[was.length - 1 - end] === is[is.length - 1 - end]) end++;
    const part = (text) => `${from > 24 ? "…" : ""}${JSON.stringify(text.slice(from > 24 ? from - 24 : 0, Math.max(from, text.length - end) + 8))}${end > 8 ? "…" : ""}`;
    return [part(was), part(is)];
  }
  const cut = (text, n) => text.length > n ? `${text.slice(0, n)}…` : text;
  let known = { key: "" };
  function object(o, row, again) {
    if (o < 0) return '<p class="hint">Choose a tile, a workload, a node or a lane: here stand all its versions, who wrote each, why, and what differs.</p>';
    const key = `${o} ${versionAt(o, row)}`;
    if (known.key !== key) { const told = versionsOf(o, row, again); if (!told) return '<p class="hint">Its versions are being unpacked …</p>'; known = { key, ...told }; }
    const { newest, count: n, all } = known;
    const s = present.there[o] ? present.states[o] : null;
    const owner = objects.owner[o];
    const head = [`<p><b>${safe(kindOf(o))} ${safe(nameOf(o))}</b> ${spaceOf(o) ? `<span class="quiet">in ${safe(spaceOf(o))}</span>` : ""}</p>`,
      owner >= 0 ? `<p class="quiet">owned by <button class="linkish" data-o="${owner}">${safe(thing(owner))}</button></p>` : "",
      `<p>${present.there[o] ? describe(o, s) : n ? "It is gone." : "It is not there yet."} <span class="quiet">Version ${n} of ${all}.</span></p>`];
    const revs = newest.map((v, k) => {
      const diff = v.changes.slice(0, 12).map(([way, was, is]) => [way, ...parts(was, is)]).map(([way, was, is]) => `<div>${safe(way)}: <span class="old">${safe(cut(was, 160))}</span> → <span class="new">${safe(cut(is, 160))}</span></div>`).join("");
      const word = rows.f[v.row] & DELETED ? "deleted" : rows.f[v.row] & CREATED ? (rows.f[v.row] & BEFORE ? "there when the run begins" : "created") : "";
      return `<div class="rev ${k === 0 ? "cur" : ""}">${time(v.row)} <b>${safe(actorOf(v.row))}</b> ${word || safe(verbOf(v.row))} <button class="linkish" data-row="${v.row}">why</button>
        ${whyOf(v.row) ? `<div class="quiet">${safe(whyOf(v.row))}</div>` : ""}<div class="diff">${diff}${v.changes.length > 12 ? `<div class="quiet">and ${v.changes.length - 12} fields more</div>` : ""}</div></div>`;
    }).join("");
    const whole = n ? `<details data-keep="whole"><summary>The whole object at this instant</summary><pre>${safe(yaml(newest[0].value))}</pre></details>` : "";
    return head.join("") + whole + revs + (n > newest.length ? `<p class="quiet">and ${n - newest.length} older versions</p>` : "");
  }
  function describe(o, s) {
    if (!s) return "It is there.";
    const kind = kindOf(o);
    if (kind === "Pod") return `It is ${podWords[podClass(s)]}${s.word ? ` (${safe(s.word)})` : ""}${s.node ? ` on ${safe(s.node)}` : ""}, image ${safe(s.image)}, ${s.restarts} restarts.`;
    if (s.say !== undefined) return `${safe(s.have)} of ${safe(s.want)} ${safe(s.unit)}: ${safe(s.say)}.`;
    if (kind === "Node") return `It is ${s.ready === "True" ? "ready" : "not ready"}, with ${safe(s.cpu)} CPUs, ${safe(s.memory)} of memory and room for ${safe(s.room)} pods.`;
    return `${safe(workloadSays(o, s))}: ${s.desired} desired, ${s.pods} there, ${s.ready} ready, ${s.available} available.`;
  }
  function yaml(value, depth = 0) {
    const pad = "  ".repeat(depth);
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    if (Array.isArray(value)) return value.length ? value.map((v) => `\n${pad}- ${yaml(v, depth + 1).replace(/^\n\s*/, "")}`).join("") : "[]";
    const all = Object.entries(value); if (!all.length) return "{}";
    return all.map(([k, v]) => `\n${pad}${k}: ${yaml(v, depth + 1)}`).join("");
  }
  return { why, object };
})();

// Work queues, caches, and how far each is behind.
const queues = (() => {
  const names = { workqueue_depth: "keys wait in the queue", workqueue_waiting: "keys wait for their time", workqueue_unfinished: "keys are worked on", scheduler_pending_pods: "pods wait", informer_changes_behind: "changes not seen yet", watch_cache_behind: "revisions behind etcd", up: "is up" };
  const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity), greatest = (values) => values.reduce((a, b) => Math.max(a, b), 0);
  const all = (gauges || []).filter((g) => names[g.metric]).map((g) => ({ ...g, who: /^workqueue/.test(g.metric) ? g.value : g.component, what: g.metric === "informer_changes_behind" ? `${g.value}s: ${names[g.metric]}` : g.metric === "scheduler_pending_pods" ? `${g.value}: ${names[g.metric]}` : names[g.metric], most: greatest(g.values), least: least(g.values) }));
  const told = all.filter((s) => s.metric === "up" ? s.least === 0 && s.values.includes(1) && s.values.lastIndexOf(0) > s.values.indexOf(1) : s.most > 0);
  told.sort((a, b) => b.most - a.most);
  const shown = told.slice(0, 40);
  const spark = (s) => {
    const W = 144, H = 18, x = (t) => (W * storyOf(Math.max(BEGIN, t))) / STORY, y = (v) => H - 1 - ((H - 3) * v) / (s.most || 1);
    const step = Math.max(1, Math.floor(s.times.length / 300)); let d = `M0 ${H - 1}`, was = 0;
    for (let n = 0; n < s.times.length; n += step) { d += `H${x(s.times[n]).toFixed(1)}V${y(s.values[n]).toFixed(1)}`; was = s.values[n]; }
    return `<svg width="${W}" height="${H}" aria-hidden="true"><path d="${d}H${W}" fill="none" stroke="var(--accent)" stroke-width="1.5"/></svg>`;
  };
  const sparks = shown.map(spark);
  function draw(t) {
    if (!gauges) return board.put("queues", '<p class="hint">This page was made from a trace, which does not hold them. `wavetank report` on the scenario file measures them.</p>');
    if (!shown.length) return board.put("queues", '<p class="hint">No queue held a key and no cache was behind at any reading.</p>');
    const body = shown.map((s, n) => {
      const v = readingAt(s, t) || 0;
      const hot = s.metric === "up" ? v === 0 : v > 0;
      return `<tr><td>${safe(s.who)}</td><td>${safe(s.what)}</td><td class="n ${hot ? "hot" : ""}">${s.metric === "up" ? (v ? "yes" : "DOWN") : v}</td><td class="n quiet">${s.most}</td><td>${sparks[n]}</td></tr>`;
    }).join("");
    board.put("queues", `<table><thead><tr><th>who</th><th>what</th><th>now</th><th>most</th><th>over the run</th></tr></thead><tbody>${body}</tbody></table>${told.length > shown.length ? `<p class="hint">and ${told.length - shown.length} more</p>` : ""}`);
  }
  return { draw };
})();
