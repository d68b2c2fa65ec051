// Desired beside observed, and the nodes with their pods.

const MOST_NODES = 60, MOST_TILES = 48;

const board = (() => {
  const last = {};
  // Puts HTML into a place, unless it is there already; the focus stays where it was.
  function put(id, html) {
    if (last[id] === html) return;
    last[id] = html;
    const place = $(id), focus = document.activeElement, key = place.contains(focus) ? focus.dataset.o : null;
    const top = place.scrollTop;
    place.innerHTML = html;
    place.scrollTop = top;
    if (key) place.querySelector(`[data-o="${key}"]`)?.focus();
  }
  const bar = (n, of, kind) => `<span class="bar"><i class="${kind}" style="width:${of ? Math.min(100, (100 * n) / of) : 0}%"></i></span>`;

  const titleOf = (o) => kindOf(o) === "ConfigMap" ? "Node groups of the autoscaler" : thing(o);
  function desired(selected) {
    const there = topWork.filter((o) => present.there[o] && present.states[o] && ("want" in present.states[o] || kindOf(o) !== "ConfigMap"));
    if (!there.length) { put("desired", `<p class="hint">No workload is there ${topWork.length ? "yet" : "in this run"}.</p>`); return; }
    const apart = there.filter((o) => isApart(o, present.states[o]));
    // Where there are many, what is apart comes first, and what agrees takes one line.
    const many = there.length > 3, order = many ? [...apart, ...there.filter((o) => !apart.includes(o))].slice(0, 16) : there;
    const html = order.map((o) => {
      const s = present.states[o], w = wants(o, s), most = Math.max(w.want, w.have, s.pods || 0, 1), is = isApart(o, s);
      if (many && !is && o !== selected) return `<button class="work slim" data-o="${o}" aria-pressed="false" title="${safe(workloadSays(o, s))}"><span class="title"><span>${safe(titleOf(o))}</span><span>=</span></span>
        <span class="bars"><span>desired <b>${w.want}</b></span><span>observed <b>${w.have} <span class="unit">${w.unit}</span></b></span></span></button>`;
      return `<button class="work ${is ? "apart" : ""}" data-o="${o}" aria-pressed="${o === selected}">
        <span class="title"><span>${safe(titleOf(o))}</span><span title="${is ? "desired and observed differ" : "desired and observed agree"}">${is ? "≠" : "="}</span></span>
        <span class="bars"><span>desired</span>${bar(w.want, most, "")}<b>${w.want}</b>
        <span>observed</span>${bar(w.have, most, is ? "not" : "ok")}<b>${w.have} <span class="unit">${w.unit}</span></b></span>
        <span class="say">${safe(workloadSays(o, s))}</span></button>`;
    }).join("");
    put("desired", html + (there.length > order.length ? `<p class="hint">and ${there.length - order.length} more</p>` : ""));
  }

  function tile(o, selected) {
    const s = present.states[o], c = podClass(s), words = `Pod ${nameOf(o)}: ${s && s.word ? s.word : podWords[c]}${s && s.restarts ? `, ${s.restarts} restarts` : ""}`;
    return `<button class="tile ${c}" data-o="${o}" title="${safe(words)}" aria-label="${safe(words)}" aria-pressed="${o === selected}">${podSigns[c]}</button>`;
  }
  const order = ["ready", "running", "pending", "bad", "leaving", "done"];
  const tones = { ready: "good", running: "blue", pending: "wait", bad: "bad", leaving: "gone", done: "gone" };
  function counted(pods) {
    const n = {}; pods.forEach((o) => { const c = podClass(present.states[o]); n[c] = (n[c] || 0) + 1; });
    const parts = order.filter((c) => n[c]);
    const stack = parts.map((c) => `<i style="flex:${n[c]};background:var(--${tones[c]})"></i>`).join("");
    return { stack: `<div class="stack" aria-hidden="true">${stack}</div>`, words: parts.map((c) => `${n[c]} ${podWords[c]}`).join(", ") || "no pods" };
  }
  function pods(list, selected) {
    if (list.length > MOST_TILES) { const c = counted(list); return `${c.stack}<div class="said">${c.words}</div>`; }
    return `<div class="tiles">${list.map((o) => tile(o, selected)).join("")}</div>`;
  }
  function nodeBox(o, list, selected) {
    const s = present.states[o], down = s.ready !== "True";
    const taints = s.taints.split(" ").filter(Boolean).map((t) => t.replace(/^node\.kubernetes\.io\//, "")).join(", ");
    const said = `${down ? (s.ready === "Unknown" ? "not heard of: status Unknown" : "not ready") : s.closed ? "cordoned: takes no new pods" : "ready"}, ${list.length} pod${list.length === 1 ? "" : "s"}`;
    return `<div class="node ${down ? "down" : s.closed || taints ? "closed" : ""}"><button class="name linkish" data-o="${o}">${safe(nameOf(o))}</button>
      <div class="said">${said}${taints ? `<br>tainted ${safe(taints)}` : ""}</div>${pods(list, selected)}</div>`;
  }
  let open = null;
  function nodes(selected) {
    const byNode = new Map(), homeless = [];
    for (const o of podObjects) {
      if (!present.there[o]) continue;
      const n = present.states[o].node;
      if (!n) homeless.push(o); else if (byNode.has(n)) byNode.get(n).push(o); else byNode.set(n, [o]);
    }
    const there = nodeObjects.filter((o) => present.there[o]);
    const none = homeless.length ? `<div class="node closed"><b class="name">on no node yet</b><div class="said">${homeless.length} ${homeless.length === 1 ? "pod waits" : "pods wait"} for the scheduler</div>${pods(homeless, selected)}</div>` : "";
    let html;
    if (there.length <= MOST_NODES) html = none + there.map((o) => nodeBox(o, byNode.get(nameOf(o)) || [], selected)).join("");
    else html = none + clusters(there).map((c) => clusterBox(c, byNode, selected)).join("");
    put("board", html || `<p class="hint">No node is there yet.</p>`);
    const legend = order.map((c) => `<span class="nowrap"><span class="tile ${c}" style="display:inline-block;height:1.5rem;min-width:1.5rem">${podSigns[c]}</span> ${podWords[c]}</span>`).join(" &nbsp; ");
    put("boardhint", `Each tile is a pod; click one to see its story. ${legend}`);
  }
  // Many nodes: by zone, or by runs of names.
  function clusters(there) {
    const zones = new Map();
    there.forEach((o) => { const z = present.states[o].zone; if (z) zones.set(z, [...(zones.get(z) || []), o]); });
    if (zones.size > 1 && [...zones.values()].reduce((n, z) => n + z.length, 0) === there.length) return [...zones].map(([z, list]) => ({ name: `zone ${z}`, list }));
    const each = Math.ceil(there.length / 40), out = [];
    for (let n = 0; n < there.length; n += each) {
      const list = there.slice(n, n + each);
      out.push({ name: `${nameOf(list[0])} … ${nameOf(list[list.length - 1])}`, list });
    }
    return out;
  }
  function clusterBox(c, byNode, selected) {
    const list = c.list.flatMap((o) => byNode.get(nameOf(o)) || []), down = c.list.filter((o) => present.states[o].ready !== "True");
    const counts = counted(list), is = open === c.name;
    const inner = is ? `<div class="tiles">${[...down, ...c.list.filter((o) => !down.includes(o))].slice(0, 24).map((o) => nodeBox(o, byNode.get(nameOf(o)) || [], selected)).join("")}</div>${c.list.length > 24 ? `<div class="said">and ${c.list.length - 24} more</div>` : ""}` : "";
    return `<div class="node cluster ${down.length ? "down" : ""}" ${is ? 'style="flex-basis:100%"' : ""}><button class="name linkish" data-cluster="${safe(c.name)}" aria-expanded="${is}">${safe(c.name)}</button>
      <div class="said">${c.list.length} nodes, ${down.length ? `${down.length} not ready` : "all ready"}</div>${counts.stack}<div class="said">${counts.words}</div>${inner}</div>`;
  }
  function toggle(name) { open = open === name ? null : name; last.board = null; }
  return { desired, nodes, put, toggle };
})();
