"use strict";
// Where everything goes. Each unfolded module is laid out by itself, innermost first, and is then
// one box in the module around it. A layout is Sugiyama's: layers by longest path, few crossings by
// barycentres, then coordinates. Edges enter and leave a module through ports on its border.

const GAP = { x: 18, y: 30, frame: 14, title: 32 };
const [LIGHT, SIDE, MAIN] = [0.01, 1, 1e4]; // how strongly an edge keeps straight
const MAX_BENDS = 4000; // with more, long edges are straight

// {boxes, frames, wires} of the graph's visible part; `measure` has functions: `box(key)` gives a
// box's {w, h}, `title(m)` the width of a frame's title.
function layOut(graph, open, measure) {
  const { modules } = graph;
  const levels = new Map(); // module -> {items, edges} of its unfolded inside; -1 is the whole
  const levelOf = (m) => {
    if (!levels.has(m)) {
      levels.set(m, { items: new Map(), edges: new Map() });
      if (m >= 0) item(modules[m].parent, "m" + m);
    }
    return levels.get(m);
  };
  const item = (m, key) => {
    const { items } = levelOf(m);
    if (!items.has(key)) items.set(key, { key, rank: Infinity, source: true, kind: "module" });
    return items.get(key);
  };
  const edge = (m, from, to, source, pair, quiet) => {
    const { edges } = levelOf(m);
    const key = from + ">" + to + ">" + source;
    if (!edges.has(key)) edges.set(key, { from, to, source, quiet: true, pairs: new Set() });
    edges.get(key).pairs.add(pair);
    edges.get(key).quiet &&= quiet; // no gradient goes along any of its pairs
  };
  const parentOf = (key) => {
    const n = +key.slice(1);
    return key[0] === "m" ? modules[n].parent : graph.nodes[n].module;
  };
  const shown = visibleBoxes(graph, open);
  levelOf(-1);
  shown.forEach((key, n) => rankUp(item, modules, parentOf, key, graph, n));
  for (const [a, b, none] of graph.edges) {
    const [from, to] = [shown[a], shown[b]];
    if (from === to) continue;
    const pair = from + ">" + to;
    const up = chain(modules, parentOf(from)), down = chain(modules, parentOf(to));
    const common = up.find((m) => down.includes(m));
    let source = from, target = to;
    for (const m of up.slice(0, up.indexOf(common))) {
      edge(m, source, "o" + from, from, pair, !!none);
      source = "m" + m;
    }
    for (const m of down.slice(0, down.indexOf(common))) {
      edge(m, "i" + from, target, from, pair, !!none);
      target = "m" + m;
    }
    edge(common, source, target, from, pair, !!none);
  }
  return place(levels, -1, measure);
}

// The box in which each node is shown: its own, or that of the outermost folded module around it.
function visibleBoxes(graph, open) {
  const folded = [];
  graph.modules.forEach((module, m) => {
    const outer = module.parent < 0 ? null : folded[module.parent];
    folded[m] = outer !== null ? outer : open.has(m) ? null : m;
  });
  return graph.nodes.map(({ module }, n) =>
    module >= 0 && folded[module] !== null ? "m" + folded[module] : "n" + n);
}

function chain(modules, m) {
  const up = [m];
  while (m >= 0) up.push((m = modules[m].parent));
  return up;
}

// A box comes where its first op does, so that edges go forward; so do the modules around it.
function rankUp(item, modules, parentOf, key, graph, n) {
  const rank = graph.nodes[n].kind === "op" ? n : graph.nodes[n].before;
  for (let m = parentOf(key); ; m = modules[m].parent) {
    const it = item(m, key);
    it.rank = Math.min(it.rank, rank);
    if (key === "n" + n) it.kind = graph.nodes[n].kind;
    if (graph.nodes[n].kind === "op" || graph.nodes[n].kind === "output") it.source = false;
    if (m < 0) return;
    key = "m" + m;
  }
}

