// The story: everything that happened, as a list of which only what is seen is built.

const story = (() => {
  const frame = $("log"), ITEM = 46;
  const space = document.createElement("div"); frame.append(space);
  let entries = [], chosen = -1;
  function filter() {
    const events = $("events").checked, all = $("messages").checked, word = $("find").value.trim().toLowerCase();
    entries = [];
    for (let i = 0; i < N; i++) {
      if (rows.f[i] & BEFORE) continue;
      if (!events && isQuiet(i)) continue;
      if (word && !`${sentence(i)} ${whyOf(i)}`.toLowerCase().includes(word)) continue;
      if (all) entries.push(...messagesOf(i)); else entries.push({ row: i, what: "row" });
    }
    space.style.height = `${Math.max(1, entries.length) * ITEM}px`;
  }
  // The place of the last entry at or before a row.
  function placeOf(row) {
    let lo = 0, hi = entries.length;
    while (lo < hi) { const mid = (lo + hi) >> 1; if (entries[mid].row <= row) lo = mid + 1; else hi = mid; }
    return lo - 1;
  }
  function html(e, n, row, selected) {
    const i = e.row, k = rows.k[i];
    const kind = k === STEP ? "stepr" : k === FAULT ? "faultr" : rows.f[i] & BAD ? "bad" : "";
    const state = i === selected ? "cur" : ""; const late = i > row ? "late" : "";
    let l1, l2;
    if (e.what === "row") {
      l1 = k === STEP ? safe(happened(i)) : `<b>${safe(actorOf(i))}</b> ${safe(happened(i))}`;
      const s = stepOf.get(i);
      l2 = k === STEP ? (s ? `took ${((s.end - T[i]) / 1e6).toFixed(2)} s${s.code ? `, exit ${s.code}` : ""}` : "") : k === FAULT ? "a fault of the scenario" : whyOf(i) ? `because ${whyOf(i)}` : k === REFUSED ? (isLost(i) ? "nobody answered" : "the apiserver said no") : "";
    } else {
      const signs = { notice: ["tell", "noticed"], ask: ["ask", "asked"], keep: ["keep", "stored"] }[e.what];
      l1 = `<span class="${signs[0]}">●</span> <b>${safe(e.what === "keep" ? "etcd" : e.what === "notice" ? e.to : e.from)}</b> ${safe(e.text)}`;
      l2 = `${signs[1]}: ${e.from} → ${e.to}`;
    }
    return `<div class="item ${kind} ${state} ${late}" role="option" aria-selected="${i === selected}" data-row="${i}" style="top:${n * ITEM}px"><div class="l1"><span class="t">${(T[i] / 1e6).toFixed(3)}</span>${l1}</div><div class="l2">${safe(l2)}</div></div>`;
  }
  let last = "";
  function draw(row, selected) {
    const first = Math.max(0, Math.floor(frame.scrollTop / ITEM) - 4), end = Math.min(entries.length, first + Math.ceil(frame.clientHeight / ITEM) + 8);
    let out = "";
    for (let n = first; n < end; n++) out += html(entries[n], n, row, selected);
    if (!entries.length) out = '<p class="hint" style="padding:.5rem">Nothing is found.</p>';
    if (out !== last) { space.innerHTML = out; last = out; }
  }
  function follow(row) {
    const n = placeOf(row); if (n === chosen) return; chosen = n;
    const top = n * ITEM, from = frame.scrollTop, room = frame.clientHeight;
    if (top < from + ITEM || top > from + room - 2 * ITEM) frame.scrollTop = Math.max(0, top - room / 2);
  }
  return { filter, draw, follow, frame, get entries() { return entries; } };
})();
