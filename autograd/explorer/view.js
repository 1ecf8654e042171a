"use strict";
// The page: draws what `layOut` has placed, and answers the mouse, the keys and the slider.

const graph = JSON.parse(document.getElementById("graph").textContent);
const by = (id) => document.getElementById(id);
const svg = by("canvas"), world = by("world");
const open = new Set();
const state = { x: 0, y: 0, scale: 1, step: graph.walk.length, pinned: null, playing: 0 };
let shown = [], drawn = new Map(), backs = [], wires = [], picture = null;

// -- what there is to know ------------------------------------------------------------------------

const when = new Map(graph.walk.map((n, i) => [n, i + 1])); // node -> the step it has its turn

graph.modules.forEach((module, m) => {
  const outer = graph.modules[module.parent];
  module.path = outer ? outer.path + "." + module.name : module.name;
  module.depth = outer ? outer.depth + 1 : 0;
  module.nodes = [];
});
graph.nodes.forEach((node, n) => {
  node.before = n;
  node.bad = [...node.values, ...node.grads].some((fact) => fact[3]);
  for (let m = node.module; m >= 0; m = graph.modules[m].parent) graph.modules[m].nodes.push(n);
});
for (const [a, b] of graph.edges) {
  const node = graph.nodes[a];
  if (node.kind === "param" || node.kind === "leaf" || node.kind === "constant")
    node.before = node.before === a || b < node.before ? b - 0.5 : node.before;
}

const members = (key) => key[0] === "m" ? graph.modules[+key.slice(1)].nodes : [+key.slice(1)];
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const cut = (text, n) => text.length <= n ? text : text.slice(0, n - 1) + "…";

function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let i = 0;
  for (; n >= 1024 && i < 3; i++) n /= 1024;
  return `${i ? n.toFixed(n < 10 ? 2 : 1) : n} ${units[i]}`;
}

// A module in numbers, worked out when first asked for.
function sums(m) {
  const module = graph.modules[m];
  if (module.sums) return module.sums;
  const nodes = module.nodes.map((n) => graph.nodes[n]);
  const params = nodes.filter((node) => node.kind === "param");
  const norms = params.flatMap((node) => node.grads.map((fact) => parseFloat(fact[1])));
  const ops = nodes.filter((node) => node.kind === "op");
  module.sums = {
    ops: ops.length,
    params: params.length,
    values: params.reduce((sum, node) => sum + node.size, 0),
    saved: ops.reduce((sum, node) => sum + node.saved, 0),
    norm: norms.length ? Math.hypot(...norms).toPrecision(4) : "",
    bad: nodes.some((node) => node.bad),
    first: Math.min(...module.nodes.map((n) => when.get(n) || Infinity)),
  };
  return module.sums;
}

// The lines written in a box: a title, two lines below it, and the gradient.
function words(key) {
  if (key[0] === "m") {
    const m = +key.slice(1), module = graph.modules[m], sum = sums(m);
    const size = sum.params ? `${sum.values.toLocaleString("en")} parameters` : "";
    const title = "▸ " + module.name + (module.type ? ` · ${module.type}` : "");
    const norm = sum.norm && `‖∇parameters‖ ${sum.norm}`;
    return { kind: "module", title: cut(title, 40), lines: [plural(sum.ops, "op"), size], norm };
  }
  const node = graph.nodes[+key.slice(1)];
  const inModule = node.module >= 0 && node.kind === "param";
  const name = inModule ? node.name.split(".").at(-1) : node.name;
  const single = node.values.length === 1 && node.shapes.length === 1 && scalar(node.shapes[0]);
  let line = node.shapes[0] || "";
  if (node.shapes.length > 1) line += ` + ${node.shapes.length - 1} more`;
  if (single) line += ` = ${node.values[0][2]}`;
  if (node.kind === "output" && !node.graph) line += " · no graph";
  const fact = node.grads[0];
  const norm = fact && (scalar(node.shapes[0]) ? `grad ${fact[2]}` : `‖grad‖ ${fact[1]}`);
  return { kind: node.kind, title: cut(name, 32), lines: [line], norm: norm || "" };
}

