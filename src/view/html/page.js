// The two panes, the filter and the foot: what is in hand, and what the reader does.

// ---- state ----

let current = 0, cursor = 0, hovered = -1;
let query = "";
const open = new Uint8Array(size), openFound = new Uint8Array(size), kept = new Uint8Array(size);
const opened = () => (query ? openFound : open);
let visible = [], placeOf = new Map();

// ---- the tree ----

const treeEl = $("tree");
const tree = new Roll(treeEl, drawField, "presentation");
tree.drawn = () => paintFields();
tree.moved = () => { if (placeOf.has(current)) tree.show(placeOf.get(current)); };

function lit(el, text) {
  if (!query) { el.textContent = text; return el; }
  const low = text.toLowerCase();
  let at = 0;
  for (let hit; low.length === text.length && (hit = low.indexOf(query, at)) >= 0; at = hit + query.length) {
    el.append(text.slice(at, hit), make("mark", "", text.slice(hit, hit + query.length)));
  }
  el.append(text.slice(at));
  return el;
}

const LONGEST = 400;
const short = (text) => (text.length > LONGEST ? text.slice(0, LONGEST) + "\u2026" : text);

function drawField(n) {
  const k = visible[n];
  const kind = kindOf(k);
  const el = make("div", `field ${kind}`);
  el.id = `f${k}`;
  el.dataset.row = k;
  el.setAttribute("role", "treeitem");
  el.setAttribute("aria-level", depthOf(k) + 1);
  el.setAttribute("aria-posinset", nth[k]);
  el.setAttribute("aria-setsize", parent[k] < 0 ? tops : parts[parent[k]]);
  if (parts[k]) {
    el.setAttribute("aria-expanded", opened()[k] ? "true" : "false");
    if (kind === "says") el.classList.add("sum");
  }
  el.style.setProperty("--depth", depthOf(k));
  const name = make("span", "name");
  const twist = make("span", "twist");
  twist.setAttribute("aria-hidden", "true");
  name.append(twist, lit(make("bdi"), short(nameOf(k))));
  if (kind === "range") name.dataset.bits = bitsText(k).replace(/^bits? /, "");
  const says = make("span", "says");
  const value = valueText(k);
  if (value) says.append(lit(make("span", "value"), short(value)), " ");
  const meaning = strings[meaningOf[k]];
  if (meaning) says.append(lit(make("span", "meaning"), short(meaning)), " ");
  const problem = problems.get(k);
  if (problem) {
    el.classList.add("wrong");
    const mark = make("span", "wrong-here");
    mark.append(make("span", "unseen", "problem: "), problem);
    // a long value would push it out of sight
    if (value.length > 40) says.prepend(mark, " "); else says.append(mark, " ");
  } else if (troubled[k] && !opened()[k]) {
    says.append(make("span", "wrong-below", "\u26a0 problem inside"), " ");
  }
  const about = aboutOf(k);
  if (about) says.append(make("span", "about", about));
  el.append(name, says);
  return el;
}

function paintFields() {
  let active = "";
  for (const el of tree.slice.children) {
    const k = Number(el.dataset.row);
    el.classList.toggle("on", k === current);
    el.classList.toggle("hover", k === hoverRow);
    if (k === current) { el.setAttribute("aria-selected", "true"); active = el.id; } else el.setAttribute("aria-selected", "false");
  }
  if (active) treeEl.setAttribute("aria-activedescendant", active); else treeEl.removeAttribute("aria-activedescendant");
}
let hoverRow = -1;

function layTree() {
  const isOpen = opened();
  visible = [];
  placeOf = new Map();
  for (let k = 0; k < size;) {
    if (query && !kept[k]) { k = after[k]; continue; }
    placeOf.set(k, visible.length);
    visible.push(k);
    k = parts[k] && isOpen[k] ? k + 1 : after[k];
  }
  tree.set(visible.length);
  if (!visible.length) tree.slice.replaceChildren(make("div", "none", "no such field"));
}

/** The row of a field, or of the innermost that holds it and is to be seen. */
function seen(k) {
  while (k >= 0 && !placeOf.has(k)) k = parent[k];
  return k;
}
function reveal(k) {
  if (query && !kept[k]) clearFilter();
  let changed = false;
  for (let p = parent[k]; p >= 0; p = parent[p]) if (!opened()[p]) { opened()[p] = 1; changed = true; }
  if (changed || !placeOf.has(k)) layTree();
}
function setOpen(k, yes) {
  if (!parts[k] || !!opened()[k] === yes) return;
  opened()[k] = yes ? 1 : 0;
  layTree();
  select(seen(current), { bytes: false });
}

