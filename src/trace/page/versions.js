// Whole versions of an object, put together from changes, and what differs between two of them.

const MOST_VERSIONS = 25;

function applyChanges(value, changes) {
  for (const [way, ...rest] of changes) {
    if (!way.length) { value = rest[0]; continue; }
    let at = value;
    for (let n = 0; n < way.length - 1; n++) at = at[way[n]];
    const last = way[way.length - 1];
    if (!rest.length) delete at[last]; else at[last] = rest[0];
  }
  return value;
}
const copy = (value) => JSON.parse(JSON.stringify(value));

// The newest versions of an object up to a row, the newest first: each with its row, its value,
// and what differs from the one before. Null while they are still packed; `then` is called when
// they are there.
function versionsOf(o, row, then) {
  const pieces = piecesOf(o, then), own = rowsOf(o);
  if (!pieces) return null;
  let count = own.findIndex((i) => i > row); if (count < 0) count = own.length;
  const out = [];
  let value = null;
  for (let n = 0; n < count; n++) {
    const i = own[n], before = n >= count - MOST_VERSIONS && value !== null && !(rows.f[i] & CREATED) ? copy(value) : null;
    let changes = JSON.parse(pieces[n]);
    if (rows.f[i] & CREATED) {
      // It begins as the first version of a sibling, or as nothing.
      let base = null; [base, changes] = changes;
      value = {};
      if (base >= 0) {
        const sibling = piecesOf(base, then); if (!sibling) return null;
        value = applyChanges(value, JSON.parse(sibling[0])[1]);
      }
    }
    value = applyChanges(value, copy(changes));
    if (n >= count - MOST_VERSIONS) out.push({ row: i, value: copy(value), changes: before ? differences(before, value) : [] });
  }
  return { count, all: own.length, newest: out.reverse() };
}

// By what the members of a list are told apart: conditions by their type, containers by name,
// taints by key and effect.
const memberKeys = [(v) => v.type, (v) => v.name, (v) => v.key && v.effect && `${v.key}:${v.effect}`, (v) => v.key];
function keyOfMembers(a, b) {
  const all = [...a, ...b];
  if (!all.every((v) => v && typeof v === "object")) return null;
  const good = (key) => (list) => list.every((v) => typeof key(v) === "string") && new Set(list.map(key)).size === list.length;
  return memberKeys.find((key) => all.length > 0 && [a, b].every(good(key))) || null;
}
// What differs: `[way, old, new]`, the way in words.
function differences(was, is, way = "", out = []) {
  if (was === is) return out;
  const isThing = (v) => v !== null && typeof v === "object";
  if (isThing(was) && isThing(is) && Array.isArray(was) === Array.isArray(is)) {
    let pairs;
    if (Array.isArray(is)) {
      const key = keyOfMembers(was, is);
      if (key) pairs = [...new Set([...was, ...is].map(key))].map((k) => [`[${k}]`, was.find((v) => key(v) === k), is.find((v) => key(v) === k)]);
      else if (was.length === is.length) pairs = is.map((v, n) => [`[${n}]`, was[n], v]);
    } else pairs = [...new Set([...Object.keys(was), ...Object.keys(is)])].map((k) => [/^[\w-]+$/.test(k) ? `.${k}` : `["${k}"]`, was[k], is[k]]);
    if (pairs) { for (const [step, a, b] of pairs) differences(a, b, way + step, out); return out; }
  }
  if (JSON.stringify(was) !== JSON.stringify(is)) out.push([way, was, is]);
  return out;
}