const scalar = (shape) => shape.endsWith("[]");

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();
function wide(text, font) {
  const key = font + text;
  if (!widths.has(key)) {
    pen.font = font;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}
const SMALL = "11px system-ui, sans-serif", LARGE = "600 13px system-ui, sans-serif";

const measure = {
  box(key) {
    const { title, lines, norm } = words(key);
    const rows = lines.filter(Boolean).length + (norm ? 1 : 0);
    const texts = [wide(title, LARGE), ...[...lines, norm].map((line) => wide(line, SMALL))];
    return { w: Math.round(Math.max(48, ...texts) + 22), h: 26 + 14 * rows };
  },
  title: (m) => wide(frameTitle(m), LARGE) + 30,
};
function frameTitle(m) {
  const { name, type } = graph.modules[m];
  return "▾ " + cut(name + (type ? ` · ${type}` : ""), 48);
}

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
  const [lines, returns] = [add(world, "g", {}), add(world, "g", {})];
  for (const wire of picture.wires) drawWire(wire, lines, returns);
  picture.boxes.forEach(drawBox);
  if (state.pinned && !drawn.has(state.pinned)) pin(null);
  mark();
  search();
}

function drawFrame({ key, x, y, w, h }) {
  const m = +key.slice(1), odd = graph.modules[m].depth % 2 ? "frame" : "frame odd";
  const g = add(world, "g", { class: odd, "data-key": key });
  add(g, "rect", { class: "inside", x, y, width: w, height: h, rx: 10 });
  add(g, "rect", { class: "strip", x, y, width: w, height: 24 });
  add(g, "text", { class: "title", x: x + 12, y: y + 17 }, frameTitle(m));
  drawn.set(key, { g, x, y, w, h });
}

function drawBox({ key, x, y, w, h }) {
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
    add(badge, "rect", { class: "badge-fill", x: x + w - 14, y: y - 8, width: 34, height: 16, rx: 8 });
    add(badge, "text", { x: x + w + 3, y: y + 4 }, badWord(key));
  }
  drawn.set(key, { g, x, y, w, h });
}

function badWord(key) {
  const facts = members(key).flatMap((n) => [...graph.nodes[n].values, ...graph.nodes[n].grads]);
  return facts.some((fact) => fact[3].includes("NaN")) ? "NaN" : "inf";
}

function drawWire(wire, lines, returns) {
  let d = `M${wire.points[0]}`;
  for (let i = 1; i < wire.points.length; i++) {
    const [a, b] = wire.points[i - 1], [x, y] = wire.points[i];
    const bow = (y - b) / 2;
    d += a === x ? `L${x},${y}` : `C${a},${b + bow} ${x},${y - bow} ${x},${y}`;
  }
  const kind = wire.source[0] === "n" ? graph.nodes[+wire.source.slice(1)].kind : "module";
  const quiet = kind === "constant" || wire.back ? " quiet" : "";
  const line = add(lines, "path", { class: "wire" + quiet, d });
  if (wire.arrow) line.setAttribute("marker-end", "url(#tip)");
  wires.push({ line, pairs: wire.pairs });
  const pairs = wire.pairs.map((pair) => pair.split(">"));
  if (pairs.every(([, to]) => to[0] === "n" && graph.nodes[+to.slice(1)].kind === "output")) return;
  if (kind === "constant") return;
  const back = add(returns, "path", { class: "back", d, transform: "translate(6 0)" });
  if (wire.begins) back.setAttribute("marker-start", "url(#backtip)");
  backs.push({ line: back, pairs });
}

// -- backward, step by step -----------------------------------------------------------------------

function turn(key) {
  return key[0] === "m" ? sums(+key.slice(1)).first : when.get(+key.slice(1)) || Infinity;
}

function mark() {
  const last = graph.walk.length, { step } = state;
  const current = step ? shown[graph.walk[step - 1]] : null;
  svg.classList.toggle("stepping", step < last);
  for (const [key, { g }] of drawn) {
    g.classList.toggle("got", turn(key) <= step);
    g.classList.toggle("now", key === current && step < last);
  }
  for (const { line, pairs } of backs)
    line.classList.toggle("got", pairs.some(([a, b]) => turn(b) <= step && turn(a) <= step));
  by("step").value = step;
  by("says").textContent = says(step, last);
}

