// Playing, jumping, choosing, and the link to an instant.

const view = { t: BEGIN, row: -1, object: -1, chosen: -1, playing: false, goal: null, message: null, nodesAt: 0, dirty: true, before: 0 };
const slider = $("slider");

function setTime(t, follow = true) {
  view.message = null;
  view.t = Math.max(BEGIN, Math.min(END, t));
  const row = rowAt(view.t);
  if (row !== view.row) { view.row = row; seek(row); if (follow) story.follow(row); }
  view.dirty = true;
}
function choose(row, object) {
  if (row !== undefined) view.chosen = row;
  if (object !== undefined) view.object = object;
  else if (row >= 0 && rows.o[row] >= 0) view.object = rows.o[row];
  view.dirty = true; remember();
}
function play(on) {
  if (on && view.t >= END) setTime(BEGIN);
  view.playing = on; view.goal = null;
  if (on) view.chosen = -1;
  view.dirty = true;
  $("play").textContent = on ? "❚❚ Pause" : "▶ Play";
  if (!on) remember();
}
// Goes to a row so that its messages are seen on the way.
function stepTo(row) {
  if (row < 0 || row >= N) return;
  play(false);
  view.chosen = row; if (rows.o[row] >= 0) view.object = rows.o[row];
  const from = storyOf(view.t), to = storyOf(T[row]);
  if (to > from && to - from < 2 && !matchMedia("(prefers-reduced-motion: reduce)").matches) { view.goal = { t: T[row], row }; setTime(timeOf(Math.max(from, to - 0.45)), false); }
  else arrive(T[row], row);
  story.follow(row); remember();
}
function arrive(t, row) { view.goal = null; setTime(t); if (row !== undefined && row < view.row && T[row] === T[view.row]) { view.row = row; seek(row); } view.dirty = true; }
// Goes to an entry of the story; one message of several of a row is seen on its way.
function stepToMessage(n) {
  const m = story.message(n);
  if (!m) return stepTo(story.rowAtEntry(n));
  play(false);
  // Nothing is stored before the last of the messages.
  view.t = Math.max(BEGIN, T[m.row]); view.row = m.what === "keep" ? m.row : m.row - 1; seek(view.row);
  view.message = { ...m, n, part: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0.5 : 0 };
  choose(m.row); story.show(n); say(messageSays(m));
}
function stepBy(way) {
  if (story.isByMessage()) {
    const n = view.message ? view.message.n : view.goal ? story.placeOf(view.goal.row) : story.placeOf(view.row), next = n + way;
    if (next >= 0 && next < story.count()) stepToMessage(next); else if (way < 0) arrive(BEGIN);
    return;
  }
  const now = view.goal ? view.goal.row : view.chosen >= 0 && T[view.chosen] <= view.t && Math.abs(T[view.chosen] - view.t) < 1 ? view.chosen : view.row;
  const next = way > 0 ? story.after(now) : story.before(now);
  if (next >= 0) stepTo(next); else if (way < 0) arrive(BEGIN);
}
const jumpsTo = {
  step: () => stepRows.map((i) => ({ t: T[i], row: i })),
  part: () => partings.map((i) => ({ t: T[i], row: i })),
  meet: () => meetings.map((i) => ({ t: T[i], row: i })),
  fault: () => faultRows.map((i) => ({ t: T[i], row: i })),
  fail: () => failures.map((e) => ({ t: e.at, row: rowAt(e.at) })),
};
function jump(kind) {
  const all = jumpsTo[kind]();
  if (!all.length) return;
  const now = Math.max(view.t, view.chosen >= 0 && view.goal ? T[view.chosen] : 0);
  const next = all.find((p) => p.t > now + 0.5 || (p.row > view.chosen && p.t >= now && p.row > view.row)) || all[0];
  play(false); arrive(next.t, next.row); choose(next.row); story.follow(next.row);
  say(`${clockText(next.t)}: ${next.row >= 0 ? sentence(next.row) : ""}`);
}
const say = (text) => { $("announce").textContent = text; };

