"""Pictures of the live graph: `draw` for reading a model, `make_dot` for users of torchviz.

A picture is made in three steps: read the graph into boxes and arrows, decide which boxes are
folded into one (both in `autograd.graph_reading`), and write what is left as DOT text (`_write`).
Laying it out is up to Graphviz's program `dot`; without it the text is all there is.
"""

from __future__ import annotations

import html
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from autograd.graph_reading import Folding, Reading, names_by_identity, origin, read, typed
from autograd.graph_values import constants, facts, kept, saved_name, values
from autograd.graph_values import gradients as backward_facts
from autograd.node import Node
from autograd.tensor import Leaf, Tensor

INSTALL = (
    "the picture needs Graphviz's program `dot`: apt install graphviz, brew install graphviz, or "
    "https://graphviz.org/download"
)
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
WARNING = "⚠"  # begins the lines about NaN and infinities
TEXT_SUFFIXES = ("dot", "gv")


class Graph:
    """A picture: shows itself in notebooks, `render` writes it to a file, `source` is its DOT text.

    Examples
    --------
    >>> import autograd as ag
    >>> from autograd.graph import draw
    >>> x = ag.ones(3, requires_grad=True)
    >>> "mul" in draw(x * 2).source
    True
    """

    def __init__(self, digraph):
        self.digraph = digraph  # a graphviz.Digraph, free to be edited
        self.format = "svg"

    @property
    def source(self) -> str:
        """The DOT text."""
        return self.digraph.source

    def render(self, path: str | os.PathLike = "graph", format: str | None = None) -> str:
        """Write the picture to `path` and return the file's name.

        The format is given, or else the path's suffix (svg, png, pdf, dot, ...), or else
        ``self.format``. DOT text needs no `dot` program.
        """
        suffix = Path(path).suffix.removeprefix(".")
        format = format or suffix or self.format
        path = Path(path) if suffix == format else Path(f"{path}.{format}")
        if format in TEXT_SUFFIXES:
            path.write_text(self.source, encoding="utf-8")
        else:
            path.write_bytes(self._pipe(format))
        return str(path)

    def save_svg(self, path: str | os.PathLike) -> str:
        """Write the picture as SVG."""
        return self.render(path, "svg")

    def _pipe(self, format: str) -> bytes:
        if shutil.which("dot") is None:
            raise RuntimeError(f"{INSTALL}. The text alone can be had with .render('graph.dot')")
        return self.digraph.pipe(format=format)

    def _repr_svg_(self) -> str | None:
        return self._pipe("svg").decode() if shutil.which("dot") else None

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        svg = self._repr_svg_()
        if svg is None:
            return {"text/plain": f"{self.source}\n// {INSTALL}"}
        return {"image/svg+xml": svg, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return (
            f"<Graph: {self.source.count(' -> ')} edges; .render('graph.svg') writes the picture>"
        )

    def __str__(self) -> str:
        return self.source


def draw(y, params=None, *, depth: int | None = None, max_nodes: int = 300,
         show_attrs: bool = False, show_saved: bool = False, show_constants: bool = False,
         gradients: bool = False, max_attr_chars: int = 50) -> Graph:  # fmt: skip
    """Draw how `y` was computed: operations in grey, parameters blue, other leaves green.

    Operations are grouped by the layer they ran in. Draw before ``backward``, which releases the
    graph.

    Parameters
    ----------
    y : Tensor or sequence of Tensor
    params : Module or dict of str to Tensor, optional
        Names for the leaves: a module, or ``dict(model.named_parameters())``.
    depth : int, optional
        How many levels of modules to open; 0 folds each outermost module into one box.
    max_nodes : int, default 300
        Fold further, then leave out the oldest operations, until no more boxes are shown.
    show_attrs, show_saved : bool, default False
        Show the operations' arguments, and the arrays they keep for backward.
    show_constants : bool, default False
        Show, dashed, the inputs that an operation keeps although no gradient goes to them.
    gradients : bool, default False
        Run backward, leaving every ``.grad`` as it is, and show the norms of the gradients, single
        numbers in full, and NaN and infinities in red.
    max_attr_chars : int, default 50
        Where to cut the arguments' text.

    Raises
    ------
    GraphError
        If the graph was already released.

    Examples
    --------
    >>> import autograd as ag
    >>> from autograd.graph import draw
    >>> w = ag.ones(3, requires_grad=True)
    >>> picture = draw((w * 2).sum(), params={"weight": w})
    >>> "weight" in picture.source
    True
    """
    tensors = tuple(y) if isinstance(y, (tuple, list)) else (y,)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"draw expected a tensor or a sequence of them, got {type(tensor).__name__}: "
                "to draw a module, draw its output, as in draw(model(x), params=model)"
            )
    if depth is not None and depth < 0:
        raise ValueError(f"draw expected depth >= 0, got {depth}")
    if max_nodes < 1:
        raise ValueError(f"draw expected max_nodes >= 1, got {max_nodes}")
    reading = read(tensors, names_by_identity(params))
    folding = Folding(reading, depth, max_nodes)
    attrs = max_attr_chars if show_attrs else 0
    notes = _notes(tensors, reading) if gradients else {}
    return Graph(_write(tensors, reading, folding, attrs, show_saved, show_constants, notes))


