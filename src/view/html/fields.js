// What the page shows: the bytes, the fields, and what each says.

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const base = BigInt(data.at);
const { length, strings, shapes } = data;

// ---- bytes ----

const bytes = new Uint8Array(length);
for (let k = 0, at = 0; k < data.bytes.length; k += 2) {
  at += data.bytes[k];
  for (const c of atob(data.bytes[k + 1])) bytes[at++] = c.charCodeAt(0);
}
const byteHex = (b) => b.toString(16).padStart(2, "0");
const HEX = Array.from({ length: 256 }, (_, b) => byteHex(b));
const position = (offset) => "0x" + (base + BigInt(offset)).toString(16);
const digits = Math.max(4, (base + BigInt(length)).toString(16).length);
const column = (offset) => (base + BigInt(offset)).toString(16).padStart(digits, "0");
const count = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;

// ---- fields: rows in pre-order ----

const size = data.rows.length / 5;
const shapeOf = new Uint32Array(size), valueOf = new Uint32Array(size), meaningOf = new Uint32Array(size);
const from = new Float64Array(size), to = new Float64Array(size);
const parent = new Int32Array(size), after = new Int32Array(size);
const nth = new Uint32Array(size), parts = new Uint32Array(size);
let tops = 0;
{
  const open = [];
  let at = 0;
  for (let k = 0; k < size; k++) {
    const [shape, delta, span, value, meaning] = data.rows.slice(k * 5, k * 5 + 5);
    at += delta;
    shapeOf[k] = shape; valueOf[k] = value; meaningOf[k] = meaning;
    from[k] = at; to[k] = at + span;
    const depth = Math.min(shapes[shape][0], open.length);
    while (open.length > depth) after[open.pop()] = k;
    parent[k] = depth ? open[depth - 1] : -1;
    nth[k] = depth ? ++parts[parent[k]] : ++tops;
    open.push(k);
  }
  for (const k of open) after[k] = size;
}
data.rows = null;
const depthOf = (k) => shapes[shapeOf[k]][0];
const nameOf = (k) => strings[shapes[shapeOf[k]][1]];
const aboutOf = (k) => strings[shapes[shapeOf[k]][2]].replaceAll("`", "");
const kindOf = (k) => shapes[shapeOf[k]][3];
const problems = new Map();
const troubled = new Uint8Array(size);
for (const [k, kind, text] of data.problems) {
  problems.set(k, kind === "unsupported" ? `not supported: ${text}` : text);
  for (let p = parent[k]; p >= 0 && !troubled[p]; p = parent[p]) troubled[p] = 1;
}

const within = (offset) => Math.max(0, Math.min(length, offset));
const isZero = (first, last) => {
  for (let k = first; k < last; k++) if (bytes[k]) return false;
  return true;
};

/** What a field says, where the bytes themselves are its value. */
function valueText(k) {
  const kind = kindOf(k);
  if (kind === "bytes" || kind === "gap" || kind === "integers") {
    if (parts[k]) return "";
    const first = within(from[k]), last = within(to[k]);
    if (first === last) return "";
    if (last - first > 8 && isZero(first, last)) return count(last - first, "zero byte");
    return kind === "integers" ? integers(k, first, last) : hexText(first, last, 16);
  }
  return strings[valueOf[k]];
}
function hexText(first, last, most) {
  const shown = Array.from(bytes.subarray(first, Math.min(last, first + most)), (b) => HEX[b]).join(" ");
  return last - first > most ? `${shown} \u2026 ${count(last - first, "byte")}` : shown;
}
function integers(k, first, last) {
  const [, , , , width, big] = shapes[shapeOf[k]];
  const total = Math.floor((last - first) / width), all = [];
  for (let n = 0; n < Math.min(total, 24); n++) {
    const one = bytes.slice(first + n * width, first + (n + 1) * width);
    if (!big) one.reverse();
    all.push(one.reduce((sum, b) => (sum << 8n) | BigInt(b), 0n));
  }
  return all.join(" ") + (total > all.length ? ` \u2026 ${count(total, "number")}` : "");
}
function bitsText(k) {
  const [, , , kind, lo, hi] = shapes[shapeOf[k]];
  return kind !== "range" ? "" : hi - lo === 1 ? `bit ${lo}` : `bits ${lo}\u2013${hi - 1}`;
}
function spanText(k) {
  const n = to[k] - from[k];
  const bits = bitsText(k);
  return `${position(from[k])}, ${count(n, "byte")}${bits && `, ${bits}`}`;
}
function pathOf(k) {
  const path = [];
  for (; k >= 0; k = parent[k]) path.push(nameOf(k));
  return path.reverse();
}
const pathText = (k) => pathOf(k).reduce((path, name) => path + (path && !name.startsWith("[") ? "." : "") + name, "");

// the innermost field of each byte: of those that hold it the shortest, of equals the deepest
const owner = new Int32Array(length).fill(-1);
{
  const order = [];
  for (let k = 0; k < size; k++) if (kindOf(k) !== "range" && to[k] > from[k]) order.push(k);
  order.sort((a, b) => (to[b] - from[b]) - (to[a] - from[a]) || a - b);
  for (const k of order) owner.fill(k, within(from[k]), within(to[k]));
}
// neighbouring fields stand out from each other
const band = new Uint8Array(length);
for (let at = 1; at < length; at++) band[at] = owner[at] === owner[at - 1] ? band[at - 1] : 1 - band[at - 1];
const wrong = new Uint8Array(length);
for (const k of problems.keys()) if (!parts[k] || kindOf(k) === "number") wrong.fill(1, within(from[k]), within(to[k]));
