// The pace: how virtual time is stretched and shrunk so that a person can follow.
//
// A run has milliseconds in which much happens and minutes in which nothing does. On the scale of
// the story each happening gets its moment; `storyOf` and `timeOf` go from one scale to the other.

const STORY_MOMENT = 0.45, STORY_REST = 1.4;
const placeT = [BEGIN], placeS = [0];
{
  let s = 0, last = BEGIN;
  for (let i = 0; i < N; i++) {
    if (T[i] <= last || isQuiet(i)) continue;
    const gap = (T[i] - last) / 1e6;
    s += Math.min(STORY_REST, STORY_MOMENT * Math.min(1, gap * 400) + Math.min(0.9, Math.log1p(gap) * 0.25));
    placeT.push(T[i]); placeS.push(s); last = T[i];
  }
  placeT.push(Math.max(END, last + 1)); placeS.push(s + STORY_REST);
}
const STORY = placeS[placeS.length - 1];

function isQuiet(i) { return (rows.f[i] & QUESTION) > 0 || rows.k[i] === WRITE && kindOf(rows.o[i]) === "Event"; }
function between(xs, ys, x) {
  let lo = 0, hi = xs.length - 1;
  if (x <= xs[0]) return ys[0];
  if (x >= xs[hi]) return ys[hi];
  while (hi - lo > 1) { const mid = (lo + hi) >> 1; if (xs[mid] <= x) lo = mid; else hi = mid; }
  const part = (x - xs[lo]) / (xs[hi] - xs[lo] || 1);
  return ys[lo] + part * (ys[hi] - ys[lo]);
}
const storyOf = (t) => between(placeT, placeS, t);
const timeOf = (s) => between(placeS, placeT, s);

function clockText(us) {
  return `${(us / 1e6).toFixed(3)} s`;
}
// The same in minutes and hours; nothing for less than two minutes.
function longText(us) {
  const s = Math.floor(us / 1e6), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
  return s < 120 ? "" : `${h ? h + " h " : ""}${m} min${s % 60 ? ` ${s % 60} s` : ""}`;
}
// Marks of an axis between two places: instants of commands and faults first, others where there
// is room; `room` tells how wide a text is.
function axisMarks(from, to, room) {
  const at = (t) => from + ((to - from) * storyOf(t)) / STORY, taken = [], out = [];
  const put = (t, text) => {
    const w = room(text) + 14, x = Math.min(at(t), to - w + 14);
    if (x < from || taken.some(([a, b, said]) => x < b && x + w > a || said === text)) return;
    taken.push([x, x + w, text]); out.push({ x, at: at(t), text });
  };
  const text = (t) => `${(t / 1e6).toFixed(t < 1e7 ? 1 : 0)} s`;
  for (const t of [...new Set([...stepRows, ...faultRows].map((i) => T[i])), END].sort((a, b) => a - b)) put(t, text(t));
  const count = Math.max(2, Math.floor((to - from) / 90));
  for (let n = 0; n <= count; n++) { const t = timeOf((STORY * n) / count); put(t, text(t)); }
  return out.sort((a, b) => a.x - b.x);
}
// Of an instant in a link: `12.4s`, `1m2.5s` or a bare number of seconds.
function readInstant(text) {
  const m = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s?)?$/.exec(text.trim());
  if (!m || !text.trim()) return null;
  return ((+m[1] || 0) * 3600 + (+m[2] || 0) * 60 + (+m[3] || 0)) * 1e6;
}
