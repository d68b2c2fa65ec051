// Sentences: what a row says to a person.

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const safe = (text) => String(text).replace(/[&<>"']/g, (c) => escapes[c]);

// A request that nobody answered has no status code.
const isLost = (i) => / 0: /.test(wordsOf(i));
function thing(o) { return o < 0 ? "" : `${kindOf(o)} ${nameOf(o)}`; }

const plainVerbs = { create: "creates", update: "updates", patch: "changes", delete: "deletes", deletecollection: "deletes" };

// What happened, without who and why.
function happened(i) {
  const k = rows.k[i], o = rows.o[i];
  if (k === STEP) return `$ ${wordsOf(i)}`;
  if (k === FAULT) return `${wordsOf(i)} ${verbOf(i)}${whyOf(i) ? ": " + whyOf(i) : ""}`;
  if (k === MARK) {
    const words = wordsOf(i), mark = verbOf(i);
    if (mark === "leader") return words;
    if (mark === "relist") return `lists ${words} anew: its watch was lost`;
    if (mark === "watch-cut") return `cuts the watches of ${words}s`;
    if (mark === "crash") return `crashes ${words}`;
    return `${mark} ${words}`;
  }
  if (k === REFUSED) {
    const m = /^(\S+) (\S*) 409: .*the object has been modified/.exec(wordsOf(i));
    if (m) return `is refused: its ${verbOf(i)} of ${m[1]} ${m[2]} met a newer version (409 Conflict)`;
  }
  if (k === REFUSED) return isLost(i) ? `${verbOf(i)} lost: ${wordsOf(i).replace(" 0: ", ": ")}` : `${verbOf(i)} refused: ${wordsOf(i)}`;
  const [verb, part] = verbOf(i).split("/");
  const words = wordsOf(i);
  if (part === "binding") return `binds ${thing(o)} ${words.startsWith("→") ? "to " + words.slice(1).trim() : words}`;
  const what = `${plainVerbs[verb] || verb} ${thing(o)}${part ? "'s " + part : ""}`;
  return words && words !== "created" && words !== "deleted" ? `${what}: ${words}` : what;
}
function sentence(i) {
  const k = rows.k[i];
  if (k === STEP) {
    const words = wordsOf(i), rest = words.replace(/^\w+ /, "");
    if (words.startsWith("wait ")) return `The scenario waits ${rest}`;
    if (words.startsWith("until ")) return `The scenario waits until ${rest}`;
    if (words.startsWith("inject ")) return `The scenario injects a fault: ${rest}`;
    return `A person ${words.startsWith("kubectl ") ? "types: " + words : words.startsWith("apply ") ? "applies " + rest : "does: " + words}`;
  }
  if (k === FAULT) return `Fault: ${happened(i)}`;
  return `${actorOf(i)} ${happened(i)}`;
}
// A row seen as messages: who says what to whom.
function messagesOf(i) {
  if (rows.k[i] !== WRITE || (rows.f[i] & BEFORE)) return [{ row: i, what: "row" }];
  const out = [], c = rows.c[i];
  if (c >= 0 && rows.k[c] === WRITE) out.push({ row: i, what: "notice", from: "apiserver", to: actorOf(i), text: `notices ${thing(rows.o[c])}` });
  out.push({ row: i, what: "ask", from: actorOf(i), to: "apiserver", text: happened(i) });
  out.push({ row: i, what: "keep", from: "apiserver", to: "etcd", text: `stores ${thing(rows.o[i])}` });
  return out;
}
// One message in a sentence.
function messageSays(m) {
  if (m.what === "notice") return `${m.to} ${m.text}`;
  return m.what === "ask" ? `${m.from} asks the apiserver: ${m.text}` : `The apiserver ${m.text} in etcd`;
}
function workloadSays(o, s) {
  if (s.say !== undefined) return s.say;
  const w = wants(o, s), kind = kindOf(o);
  if (kind === "Pod") return `${s.word || podWords[podClass(s)]}${s.restarts ? `, ${s.restarts} restart${s.restarts === 1 ? "" : "s"}` : ""}; a pod of its own: no controller replaces it`;
  const missing = w.want - w.have;
  if (kind === "Job") return missing > 0 ? `${w.have} of ${w.want} done, ${s.pods} running${s.failed ? `, ${s.failed} failed` : ""}` : w.want === 1 ? "done" : `all ${w.want} done`;
  if (missing > 0) return `${missing} of ${w.want} not ready`;
  if (missing < 0) return `${-missing} more than asked for`;
  if ((kind === "Deployment" || kind === "DaemonSet") && s.updated < s.desired) return `${s.desired - s.updated} of ${s.desired} still of the old template`;
  if (s.pods > s.desired) return `${s.pods - s.desired} more than asked for`;
  return w.want === 0 ? "none asked for, none there" : "as desired";
}