// Lay out one module's inside, with its corner at 0, 0.
function place(levels, m, measure) {
  const level = levels.get(m);
  const insides = new Map();
  for (const it of level.items.values()) {
    const inner = it.key[0] === "m" ? +it.key.slice(1) : NaN;
    if (levels.has(inner)) insides.set(it.key, place(levels, inner, measure));
    Object.assign(it, insides.get(it.key) || measure.box(it.key));
  }
  setBeside(level, measure);
  for (const { from, to } of level.edges.values()) {
    for (const key of [from, to]) {
      const port = { key, rank: key[0] === "i" ? -Infinity : Infinity, w: 1, h: 1, port: true };
      if (!level.items.has(key)) level.items.set(key, port);
    }
  }
  const layers = layered(level, insides);
  for (let sweep = 0, still = 0; sweep < 8 && still < 2; sweep++)
    still = reorder(layers, sweep % 2 === 0) ? 0 : still + 1;
  setX(layers);
  setY(layers, m >= 0);
  return gather(level, layers, insides, m >= 0 ? measure.title(m) : 0);
}

// Give each item a layer, and each edge a bend in every layer it passes through.
function layered(level, insides) {
  const inOrder = (a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1);
  const items = [...level.items.values()].sort(inOrder);
  items.forEach((it, i) => Object.assign(it, { order: i, layer: 0, above: [], below: [] }));
  const edges = [...level.edges.values()];
  for (const e of edges) {
    const [a, b] = [level.items.get(e.from), level.items.get(e.to)];
    e.back = a.order > b.order; // a module that ran several times: the layers ignore its return
    [e.upper, e.lower] = e.back ? [b, a] : [a, b];
    e.upper.below.push(e.lower);
    e.lower.above.push(e.upper);
  }
  const first = items.some((it) => it.rank === -Infinity) ? 1 : 0;
  for (const it of items) {
    if (it.rank === -Infinity) continue;
    it.layer = it.above.reduce((layer, up) => Math.max(layer, up.layer + 1), first);
  }
  const last = Math.max(...items.map((it) => it.layer));
  for (const it of items) {
    if (it.rank === Infinity && it.port) it.layer = Math.max(last, it.layer);
  }
  for (const it of items) { // a parameter stands just above its first use
    if (it.source && !it.above.length && it.below.length)
      it.layer = Math.min(...it.below.map((down) => down.layer)) - 1;
  }
  const layers = Array.from({ length: Math.max(...items.map((it) => it.layer)) + 1 }, () => []);
  for (const it of items) layers[it.layer].push(it);
  const tie = (upper, lower, x0, x1, pull) => {
    upper.next.push({ to: lower, own: x0, its: x1, pull });
    lower.prev.push({ to: upper, own: x1, its: x0, pull });
  };
  for (const it of items) {
    const nearest = Math.max(...it.above.map((up) => (up.source ? -1 : up.layer)));
    it.main = it.above.find((up) => !up.source && up.layer === nearest); // it stands below that
    Object.assign(it, { next: [], prev: [] });
  }
  bend(edges, layers, insides, tie);
  level.edges = edges;
  return layers;
}

// Lead each edge through the layers between its ends. Edges of one source have a trunk in common,
// the way of the longest; the others branch off from it just above their ends.
function bend(edges, layers, insides, tie) {
  const trunks = new Map();
  let count = 0;
  for (const e of [...edges].sort((a, b) => b.lower.layer - a.lower.layer)) {
    e.x0 = offset(insides, e.upper.key, e.back ? "in" : "out", e.source);
    e.x1 = offset(insides, e.lower.key, e.back ? "out" : "in", e.source);
    const pull = e.upper.source ? LIGHT : e.lower.main === e.upper ? MAIN : SIDE;
    const name = e.upper.key + ">" + e.source + (e.back ? ">" + e.lower.key : "");
    const between = Math.max(0, e.lower.layer - e.upper.layer - 1);
    const known = trunks.get(name);
    const trunk = known || [];
    if (!known && between) trunks.set(name, trunk);
    for (let last = e.upper; !known && trunk.length < between && count < MAX_BENDS; count++) {
      const layer = e.upper.layer + 1 + trunk.length, key = name + ">" + layer;
      const next = { key, w: 1, h: 1, bend: true, layer, pull, next: [], prev: [] };
      layers[layer].push(next);
      tie(last, next, last === e.upper ? e.x0 : 0, 0, pull);
      trunk.push((last = next));
    }
    e.path = trunk.slice(0, between);
    for (const passed of e.path) passed.pull = Math.max(passed.pull, pull);
    e.branch = !!known && e.path.length > 0;
    if (e.branch) e.path = e.path.slice(-1);
    const last = e.path.at(-1) || e.upper;
    tie(last, e.lower, last === e.upper ? e.x0 : 0, e.x1, pull);
  }
}

