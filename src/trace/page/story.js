// The story: everything that happened, as a list of which only what is seen is built.

const story = (() => {
  const frame = $("log"), ITEM = 62, MOST_HEIGHT = 12e6;
  const WHOLE = 0, NOTICE = 1, ASK = 2, KEEP = 3, kinds = ["row", "notice", "ask", "keep"];
  const space = document.createElement("div"); frame.append(space);
  // The entries: the row of each, and which of its messages it is.
  let rowOf = new Int32Array(0), whatOf = new Uint8Array(0), count = 0, followed = -1, squeeze = 1;
  function filter() {
    const events = $("events").checked, all = $("messages").checked, word = $("find").value.trim().toLowerCase();
    rowOf = new Int32Array(all ? 3 * N : N); whatOf = new Uint8Array(rowOf.length); count = 0;
    const add = (i, what) => { rowOf[count] = i; whatOf[count++] = what; };
    for (let i = 0; i < N; i++) {
      if (rows.f[i] & BEFORE || !events && isQuiet(i)) continue;
      if (word && !`${sentence(i)} ${whyOf(i)}`.toLowerCase().includes(word)) continue;
      if (!all || rows.k[i] !== WRITE) { add(i, WHOLE); continue; }
      if (rows.c[i] >= 0 && rows.k[rows.c[i]] === WRITE) add(i, NOTICE);
      add(i, ASK); add(i, KEEP);
    }
    // Very long lists are scrolled in larger strides: no element may be that high.
    const height = Math.max(1, count) * ITEM;
    squeeze = Math.max(1, height / MOST_HEIGHT);
    space.style.height = `${height / squeeze}px`;
  }
  // The place of the last entry at or before a row.
  function placeOf(row) {
    let lo = 0, hi = count;
    while (lo < hi) { const mid = (lo + hi) >> 1; if (rowOf[mid] <= row) lo = mid + 1; else hi = mid; }
    return lo - 1;
  }
  // The row of the next entry after a row, or of the one before it; -1 for none.
  function after(row) { const n = placeOf(row) + 1; return n < count ? rowOf[n] : -1; }
  function before(row) { const n = placeOf(row - 1); return n >= 0 ? rowOf[n] : -1; }
  // An entry as a message; null where it is a whole row.
  function message(n) { return whatOf[n] === WHOLE ? null : messagesOf(rowOf[n]).find((m) => m.what === kinds[whatOf[n]]); }
  function html(n, top, row, selected, entry) {
    const i = rowOf[n], what = kinds[whatOf[n]], k = rows.k[i];
    const kind = k === STEP ? "stepr" : k === FAULT ? "faultr" : rows.f[i] & BAD ? "bad" : "";
    const is = entry >= 0 ? n === entry : i === selected, state = is ? "cur" : ""; const late = entry >= 0 ? (n > entry ? "late" : "") : i > row ? "late" : "";
    let l1, l2;
    if (what === "row") {
      l1 = k === STEP ? safe(happened(i)) : `<b>${safe(actorOf(i))}</b> ${safe(happened(i))}`;
      const s = stepOf.get(i);
      l2 = k === STEP ? (s ? `took ${((s.end - T[i]) / 1e6).toFixed(2)} s${s.code ? `, exit ${s.code}` : ""}` : "") : k === FAULT ? "a fault of the scenario" : whyOf(i) ? `because ${whyOf(i)}` : k === REFUSED ? (isLost(i) ? "nobody answered" : "the apiserver said no") : "";
    } else {
      const m = message(n), [colour, word] = { notice: ["tell", "noticed"], ask: ["ask", "asked"], keep: ["keep", "stored"] }[what];
      l1 = `<span class="${colour}">●</span> <b>${safe(what === "keep" ? "etcd" : what === "notice" ? m.to : m.from)}</b> ${safe(m.text)}`;
      l2 = `${word}: ${m.from} → ${m.to}`;
    }
    return `<div class="item ${kind} ${state} ${late}" role="option" aria-selected="${is}" data-row="${i}" data-n="${n}" style="top:${top}px"><div class="l1"><span class="t">${(T[i] / 1e6).toFixed(3)}</span>${l1}</div><div class="l2">${safe(l2)}</div></div>`;
  }
  let last = "";
  function draw(row, selected, entry) {
    const at = frame.scrollTop, real = at * squeeze, first = Math.max(0, Math.floor(real / ITEM) - 4), end = Math.min(count, Math.ceil((real + frame.clientHeight) / ITEM) + 4);
    let out = "";
    for (let n = first; n < end; n++) out += html(n, n * ITEM - real + at, row, selected, entry);
    if (!count) out = '<p class="hint" style="padding:.5rem">Nothing is found.</p>';
    if (out !== last) { space.innerHTML = out; last = out; }
  }
  function follow(row) {
    const n = placeOf(row); if (n === followed) return;
    show(n);
  }
  function show(n) {
    followed = n;
    const top = n * ITEM, from = frame.scrollTop * squeeze, room = frame.clientHeight;
    if (top < from + ITEM || top > from + room - 2 * ITEM) frame.scrollTop = Math.max(0, top - room / 2) / squeeze;
  }
  const isByMessage = () => $("messages").checked;
  return { filter, draw, follow, show, after, before, frame, message, placeOf, isByMessage, count: () => count, rowAtEntry: (n) => rowOf[n] };
})();
