"use strict";
// What the page knows of the graph, and the words that stand in its boxes.

const graph = JSON.parse(document.getElementById("graph").textContent);

const when = new Map(graph.walk.map((n, i) => [n, i + 1])); // node -> the step it has its turn

graph.modules.forEach((module, m) => {
  const outer = graph.modules[module.parent];
  module.path = outer ? outer.path + "." + module.name : module.name;
  module.depth = outer ? outer.depth + 1 : 0;
  module.nodes = [];
});
graph.nodes.forEach((node, n) => {
  node.before = n;
  node.leaves = new Set(); // the modules whose result it is
  node.bad = [...node.values, ...node.grads].some((fact) => fact[3]);
  node.home = node.module; // where it was computed
  for (let m = node.module; m >= 0; m = graph.modules[m].parent) graph.modules[m].nodes.push(n);
});
// A module that is no more than one kind of op, an activation say, often runs in several places:
// its ops stand in the module around it.
graph.modules.forEach((module, m) => {
  const nodes = module.nodes.map((n) => graph.nodes[n]);
  const [{ name }] = nodes;
  if (nodes.every((node) => node.home === m && node.kind === "op" && node.name === name))
    for (const node of nodes) node.module = module.parent;
});
for (const [a, b] of graph.edges) {
  const node = graph.nodes[a];
  const around = chain(graph.modules, graph.nodes[b].module);
  for (const m of chain(graph.modules, node.module)) if (!around.includes(m)) node.leaves.add(m);
  if (node.kind === "param" || node.kind === "leaf" || node.kind === "constant")
    node.before = node.before === a || b < node.before ? b - 0.5 : node.before;
}

const members = (key) => key[0] === "m" ? graph.modules[+key.slice(1)].nodes : [+key.slice(1)];
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const cut = (text, n) => text.length <= n ? text : text.slice(0, n - 1) + "…";

// A number in four digits, however small or large.
function short(x) {
  if (!Number.isFinite(x)) return String(x);
  const size = Math.abs(x);
  const plain = !x || (size >= 1e-3 && size < 1e5);
  return plain ? String(+x.toPrecision(4)) : x.toExponential(2).replace("e+", "e");
}

function thousands(n) {
  const units = ["", " K", " M", " G", " T"];
  let i = 0;
  for (; n >= 1000 && i < 4; i++) n /= 1000;
  return `${i ? n.toFixed(1) : n}${units[i]}`;
}

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
    flops: [0, 1].map((i) => ops.reduce((sum, node) => sum + node.flops[i], 0)),
    time: [0, 1].map((i) => ops.reduce((sum, node) => sum + node.time[i], 0)),
    norm: norms.length ? short(Math.hypot(...norms)) : "",
    shape: (nodes.findLast((node) => node.leaves.has(m)) || { shapes: [""] }).shapes[0],
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
    const norm = sum.norm && `parameters' ‖grad‖ ${sum.norm}`;
    const lines = [sum.shape, plural(sum.ops, "op") + (size && ` · ${size}`)];
    return { kind: "module", title: cut(title, 40), lines, norm };
  }
  const node = graph.nodes[+key.slice(1)];
  const inModule = node.module >= 0 && node.kind === "param";
  const name = inModule ? node.name.split(".").at(-1) : node.name;
  const single = node.values.length === 1 && node.shapes.length === 1 && scalar(node.shapes[0]);
  let line = node.shapes[0] || "not kept";
  if (node.shapes.length > 1) line += ` + ${node.shapes.length - 1} more`;
  if (single) line += ` = ${node.values[0][2]}`;
  if (node.kind === "output" && !node.graph) line += " · no graph";
  const fact = node.grads[0];
  const norm = fact && (scalar(node.shapes[0]) ? `grad ${fact[2]}` : `‖grad‖ ${fact[1]}`);
  return { kind: node.kind, title: cut(name, 32), lines: [line], norm: norm || "" };
}

const scalar = (shape) => !!shape && shape.endsWith("[]");

// The width of a text; setting a font is slow, so each has a context of its own.
function ruler(font) {
  const pen = document.createElement("canvas").getContext("2d");
  const widths = new Map();
  pen.font = font + " system-ui, sans-serif";
  return (text) => {
    if (!widths.has(text)) widths.set(text, pen.measureText(text).width);
    return widths.get(text);
  };
}
const small = ruler("11px"), strong = ruler("600 11px"), large = ruler("600 13px");

const measure = {
  box(key) {
    const { title, lines, norm } = words(key);
    const rows = lines.filter(Boolean).length + (norm ? 1 : 0);
    const texts = [large(title), ...lines.map(small), strong(norm)];
    return { w: Math.round(Math.max(48, ...texts) + 22), h: 26 + 14 * rows };
  },
  title: (m) => large(frameTitle(m)) + 30,
};
function frameTitle(m) {
  const { name, type } = graph.modules[m];
  return "▾ " + cut(name + (type ? ` · ${type}` : ""), 48);
}
