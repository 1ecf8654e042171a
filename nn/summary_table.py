"""The table that `nn.summary` returns: its rows, and how it looks as text and in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple

WIDEST = 60  # characters of shapes; `layers` has them whole
ROW_SETTINGS = ("depth", "var_names", "ascii_only", "hide_recursive_layers")


class Layer(NamedTuple):
    """One call of one module: a row of the table."""

    name: str  # what the module that calls it calls it; "" for the root
    kind: str
    depth: int
    number: int  # its place among the modules of this depth
    input_shape: Any = None  # of a tensor; a list of them where there are several
    output_shape: Any = None
    kernel_shape: tuple[int, ...] | None = None
    parameters: int = 0  # of the whole subtree
    own_parameters: int = 0  # without those of the modules that it called, or of earlier rows
    trainable: int = 0
    mult_adds: int = 0  # of this call, with all that it called
    seen: bool = False  # whether an earlier row counts these parameters already


class Row(NamedTuple):
    """A row as it is printed, where some rows below it may be left out."""

    layer: Layer
    label: str
    parameters: int  # that no other printed row counts
    mult_adds: int
    total: int  # parameters of the model


def _count(number: int) -> str:
    return f"{number:,}" if number else "--"


def _parameters(row: Row) -> str:
    return "(recursive)" if row.layer.seen else _count(row.parameters)


def _percent(row: Row) -> str:
    if row.layer.seen or not row.parameters:
        return "--"
    return f"{row.parameters / row.total:.2%}"


def _trainable(row: Row) -> str:
    layer = row.layer
    if not layer.parameters:
        return "--"
    return {0: "False", layer.parameters: "True"}.get(layer.trainable, "Partial")


def _shape(value: Any) -> str:
    text = "--" if value is None else str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."


# Name -> heading, and what stands below it.
COLUMNS: dict[str, tuple[str, Callable[[Row], str]]] = {
    "input_size": ("Input shape", lambda row: _shape(row.layer.input_shape)),
    "output_size": ("Output shape", lambda row: _shape(row.layer.output_shape)),
    "kernel_size": ("Kernel", lambda row: _shape(row.layer.kernel_shape)),
    "num_params": ("Parameters", _parameters),
    "params_percent": ("Share", _percent),
    "mult_adds": ("Mult-adds", lambda row: _count(row.mult_adds)),
    "trainable": ("Trainable", _trainable),
}
NUMBERS = ("num_params", "params_percent", "mult_adds")


class Summary(NamedTuple):
    """What `summary` returns; its ``str`` is the table.

    Each column of numbers adds up to its total: a layer whose parts are listed below it counts what
    is its own only, one whose parts are too deep to be shown counts them too.

    Attributes
    ----------
    layers : list of Layer
        In the order in which they were called.
    total, trainable : int
        Numbers of parameters, shared ones counted once.
    mult_adds : int
        Multiplications with an addition, of matrix products, convolutions, attention and recurrent
        layers, by their formulas (`autograd.flops`).
    bytes_inputs, bytes_parameters, bytes_outputs : int
        Memory of the inputs, of the parameters and buffers, and of the outputs of the innermost
        layers. What a training step keeps is told by `nn.estimate`.
    """

    layers: list[Layer]
    total: int
    trainable: int
    mult_adds: int
    bytes_inputs: int
    bytes_parameters: int
    bytes_outputs: int
    depth: int
    col_names: tuple[str, ...]
    row_settings: tuple[str, ...]

    @property
    def shown(self) -> list[Row]:
        """The rows that are printed."""
        layers = self.layers
        deepest = [
            layer.depth >= self.depth or below.depth <= layer.depth
            for layer, below in zip(layers, [*layers[1:], layers[0]], strict=True)
        ]
        kept = [
            (
                layer,
                layer.own_parameters + (self.inside(i, "own_parameters") if whole else 0),
                layer.mult_adds - (0 if whole else self.inside(i, "mult_adds")),
            )
            for i, (layer, whole) in enumerate(zip(layers, deepest, strict=True))
            if layer.depth <= self.depth
            and not (layer.seen and "hide_recursive_layers" in self.row_settings)
        ]
        branches = _branches([layer.depth for layer, _, _ in kept])
        if "ascii_only" in self.row_settings:
            branches = [b.translate(str.maketrans("│├└─", "|++-")) for b in branches]
        return [
            Row(
                layer,
                branch + self.label(layer),
                parameters,
                mult_adds,
                self.total,
            )
            for branch, (layer, parameters, mult_adds) in zip(branches, kept, strict=True)
        ]

    def inside(self, row: int, what: str) -> int:
        """The sum of a number over the rows below one: mult-adds have their own parts in them."""
        depth, total = self.layers[row].depth, 0
        for layer in self.layers[row + 1 :]:
            if layer.depth <= depth:
                break
            if what == "own_parameters" or layer.depth == depth + 1:
                total += getattr(layer, what)
        return total

    def label(self, layer: Layer) -> str:
        """A layer's class, name and number."""
        name = f" ({layer.name})" if layer.name and "var_names" in self.row_settings else ""
        number = f": {layer.depth}-{layer.number}" if "depth" in self.row_settings else ""
        return layer.kind + name + (number if layer.depth else "")

    @property
    def totals(self) -> dict[str, str]:
        """What stands below the table."""
        both = 2 * self.bytes_outputs  # the values, and later their gradients
        return {
            "Total parameters": f"{self.total:,}",
            "Trainable parameters": f"{self.trainable:,}",
            "Mult-adds": f"{self.mult_adds:,}",
            "Inputs": megabytes(self.bytes_inputs),
            "Outputs and their gradients": megabytes(both),
            "Parameters and buffers": megabytes(self.bytes_parameters),
            "Together": megabytes(self.bytes_inputs + both + self.bytes_parameters),
        }

    @property
    def cells(self) -> list[list[str]]:
        """The table with its headings, as text."""
        chosen = [COLUMNS[name] for name in self.col_names]
        headings = ["Layer", *(heading for heading, _ in chosen)]
        return [headings, *([row.label, *(cell(row) for _, cell in chosen)] for row in self.shown)]

    def __repr__(self) -> str:
        columns = list(zip(*self.cells, strict=True))
        right = [False, *(name in NUMBERS for name in self.col_names)]
        padded = []
        for column, to_right in zip(columns, right, strict=True):
            width = max(map(len, column))
            padded.append([c.rjust(width) if to_right else c.ljust(width) for c in column])
        lines = ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]
        width = max(map(len, self.totals)) + 1
        totals = [f"{name + ':':<{width}} {value}" for name, value in self.totals.items()]
        rule = "=" * max(map(len, [*lines, *totals]))
        return "\n".join([rule, lines[0], rule, *lines[1:], rule, *totals, rule])

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        right = ["", *(" class=number" if name in NUMBERS else "" for name in self.col_names)]
        headings, *rows = self.cells
        head = "".join(f"<th>{escape(text)}</th>" for text in headings)
        body = "".join(
            "<tr>"
            + "".join(f"<td{r}>{escape(text)}</td>" for r, text in zip(right, row, strict=True))
            + "</tr>\n"
            for row in rows
        )
        foot = "".join(
            f"<tr><td>{escape(name)}</td><td colspan={len(headings) - 1}>{escape(value)}</td></tr>"
            for name, value in self.totals.items()
        )
        style = (
            "<style scoped>td, th {text-align: left !important; white-space: pre; "
            "font-family: monospace} td.number {text-align: right !important}</style>"
        )
        return (
            f"<table>{style}<thead><tr>{head}</tr></thead>\n"
            f"<tbody>{body}</tbody>\n<tfoot>{foot}</tfoot></table>"
        )


def _branches(depths: list[int]) -> list[str]:
    """The lines of the tree in front of each row.

    Examples
    --------
    >>> from nn.summary_table import _branches
    >>> _branches([0, 1, 2, 1])
    ['', '├─', '│  └─', '└─']
    """
    found: list[str] = []
    following: set[int] = set()  # the levels on which another row comes
    for depth in reversed(depths):
        lines = ["│  " if level in following else "   " for level in range(1, depth)]
        corner = ["├─" if depth in following else "└─"] if depth else []
        found.append("".join(lines + corner))
        following = {level for level in following if level < depth} | {depth}
    return found[::-1]


def megabytes(count: int) -> str:
    """Bytes as text.

    Examples
    --------
    >>> from nn.summary_table import megabytes
    >>> megabytes(2_500_000)
    '2.50 MB'
    """
    return f"{count / 1e6:.2f} MB"
