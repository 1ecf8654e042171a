"""The neuron of McCulloch and Pitts: all or none.

A nerve cell fires (1) when the signals that reach it add up to its threshold, and else does not
(0). Excitatory synapses bring it nearer to that, inhibitory ones keep it from it. Two ways to write
the inhibition down are in use. In the paper it is absolute: one active inhibitory input, and the
cell is silent. Later, and in the lectures, every input has a weight w_i, negative where it
inhibits, and

    y = f(sum_i w_i x_i - theta),    f(z) = 1 if z >= 0, else 0,

where the threshold theta may as well be the weight -theta of an input that is always 1. The unit
here can do both. Nothing learns: somebody chooses the numbers. What can be said with them? Alone, a
unit computes those truth tables whose ones can be cut off by a plane, 14 of the 16 with two inputs,
without exclusive or. Two layers of units compute every truth table (`network`), and with that
whatever a machine without memory can compute.

McCulloch and Pitts, "A logical calculus of the ideas immanent in nervous activity", Bulletin of
Mathematical Biophysics 5 (1943). Documents: 000 (the neuron with its threshold, absorbed into the
weights), 001 (AND and OR, excitatory and inhibitory synapses, the beginning of the history), 004.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

import autograd as ag
import nn
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F

# Weights, threshold, and the outputs for (0, 0), (0, 1), (1, 0), (1, 1), or for 0, 1.
GATES = {
    "and": ([1, 1], 2, [0, 0, 0, 1]),
    "or": ([1, 1], 1, [0, 1, 1, 1]),
    "nand": ([-1, -1], -1, [1, 1, 1, 0]),
    "nor": ([-1, -1], 0, [1, 0, 0, 0]),
    "not": ([-1], 0, [1, 0]),
}


class McCullochPitts(nn.Module):
    """One unit that fires when the weighted sum of its inputs reaches the threshold.

    Parameters
    ----------
    weights : sequence of numbers
        One for each input: positive where it excites.
    threshold : number
    veto : sequence of int, optional
        The inputs whose inhibition is absolute, by position: while one of them is active, the unit
        does not fire. Their weight is 0.

    Raises
    ------
    ValueError
        If an input with a veto has a weight as well, or does not exist.

    Examples
    --------
    >>> from models.mcculloch_pitts import McCullochPitts, corners
    >>> McCullochPitts([1, 1], threshold=2)(corners(2))  # and
    tensor([0., 0., 0., 1.])
    >>> McCullochPitts([1, 0], threshold=1, veto=[1])(corners(2))  # the first without the second
    tensor([0., 0., 1., 0.])
    """

    def __init__(
        self, weights: Sequence[float] = (1, 1), threshold: float = 2, veto: Sequence[int] = ()
    ):
        super().__init__()
        for i in veto:
            if not 0 <= i < len(weights) or weights[i]:
                raise ValueError(
                    f"veto expected positions of inputs whose weight is 0, got {i} "
                    f"and the weights {list(weights)}"
                )
        self.weights = nn.Buffer(ag.tensor(weights, dtype=ag.float32))
        self.threshold = nn.Buffer(ag.tensor(float(threshold)))
        absolute = np.zeros(len(weights), np.float32)
        absolute[list(veto)] = 1
        self.veto = nn.Buffer(ag.tensor(absolute))

    def forward(self, x):
        fires = F.step(x @ self.weights - self.threshold)  # (batch, inputs) -> (batch,)
        return fires * (1 - F.step(x @ self.veto, 1.0))

    def extra_repr(self) -> str:
        veto = np.flatnonzero(self.veto.array).tolist()
        text = f"weights={self.weights.tolist()}, threshold={self.threshold.item():g}"
        return f"{text}, veto={veto}" if veto else text


class TwoLayers(nn.Module):
    """Units side by side, and one more that listens to all of them."""

    def __init__(self, first: Sequence[McCullochPitts], last: McCullochPitts):
        super().__init__()
        self.first, self.last = nn.ModuleList(first), last

    def forward(self, x):
        return self.last(ag.stack([unit(x) for unit in self.first], dim=1))


def corners(inputs: int) -> ag.Tensor:
    """All rows of a truth table, (0, ..., 0) first: shape (2 ** inputs, inputs).

    Examples
    --------
    >>> from models.mcculloch_pitts import corners
    >>> corners(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    return ag.tensor(np.array(list(product((0, 1), repeat=inputs)), np.float32))


def network(table: Sequence[int]) -> TwoLayers:
    """Make two layers of units that compute a truth table, given in the order of `corners`.

    A unit of the first layer stands for a row of the table that is 1: the ones of the row excite
    it, and all are needed; its zeros have a veto. The last unit fires if one of them does.

    Raises
    ------
    ValueError
        If the length is not a power of 2.

    Examples
    --------
    >>> from models.mcculloch_pitts import corners, network
    >>> network([0, 1, 1, 0])(corners(2))  # exclusive or
    tensor([0., 1., 1., 0.])
    """
    inputs = len(table).bit_length() - 1
    if len(table) != 2**inputs:
        raise ValueError(f"table expected 2, 4, 8, 16 ... outputs, got {len(table)}")
    rows = corners(inputs).array[np.asarray(table, bool)]
    first = [McCullochPitts(row, row.sum(), np.flatnonzero(row == 0).tolist()) for row in rows]
    if not first:  # a table of zeros: a unit with an unreachable threshold
        first = [McCullochPitts([0] * inputs, 1)]
    return TwoLayers(first, McCullochPitts([1] * len(first), 1))


def single_unit_tables(inputs: int, largest: int = 2) -> set[tuple[int, ...]]:
    """All truth tables that one unit computes with whole weights from -largest to largest.

    Weights of up to 2 reach every one that is possible with up to 3 inputs.

    Examples
    --------
    >>> from models.mcculloch_pitts import single_unit_tables
    >>> missing = {(0, 1, 1, 0), (1, 0, 0, 1)}  # exclusive or, and its opposite
    >>> len(single_unit_tables(2)), missing & single_unit_tables(2)
    (14, set())
    """
    rows = corners(inputs).array
    weights = np.array(list(product(range(-largest, largest + 1), repeat=inputs)))
    sums = weights @ rows.T  # (units, rows)
    thresholds = np.arange(-largest * inputs, largest * inputs + 2)
    fires = sums[None] >= thresholds[:, None, None]
    return {tuple(table) for table in fires.reshape(-1, len(rows)).astype(int).tolist()}


def fit(run: Run) -> tuple[McCullochPitts, dict[str, float]]:
    """Compare gates with their truth tables, and count what one unit and what two layers can do."""
    right = {}
    for name, (weights, threshold, table) in GATES.items():
        found = McCullochPitts(weights, threshold)(corners(len(weights))).tolist()
        right[name] = found == table
        run.log({"gate": name, "weights": weights, "threshold": threshold, "outputs": found})
    inputs = run.settings["inputs"]
    every = list(product((0, 1), repeat=2**inputs))
    by_two_layers = sum(network(t)(corners(inputs)).tolist() == list(t) for t in every)
    pairs, triples = single_unit_tables(2), single_unit_tables(3)
    counts = {"of_2_inputs": len(pairs), "of_3_inputs": len(triples)}
    run.log({**counts, "two_layers": by_two_layers, "tables": len(every)})
    run.draw("gates", draw_gates, (9, 2.6))
    held = claims(
        **{f"{name}_is_right": held for name, held in right.items()},
        one_unit_computes_14_tables_of_16=len(pairs) == 14,
        one_unit_cannot_compute_xor=(0, 1, 1, 0) not in pairs,
        one_unit_computes_104_tables_of_256=len(triples) == 104,
        two_layers_compute_every_table=by_two_layers == len(every),
    )
    return McCullochPitts(), {**counts, **held}


def draw_gates(figure) -> None:
    """Draw the gates of two inputs: their four cases, and the line at the threshold."""
    names = [name for name, (weights, *_) in GATES.items() if len(weights) == 2]
    points = corners(2).array
    for axes, name in zip(figure.subplots(1, len(names)), names, strict=True):
        (w1, w2), threshold, table = GATES[name]
        x1 = np.array([-0.5, 1.5])
        # Sums are whole numbers: half a step below the threshold no point lies on the line.
        axes.plot(x1, (threshold - 0.5 - w1 * x1) / w2, "C2", linewidth=1)
        axes.scatter(*points.T, c=table, cmap="coolwarm", edgecolor="k", s=60)
        axes.set(title=f"{name}: w = {w1}, {w2}, theta = {threshold}", xlabel="x1", ylabel="x2")
        axes.set(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5), aspect="equal")
        axes.title.set_fontsize(8)


RECIPE = Recipe(
    name="mcculloch_pitts",
    summary="McCulloch-Pitts neuron (1943): gates by weights and thresholds, and nets of them",
    build=McCullochPitts,
    documents="000, 001, 004",
    paper="McCulloch, Pitts 1943",
    fit=fit,
    metric="claims",
    options={"inputs": 3},
    bar=1.0,
    seconds=5,
    quick={"inputs": 2},
    quick_bar=1.0,
)