/** Takes a field in hand: marks it and its bytes, and brings both into sight. */
function select(k, { bytes: scroll = true, field = true } = {}) {
  if (k < 0 || k >= size) return;
  current = k;
  reveal(k);
  if (field) tree.show(placeOf.get(k));
  paintFields();
  if (scroll && to[k] > from[k] && from[k] < length && to[k] > 0) {
    cursor = within(from[k]);
    showBytes(from[k], to[k]);
  }
  paintBytes();
  detail(k);
}

let typed = "", typedAt = 0;
function typeAhead(c) {
  const now = performance.now();
  typed = now - typedAt > 700 ? c : typed + c;
  typedAt = now;
  const start = placeOf.get(current) + (typed.length > 1 ? 0 : 1);
  const text = [...typed].every((d) => d === typed[0]) ? typed[0] : typed;
  for (let n = 0; n < visible.length; n++) {
    const k = visible[(start + n) % visible.length];
    if (nameOf(k).toLowerCase().startsWith(text)) return select(k);
  }
}

treeEl.addEventListener("keydown", (e) => {
  hover(-1);
  if (e.altKey || e.metaKey || e.ctrlKey || !visible.length) return;
  const at = placeOf.get(seen(current)) ?? 0, k = visible[at];
  const go = (n) => select(visible[Math.max(0, Math.min(visible.length - 1, n))]);
  switch (e.key) {
    case "ArrowDown": go(at + 1); break;
    case "ArrowUp": go(at - 1); break;
    case "PageDown": go(at + tree.page); break;
    case "PageUp": go(at - tree.page); break;
    case "Home": go(0); break;
    case "End": go(visible.length - 1); break;
    case "ArrowRight": if (parts[k] && !opened()[k]) setOpen(k, true); else if (parts[k]) go(at + 1); break;
    case "ArrowLeft": if (parts[k] && opened()[k]) setOpen(k, false); else if (parent[k] >= 0) select(parent[k]); break;
    case " ": setOpen(k, !opened()[k]); break;
    case "Enter": select(k); hexEl.focus(); break;
    case "*":
      for (let s = parent[k] < 0 ? 0 : parent[k] + 1; s < size && parent[s] === parent[k]; s = after[s]) if (parts[s]) opened()[s] = 1;
      layTree(); select(k, { bytes: false }); break;
    case "/": $("filter").focus(); break;
    default:
      if (e.key.length !== 1) return;
      typeAhead(e.key.toLowerCase());
  }
  e.preventDefault();
});
treeEl.addEventListener("focus", () => { if (visible.length && treeEl.matches(":focus-visible")) select(seen(current)); });
const fieldUnder = (e) => { const el = e.target.closest?.(".field"); return el ? Number(el.dataset.row) : -1; };
treeEl.addEventListener("click", (e) => {
  const k = fieldUnder(e);
  if (k < 0) return;
  if (e.target.closest(".twist")) setOpen(k, !opened()[k]);
  else select(k, { field: false });
});
treeEl.addEventListener("dblclick", (e) => { const k = fieldUnder(e); if (k >= 0 && !e.target.closest(".twist")) setOpen(k, !opened()[k]); });
treeEl.addEventListener("mousemove", (e) => hover(fieldUnder(e)));
treeEl.addEventListener("mouseleave", () => hover(-1));

/** Shows a field in passing. */
function hover(k) {
  if (k === hovered) return;
  hovered = k;
  hoverRow = k < 0 ? -1 : seen(k);
  paintFields();
  paintBytes();
  detail(k < 0 ? current : k);
}

// ---- filter ----

