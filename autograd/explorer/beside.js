"use strict";
// What one op alone reads, and nothing computed, stands beside it: parameters and constants in two
// columns, left and right, as wide as each other, so that the op stays in the middle. An op and its
// columns are then laid out as one box.

const BESIDE = { most: 12, x: 26, y: 8 }; // so many sources at most; gaps to the op, and between

function setBeside(level, measure) {
  const outgoing = new Map(), incoming = new Map();
  const note = (map, key, e) => map.set(key, [...(map.get(key) || []), e]);
  for (const e of level.edges.values()) {
    note(outgoing, e.from, e);
    note(incoming, e.to, e);
  }
  for (const [key, edges] of incoming) {
    const op = level.items.get(key);
    if (key[0] !== "n" || !op) continue;
    const sources = edges.map((e) => level.items.get(e.from)).filter((it) => it && it.source);
    const alone = sources.filter((it) => outgoing.get(it.key).length === 1);
    // Where nothing computed comes from above, data does.
    const above = sources.length === edges.length;
    const chosen = above ? alone.filter((it) => it.kind === "param") : alone;
    if (!chosen.length || chosen.length > BESIDE.most) continue;
    if (above && chosen.length === edges.length) continue;
    const own = new Set(chosen.map((it) => it.key));
    const wires = edges.filter((e) => own.has(e.from));
    for (const [name, e] of level.edges) if (own.has(e.from)) level.edges.delete(name);
    for (const it of chosen) level.items.delete(it.key);
    wires.sort((a, b) => a.from.slice(1) - b.from.slice(1));
    Object.assign(op, withColumns(op.key, wires, measure));
  }
}

// The size of an op with its columns, the boxes and wires in it, and the size of the op alone.
function withColumns(key, edges, measure) {
  const core = measure.box(key);
  const boxes = edges.map(({ from, quiet }) => ({ key: from, quiet, ...measure.box(from) }));
  const columns = [boxes.slice(0, Math.ceil(boxes.length / 2)), []];
  columns[1] = boxes.slice(columns[0].length);
  const tall = (column) => column.reduce((sum, box) => sum + box.h + BESIDE.y, -BESIDE.y);
  const wide = Math.max(...boxes.map((box) => box.w));
  const w = core.w + 2 * (wide + BESIDE.x), h = Math.max(core.h, ...columns.map(tall));
  const [left, right] = [(w - core.w) / 2, (w + core.w) / 2], middle = h / 2;
  const wires = [];
  columns.forEach((column, side) => {
    let y = middle - tall(column) / 2;
    column.forEach((box, i) => {
      Object.assign(box, { x: side ? right + BESIDE.x : left - BESIDE.x - box.w, y });
      const part = (i + 1) / (column.length + 1);
      const end = [side ? right : left, middle + (part - 0.5) * core.h];
      const points = [[side ? box.x : box.x + box.w, y + box.h / 2], end];
      const { quiet } = box, pairs = [box.key + ">" + key];
      wires.push({ points, flat: true, arrow: true, begins: true, quiet, source: box.key, pairs });
      y += box.h + BESIDE.y;
    });
  });
  boxes.push({ key, x: left, y: middle - core.h / 2, ...core });
  return { w, h, core, inside: { boxes, wires } };
}