// Where an edge meets an unfolded module, from the middle of its side; other boxes: the middle.
function offset(insides, key, side, source) {
  const inside = insides.get(key);
  const x = inside && inside[side].get(source);
  return x === undefined ? 0 : x - inside.w / 2;
}

// Sort each layer by where its neighbours in the layer before (or after) stand; whether any moved.
function reorder(layers, downward) {
  const spread = (layer) => layer.forEach((it, i) => { it.at = (i + 0.5) / layer.length; });
  layers.forEach(spread);
  let moved = false;
  for (const layer of downward ? layers : [...layers].reverse()) {
    for (const it of layer) {
      const ties = downward ? it.prev : it.next;
      it.centre = ties.length
        ? ties.reduce((sum, t) => sum + t.to.at + t.its * 1e-4, 0) / ties.length
        : it.at;
    }
    const inOrder = (a, b) => a.centre - b.centre || a.at - b.at;
    if (layer.every((it, i) => !i || inOrder(layer[i - 1], it) < 0)) continue;
    moved = true;
    layer.sort(inOrder);
    spread(layer);
  }
  return moved;
}

// Pull every item towards its neighbours; those on the main line first, parameters give way.
function setX(layers) {
  for (const layer of layers) {
    let x = 0;
    for (const it of layer) {
      it.x = x + it.w / 2;
      x += it.w + GAP.x;
    }
    for (const it of layer) it.x -= x / 2;
  }
  for (let pass = 0, still = 0; pass < 12 && still < 2; pass++) {
    const before = layers.flatMap((layer) => layer.map((it) => it.x));
    const downward = pass % 2 === 0;
    for (const layer of downward ? layers : [...layers].reverse()) {
      pull(layer, (it) => {
        const near = downward ? it.prev : it.next;
        const ties = near.length ? near : downward ? it.next : it.prev;
        const most = Math.max(...ties.map((t) => t.pull));
        const pulling = ties.filter((t) => t.pull === most);
        if (!pulling.length) return it.x;
        return pulling.reduce((sum, t) => sum + t.to.x + t.its - t.own, 0) / pulling.length;
      });
    }
    let i = 0;
    const moved = layers.some((layer) => layer.some((it) => Math.abs(it.x - before[i++]) > 0.1));
    still = moved ? 0 : still + 1;
  }
  straighten(layers);
}

const weight = (it) => (it.bend ? it.pull : it.source ? 3 * LIGHT : it.port ? 30 : 1e5);
const apart = (a, b) => (a.w + b.w) / 2 + GAP.x;

// The nearest places to those wanted that keep the order and the gaps: weighted isotonic means.
function pull(layer, wanted) {
  const blocks = [];
  let start = 0;
  layer.forEach((it, i) => {
    if (i) start += apart(layer[i - 1], it);
    const w = weight(it);
    let block = { sum: w * (wanted(it) - start), w, members: [[it, start]] };
    while (blocks.length && blocks.at(-1).sum / blocks.at(-1).w > block.sum / block.w) {
      const before = blocks.pop();
      for (const member of block.members) before.members.push(member);
      block = { sum: before.sum + block.sum, w: before.w + block.w, members: before.members };
    }
    blocks.push(block);
  });
  for (const { sum, w, members } of blocks) for (const [it, from] of members) it.x = sum / w + from;
}

// Long edges: one x for all bends, if there is room for that.
function straighten(layers) {
  const room = new Map();
  for (const layer of layers) layer.forEach((it, i) => {
    const low = i ? layer[i - 1].x + apart(layer[i - 1], it) : -Infinity;
    const high = i + 1 < layer.length ? layer[i + 1].x - apart(it, layer[i + 1]) : Infinity;
    room.set(it, [low, high]);
  });
  for (const layer of layers) for (const it of layer) {
    if (!it.bend || it.prev[0].to.bend) continue;
    let low = -Infinity, high = Infinity;
    const bends = [];
    for (let bend = it; bend; bend = (bend.next.find((t) => t.to.bend) || {}).to) {
      low = Math.max(low, room.get(bend)[0]);
      high = Math.min(high, room.get(bend)[1]);
      bends.push(bend);
    }
    const mean = bends.reduce((sum, bend) => sum + bend.x, 0) / bends.length;
    if (low <= high) for (const bend of bends) bend.x = Math.min(Math.max(mean, low), high);
  }
}

