// The hub and its spokes: the apiserver in the middle, messages along the arrows.

const hub = (() => {
  const canvas = $("hub"), MOST_SPOKES = 9;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let colours = {};
  const counts = new Map();
  for (let i = 0; i < N; i++) if (rows.k[i] === WRITE && !(rows.f[i] & BEFORE)) counts.set(actorOf(i), (counts.get(actorOf(i)) || 0) + 1);
  const actors = [...counts.keys()];
  const isNode = (a) => a.startsWith("kubelet/");
  const nodeNames = nodeObjects.map(nameOf);
  const controllers = actors.filter((a) => !isNode(a) && !["kubectl", "kube-scheduler", "weather", "bootstrap"].includes(a))
    .sort((a, b) => counts.get(b) - counts.get(a));
  const shown = controllers.slice(0, MOST_SPOKES - 1);
  const spokes = []; const bySpoke = new Map();
  const add = (spoke, of) => { spokes.push(spoke); of.forEach((a) => bySpoke.set(a, spoke)); };
  add({ label: "kubectl", sub: "a person", side: "left" }, ["kubectl"]);
  shown.forEach((a) => add({ label: a, side: "left" }, [a]));
  if (controllers.length > shown.length) add({ label: `${controllers.length - shown.length} other controllers`, side: "left" }, controllers.slice(shown.length));
  add({ label: "kube-scheduler", side: "right" }, ["kube-scheduler"]);
  if (nodeNames.length <= MOST_SPOKES - 1) nodeNames.forEach((n) => add({ label: n, nodes: [n], side: "right" }, [`kubelet/${n}`]));
  else {
    const groups = Math.min(MOST_SPOKES - 1, nodeNames.length), each = Math.ceil(nodeNames.length / groups);
    for (let g = 0; g < nodeNames.length; g += each) {
      const part = nodeNames.slice(g, g + each);
      add({ label: part.length > 1 ? `${part[0]} … ${part[part.length - 1]}` : part[0], nodes: part, side: "right" }, part.map((n) => `kubelet/${n}`));
    }
  }
  const spokeOf = (a) => bySpoke.get(a);
  const spokeOfNode = new Map(); spokes.forEach((s) => (s.nodes || []).forEach((n) => spokeOfNode.set(n, s)));
  const center = {}, store = {};
  let width = 0, height = 0, scale = 1;

  function lay() {
    scale = window.devicePixelRatio || 1;
    width = canvas.clientWidth; height = canvas.clientHeight;
    canvas.width = width * scale; canvas.height = height * scale;
    const c = css; colours = { ink: c("--ink"), quiet: c("--quiet"), line: c("--line"), card: c("--card"), ask: c("--blue"), keep: c("--purple"), tell: c("--green"), tellRun: c("--blue"), bad: c("--bad"), good: c("--good"), wait: c("--wait"), gone: c("--gone") };
    const narrow = width < 560, font = narrow ? 11 : innerWidth >= 1900 ? 16 : 13, box = narrow ? width * 0.36 : Math.min(font * 16, width * 0.29);
    Object.assign(center, { x: width / 2, y: height * 0.56, w: narrow ? 84 : 120, h: 46, font });
    Object.assign(store, { x: width / 2, y: Math.max(30, height * 0.14), w: narrow ? 60 : 90, h: 34 });
    for (const side of ["left", "right"]) {
      const own = spokes.filter((s) => s.side === side), step = height / (own.length + 0.2);
      own.forEach((s, n) => Object.assign(s, { x: side === "left" ? box / 2 + 2 : width - box / 2 - 2, y: step * (n + 0.6), w: box, h: Math.min(s.nodes ? 54 : 34, step - 4), font }));
    }
  }
  function boxed(g, b, label, sub, options = {}) {
    g.fillStyle = colours.card; g.strokeStyle = options.colour || colours.line; g.lineWidth = options.strong ? 3 : 1.5;
    g.setLineDash(options.dash ? [5, 4] : []);
    g.beginPath(); g.roundRect(b.x - b.w / 2, b.y - b.h / 2, b.w, b.h, 8); g.fill(); g.stroke(); g.setLineDash([]);
    g.fillStyle = colours.ink; g.textAlign = "center"; g.textBaseline = "middle";
    g.font = `600 ${center.font}px system-ui, "DejaVu Sans", sans-serif`;
    const up = b.nodes && b.h >= 46 ? 8 : 0;
    // A long name is broken after a hyphen, where there is room for two lines.
    const cut = label.lastIndexOf("-") + 1, isLong = !sub && cut > 0 && b.h >= 2 * center.font + 4 && g.measureText(label).width > b.w - 8;
    if (isLong) [label.slice(0, cut), label.slice(cut)].forEach((part, n) => g.fillText(fit(g, part, b.w - 8), b.x, b.y + (n - 0.5) * (center.font + 2)));
    else g.fillText(fit(g, label, b.w - 8), b.x, b.y - (sub ? 7 : 0) - up);
    if (sub) { g.font = `${center.font - 2}px system-ui, "DejaVu Sans", sans-serif`; g.fillStyle = options.subColour || colours.quiet; g.fillText(fit(g, sub, b.w - 8), b.x, b.y + 9 - up); }
  }
  function fit(g, text, room) {
    if (g.measureText(text).width <= room) return text;
    let cut = text; while (cut.length > 2 && g.measureText(cut + "…").width > room) cut = cut.slice(0, -1);
    return cut + "…";
  }
  // Where the way from one box to another leaves the first.
  function edge(from, to) {
    const dx = to.x - from.x, dy = to.y - from.y, part = Math.min(from.w / 2 / Math.max(1, Math.abs(dx)), from.h / 2 / Math.max(1, Math.abs(dy)), 0.48);
    return { x: from.x + dx * part, y: from.y + dy * part };
  }
  // The messages that are on their way at a moment of the story.
  function flying(p) {
    const out = [];
    const first = rowAt(timeOf(p) - 1) + 1;
    for (let j = first; j < N && out.length < 160; j++) {
      const pj = storyOf(T[j]);
      if (pj > p + 0.5) break;
      if (pj < p || (rows.k[j] !== WRITE && rows.k[j] !== REFUSED) || (rows.f[j] & BEFORE) || isQuiet(j)) continue;
      const spoke = spokeOf(actorOf(j)); if (!spoke) continue;
      const c = rows.c[j], pc = c >= 0 ? storyOf(T[c]) : -9;
      const g = Math.max(0.3, Math.min(0.45, pj - pc)), part = (p - (pj - g)) / g;
      if (part < 0) continue;
      if (part < 0.4) { if (c >= 0 && rows.k[c] === WRITE) out.push({ from: center, to: spoke, part: part / 0.4, colour: colours.tell, label: kindOf(rows.o[c]), row: j }); }
      else if (part < 0.75) out.push({ from: spoke, to: center, part: (part - 0.4) / 0.35, colour: colours.ask, label: `${verbOf(j).replace("/", " ")} ${rows.o[j] >= 0 ? kindOf(rows.o[j]) : ""}`, row: j });
      else if (rows.k[j] === WRITE) out.push({ from: center, to: store, part: (part - 0.75) / 0.25, colour: colours.keep, label: kindOf(rows.o[j]), row: j });
      else out.push({ from: center, to: spoke, part: (part - 0.75) / 0.25, colour: colours.bad, label: "refused", row: j });
    }
    return out;
  }
  // Whether a process is known to be down at an instant: of several replicas, whether all are.
  const ups = (gauges || []).filter((g) => g.metric === "up");
  const isDown = (component, t) => {
    const own = ups.filter((g) => g.component === component || g.component.startsWith(component + "-"));
    return own.length > 0 && own.every((g) => !readingAt(g, t));
  };
  const named = new Set(ups.map((g) => g.component));
  const processOf = (label) => label === "kubectl" ? null : label === "kube-scheduler" || named.has(label) ? label : "kube-controller-manager";
  // One message of several, on its way.
  function flyingOne(m) {
    const spoke = spokeOf(actorOf(m.row)), part = m.part / 0.5 * 0.9;
    if (!spoke) return [];
    const ends = { notice: [center, spoke, "tell"], ask: [spoke, center, "ask"], keep: [center, store, "keep"] }[m.what];
    const label = m.what === "notice" ? kindOf(rows.o[rows.c[m.row]]) : m.what === "ask" ? `${verbOf(m.row).replace("/", " ")} ${kindOf(rows.o[m.row])}` : kindOf(rows.o[m.row]);
    return [{ from: ends[0], to: ends[1], part, colour: colours[ends[2]], label, row: m.row }];
  }
  function draw(p, message) {
    const g = canvas.getContext("2d");
    g.setTransform(scale, 0, 0, scale, 0, 0); g.clearRect(0, 0, width, height);
    const dots = message ? flyingOne(message) : flying(p), busy = new Set(dots.flatMap((d) => [d.from, d.to]));
    for (const s of [...spokes, store]) {
      g.strokeStyle = busy.has(s) ? colours.quiet : colours.line; g.lineWidth = busy.has(s) ? 2 : 1.2;
      g.beginPath(); g.moveTo(s.x, s.y); g.lineTo(center.x, center.y); g.stroke();
    }
    const pods = new Map();
    for (const o of podObjects) {
      if (!present.there[o]) continue;
      const st = present.states[o], spoke = st && spokeOfNode.get(st.node); if (!spoke) continue;
      const c = pods.get(spoke) || { all: 0, ready: 0, list: [] }; c.all++; if (podClass(st) === "ready") c.ready++; if (c.list.length < 13) c.list.push(podClass(st)); pods.set(spoke, c);
    }
    const ready = new Map();
    for (const o of nodeObjects) if (present.there[o]) ready.set(nameOf(o), present.states[o].ready);
    for (const s of spokes) {
      if (!s.nodes) {
        const process = processOf(s.label), down = process && view.t > BEGIN && isDown(process, view.t);
        boxed(g, s, s.label, s.h <= 30 ? "" : down ? (process === s.label ? "is down" : "its process is down") : s.sub || "", { dash: down, colour: down ? colours.bad : busy.has(s) ? colours.ink : colours.line, subColour: down ? colours.bad : colours.quiet });
        continue;
      }
      const c = pods.get(s) || { all: 0, ready: 0, list: [] }, down = s.nodes.filter((n) => ready.get(n) !== "True").length;
      const there = s.nodes.filter((n) => ready.has(n)).length, one = s.nodes.length === 1, broken = down - (s.nodes.length - there);
      const state = one ? (down ? "not ready, " : "") : broken ? `${broken} of ${there} down, ` : `${there} nodes, `;
      boxed(g, s, s.label, s.h <= 26 ? "" : there ? `${state}${c.ready} of ${c.all} pods ready` : one ? "does not exist now" : "none of them exists now", { dash: broken > 0 || !there, colour: broken ? colours.bad : busy.has(s) ? colours.ink : colours.line, subColour: broken ? colours.bad : colours.quiet });
      if (s.h < 46) continue;
      const tones = { ready: colours.good, running: colours.tellRun, pending: colours.wait, bad: colours.bad, leaving: colours.gone, done: colours.gone }, n = Math.min(12, c.list.length);
      for (let k = 0; k < n; k++) { g.fillStyle = g.strokeStyle = tones[c.list[k]]; const x = s.x + (k - n / 2) * 12 + 1, y = s.y + s.h / 2 - 13; if (c.list[k] === "ready") g.fillRect(x, y, 10, 9); else { g.lineWidth = 1.5; g.strokeRect(x + 1, y + 1, 8, 7); } }
    }
    boxed(g, store, "etcd", "", { colour: colours.keep });
    const dead = view.t > BEGIN && isDown("kube-apiserver", view.t);
    boxed(g, center, "apiserver", dead ? "is down" : "the only door", { strong: true, dash: dead, colour: dead ? colours.bad : colours.ink, subColour: dead ? colours.bad : colours.quiet });
    g.font = `${center.font - 1}px system-ui, "DejaVu Sans", sans-serif`; g.textBaseline = "middle";
    dots.forEach((d, n) => {
      const a = edge(d.from, d.to), b = edge(d.to, d.from), x = a.x + (b.x - a.x) * d.part, y = a.y + (b.y - a.y) * d.part;
      g.fillStyle = d.colour; g.beginPath(); g.arc(x, y, 7, 0, 7); g.fill();
      g.strokeStyle = colours.card; g.lineWidth = 1.5; g.stroke();
      if (n < 6 && width >= 560) {
        // The label stays clear of the boxes at both ends.
        g.textAlign = "center"; const spoke = d.from === center ? d.to : d.from, free = Math.abs(spoke.x - center.x) - spoke.w / 2 - center.w / 2 - 16;
        const label = spoke === store ? d.label : fit(g, d.label, Math.max(60, free)), w = g.measureText(label).width + 8, up = d.from === store || d.to === store;
        const part = up ? d.part : Math.max(0.3, Math.min(0.62, d.from === center ? d.part : 1 - d.part)), [n0, n1] = d.from === center ? [a, b] : [b, a];
        const room = center.w / 2 + w / 2 + 6, along = n0.x + (n1.x - n0.x) * part;
        const side = spoke.w / 2 + w / 2 + 4;
        const lx = up ? x + w / 2 + 12 : n1.x < center.x ? Math.max(spoke.x + side, Math.min(along, center.x - room)) : Math.min(spoke.x - side, Math.max(along, center.x + room)), ly = up ? y : n0.y + (n1.y - n0.y) * part - 18;
        g.fillStyle = colours.card; g.globalAlpha = 0.85; g.fillRect(lx - w / 2, ly - 8, w, 16); g.globalAlpha = 1;
        g.fillStyle = colours.ink; g.fillText(label, lx, ly);
      }
    });
    const seen = [...new Set(dots.map((d) => d.row))].slice(0, 2);
    $("hubtext").textContent = message ? messageSays(message) : seen.length ? seen.map((i) => sentence(i)).join(" · ") : "Nothing is on its way at this instant.";
  }
  return { lay, draw, spokes, flying };
})();