const filterEl = $("filter"), found = $("found");
let haystack;
function applyFilter() {
  query = filterEl.value.trim().toLowerCase();
  found.textContent = "";
  if (query) {
    haystack ??= Array.from({ length: size }, (_, k) => `${nameOf(k)}\n${valueText(k)}\n${strings[meaningOf[k]]}`.toLowerCase());
    kept.fill(0);
    openFound.fill(0);
    let hits = 0;
    for (let k = 0; k < size; k++) {
      if (!haystack[k].includes(query)) continue;
      hits++;
      // what lies in a hit may be opened, what leads to it is open
      kept.fill(1, k, after[k]);
      for (let p = parent[k]; p >= 0 && !openFound[p]; p = parent[p]) { kept[p] = 1; openFound[p] = 1; }
    }
    found.textContent = hits === 1 ? "1 hit" : `${hits.toLocaleString("en")} hits`;
  }
  layTree();
  const k = seen(current);
  if (k >= 0) { tree.show(placeOf.get(k)); paintFields(); }
  else if (visible.length) treeEl.scrollTop = 0;
}
function clearFilter() {
  filterEl.value = "";
  applyFilter();
}
let waiting;
filterEl.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(applyFilter, size > 5000 ? 120 : 0); });
filterEl.addEventListener("keydown", (e) => {
  if (e.key === "Escape") { clearFilter(); e.preventDefault(); }
  if (e.key === "ArrowDown" || e.key === "Enter") {
    clearTimeout(waiting);
    applyFilter();
    const hit = query ? visible.find((k) => haystack[k].includes(query)) : visible[0];
    if (hit !== undefined) { treeEl.focus(); select(hit); }
    e.preventDefault();
  }
});
document.addEventListener("keydown", (e) => {
  if (e.key === "/" && !e.ctrlKey && !e.metaKey && e.target !== filterEl) { filterEl.focus(); e.preventDefault(); }
  if (e.key === "Escape") for (const el of document.querySelectorAll("header details[open]")) { el.open = false; el.querySelector("summary").focus(); }
});
document.addEventListener("click", (e) => {
  for (const el of document.querySelectorAll("header details[open]")) if (!el.contains(e.target)) el.open = false;
});
$("open-all").addEventListener("click", () => { for (let k = 0; k < size; k++) if (parts[k]) opened()[k] = 1; layTree(); select(current, { bytes: false }); });
$("close-all").addEventListener("click", () => { opened().fill(0); layTree(); if (visible.length) select(seen(current), { bytes: false }); });

// ---- the bytes ----

const hexEl = $("hex");
const hex = new Roll(hexEl, drawLine, "rowgroup");
hex.drawn = () => paintBytes();
hex.moved = () => hex.show(lineOf(cursor));
const shown = new Set();
const FEWEST = 3;
let columns = 16, lines = [];

/** Lines of bytes; runs of zeros from three lines on take one, unless they are asked for. */
function layBytes() {
  lines = [];
  for (let at = 0; at < length;) {
    let end = at;
    while (end + columns <= length && isZero(end, end + columns)) end += columns;
    if (end - at >= FEWEST * columns && !shown.has(at)) { lines.push({ at, end, run: true }); at = end; continue; }
    // a run that was asked for stays as it is
    const stop = Math.max(end, Math.min(at + columns, length));
    for (; at < stop; at += columns) lines.push({ at, end: Math.min(at + columns, length), run: false });
  }
  hex.rule(ruler());
  hexEl.setAttribute("aria-rowcount", lines.length);
  hexEl.setAttribute("aria-colcount", columns);
  hex.set(lines.length);
}
/** A full line that is not seen: it holds the width. */
function ruler() {
  const el = make("div", "line");
  const ascii = make("span", "ascii");
  el.append(make("span", "place", "0".repeat(digits)));
  for (let n = 0; n < columns; n++) { el.append(make("b", "", "00")); ascii.append(make("i", "", "0")); }
  el.append(ascii);
  return el;
}
function lineOf(offset) {
  let lo = 0, hi = lines.length - 1;
  while (lo < hi) {
    const mid = (lo + hi + 1) >> 1;
    if (lines[mid].at <= offset) lo = mid; else hi = mid - 1;
  }
  return lo;
}