let rememberAt = 0;
function remember() {
  clearTimeout(rememberAt);
  rememberAt = setTimeout(() => history.replaceState(null, "", `#${place()}`), 120);
}
function place() {
  const at = view.goal ? view.goal.t : view.t;
  return [`t=${(at / 1e6).toFixed(6).replace(/\.?0+$/, "")}s`, view.object >= 0 ? `object=${encodeURIComponent(keyOf(view.object)).replace(/%2F/g, "/")}` : "", view.chosen >= 0 ? `row=${view.chosen}` : ""].filter(Boolean).join("&");
}
function recall() {
  const words = new Map(location.hash.slice(1).split("&").filter(Boolean).map((p) => [p.split("=")[0], decodeURIComponent(p.split("=").slice(1).join("="))]));
  const t = words.has("t") ? readInstant(words.get("t")) : null;
  if (t !== null) arrive(t);
  const o = words.has("object") ? objectNamed(words.get("object")) : undefined;
  if (o !== undefined) view.object = o;
  const row = words.has("row") ? +words.get("row") : NaN;
  if (row >= 0 && row < N) view.chosen = row; else if (o !== undefined) view.chosen = versionAt(o, view.row);
  view.dirty = true;
  return t !== null || o !== undefined;
}

function header() {
  $("name").textContent = run.name; $("about").textContent = run.about;
  $("aboutbox").hidden = !run.about;
  $("aboutbox").open = innerWidth > 700;
  const v = run.verdict, badge = $("verdict");
  badge.textContent = v ? { held: expectations.length > 1 ? `✓ all ${expectations.length} expectations held` : "✓ everything held", failed: `✗ ${failures.length} expectation${failures.length === 1 ? "" : "s"} failed`, error: "✗ could not go on" }[v.word] : "cut off";
  badge.className = `badge ${v ? v.word : "error"}`;
  $("facts").textContent = `${longText(END) || clockText(END)} of a simulated cluster, seed ${run.seed}`;
  $("foot").textContent = `wavetank ${run.version}, Kubernetes ${run.kubernetes}, seed ${run.seed}${v ? `, ${v.turns} turns, ${v.writes} writes, ${N} rows here, digest ${v.digest}` : ""}. Simulated: times follow from the modelled latencies.`;
  $("scenario").textContent = run.scenario || "The trace does not hold it.";
  $("expectations").innerHTML = (v && v.error ? `<div class="exp failed"><b>error</b><span>${safe(v.error)}</span></div>` : "") + (expectations.length ? expectations.map((e) => `<div class="exp ${e.outcome}"><b>${e.outcome === "held" ? "✓ held" : "✗ failed"}</b><span>${safe(e.text)} <button class="linkish" data-at="${e.at}">${clockText(e.at)}</button> ${e.detail && e.outcome === "failed" ? `<span class="quiet">${safe(e.detail)}</span>` : ""}</span></div>`).join("") : '<p class="hint">Nothing was expected.</p>');
  $("helptext").innerHTML = `<p><b>How to read this page.</b> A run of a simulated Kubernetes cluster, from its first to its last instant. Drag the slider or press Play; everything on the page shows the same instant. Commands and controllers only ever talk to the apiserver; what happens, happens because somebody noticed a change and asked for another. Click anything to see why.</p>
    <p><kbd>space</kbd> play or pause, <kbd>←</kbd> <kbd>→</kbd> one happening, <kbd>Home</kbd> <kbd>End</kbd> first and last instant, <kbd>c</kbd> next command, <kbd>d</kbd> next parting of desired and observed, <kbd>m</kbd> next meeting, <kbd>f</kbd> next fault, <kbd>e</kbd> next failure, <kbd>/</kbd> find, <kbd>?</kbd> this help</p>`;
  for (const b of document.querySelectorAll("[data-jump]")) { const n = jumpsTo[b.dataset.jump]().length; b.disabled = !n; b.title += `: ${n} in this run`; if (n) b.append(` (${n})`); }
}
function ticks() {
  const canvas = $("ticks"), scale = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  canvas.width = w * scale; canvas.height = h * scale;
  const g = canvas.getContext("2d"), css = (n) => getComputedStyle(document.documentElement).getPropertyValue(n).trim();
  g.setTransform(scale, 0, 0, scale, 0, 0);
  const x = (t) => (w * storyOf(t)) / STORY;
  for (const b of bands) { g.fillStyle = css("--faultband"); g.fillRect(x(b.from), 0, Math.max(2, x(b.to) - x(b.from)), h); }
  const mark = (list, colour, top, height) => { g.fillStyle = css(colour); list.forEach((t) => g.fillRect(x(t) - 1, top, 2, height)); };
  mark(stepRows.map((i) => T[i]), "--quiet", 4, h - 4); mark(partings.map((i) => T[i]), "--bad", h / 2, h / 2); mark(meetings.map((i) => T[i]), "--good", h / 2, h / 2); mark(failures.map((e) => e.at), "--bad", 0, h);
}
function layAll() { hub.lay(); lanes.lay(); chart.lay(); ticks(); view.dirty = true; }

