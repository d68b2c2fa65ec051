// The packed data of the run: columns of numbers, shared texts, and versions that wait packed
// until somebody asks for them.

const $ = (id) => document.getElementById(id);

async function inflated(name) {
  const place = $(`data-${name}`), packed = atob(place.textContent);
  const bytes = new Uint8Array(packed.length);
  for (let n = 0; n < packed.length; n++) bytes[n] = packed.charCodeAt(n);
  place.remove();
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")));
}
const [head, columnBytes, texts] = await Promise.all([
  inflated("head").then((r) => r.json()),
  inflated("columns").then((r) => r.arrayBuffer()).then((b) => new Uint8Array(b)),
  inflated("texts").then((r) => r.text()).then((t) => t.split("\0")),
]);

// Each number is the one before it and a difference, seven bits a byte, its sign in the lowest bit.
const columns = {};
{
  let at = 0;
  for (const [name, length] of head.columns) {
    const out = columns[name] = name === "t" || name === "times" || name === "values" ? new Float64Array(length) : new Int32Array(length);
    let last = 0;
    for (let n = 0; n < length; n++) {
      let byte = columnBytes[at++], step = byte & 127, unit = 128;
      while (byte & 128) { byte = columnBytes[at++]; step += (byte & 127) * unit; unit *= 128; }
      last += step % 2 ? -(step + 1) / 2 : step / 2;
      out[n] = last;
    }
  }
}

// The versions of objects, chunk by chunk. Those of a small run are read at once.
const chunks = head.chunks.map(([first, size], n) => ({ name: `versions-${n}`, first, size, texts: null, coming: null }));
function fetchChunk(chunk) {
  chunk.coming ||= inflated(chunk.name).then((r) => r.text()).then((text) => { chunk.texts = text.split("\u0001"); });
  return chunk.coming;
}
if (chunks.length <= 4) await Promise.all(chunks.map(fetchChunk));
// The versions of an object as they are written; null, and asked for, while they are still packed.
function piecesOf(o, then) {
  let lo = 0, hi = chunks.length - 1;
  while (lo < hi) { const mid = (lo + hi + 1) >> 1; if (chunks[mid].first <= o) lo = mid; else hi = mid - 1; }
  const chunk = chunks[lo];
  if (!chunk.texts) { fetchChunk(chunk).then(then); return null; }
  return chunk.texts[o - chunk.first].split("\0");
}