def make_dot(var, params=None, show_attrs: bool = False, show_saved: bool = False,
             max_attr_chars: int = 50) -> Graph:  # fmt: skip
    """Draw every operation behind `var`: torchviz's function, with its signature. See `draw`.

    Examples
    --------
    >>> import autograd as ag
    >>> from autograd.graph import make_dot
    >>> w = ag.ones(3, requires_grad=True)
    >>> "AccumulateGrad" in make_dot(w.exp(), params={"w": w}).source
    False
    """
    return draw(
        var, params, show_attrs=show_attrs, show_saved=show_saved, max_attr_chars=max_attr_chars
    )


# -- writing the picture ---------------------------------------------------------------------------


def _notes(tensors, reading: Reading) -> dict[Any, list[str]]:
    """What the boxes of ops and leaves say of values and gradients."""
    notes: dict[Any, list[str]] = {node: [] for node in reading.order}
    for (node, _), array in values(tensors, reading).items():
        fact = facts(array)
        notes[node] += [f"data {fact.text}"] if array.size == 1 else []
        notes[node] += [f"{WARNING} {fact.bad} in the value"] if fact.bad else []
    for (node, _), fact in backward_facts(tensors).items():
        if fact is not None:
            notes[node].append(f"grad {fact.text}" if fact.size == 1 else f"‖grad‖ {fact.norm:.4g}")
            notes[node] += [f"{WARNING} {fact.bad} in the gradient"] if fact.bad else []
    return notes