function drawLine(n) {
  const { at, end, run } = lines[n];
  const el = make("div", "line");
  el.setAttribute("role", "row");
  el.setAttribute("aria-rowindex", n + 1);
  const place = make("span", "place", column(at));
  place.setAttribute("role", "rowheader");
  el.append(place);
  if (run) {
    const cell = make("span", "run", count(end - at, "zero byte"));
    cell.setAttribute("role", "gridcell");
    cell.setAttribute("aria-colspan", columns);
    cell.id = `b${at}`;
    cell.dataset.at = at;
    cell.dataset.end = end;
    cell.title = `to ${position(end - 1)}; double-click or space to see them`;
    el.append(cell);
    return el;
  }
  const ascii = make("span", "ascii");
  ascii.setAttribute("aria-hidden", "true");
  for (let k = at; k < at + columns; k++) {
    const cell = make("b", "", k < end ? HEX[bytes[k]] : "  ");
    if (k < end) {
      const b = bytes[k];
      cell.setAttribute("role", "gridcell");
      cell.id = `b${k}`;
      cell.dataset.at = k;
      const c = make("i", b > 32 && b < 127 ? "" : "zero", b >= 32 && b < 127 ? String.fromCharCode(b) : "\u00b7");
      c.dataset.at = k;
      if (b === 0) cell.classList.add("zero");
      if (wrong[k]) cell.classList.add("wrong");
      if (band[k]) cell.classList.add("band");
      ascii.append(c);
    } else cell.className = "pad";
    el.append(cell);
  }
  el.append(ascii);
  return el;
}

/** The bytes to mark for a field; none where it is all of them: to mark all is to mark nothing. */
function extent(k) {
  if (k < 0 || k >= size) return { at: 0, end: 0, group: false };
  const group = parts[k] > 0 && kindOf(k) !== "number";
  return group && from[k] <= 0 && to[k] >= length ? { at: 0, end: 0, group } : { at: from[k], end: to[k], group };
}

function paintBytes() {
  const mine = extent(current), passing = extent(hovered);
  for (const el of hex.slice.querySelectorAll("[data-at]")) {
    const at = Number(el.dataset.at), end = el.dataset.end ? Number(el.dataset.end) : at + 1;
    const on = at < mine.end && end > mine.at, over = !on && at < passing.end && end > passing.at;
    const { at: first, end: last } = on ? mine : passing;
    const list = el.classList;
    list.toggle("on", on);
    list.toggle("part", on && mine.group);
    list.toggle("hover", over);
    list.toggle("first", (on || over) && at === first);
    list.toggle("last", (on || over) && end === last);
    if (el.dataset.end) {
      const some = Math.min(end, last) - Math.max(at, first);
      el.dataset.some = (on || over) && some < end - at ? `, ${some.toLocaleString("en")} of them here` : "";
    }
    const here = cursor >= at && cursor < end && el.id !== "";
    if (here !== list.contains("cursor")) {
      list.toggle("cursor", here);
      if (here) el.setAttribute("aria-label", sayByte(at, end)); else el.removeAttribute("aria-label");
    }
  }
  const cell = cellOf(cursor);
  if (cell) hexEl.setAttribute("aria-activedescendant", cell.id); else hexEl.removeAttribute("aria-activedescendant");
}
function cellOf(offset) {
  const n = lineOf(offset), line = lines[n];
  if (!line || !hex.row(n)) return null;
  return $(`b${line.run ? line.at : offset}`);
}
function sayByte(at, end) {
  const what = end - at > 1 ? count(end - at, "zero byte") : HEX[bytes[at]];
  const k = owner[at];
  return `${what} at ${position(at)}${k < 0 ? "" : `, ${pathText(k)} ${valueText(k)} ${strings[meaningOf[k]]}`}`.trim();
}

function showBytes(first, last) {
  if (!lines.length) return;
  const n = lineOf(within(first)), m = lineOf(Math.max(0, within(last) - 1));
  // the end too, where both fit
  if (m - n < hex.page) hex.show(m);
  hex.show(n);
}

/** Moves the byte cursor, and takes the field of its byte in hand. */
function point(offset) {
  cursor = Math.max(0, Math.min(length - 1, offset));
  hex.show(lineOf(cursor));
  take();
}
function take() {
  const k = owner[cursor];
  if (k >= 0) select(k, { bytes: false }); else paintBytes();
}
function unfold(at) {
  shown.add(at);
  layBytes();
  paintBytes();
}

