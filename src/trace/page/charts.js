// Curves of desired, ready, available and pending over time.

const chart = (() => {
  const canvas = $("chart"), select = $("charted");
  let width = 0, height = 0, scale = 1, curves = null, still = null, most = 1;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const styles = [["desired", "--ink", [7, 4]], ["ready", "--blue", []], ["available", "--green", [2, 2]], ["pending", "--bad", [10, 3, 2, 3]]];
  select.innerHTML = [["all", "all workloads"], ...topWork.filter((o) => keepers.has(o)).slice(0, 100).map((o) => [String(o), `${kindOf(o)} ${nameOf(o)}`])].map(([v, t]) => `<option value="${v}">${safe(t)}</option>`).join("");
  const first = topWork.filter((o) => keepers.has(o)); if (first.length === 1) select.value = String(first[0]);
  $("chartkeys").innerHTML = styles.map(([name, colour, dash]) => `<svg width="34" height="10" aria-hidden="true"><line x1="0" y1="5" x2="34" y2="5" stroke="var(${colour})" stroke-width="3" stroke-dasharray="${dash.join(" ")}"/></svg> ${name}`).join(" &nbsp; ");
  function compute() {
    const only = select.value === "all" ? null : +select.value;
    const now = new Map(), pending = new Set(), sums = { desired: 0, ready: 0, available: 0 };
    const points = { t: [], desired: [], ready: [], available: [], pending: [] };
    most = 1;
    for (let i = 0; i < N; i++) {
      if (rows.k[i] !== WRITE) continue;
      const o = rows.o[i], gone = rows.f[i] & DELETED, kind = kindOf(o);
      if (kind === "Pod") {
        if (only !== null && !isUnder(o, only)) continue;
        const s = stateOfText(rows.s[i]); const is = !gone && s && !s.leaving && s.phase === "Pending";
        if (is === pending.has(o)) continue;
        if (is) pending.add(o); else pending.delete(o);
      } else {
        if (only !== null ? o !== only : !topSet.has(o)) continue;
        const known = gone ? null : stateOfText(rows.s[i]), s = known && "desired" in known ? known : null, old = now.get(o);
        if (!s && !old) continue;
        for (const k of ["desired", "ready", "available"]) sums[k] += (s ? s[k] : 0) - (old ? old[k] : 0);
        now.set(o, s);
      }
      points.t.push(Math.max(BEGIN, T[i]));
      for (const k of ["desired", "ready", "available"]) points[k].push(sums[k]);
      points.pending.push(pending.size);
      most = Math.max(most, sums.desired, sums.ready, sums.available, pending.size);
    }
    curves = points; still = null;
  }
  const bottom = 20; let left = 34;
  const xOf = (t) => left + ((width - left - 10) * storyOf(t)) / STORY;
  const yOf = (v) => height - bottom - ((height - bottom - 12) * v) / most;
  function lay() {
    scale = window.devicePixelRatio || 1; width = canvas.clientWidth; height = canvas.clientHeight;
    canvas.width = width * scale; canvas.height = height * scale; still = null;
    // The same axis as that of the lanes above.
    left = Math.max(34, lanes.label() + lanes.frame.clientLeft);
  }
  function paint() {
    still = document.createElement("canvas"); still.width = canvas.width; still.height = canvas.height;
    const g = still.getContext("2d"); g.setTransform(scale, 0, 0, scale, 0, 0);
    g.font = `${innerWidth >= 1900 ? 14 : 12}px system-ui, "DejaVu Sans", sans-serif`; g.fillStyle = css("--quiet"); g.textAlign = "right"; g.textBaseline = "middle";
    const step = Math.max(1, Math.ceil(most / 4));
    for (let v = 0; v <= most; v += step) { g.fillText(String(v), left - 6, yOf(v)); g.strokeStyle = css("--line"); g.lineWidth = 1; g.beginPath(); g.moveTo(left, yOf(v)); g.lineTo(width - 10, yOf(v)); g.stroke(); }
    for (const b of bands) { g.fillStyle = css("--faultband"); g.fillRect(xOf(b.from), 6, Math.max(3, xOf(b.to) - xOf(b.from)), height - bottom - 6); }
    g.textAlign = "left"; g.fillStyle = css("--quiet");
    for (const m of axisMarks(left, width - 10, (text) => g.measureText(text).width)) { g.fillText(m.text, m.x, height - 8); g.fillRect(m.at, height - bottom, 1, 4); }
    const { t } = curves;
    styles.forEach(([name, colour, dash], n) => {
      g.strokeStyle = css(colour); g.lineWidth = 2.4; g.setLineDash(dash); g.beginPath();
      let lastX = -1, y = yOf(0); g.moveTo(left, y);
      for (let k = 0; k < t.length; k++) {
        const x = xOf(t[k]) + n * 0.7, v = yOf(curves[name][k]) + n * 0.7;
        if (k + 1 < t.length && xOf(t[k + 1]) - x < 0.4 && x - lastX < 0.4) continue;
        g.lineTo(x, y); g.lineTo(x, v); y = v; lastX = x;
      }
      g.lineTo(xOf(END), y); g.stroke();
    });
    g.setLineDash([]);
  }
  function draw(now) {
    if (!curves) compute();
    if (!still) paint();
    const g = canvas.getContext("2d"); g.setTransform(1, 0, 0, 1, 0, 0); g.clearRect(0, 0, canvas.width, canvas.height); g.drawImage(still, 0, 0);
    g.setTransform(scale, 0, 0, scale, 0, 0); const x = xOf(now); g.strokeStyle = css("--ink"); g.lineWidth = 2; g.beginPath(); g.moveTo(x, 0); g.lineTo(x, height - bottom); g.stroke();
  }
  const at = (x) => timeOf(Math.max(0, Math.min(1, (x - left) / (width - left - 10))) * STORY);
  return { lay, draw, compute, at, select, canvas };
})();
