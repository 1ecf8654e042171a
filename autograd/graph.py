"""Pictures of the live graph: `draw` for reading a model, `make_dot` for users of torchviz.

A picture is made in three steps: read the graph into boxes and arrows, decide which boxes are
folded into one (both in `autograd.graph_reading`), and write what is left as DOT text
(`autograd.graph_dot`). Laying it out is up to Graphviz's program `dot`; without it the text is all
there is.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from autograd.graph_dot import Wishes, write
from autograd.graph_reading import Folding, expect_tensors, named_tensors, read
from autograd.profiler import profile as Profile

INSTALL = (
    "the picture needs Graphviz's program `dot`: apt install graphviz, brew install graphviz, or "
    "https://graphviz.org/download"
)
TEXT_SUFFIXES = ("dot", "gv")
MOST = 3000  # boxes: what `dot` still lays out


class Graph:
    """A picture: shows itself in notebooks, `render` writes it to a file, `source` is its DOT text.

    What else a ``graphviz.Digraph`` can do, this does too: ``attr``, ``node``, ``pipe``, ...

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

    def __getattr__(self, name: str) -> Any:
        if name == "digraph":  # of an instance that is not made yet, as when it is unpickled
            raise AttributeError(name)
        return getattr(self.digraph, name)

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


def draw(
    y,
    params=None,
    *,
    depth: int | None = None,
    max_nodes: int = 100,
    show_attrs: bool = False,
    show_saved: bool = False,
    show_constants: bool = True,
    gradients: bool = False,
    backward: bool | None = None,
    profile: Profile | None = None,
    max_attr_chars: int = 50,
) -> Graph:
    """Draw how `y` was computed: operations in grey, parameters blue, other leaves green.

    Operations are grouped by the layer they ran in, and large graphs folded by layer. A box tells
    shape and dtype, the value of a single number, what is kept for backward, the multiplications
    and additions forward and backward where there is a formula, and the source line. Draw before
    ``backward``, which releases the graph.

    Parameters
    ----------
    y : Tensor or sequence of Tensor
    params : Module or dict of str to Tensor, optional
        Names: a module, or a dict such as ``{**dict(model.named_parameters()), "x": x}``.
    depth : int, optional
        How many levels of modules to open; 0 folds each outermost module into one box. By default
        as many as `max_nodes` allows.
    max_nodes : int, default 100
        Fold further, then leave out the oldest operations, until no more boxes are shown.
    show_attrs, show_saved : bool, default False
        Show the operations' arguments, and the arrays they keep for backward.
    show_constants : bool, default True
        Show, dashed, the inputs that no gradient goes to: data, numbers' arrays, what was detached.
    gradients : bool, default False
        Run backward, leaving every ``.grad`` as it is, and show the norms of the gradients, single
        numbers in full, and NaN and infinities in red. Without it the ``.grad`` of leaves is shown.
    backward : bool, optional
        Show the ways of the gradients, dashed; by default if `gradients` are shown.
    profile : autograd.profiler.profile, optional
        One under which `y` was computed, and perhaps ``backward(retain_graph=True)`` ran: shows the
        time each operation took.
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
    tensors = expect_tensors(y, "draw")
    if depth is not None and depth < 0:
        raise ValueError(f"draw expected depth >= 0, got {depth}")
    if max_nodes < 1:
        raise ValueError(f"draw expected max_nodes >= 1, got {max_nodes}")
    named = named_tensors(params)
    reading = read(tensors, named)
    folding = Folding(reading, depth, max_nodes)
    backward = gradients if backward is None else backward
    attrs = max_attr_chars if show_attrs else 0
    wishes = Wishes(attrs, show_saved, show_constants, gradients, backward, profile)
    return Graph(write(tensors, reading, folding, named, wishes))


def make_dot(var, params=None, show_attrs: bool = False, show_saved: bool = False,
             max_attr_chars: int = 50) -> Graph:  # fmt: skip
    """Draw every operation behind `var`: torchviz's function, with its signature. See `draw`.

    Examples
    --------
    >>> import autograd as ag
    >>> from autograd.graph import make_dot
    >>> w = ag.ones(3, requires_grad=True)
    >>> "tanh" in make_dot(w.exp().tanh(), params={"w": w}).source
    True
    """
    return draw(
        var, params, max_nodes=MOST, show_attrs=show_attrs, show_saved=show_saved,
        max_attr_chars=max_attr_chars,
    )  # fmt: skip
