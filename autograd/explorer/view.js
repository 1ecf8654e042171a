"use strict";
// What the page shows: the boxes and edges that `layOut` has placed, the step, the card.

const by = (id) => document.getElementById(id);
const svg = by("canvas"), world = by("world");
const open = new Set();
const state = { x: 0, y: 0, scale: 1, step: graph.walk.length, stepping: false,
  pinned: null, playing: 0 };
let hits = [], hit = -1, hitKeys = new Set();
let shown = [], drawn = new Map(), backs = [], wires = [], picture = null, returns = null;

// -- drawing --------------------------------------------------------------------------------------

function add(parent, tag, attributes, text) {
  const element = document.createElementNS(svg.namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function draw() {
  shown = visibleBoxes(graph, open);
  picture = layOut(graph, open, measure);
  drawn = new Map();
  [wires, backs] = [[], []];
  world.replaceChildren();
  picture.frames.forEach(drawFrame);
  const lines = document.createElementNS(svg.namespaceURI, "g");
  for (const wire of picture.wires) drawWire(wire, lines);
  world.append(lines); // as one: the browser looks at each change of the page
  returns = add(world, "g", {});
  for (const { key, x, y } of picture.frames) {
    const place = { class: "title heading", x: x + 12, y: y + 17 };
    add(world, "text", place, frameTitle(+key.slice(1)));
  }
  for (const box of picture.boxes) drawn.set(box.key, { ...box, g: null });
  if (state.pinned && !drawn.has(state.pinned)) pin(null);
  mark();
  search();
  drawVisible();
}

// Boxes are drawn when they first come into view: few of thousands ever do.
function drawVisible() {
  const { width, height } = svg.getBoundingClientRect();
  const [left, top] = [-state.x / state.scale, -state.y / state.scale];
  const [right, bottom] = [left + width / state.scale, top + height / state.scale];
  for (const box of drawn.values())
    if (!box.g && box.x < right && box.x + box.w > left && box.y < bottom && box.y + box.h > top) {
      drawBox(box);
      dress(box);
    }
}

function drawFrame({ key, x, y, w, h }) {
  const m = +key.slice(1), odd = graph.modules[m].depth % 2 ? "frame" : "frame odd";
  const g = add(world, "g", { class: odd, "data-key": key });
  add(g, "rect", { class: "inside", x, y, width: w, height: h, rx: 10 });
  add(g, "rect", { class: "strip", x, y, width: w, height: 24 });
  drawn.set(key, { key, g, x, y, w, h });
}

function drawBox(box) {
  const { key, x, y, w, h } = box;
  const { kind, title, lines, norm } = words(key);
  const bad = members(key).some((n) => graph.nodes[n].bad);
  const g = add(world, "g", { class: `box ${kind}${bad ? " wrong" : ""}`, "data-key": key });
  if (kind === "module") add(g, "rect", { x: x + 3, y: y + 3, width: w, height: h, rx: 7 });
  const round = kind === "param" || kind === "leaf" || kind === "constant" ? 14 : 7;
  add(g, "rect", { x, y, width: w, height: h, rx: round });
  add(g, "text", { class: "title", x: x + w / 2, y: y + 18 }, title);
  let row = y + 33;
  for (const line of lines.filter(Boolean)) {
    add(g, "text", { class: "sub", x: x + w / 2, y: row }, line);
    row += 14;
  }
  if (norm) add(g, "text", { class: "grad", x: x + w / 2, y: row }, norm);
  if (bad) {
    const badge = add(g, "g", { class: "badge" });
    const place = { x: x + w - 28, y: y - 8, width: 34, height: 16, rx: 8 };
    add(badge, "rect", { class: "badge-fill", ...place });
    add(badge, "text", { x: x + w - 11, y: y + 4 }, badWord(key));
  }
  box.g = g;
}

function badWord(key) {
  const facts = members(key).flatMap((n) => [...graph.nodes[n].values, ...graph.nodes[n].grads]);
  return facts.some((fact) => fact[3].includes("NaN")) ? "NaN" : "inf";
}

// Down from point to point, upright at each.
function path(points) {
  let d = `M${points[0]}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = points[i - 1], [x, y] = points[i];
    const bow = (y - b) / 2;
    d += a === x ? `L${x},${y}` : `C${a},${b + bow} ${x},${y - bow} ${x},${y}`;
  }
  return d;
}

// To the side.
function flatPath([a, b], [x, y]) {
  const bow = (x - a) / 2;
  return `M${a},${b}C${a + bow},${b} ${x - bow},${y} ${x},${y}`;
}

function drawWire(wire, lines) {
  const d = wire.flat ? flatPath(...wire.points) : path(wire.points);
  const quiet = wire.quiet || wire.back ? " quiet" : "";
  const line = add(lines, "path", { class: "wire" + quiet, d });
  if (wire.arrow) line.setAttribute("marker-end", "url(#tip)");
  wires.push({ line, pairs: wire.pairs });
  const pairs = wire.pairs.map((pair) => pair.split(">"));
  if (pairs.every(([, to]) => to[0] === "n" && graph.nodes[+to.slice(1)].kind === "output")) return;
  if (wire.quiet) return;
  backs.push({ d, begins: wire.begins, aside: wire.flat ? "0 6" : "6 0", pairs });
}

// The edges of backward are drawn when they are first asked for.
function drawBacks() {
  if (returns.childElementCount) return;
  for (const back of backs) {
    back.line = add(returns, "path", { class: "back", d: back.d, transform: `translate(${back.aside})` });
    if (back.begins) back.line.setAttribute("marker-start", "url(#backtip)");
  }
}

// -- backward, step by step -----------------------------------------------------------------------

function turn(key) {
  return key[0] === "m" ? sums(+key.slice(1)).first : when.get(+key.slice(1)) || Infinity;
}

// What a box shows of the step and of the search.
function dress({ key, g }) {
  if (!g) return;
  const { step, stepping } = state;
  g.classList.toggle("got", turn(key) <= step);
  g.classList.toggle("now", stepping && step > 0 && key === shown[graph.walk[step - 1]]);
  g.classList.toggle("hit", hitKeys.has(key));
  g.classList.toggle("pinned", key === state.pinned);
}

function mark() {
  const { step, stepping } = state;
  svg.classList.toggle("stepping", stepping);
  drawn.forEach(dress);
  if (stepping || by("back").checked) {
    drawBacks();
    for (const { line, pairs } of backs)
      line.classList.toggle("got", pairs.some(([a, b]) => turn(b) <= step && turn(a) <= step));
  }
  by("step").value = step;
  by("says").textContent = says(step, graph.walk.length);
}

// Leave off stepping: all gradients are there.
function rest() {
  Object.assign(state, { step: graph.walk.length, stepping: false });
  mark();
}

function says(step, last) {
  if (!step) return `backward has ${plural(last, "step")}: it begins at the output`;
  const n = graph.walk[step - 1], node = graph.nodes[n];
  const where = node.home >= 0 ? ` in ${graph.modules[node.home].path}` : "";
  const fact = node.grads[0];
  const norm = fact ? `, ‖grad‖ ${fact[1]}${fact[3] ? ` (${fact[3]})` : ""}` : "";
  return `step ${step} of ${last}: ${node.name}${where}${norm}`;
}

function go(step) {
  state.step = Math.max(0, Math.min(graph.walk.length, step));
  state.stepping = true;
  mark();
  if (state.step) follow(shown[graph.walk[state.step - 1]]);
}

function play() {
  clearInterval(state.playing);
  const start = !state.playing;
  state.playing = 0;
  by("play").textContent = start ? "pause" : "play";
  if (!start) return;
  if (state.step === graph.walk.length) go(0);
  const pause = Math.max(30, Math.min(500, 15000 / graph.walk.length));
  state.playing = setInterval(() => {
    if (state.step < graph.walk.length) go(state.step + 1);
    else play();
  }, pause);
}

// -- the card -------------------------------------------------------------------------------------

function card(key) {
  const box = by("card");
  box.hidden = !key;
  if (!key) return;
  const list = document.createElement("dl");
  const row = (name, text, kind) => {
    if (!text) return;
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name;
    if (kind) dd.className = kind;
    const code = kind === "code" ? dd.appendChild(document.createElement("code")) : dd;
    code.textContent = text;
    list.append(dt, dd);
  };
  const title = document.createElement("h2"), below = document.createElement("p");
  if (key[0] === "m") describeModule(+key.slice(1), title, below, row);
  else describeNode(graph.nodes[+key.slice(1)], title, below, row);
  box.replaceChildren(title, below, list);
}

function describeModule(m, title, below, row) {
  const module = graph.modules[m], sum = sums(m);
  title.textContent = module.name + (module.type ? ` · ${module.type}` : "");
  below.textContent = module.path;
  row("ops", sum.ops.toLocaleString("en"));
  row("parameters", sum.params && `${sum.values.toLocaleString("en")} in ${sum.params} arrays`);
  row("keeps", bytes(sum.saved));
  spent(sum, row);
  row("‖grad‖", sum.norm && `${sum.norm}, of all parameters together`);
  row("gives", sum.shape);
  row("", sum.bad && "NaN or inf inside: unfold to find it", "bad");
  row("click", open.has(m) ? "the title to fold" : "to unfold");
}

// What an op, or all those of a module, take forward and backward.
function spent({ flops, time }, row) {
  if (flops[0] || flops[1]) row("FLOPs", flops.map(thousands).join(" + "));
  if (time[0] || time[1]) row("time", time.map((ns) => `${short(ns / 1e6)} ms`).join(" + "));
}

const KINDS = { op: "operation", param: "parameter", leaf: "leaf", output: "result",
  constant: "constant: no gradient goes there" };

function describeNode(node, title, below, row) {
  title.textContent = node.name;
  const path = node.home >= 0 ? ` in ${graph.modules[node.home].path}` : "";
  below.textContent = KINDS[node.kind] + path;
  const which = (i) => (node.shapes.length > 1 ? ` ${i}` : "");
  row("from", (node.inputs || []).join("\n"));
  row(node.kind === "op" ? "gives" : "shape", node.shapes.join("\n"));
  for (const [i, norm, text, bad] of node.values) {
    row("value" + which(i), text);
    row("‖value‖" + which(i), norm);
    row("", bad && `${bad} in the value`, "bad");
  }
  for (const [i, norm, text, bad] of node.grads) {
    row("grad" + which(i), text);
    row("‖grad‖" + which(i), norm);
    row("", bad && `${bad} in the gradient`, "bad");
  }
  if (node.kind === "op") {
    row("keeps", bytes(node.saved));
    spent(node, row);
  }
  row("with", (node.args || []).join("\n"), "code");
  row("at", node.where, "code");
  row("", node.line, "code");
}

function light(key) {
  for (const { line, pairs } of wires)
    line.classList.toggle("lit", !!key && pairs.some((pair) => pair.split(">").includes(key)));
}

function pin(key) {
  state.pinned = key;
  drawn.forEach(dress);
  by("card").classList.toggle("pinned", !!key);
  card(key);
  light(key);
}