function says(step, last) {
  if (!step) return `backward has ${plural(last, "step")}: it begins at the output`;
  const n = graph.walk[step - 1], node = graph.nodes[n];
  const where = node.module >= 0 ? ` in ${graph.modules[node.module].path}` : "";
  const fact = node.grads[0];
  const norm = fact ? `, ‖grad‖ ${fact[1]}${fact[3] ? ` (${fact[3]})` : ""}` : "";
  return `step ${step} of ${last}: ${node.name}${where}${norm}`;
}

function go(step) {
  state.step = Math.max(0, Math.min(graph.walk.length, step));
  mark();
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
  row("saved", bytes(sum.saved));
  row("‖∇params‖", sum.norm);
  row("", sum.bad && "NaN or inf inside: unfold to find it", "bad");
  row("click", open.has(m) ? "the title to fold" : "to unfold");
}

const KINDS = { op: "operation", param: "parameter", leaf: "leaf", output: "result",
  constant: "constant: no gradient goes there" };

function describeNode(node, title, below, row) {
  title.textContent = node.name;
  const path = node.module >= 0 ? ` in ${graph.modules[node.module].path}` : "";
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
  row("saved", node.kind === "op" && bytes(node.saved));
  row("with", (node.args || []).join("\n"), "code");
  row("at", node.where, "code");
  row("", node.line, "code");
}

function light(key) {
  for (const { line, pairs } of wires)
    line.classList.toggle("lit", !!key && pairs.some((pair) => pair.split(">").includes(key)));
}

function pin(key) {
  if (state.pinned && drawn.has(state.pinned))
    drawn.get(state.pinned).g.classList.remove("pinned");
  state.pinned = key;
  by("card").classList.toggle("pinned", !!key);
  if (key) drawn.get(key).g.classList.add("pinned");
  card(key);
  light(key);
}

// -- moving about ---------------------------------------------------------------------------------

function move() {
  world.setAttribute("transform", `translate(${state.x} ${state.y}) scale(${state.scale})`);
  svg.classList.toggle("far", state.scale < 0.28);
}

function zoom(factor, x, y) {
  const scale = Math.max(0.01, Math.min(3, state.scale * factor));
  state.x = x - ((x - state.x) * scale) / state.scale;
  state.y = y - ((y - state.y) * scale) / state.scale;
  state.scale = scale;
  move();
}

// Show the whole picture, though not below the scale `least`: then its beginning.
function fit(least = 0) {
  const { width, height } = svg.getBoundingClientRect();
  const whole = Math.min(width / (picture.w + 40), height / (picture.h + 40), 1.2);
  state.scale = Math.max(whole, least);
  state.x = (width - picture.w * state.scale) / 2;
  const free = (height - picture.h * state.scale) / 2;
  state.y = Math.max(20, free);
  move();
}

function centre(key) {
  const { width, height } = svg.getBoundingClientRect();
  const { x, y, w, h } = drawn.get(key);
  state.scale = Math.max(state.scale, 0.7);
  state.x = width / 2 - (x + w / 2) * state.scale;
  state.y = height / 2 - (y + Math.min(h, 200) / 2) * state.scale;
  move();
}

// Fold or unfold a module; its corner stays under the mouse.
function toggle(key) {
  const m = +key.slice(1), before = drawn.get(key);
  if (!open.delete(m)) open.add(m);
  pin(null);
  draw();
  const after = drawn.get(key);
  state.x += (before.x + before.w / 2 - after.x - after.w / 2) * state.scale;
  state.y += (before.y - after.y) * state.scale;
  move();
}

function level(change) {
  const depths = [...open].map((m) => graph.modules[m].depth);
  const depth = (depths.length ? Math.max(...depths) + 1 : 0) + change;
  graph.modules.forEach((module, m) => {
    if (module.depth < depth) open.add(m);
    else open.delete(m);
  });
  draw();
  fit(0.12);
}

// -- searching ------------------------------------------------------------------------------------

let hits = [], hit = -1;

