"use strict";
// What the page answers: the mouse, the keys, the search.

// -- moving about ---------------------------------------------------------------------------------

function move() {
  world.setAttribute("transform", `translate(${state.x} ${state.y}) scale(${state.scale})`);
  svg.classList.toggle("far", state.scale < 0.28);
  drawVisible();
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

// Move so far that a box is in view, if it is not.
function follow(key) {
  const { width, height } = svg.getBoundingClientRect(), box = drawn.get(key);
  const shift = (start, size, from, whole) => {
    const [low, high] = [from + start * state.scale, from + (start + size) * state.scale];
    return low >= 40 && high <= whole - 40 ? 0 : whole / 2 - (low + high) / 2;
  };
  const dx = shift(box.x, box.w, state.x, width), dy = shift(box.y, box.h, state.y, height);
  if (!dx && !dy) return;
  state.x += dx;
  state.y += dy;
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
  fit(0.5);
}

// -- searching ------------------------------------------------------------------------------------

function search() {
  const text = by("search").value.trim().toLowerCase();
  const has = (...words) => words.some((word) => word && word.toLowerCase().includes(text));
  hits = !text ? [] : graph.nodes.flatMap((node, n) => {
    const path = node.home >= 0 ? graph.modules[node.home].path : "";
    return has(node.name, path, node.where, ...node.shapes) ? [n] : [];
  });
  svg.classList.toggle("searching", !!text);
  hitKeys = new Set(hits.map((n) => shown[n]));
  drawn.forEach(dress);
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
  const within = g.classList.contains("frame") && !event.target.closest(".strip");
  return within ? null : g.dataset.key;
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
  by("back").addEventListener("change", (event) => {
    svg.classList.toggle("backward", event.target.checked);
    mark();
  });
  by("step").addEventListener("input", (event) => go(+event.target.value));
  by("search").addEventListener("input", () => { hit = -1; search(); });
  document.addEventListener("keydown", keys);
  addEventListener("resize", drawVisible);
}

function keys(event) {
  if (event.target === by("search")) {
    if (event.key === "Enter" && hits.length) reveal(hits[(hit = (hit + 1) % hits.length)]);
    if (event.key === "Escape") { by("search").value = ""; by("search").blur(); search(); }
    return;
  }
  const actions = { "/": () => by("search").focus(), f: () => fit(), " ": play,
    ArrowRight: () => go(state.step + 1), ArrowLeft: () => go(state.step - 1),
    Escape: () => { pin(null); rest(); } };
  if (!actions[event.key] || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  actions[event.key]();
}

// -- begin ----------------------------------------------------------------------------------------

// Unfold whole levels, the outer ones first, as long as the picture stays small.
function unfoldAtFirst(most = 45) {
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
  fit(0.75);
  listen();
}

begin();
