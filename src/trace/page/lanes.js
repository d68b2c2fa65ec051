// Swim lanes: what became of each workload, node and pod over time.

const lanes = (() => {
  const frame = $("lanes"), canvas = $("lanecanvas"), space = $("lanespace"), select = $("lanekind");
  const px = () => innerWidth >= 1900 ? 14 : 12;
  const HEIGHT = 24, HEAD = 26;
  let list = [], label = 170, width = 0, height = 0, scale = 1, colours = {}, hits = [];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const options = [["main", "workloads and nodes"], ...topWork.slice(0, 50).map((o) => [String(o), `${kindOf(o)} ${nameOf(o)} and its pods`]), ["pods", "all pods"], ["nodes", "all nodes"]];
  select.innerHTML = options.map(([value, text]) => `<option value="${value}">${safe(text)}</option>`).join("");
  const only = topWork.filter((o) => keepers.has(o)); if (only.length === 1 && podObjects.length <= 60) select.value = String(only[0]);
  const alive = (o) => rowsOf(o).length > 0;
  function choose() {
    const v = select.value;
    if (v === "pods") list = podObjects.filter(alive);
    else if (v === "nodes") list = nodeObjects.filter(alive);
    else if (v === "main") list = [...workObjects, ...nodeObjects.slice(0, 200)].filter(alive);
    else { const top = +v; list = [...workObjects.filter((o) => isUnder(o, top) && kindOf(o) !== "Pod"), ...podObjects.filter((o) => isUnder(o, top)), ...nodeObjects.slice(0, 100)].filter(alive); }
    space.style.height = `${list.length * HEIGHT + HEAD}px`;
  }
  function lay() {
    scale = window.devicePixelRatio || 1;
    width = frame.clientWidth; height = frame.clientHeight;
    label = width < 600 ? 96 : px() * 17;
    canvas.style.width = `${width}px`;
    canvas.width = width * scale; canvas.height = height * scale;
    space.style.marginTop = `${-height}px`;
    colours = { ink: css("--ink"), quiet: css("--quiet"), line: css("--line"), card: css("--card"), good: css("--good"), bad: css("--bad"), wait: css("--wait"), gone: css("--gone"), blue: css("--blue"), band: css("--faultband"), onGood: css("--ongood") };
  }
  const xOf = (t) => label + ((width - label - 10) * storyOf(t)) / STORY;
  const tOf = (x) => timeOf((Math.max(0, Math.min(1, (x - label) / (width - label - 10)))) * STORY);
  function look(o, s) {
    if (!s) return null;
    const kind = kindOf(o);
    if (kind === "Pod") { const c = podClass(s); return { tone: { ready: "good", running: "blue", pending: "wait", bad: "bad", leaving: "gone", done: "gone" }[c], text: c === "bad" && s.word ? s.word : podWords[c], thin: c === "pending" || c === "leaving" }; }
    if (kind === "Node") return s.ready === "True" ? { tone: s.closed ? "wait" : "good", text: s.closed ? "cordoned" : "ready", thin: s.closed } : { tone: "bad", text: "not ready", thin: true };
    const w = wants(o, s), is = isApart(o, s);
    return { tone: is ? "bad" : "good", text: w.want === w.have && "want" in s ? `${w.have} ${w.unit}` : `${w.have} of ${w.want}`, thin: is };
  }
  function draw(t, selected) {
    const g = canvas.getContext("2d");
    g.setTransform(scale, 0, 0, scale, 0, 0); g.clearRect(0, 0, width, height);
    const top = frame.scrollTop, first = Math.max(0, Math.floor((top - HEAD) / HEIGHT)), last = Math.min(list.length, Math.ceil((top + height) / HEIGHT));
    for (const b of bands) { g.fillStyle = colours.band; g.fillRect(xOf(b.from), HEAD, Math.max(3, xOf(b.to) - xOf(b.from)), height); }
    hits = [];
    // What the shade stands for, at its foot, as far as there is room.
    g.font = `600 ${px()}px system-ui, "DejaVu Sans", sans-serif`; g.textAlign = "left"; g.textBaseline = "alphabetic"; let free = 0;
    if (list.length * HEIGHT + HEAD < height - HEIGHT) for (const b of bands) {
      const x = Math.max(xOf(b.from) + 3, label); if (x < free) continue;
      const text = `${b.what} ${b.hit}`.trim(); g.fillStyle = colours.bad; g.fillText(text, x, height - 6); free = x + g.measureText(text).width + 8;
    }
    g.textBaseline = "middle";
    for (let n = first; n < last; n++) lane(g, list[n], HEAD + n * HEIGHT - top, selected);
    g.fillStyle = colours.card; g.fillRect(0, 0, width, HEAD - 2);
    axis(g);
    const x = xOf(t); g.strokeStyle = colours.ink; g.lineWidth = 2; g.beginPath(); g.moveTo(x, 0); g.lineTo(x, height); g.stroke();
    const said = bands.length ? " Shaded: while a fault lasts." : "";
    board.put("lanekeys", `The axis is stretched where much happens. <span class="key" style="color:var(--good)">■</span> as it should be <span class="key" style="color:var(--wait)">▬</span> waits <span class="key" style="color:var(--bad)">▥</span> not as it should be <span class="key" style="color:var(--gone)">▬</span> ending.${said}`);
  }
  function axis(g) {
    g.font = `${px()}px system-ui, "DejaVu Sans", sans-serif`; g.fillStyle = colours.quiet; g.textAlign = "left";
    for (const m of axisMarks(label, width - 10, (text) => g.measureText(text).width)) { g.fillText(m.text, m.x, 11); g.fillRect(m.at, 18, 1, 6); }
    for (const i of faultRows) if (verbOf(i) === "begins") { g.fillStyle = colours.bad; g.beginPath(); g.moveTo(xOf(T[i]) - 5, HEAD - 9); g.lineTo(xOf(T[i]) + 5, HEAD - 9); g.lineTo(xOf(T[i]), HEAD - 1); g.fill(); }
  }
  function lane(g, o, y, selected) {
    g.font = `${o === selected ? "700 " : ""}${px()}px system-ui, "DejaVu Sans", sans-serif`;
    g.fillStyle = colours.ink; g.textAlign = "left";
    // On a phone the end of a pod's name tells it from its siblings.
    const isTail = width < 600 && kindOf(o) === "Pod", name = nameOf(o);
    let text = width >= 600 ? thing(o) : name;
    for (let n = name.length - 1; isTail && n > 3 && g.measureText(text).width > label - 12; n--) text = `…${name.slice(-n)}`;
    while (text.length > 3 && g.measureText(text).width > label - 12) text = text.slice(0, -2).replace(/…?$/, "…");
    g.fillText(text, 6, y + HEIGHT / 2);
    g.strokeStyle = colours.line; g.lineWidth = 1; g.beginPath(); g.moveTo(0, y + HEIGHT); g.lineTo(width, y + HEIGHT); g.stroke();
    // What is narrower than a point and alike is drawn once.
    let last = -9, tone = "";
    for (const { l, from, to } of piecesOfLane(o)) {
      const x = xOf(from), end = xOf(to);
      if (end - last < 0.7 && l.tone === tone) continue;
      piece(g, l, x, Math.max(1.5, end - x), y); last = Math.max(x + 0.8, end); tone = l.tone;
    }
    hits.push({ y, o });
  }
  // The pieces of an object's life that look alike, put together once.
  const known = new Map();
  function piecesOfLane(o) {
    if (known.has(o)) return known.get(o);
    const own = rowsOf(o), out = [];
    const lookAt = (n) => rows.f[own[n]] & DELETED ? null : look(o, stateOfText(rows.s[own[n]]));
    for (let n = 0; n < own.length;) {
      const first = n, l = lookAt(n++);
      if (!l) continue;
      for (; n < own.length; n++) { const next = lookAt(n); if (!next || next.tone !== l.tone || next.text !== l.text) break; }
      out.push({ l, from: Math.max(BEGIN, T[own[first]]), to: n < own.length ? T[own[n]] : END });
    }
    known.set(o, out);
    return out;
  }
  function piece(g, l, x, w, y) {
    const bad = l.tone === "bad", high = bad ? 12 : l.thin ? 6 : 16, top = y + (HEIGHT - high) / 2;
    g.fillStyle = colours[l.tone]; g.fillRect(x, top, w, high);
    // Striped, so that nobody needs the colour.
    if (bad) { g.fillStyle = colours.card; for (let at = Math.ceil(x / 7) * 7; at < x + w - 2; at += 7) g.fillRect(at, top, 2, high); }
    g.font = `${px() - 1}px system-ui, "DejaVu Sans", sans-serif`;
    const room = g.measureText(l.text).width + 8;
    if (w < room + 4 || l.thin && !bad) return;
    // Over stripes a text stands on a ground of its own.
    if (bad) { g.fillStyle = colours.card; g.fillRect(x + 2, top, room, high); }
    g.fillStyle = bad ? colours.bad : colours.onGood; g.fillText(l.text, x + 6, y + HEIGHT / 2 + 1);
  }
  function hit(x, y) { const h = hits.find((h) => y >= h.y && y < h.y + HEIGHT); return { t: x > label ? tOf(x) : null, o: h ? h.o : -1 }; }
  return { lay, choose, label: () => label, draw, hit, select, frame };
})();
