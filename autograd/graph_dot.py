"""A graph, read and folded, as DOT text for Graphviz."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autograd.graph_costs import costs, together
from autograd.graph_reading import Folding, Reading, origin, source_line, typed
from autograd.graph_values import (
    Memory,
    constants,
    facts,
    gradients,
    kept,
    saved_name,
    stored,
    values,
)
from autograd.node import Node
from autograd.profiler import profile as Profile
from autograd.tensor import Leaf, Tensor

FILL = {  # kind of box -> (fill, border)
    "op": ("#f3f4f6", "#9ca3af"),
    "module": ("#e5e7eb", "#6b7280"),
    "param": ("#dbeafe", "#3b82f6"),
    "leaf": ("#dcfce7", "#22c55e"),
    "output": ("#fde68a", "#d97706"),
    "saved": ("#ffedd5", "#fb923c"),
    "constant": ("#ffffff", "#d1d5db"),
    "rest": ("#ffffff", "#9ca3af"),
}
FONT = {"fontname": "Helvetica", "fontsize": "11"}
BACK = {"style": "dashed", "color": "#ea580c", "constraint": "false", "class": "backward"}
NO_GRADIENT = {"style": "dashed", "color": "#9ca3af", "class": "constant"}
WARNING = "⚠"  # begins the lines about NaN and infinities


class Wishes(NamedTuple):
    """What to show; `attrs` is how many characters of each argument."""

    attrs: int
    saved: bool
    constants: bool
    gradients: bool
    backward: bool
    profile: Profile | None


def write(tensors, reading: Reading, folding: Folding, named: Mapping[str, Tensor],
          wishes: Wishes):  # fmt: skip
    """A graphviz.Digraph of what is left to show after folding."""
    return _Writer(tensors, reading, folding, named, wishes).write()


class _Writer:
    """Writes boxes, then arrows."""

    def __init__(self, tensors, reading: Reading, folding: Folding, named: Mapping[str, Tensor],
                 wishes: Wishes):  # fmt: skip
        import graphviz

        space = {"rankdir": "TB", "newrank": "true", "nodesep": "0.25", "ranksep": "0.3"}
        self.picture = graphviz.Digraph(
            "graph",
            graph_attr={**space, **FONT},
            node_attr={"shape": "box", "style": "rounded,filled", "margin": "0.12,0.06", **FONT},
            edge_attr={"color": "#6b7280", "arrowsize": "0.6"},
        )
        self.tensors, self.reading, self.folding, self.wishes = tensors, reading, folding, wishes
        self.clusters = _Clusters(self.picture, reading.classes)
        at_hand = values(tensors, reading)
        self.memory = Memory(at_hand, named)
        shown = [node for node in reading.order if folding.boxes[node] != folding.REST]
        self.costs = costs(shown, reading, wishes.profile)
        self.notes = _notes(reading, at_hand)
        arriving = gradients(tensors) if wishes.gradients else stored(reading)
        for (node, _), fact in arriving.items():
            self.notes[node] += [] if fact is None else _gradient(fact)
        self.ids = {box: f"n{number}" for number, box in enumerate(folding.members)}

    def write(self):
        for box, members in self.folding.members.items():
            self._write_box(box, members)
        self._write_arrows()
        self._write_outputs()
        self.clusters.close()
        return self.picture

    def _write_box(self, box, members) -> None:
        kind, title, lines, path = self._describe(box, members)
        frame, hint = self.clusters.at(path), ""
        if isinstance(box, Node) and box.where is not None:
            place, text = source_line(box.where)
            lines, hint = [*lines, Path(place).name], f"{place}: {text}"
        _box(frame, self.ids[box], kind, title, lines, hint)
        if self.wishes.saved and isinstance(box, Node):
            for number, (kind, which, array) in enumerate(kept(box)):
                identity, name = f"{self.ids[box]}s{number}", saved_name(box, kind, which)
                _box(frame, identity, "saved", name, [typed(array.shape, array.dtype)])
                self.picture.edge(self.ids[box], identity, style="dashed", dir="none")
        if self.wishes.constants and box != self.folding.REST:
            self._write_constants(box, members, frame)

    def _write_constants(self, box, members, frame) -> None:
        """The inputs without gradient that come from outside; of folded boxes, those named."""
        inputs = [pair for node in members if isinstance(node, Node) for pair in constants(node)]
        seen: set = set()
        for number, (name, array) in enumerate(inputs):
            given = self.memory.name(array)
            if self.memory.source(array) is not None or given in seen:
                continue
            if given is None and not isinstance(box, Node):
                continue
            seen |= {given} - {None}
            identity = f"{self.ids[box]}c{number}"
            like = "not kept" if array is None else typed(array.shape, array.dtype)
            data = [f"data {facts(array).text}"] if array is not None and array.size == 1 else []
            _box(frame, identity, "constant", given or name, [like, *data, "no gradient"])
            self.picture.edge(identity, self.ids[box], **NO_GRADIENT)

    def _write_arrows(self) -> None:
        boxes, reading = self.folding.boxes, self.reading
        forward = dict.fromkeys((boxes[a], boxes[b]) for a, b in reading.arrows)
        forward = {pair: None for pair in forward if pair[0] != pair[1]}
        for a, b in forward:
            self.picture.edge(self.ids[a], self.ids[b])
        if self.wishes.constants:
            for a, b in dict.fromkeys(self._detached()):
                if a != b and (a, b) not in forward:
                    self.picture.edge(self.ids[a], self.ids[b], label="detached", **NO_GRADIENT)
        if self.wishes.backward:
            for a, b in forward:
                self.picture.edge(self.ids[b], self.ids[a], **BACK)

    def _detached(self):
        """From which box a value came to which, on a way that no gradient goes back."""
        boxes = self.folding.boxes
        for node in self.costs:
            for _, array in constants(node):
                source = self.memory.source(array)
                if source is not None:
                    yield boxes[source], boxes[node]

    def _write_outputs(self) -> None:
        several = len(self.tensors) > 1
        for number, tensor in enumerate(self.tensors):
            lines = [typed(tensor.shape, tensor.dtype)]
            lines += _data(tensor.array)
            if tensor.node is None:
                lines.append("no graph: nothing it came from requires grad")
            title = f"output {number}" if several else "output"
            _box(self.picture, f"out{number}", "output", title, lines)
            if tensor.node is not None:
                source = self.ids[self.folding.boxes[origin(tensor.node)[0]]]
                self.picture.edge(source, f"out{number}")
                if self.wishes.backward:
                    self.picture.edge(f"out{number}", source, **BACK)

    def _describe(self, box, members):
        """What to write into a box: (kind, title, lines, path of the frame it stands in)."""
        reading = self.reading
        if box == self.folding.REST:
            return "rest", f"… {len(members)} more nodes", ["raise max_nodes to see them"], ()
        if isinstance(box, tuple):
            title = _title(box, reading.classes)
            return "module", title, self._summary(members), box[:-1]
        lines = [typed(*like) for _, like in sorted(reading.values[box].items())]
        path, notes = reading.paths[box], self.notes[box]
        if isinstance(box, Leaf):
            kind = "param" if box in reading.names else "leaf"
            return kind, reading.names.get(box, "leaf"), lines + notes, path
        lines += _attributes(box, self.wishes.attrs) + self.costs[box].lines() + notes
        return "op", box.name(), lines, path

    def _summary(self, members) -> list[str]:
        """What a folded module says of itself: what leaves it, and what is in it."""
        reading, boxes = self.reading, self.folding.boxes
        box = boxes[members[0]]
        leaving = [a for a, b in reading.arrows if boxes[a] == box != boxes[b]]
        ops = [node for node in members if not isinstance(node, Leaf)]
        # An op may have no arrow out of the module: then the newest made an output of the picture.
        last = max(leaving or ops, key=lambda node: node.seq)
        lines = [typed(*like) for _, like in sorted(reading.values[last].items())]
        lines.append(f"{len(ops)} operation{'s' * (len(ops) != 1)}")
        leaves = [node for node in members if isinstance(node, Leaf)]
        sizes = [int(np.prod(reading.values[leaf][0][0])) for leaf in leaves]
        if sizes:
            lines.append(f"{len(sizes)} parameter{'s' * (len(sizes) != 1)}, {sum(sizes):,} values")
        lines += together(self.costs[op] for op in ops).lines()
        bad = any(line.startswith(WARNING) for node in members for line in self.notes[node])
        return lines + [f"{WARNING} NaN or inf inside"] * bad


def _notes(reading: Reading, at_hand: dict) -> dict[Any, list[str]]:
    """What the boxes of ops and leaves say of their values."""
    notes: dict[Any, list[str]] = {node: [] for node in reading.order}
    for (node, _), array in at_hand.items():
        notes[node] += _data(array)
    return notes


def _data(array: np.ndarray) -> list[str]:
    """The value of a single number, and a warning of what is not one."""
    fact = facts(array)
    single = [f"data {fact.text}"] if array.size == 1 else []
    return single + ([f"{WARNING} {fact.bad} in the value"] if fact.bad else [])


def _gradient(fact) -> list[str]:
    """A gradient in full if it is one number, else its norm; and a warning."""
    said = f"grad {fact.text}" if fact.size == 1 else f"‖grad‖ {fact.norm:.4g}"
    return [said] + ([f"{WARNING} {fact.bad} in the gradient"] if fact.bad else [])


class _Clusters:
    """The frames around the boxes of one module, nested by path."""

    def __init__(self, picture, classes: dict):
        self.picture, self.classes = picture, classes
        self.frames: dict[tuple, Any] = {(): picture}

    def at(self, path: tuple):
        """The frame of a module, made with those around it when first asked for."""
        for end in range(1, len(path) + 1):
            if path[:end] not in self.frames:
                self.frames[path[:end]] = type(self.picture)(
                    f"cluster_{len(self.frames)}",
                    graph_attr={
                        "label": f"<{html.escape(_title(path[:end], self.classes))}>",
                        "style": "rounded,filled",
                        "fillcolor": "#fafafa" if end % 2 else "#ffffff",
                        "color": "#d1d5db",
                        "fontcolor": "#374151",
                        "labeljust": "l",
                    },
                )
        return self.frames[path]

    def close(self) -> None:
        """Put each frame into the one around it, innermost first."""
        for path in sorted(self.frames, key=len, reverse=True):
            if path:
                self.frames[path[:-1]].subgraph(self.frames[path])


def _title(path: tuple, classes: dict) -> str:
    return f"{path[-1]} ({classes[path]})" if path in classes else path[-1]


def _attributes(node: Node, limit: int) -> list[str]:
    """An op's arguments that are not arrays, one line each, cut at `limit` characters."""
    if not limit or node.plan.op is None:
        return []
    lines = [f"{name} = {value!r}" for name, value in (node.params or {}).items()]
    return [line if len(line) <= limit else line[: limit - 1] + "…" for line in lines]


def _box(frame, identity: str, kind: str, title: str, lines: list[str], hint: str = "") -> None:
    small = "".join(
        f'<BR/><FONT POINT-SIZE="9" COLOR="{_ink(line)}">{html.escape(line)}</FONT>'
        for line in lines
    )
    fill, border = FILL[kind]
    if any(line.startswith(WARNING) for line in lines):
        border = "#dc2626"
    look = {"fillcolor": fill, "color": border, "tooltip": hint or title}
    if kind == "constant":
        look["style"] = "rounded,dashed"
    frame.node(identity, f"<<B>{html.escape(title)}</B>{small}>", **look)


def _ink(line: str) -> str:
    """Warnings are red, gradients orange, the rest grey."""
    if line.startswith(WARNING):
        return "#dc2626"
    return "#c2410c" if line.startswith(("grad", "‖grad")) else "#4b5563"