function draw() {
  const p = storyOf(view.t);
  hub.draw(p, view.message);
  $("clock").textContent = clockText(view.t); $("clocklong").textContent = longText(view.t);
  slider.value = String(Math.round((p / STORY) * 100000));
  slider.setAttribute("aria-valuetext", clockText(view.t));
  let i = view.message ? view.message.row : view.goal ? view.goal.row : view.row;
  while (i >= 0 && (isQuiet(i) || rows.f[i] & BEFORE)) i--;
  board.put("now", view.message ? `<b>${safe(messageSays(view.message))}</b>${view.message.what === "ask" && whyOf(i) ? ` <span class="quiet">because ${safe(whyOf(i))}</span>` : ""}` : i >= 0 ? `<b>${safe(sentence(i))}</b>${whyOf(i) && rows.k[i] !== FAULT ? ` <span class="quiet">because ${safe(whyOf(i))}</span>` : ""}` : "The cluster is up. Press Play, or → for one happening at a time.");
  board.desired(view.object);
  // With very many pods their nodes are drawn now and then while it plays.
  const rests = !view.playing || podObjects.length < 3000;
  if (rests || performance.now() - view.nodesAt > 400) { board.nodes(view.object); view.nodesAt = performance.now(); }
  lanes.draw(view.t, view.object); chart.draw(view.t); story.draw(view.row, view.chosen >= 0 ? view.chosen : i, view.message ? view.message.n : -1); queues.draw(view.t);
  board.put("why", inspect.why(view.chosen >= 0 ? view.chosen : i));
  const open = $("object").querySelector("details")?.open;
  const object = view.object >= 0 ? view.object : view.playing || i < 0 ? -1 : rows.o[i];
  board.put("object", inspect.object(object, view.row, () => { view.dirty = true; }));
  if (open) { const d = $("object").querySelector("details"); if (d) d.open = true; }
}
function frame(ms) {
  const dt = Math.min(0.1, (ms - view.before) / 1000); view.before = ms;
  if (view.message && view.message.part < 0.5) { view.message.part = Math.min(0.5, view.message.part + dt); view.dirty = true; }
  if (view.goal) {
    const p = storyOf(view.t) + dt * 0.9;
    if (p >= storyOf(view.goal.t)) arrive(view.goal.t, view.goal.row); else setTime(timeOf(p), false);
  } else if (view.playing) {
    const pace = $("speed").value;
    if (pace === "real") setTime(view.t + dt * 1e6); else if (pace === "real10") setTime(view.t + dt * 1e7);
    else setTime(timeOf(storyOf(view.t) + dt * +pace));
    if (view.t >= END) play(false);
  }
  if (view.dirty) { view.dirty = false; draw(); }
  requestAnimationFrame(frame);
}