def _write(tensors, reading: Reading, folding: Folding, attrs: int, show_saved: bool,
           show_constants: bool, notes: dict):  # fmt: skip
    """A graphviz.Digraph of what is left to show."""
    import graphviz

    picture = graphviz.Digraph(
        "graph",
        graph_attr={
            "rankdir": "TB",
            "newrank": "true",
            "nodesep": "0.25",
            "ranksep": "0.3",
            **FONT,
        },
        node_attr={"shape": "box", "style": "rounded,filled", "margin": "0.12,0.06", **FONT},
        edge_attr={"color": "#6b7280", "arrowsize": "0.6"},
    )
    clusters = _Clusters(picture, reading.classes)
    ids: dict[Any, str] = {}
    for box, members in folding.members.items():
        ids[box] = f"n{len(ids)}"
        kind, title, lines, path = _describe(box, members, reading, folding, attrs)
        lines = lines + notes.get(box, [])
        if isinstance(box, tuple):
            lines += [f"{WARNING} NaN or inf inside"] * any(
                line.startswith(WARNING) for node in members for line in notes.get(node, ())
            )
        _box(clusters.at(path), ids[box], kind, title, lines)
        if show_saved and isinstance(box, Node):
            for number, (kind, which, array) in enumerate(kept(box)):
                identity, name = f"{ids[box]}s{number}", saved_name(box, kind, which)
                _box(clusters.at(path), identity, "saved", name, [typed(array.shape, array.dtype)])
                picture.edge(ids[box], identity, style="dashed", dir="none")
        if show_constants and isinstance(box, Node):
            for number, (name, array) in enumerate(constants(box)):
                identity, like = f"{ids[box]}c{number}", typed(array.shape, array.dtype)
                _box(clusters.at(path), identity, "constant", name, [like, "no gradient"])
                picture.edge(identity, ids[box], style="dashed")
    arrows = dict.fromkeys((folding.boxes[a], folding.boxes[b]) for a, b in reading.arrows)
    for source, target in arrows:
        if source != target:
            picture.edge(ids[source], ids[target])
    for number, tensor in enumerate(tensors):
        title = f"output {number}" if len(tensors) > 1 else "output"
        lines = [typed(tensor.shape, tensor.dtype)]
        if tensor.node is None:
            lines.append("no graph: nothing it came from requires grad")
        _box(picture, f"out{number}", "output", title, lines)
        if tensor.node is not None:
            picture.edge(ids[folding.boxes[origin(tensor.node)[0]]], f"out{number}")
    clusters.close()
    return picture


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


def _describe(box, members, reading: Reading, folding: Folding, attrs: int):
    """What to write into a box: (kind, title, lines, path of the frame it stands in)."""
    if box == folding.REST:
        return "rest", f"… {len(members)} more nodes", ["raise max_nodes to see them"], ()
    if isinstance(box, tuple):
        return "module", _title(box, reading.classes), _summary(members, reading, folding), box[:-1]
    lines = [typed(*like) for _, like in sorted(reading.values[box].items())]
    path = reading.paths[box]
    if isinstance(box, Leaf):
        kind = "param" if box in reading.names else "leaf"
        return kind, reading.names.get(box, "leaf"), lines, path
    return "op", box.name(), lines + _attributes(box, attrs), path


def _summary(members, reading: Reading, folding: Folding) -> list[str]:
    """What a folded module says of itself: what leaves it, and what is in it."""
    box = folding.boxes[members[0]]
    leaving = [a for a, b in reading.arrows if folding.boxes[a] == box != folding.boxes[b]]
    ops = [node for node in members if not isinstance(node, Leaf)]
    # An op may have no arrow out of the module: then the newest one made an output of the picture.
    last = max(leaving or ops, key=lambda node: node.seq)
    lines = [typed(*like) for _, like in sorted(reading.values[last].items())]
    lines.append(f"{len(ops)} operation{'s' * (len(ops) != 1)}")
    sizes = [int(np.prod(reading.values[node][0][0])) for node in members if isinstance(node, Leaf)]
    if sizes:
        lines.append(f"{len(sizes)} parameter{'s' * (len(sizes) != 1)}, {sum(sizes):,} values")
    return lines


def _title(path: tuple, classes: dict) -> str:
    return f"{path[-1]} ({classes[path]})" if path in classes else path[-1]


def _attributes(node: Node, limit: int) -> list[str]:
    """An op's arguments that are not arrays, one line each, cut at `limit` characters."""
    if not limit or node.plan.op is None:
        return []
    lines = [f"{name} = {value!r}" for name, value in (node.params or {}).items()]
    return [line if len(line) <= limit else line[: limit - 1] + "…" for line in lines]


def _box(frame, identity: str, kind: str, title: str, lines: list[str]) -> None:
    small = "".join(
        f'<BR/><FONT POINT-SIZE="9" COLOR="#4b5563">{html.escape(line)}</FONT>' for line in lines
    )
    fill, border = FILL[kind]
    if any(line.startswith(WARNING) for line in lines):
        border = "#dc2626"
    frame.node(identity, f"<<B>{html.escape(title)}</B>{small}>", fillcolor=fill, color=border)