function search() {
  const text = by("search").value.trim().toLowerCase();
  const has = (...words) => words.some((word) => word && word.toLowerCase().includes(text));
  hits = !text ? [] : graph.nodes.flatMap((node, n) => {
    const path = node.module >= 0 ? graph.modules[node.module].path : "";
    return has(node.name, path, node.where, ...node.shapes) ? [n] : [];
  });
  svg.classList.toggle("searching", !!text);
  const keys = new Set(hits.map((n) => shown[n]));
  for (const [key, { g }] of drawn) g.classList.toggle("hit", keys.has(key));
  by("found").textContent = text ? `${hits.length} found` : "";
}

// Unfold all around a node and go there.
function reveal(n) {
  for (let m = graph.nodes[n].module; m >= 0; m = graph.modules[m].parent) open.add(m);
  draw();
  pin("n" + n);
  centre("n" + n);
}

// -- events ---------------------------------------------------------------------------------------

const keyAt = (event) => {
  const g = event.target.closest("[data-key]");
  if (!g) return null;
  return g.classList.contains("frame") && !event.target.closest(".strip, text") ? null : g.dataset.key;
};

function listen() {
  let drag = null;
  svg.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, moved: false, key: keyAt(event) };
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    Object.assign(drag, { moved: true, x: event.clientX, y: event.clientY });
    state.x += dx;
    state.y += dy;
    move();
  });
  svg.addEventListener("pointerup", () => {
    const { key, moved } = drag || { moved: true };
    drag = null;
    if (moved) return;
    if (key && key[0] === "m") toggle(key);
    else pin(key === state.pinned ? null : key);
  });
  svg.addEventListener("pointerover", (event) => {
    if (state.pinned || drag) return;
    card(keyAt(event));
    light(keyAt(event));
  });
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { left, top } = svg.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - left, event.clientY - top);
  }, { passive: false });
  const click = (id, action) => by(id).addEventListener("click", action);
  click("fit", () => fit());
  click("more", () => level(1));
  click("less", () => level(-1));
  click("first", () => go(0));
  click("prev", () => go(state.step - 1));
  click("next", () => go(state.step + 1));
  click("play", play);
  click("bad", () => reveal(graph.nodes.findIndex((node) => node.bad)));
  by("back").addEventListener("change", (e) => svg.classList.toggle("backward", e.target.checked));
  by("step").addEventListener("input", (event) => go(+event.target.value));
  by("search").addEventListener("input", () => { hit = -1; search(); });
  document.addEventListener("keydown", keys);
}

function keys(event) {
  if (event.target === by("search")) {
    if (event.key === "Enter" && hits.length) reveal(hits[(hit = (hit + 1) % hits.length)]);
    if (event.key === "Escape") { by("search").value = ""; by("search").blur(); search(); }
    return;
  }
  const actions = { "/": () => by("search").focus(), f: () => fit(), " ": play,
    ArrowRight: () => go(state.step + 1), ArrowLeft: () => go(state.step - 1),
    Escape: () => pin(null) };
  if (!actions[event.key] || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  actions[event.key]();
}

// -- begin ----------------------------------------------------------------------------------------

// Unfold whole levels, the outer ones first, as long as the picture stays small.
function unfoldAtFirst(most = 70) {
  const deepest = Math.max(-1, ...graph.modules.map((module) => module.depth));
  for (let depth = 0; depth <= deepest; depth++) {
    const more = graph.modules.flatMap((module, m) => (module.depth === depth ? [m] : []));
    more.forEach((m) => open.add(m));
    if (new Set(visibleBoxes(graph, open)).size <= most) continue;
    if (depth) more.forEach((m) => open.delete(m));
    return;
  }
}

function begin() {
  const count = (kind) => graph.nodes.filter((node) => node.kind === kind).length;
  const bad = graph.nodes.filter((node) => node.bad).length;
  const facts = [plural(count("op"), "op"), plural(count("param"), "parameter")];
  if (graph.unused.length) facts.push(`${graph.unused.length} unused`);
  by("counts").textContent = facts.join(" · ");
  by("counts").title = graph.unused.length ? "unused: " + graph.unused.join(", ") : "";
  by("bad").hidden = !bad;
  by("bad").textContent = `⚠ NaN or inf in ${bad}`;
  by("step").max = graph.walk.length;
  unfoldAtFirst();
  draw();
  fit(0.5);
  listen();
}

begin();