$("play").onclick = () => play(!view.playing);
$("back").onclick = () => stepBy(-1);
$("step").onclick = () => stepBy(1);
slider.oninput = () => { play(false); setTime(timeOf((slider.value / 100000) * STORY)); };
slider.onchange = remember;
document.querySelectorAll("[data-jump]").forEach((b) => { b.onclick = () => jump(b.dataset.jump); });
$("theme").onclick = () => { const root = document.documentElement; root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; layAll(); };
$("help").onclick = () => { const h = $("helptext"); h.hidden = !h.hidden; $("help").setAttribute("aria-expanded", String(!h.hidden)); };
$("link").onclick = async () => {
  history.replaceState(null, "", `#${place()}`);
  try { await navigator.clipboard.writeText(location.href); $("link").textContent = "Copied"; } catch { $("link").textContent = "In the address bar"; }
  setTimeout(() => { $("link").textContent = "Copy link"; }, 1500);
};
document.addEventListener("click", (e) => {
  const b = e.target.closest("[data-row],[data-o],[data-cluster],[data-at]"); if (!b) return;
  if (b.dataset.cluster) { board.toggle(b.dataset.cluster); view.dirty = true; return; }
  if (b.dataset.at) { play(false); arrive(+b.dataset.at); remember(); return; }
  if (b.dataset.o) { const o = +b.dataset.o; choose(versionAt(o, view.row), o); return; }
  if (b.dataset.n !== undefined && story.isByMessage()) { stepToMessage(+b.dataset.n); return; }
  const row = +b.dataset.row; play(false); arrive(T[row], row); choose(row); story.follow(row);
});
lanes.frame.addEventListener("scroll", () => { view.dirty = true; });
lanes.frame.addEventListener("click", (e) => {
  const box = lanes.frame.getBoundingClientRect(), h = lanes.hit(e.clientX - box.left, e.clientY - box.top);
  if (h.t !== null) { play(false); arrive(h.t); }
  if (h.o >= 0) choose(versionAt(h.o, view.row), h.o);
});
lanes.frame.addEventListener("keydown", (e) => { if (e.key === "ArrowDown" || e.key === "ArrowUp") { lanes.frame.scrollTop += e.key === "ArrowDown" ? 24 : -24; e.preventDefault(); e.stopPropagation(); } });
lanes.select.onchange = () => { lanes.choose(); view.dirty = true; };
chart.select.onchange = () => { chart.compute(); view.dirty = true; };
chart.canvas.onclick = (e) => { play(false); arrive(chart.at(e.offsetX)); remember(); };
story.frame.addEventListener("scroll", () => { view.dirty = true; });
for (const id of ["messages", "events"]) $(id).onchange = () => { story.filter(); story.follow(-9); story.follow(view.row); view.dirty = true; };
let findAt = 0;
$("find").oninput = () => { clearTimeout(findAt); findAt = setTimeout(() => { story.filter(); view.dirty = true; }, N > 20000 ? 250 : 0); };
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) && e.target !== slider;
  if (typing) { if (e.key === "Escape") e.target.blur(); return; }
  const inLog = e.target === story.frame;
  const act = { ArrowRight: () => stepBy(1), ArrowLeft: () => stepBy(-1), Home: () => { play(false); arrive(BEGIN); }, End: () => { play(false); arrive(END); }, c: () => jump("step"), d: () => jump("part"), m: () => jump("meet"), f: () => jump("fault"), e: () => jump("fail"), "/": () => $("find").focus(), "?": () => $("help").click() };
  if (inLog) Object.assign(act, { ArrowDown: () => stepBy(1), ArrowUp: () => stepBy(-1) });
  if (e.key === " " && e.target.tagName !== "BUTTON") act[" "] = () => play(!view.playing);
  if (act[e.key]) { e.preventDefault(); act[e.key](); }
});
window.addEventListener("hashchange", recall);
window.addEventListener("resize", layAll);
// Drawn at once: to lay it out clears it.
new ResizeObserver(() => { hub.lay(); hub.draw(storyOf(view.t), view.message); }).observe($("hub"));
const dark = matchMedia("(prefers-color-scheme: dark)");
document.documentElement.dataset.theme = dark.matches ? "dark" : "light";
dark.addEventListener("change", () => { document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; layAll(); });
$("messages").checked = run.messages;
header(); story.filter(); lanes.choose(); seek(-1); layAll();
if (!recall()) setTime(BEGIN);
requestAnimationFrame((ms) => { view.before = ms; frame(ms); document.documentElement.dataset.ready = "true"; });