hexEl.addEventListener("keydown", (e) => {
  hover(-1);
  if (e.altKey || e.metaKey || !length) return;
  const n = lineOf(cursor), line = lines[n], col = line.run ? 0 : cursor - line.at;
  const to_ = (m) => { const l = lines[Math.max(0, Math.min(lines.length - 1, m))]; point(l.run ? l.at : Math.min(l.at + col, l.end - 1)); };
  switch (e.key) {
    case "ArrowRight": point(line.run ? line.end : cursor + 1); break;
    case "ArrowLeft": {
      const before = lines[lineOf((line.run ? line.at : cursor) - 1)];
      point(before.run ? before.at : (line.run ? line.at : cursor) - 1);
      break;
    }
    case "ArrowDown": to_(n + 1); break;
    case "ArrowUp": to_(n - 1); break;
    case "PageDown": to_(n + hex.page); break;
    case "PageUp": to_(n - hex.page); break;
    case "Home": point(e.ctrlKey ? 0 : line.at); break;
    case "End": point(e.ctrlKey ? length - 1 : line.end - 1); break;
    case " ": if (line.run) unfold(line.at); break;
    case "Enter": take(); treeEl.focus(); break;
    default: return;
  }
  e.preventDefault();
});
const byteUnder = (e) => { const el = e.target.closest?.("[data-at]"); return el ? Number(el.dataset.at) : -1; };
hexEl.addEventListener("click", (e) => {
  const at = byteUnder(e);
  if (at < 0) return;
  cursor = at;
  take();
});
hexEl.addEventListener("dblclick", (e) => { if (e.target.classList.contains("run")) unfold(byteUnder(e)); });
hexEl.addEventListener("mousemove", (e) => { const at = byteUnder(e); hover(at < 0 ? -1 : owner[at]); });
hexEl.addEventListener("mouseleave", () => hover(-1));

// ---- the field in hand ----

function detail(k) {
  if (k < 0 || k >= size) return;
  const path = make("span", "path");
  pathOf(k).forEach((name, n) => {
    if (n && !name.startsWith("[")) path.append(make("span", "sep", "."));
    path.append(make("bdi", "", short(name)));
  });
  const where = make("div");
  where.append(path, make("span", "span", spanText(k)));
  const what = make("div", `what ${kindOf(k)}${kindOf(k) === "says" && parts[k] ? " sum" : ""}`);
  const add = (name, text) => { if (text) what.append(make("span", name, text), " "); };
  const value = valueText(k);
  add("value", value);
  add("meaning", strings[meaningOf[k]]);
  const problem = problems.get(k);
  add("wrong-here", problem);
  add("about", aboutOf(k));
  const first = within(from[k]), last = within(to[k]);
  if (!parts[k] && last > first && last - first <= 32 && value !== hexText(first, last, 16)) add("span", hexText(first, last, 32));
  $("detail").replaceChildren(where, what);
}

// ---- start ----

/** Opens fields, level by level, as long as all is easily overseen; and what leads to problems. */
function openSome() {
  const ROOM = 60, MANY = 40;
  let rows = tops, level = [];
  for (let k = 0; k < size; k = after[k]) level.push(k);
  for (let depth = 0; level.length; depth++) {
    const next = [];
    for (const k of level) {
      const folded = shapes[shapeOf[k]][6] || kindOf(k) === "number";
      const dull = isZero(within(from[k]), within(to[k]));
      if (!parts[k] || (depth && (folded || dull || parts[k] > MANY || rows + parts[k] > ROOM))) continue;
      open[k] = 1;
      rows += parts[k];
      for (let p = k + 1; p < after[k]; p = after[p]) next.push(p);
    }
    level = next;
  }
  let n = 0;
  for (const k of problems.keys()) {
    if (++n > 12) break;
    for (let p = parent[k]; p >= 0; p = parent[p]) open[p] = 1;
  }
}
function followLink() {
  const k = /^#f(\d+)$/.exec(location.hash);
  if (!k || Number(k[1]) >= size) return;
  select(Number(k[1]));
  treeEl.focus();
}
// the same link twice is a link too
document.querySelector(".problems")?.addEventListener("click", (e) => {
  const link = e.target.closest("a");
  if (!link) return;
  e.preventDefault();
  history.replaceState(null, "", link.hash);
  link.closest("details").open = false;
  followLink();
});

const narrow = matchMedia("(max-width: 36rem)");
function fit() {
  const before = cursor;
  columns = narrow.matches ? 8 : 16;
  shown.clear();
  layBytes();
  if (length) hex.show(lineOf(before));
}
narrow.addEventListener("change", fit);
const whole = (yes) => {
  for (const roll of [hex, tree]) { roll.whole = yes; roll.first = -1; roll.fill(); }
  const list = document.querySelector(".problems");
  if (list) list.open = yes;
};
addEventListener("beforeprint", () => whole(true));
addEventListener("afterprint", () => whole(false));
addEventListener("hashchange", followLink);

openSome();
layTree();
fit();
if (size) select(0, { bytes: false });
followLink();