function setY(layers, framed) {
  let y = framed ? GAP.title : 0;
  for (const layer of layers) {
    const h = Math.max(0, ...layer.map((it) => it.h));
    for (const it of layer) // parameters stand low, near to what they are for
      Object.assign(it, { y: it.source ? y + h - it.h / 2 : y + h / 2, top: y, bottom: y + h });
    const ports = layer.every((it) => it.port || it.bend);
    y += h + (ports ? GAP.y / 2 : GAP.y);
  }
}

// Boxes, frames and wires of a module and of all inside it, in its own coordinates.
function gather(level, layers, insides, title) {
  const all = layers.flat();
  const left = Math.min(...all.map((it) => it.x - it.w / 2)) - GAP.frame;
  const right = Math.max(...all.map((it) => it.x + it.w / 2)) + GAP.frame;
  const bottom = Math.max(...all.map((it) => (it.port ? 0 : it.bottom))) + GAP.frame;
  const w = Math.max(right - left, title), shift = (w - (right - left)) / 2 - left;
  const out = { w, h: bottom, boxes: [], frames: [], wires: [], in: new Map(), out: new Map() };
  for (const it of all) it.x += shift;
  for (const it of all) {
    if (it.port) {
      out[it.key[0] === "i" ? "in" : "out"].set(it.key.slice(1), it.x);
      it.y = it.top = it.bottom = it.key[0] === "i" ? 0 : bottom;
    }
  }
  for (const it of all) {
    if (it.bend || it.port) continue;
    const [x, y] = [it.x - it.w / 2, it.y - it.h / 2];
    const inside = insides.get(it.key) || it.inside;
    if (!inside) {
      out.boxes.push({ key: it.key, x, y, w: it.w, h: it.h });
      continue;
    }
    const move = (r) => ({ ...r, x: r.x + x, y: r.y + y });
    if (inside.frames) out.frames.push({ key: it.key, x, y, w: it.w, h: it.h });
    for (const frame of inside.frames || []) out.frames.push(move(frame));
    for (const box of inside.boxes) out.boxes.push(move(box));
    for (const wire of inside.wires)
      out.wires.push({ ...wire, points: wire.points.map(([a, b]) => [a + x, b + y]) });
  }
  for (const e of level.edges) out.wires.push(wire(e, insides));
  return out;
}

// An edge as points, two for each layer it passes; ends spread over the side of a box.
function wire(e, insides) {
  const { upper, lower, path } = e;
  const points = [];
  const spread = (it, inset, towards) => {
    if (it.port || insides.has(it.key)) return it.x + inset;
    const half = Math.max(0, Math.min((it.core || it).w / 2 - 12, 40));
    return it.x + Math.max(-half, Math.min(half, towards - it.x));
  };
  const near = path.length ? path[0].x : lower.x + e.x1;
  const far = path.length ? path.at(-1).x : upper.x + e.x0;
  const edgeOf = (it, side) => insides.has(it.key) || !it.port
    ? it.y + (side * (it.core || it).h) / 2 : it.y;
  if (!e.branch) points.push([spread(upper, e.x0, near), edgeOf(upper, 1)]);
  for (const bend of path) points.push([bend.x, bend.top], [bend.x, bend.bottom]);
  if (e.branch) points.shift();
  points.push([spread(lower, e.x1, far), edgeOf(lower, -1)]);
  if (e.back) points.reverse();
  const isBox = (it) => !it.port && !insides.has(it.key);
  const [above, below] = [isBox(upper) && !e.branch, isBox(lower)];
  const [arrow, begins] = e.back ? [above, below] : [below, above];
  const { back, source, quiet, pairs } = e;
  return { points, arrow, begins, back, source, quiet, pairs: [...pairs] };
}
