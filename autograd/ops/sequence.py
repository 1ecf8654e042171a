"""What the recurrent layers have in common: how a sequence is walked, and what shapes they take.

A layer's input is either (T, B, I), or packed rows (N, I) with `batch_sizes`, which says how many
sequences are alive at each step: the form that `nn.utils.rnn.PackedSequence` holds.
"""

from __future__ import annotations

import operator

from autograd.errors import ShapeError
from autograd.kernels.plain.recurrent import walk
from autograd.ops.join import cat, stack

WEIGHTS = "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"


def affine(x, weight, bias):
    """``x @ weight.T + bias``; the bias may be absent."""
    out = x @ weight.T
    return out if bias is None else out + bias


def total(one, other):
    """The sum of two biases, of which one or both may be absent."""
    return one if other is None else other if one is None else one + other


def chunks(x, count: int):
    """The columns of x in `count` equal parts."""
    size = x.shape[1] // count
    return [x[:, k * size : (k + 1) * size] for k in range(count)]


def rows(input):
    """The sequence as rows, one a step and sequence."""
    return input.reshape(-1, input.shape[-1])


def stacked(state):
    """The states of each direction, (D, B, H), of those that an op takes or returns."""
    return state.reshape(-1, *state.shape[-2:])


def shaped(input, h0, needs, d_rows, d_states, d_weights):
    """The gradients that are needed, in the order and the shapes of an op's inputs.

    `d_weights` holds, for each direction, those of its weights.
    """
    if needs[0]:
        d_rows = d_rows.reshape(input.shape)
    d_states = [d.reshape(*h0.shape[:-1], d.shape[-1]) for d in d_states]
    found = [d_rows, *d_states, *(d for mine in d_weights for d in mine)]
    found += [None] * (len(needs) - len(found))
    return tuple(d if needed else None for d, needed in zip(found, needs, strict=True))


def asked(needs, states: int) -> tuple[bool, ...]:
    """What a kernel is asked for: a weight's gradient if one of the directions needs it."""
    weights = needs[1 + states :]
    half = len(weights) // 2
    either = zip(weights[:half], weights[half:], strict=True)
    return *needs[: 1 + states], *(one or other for one, other in either)


def run(step, input, states, reverse, batch_sizes):
    """Take ``states = step(x, *states)`` along a sequence; what fused kernels are tested against.

    Returns the first state after each step, and all states after the last.
    """
    outputs, x = [], rows(input)
    for at, n in walk(alive(input, batch_sizes), reverse):
        after = step(x[at], *(state[:n] for state in states))
        outputs.append(after[0])
        states = [
            new if n == len(old) else cat([new, old[n:]])
            for new, old in zip(after, states, strict=True)
        ]
    output = cat(outputs[::-1] if reverse else outputs)
    return output.reshape(*input.shape[:-1], output.shape[1]), *states


def run_each(step_with, input, states, weights, reverse, batch_sizes):
    """`run` in each direction, with the step that ``step_with(*its weights)`` returns."""
    first, second = weights
    if second[0] is None:
        return run(step_with(*first), input, states, reverse, batch_sizes)
    runs = [
        run(step_with(*mine), input, [state[d] for state in states], d == 1, batch_sizes)
        for d, mine in enumerate(weights)
    ]
    outputs, *last = zip(*runs, strict=True)
    return cat(outputs, -1), *(stack(kind) for kind in last)


def alive(input, batch_sizes) -> tuple[int, ...]:
    """How many sequences take part in each step."""
    if batch_sizes is None:
        if input.ndim != 3 or not len(input):
            raise ShapeError(f"expected at least one step, as input (T, B, I); got {input.shape}")
        return (input.shape[1],) * len(input)
    sizes = tuple(map(operator.index, batch_sizes))
    if not sizes or min(sizes) <= 0 or list(sizes) != sorted(sizes, reverse=True):
        raise ShapeError(f"expected batch_sizes that are positive and never grow, got {sizes}")
    if input.ndim != 2 or len(input) != sum(sizes):
        raise ShapeError(
            f"expected packed rows of shape ({sum(sizes)}, I) for these batch_sizes, "
            f"got {input.shape}"
        )
    return sizes


def directions_of(reverse: bool, weights: list) -> tuple[bool, ...]:
    """Whether each direction walks backwards; there are two if there are weights for two."""
    return (reverse,) if len(weights) == 1 else (False, True)


def check_shapes(input, batch: int, states: dict, weights: list[tuple], *shapes: tuple) -> None:
    """Raise unless each array has its shape.

    `states` are pairs (array, width) by name; `weights` come for each direction, in the order of
    `WEIGHTS`, and have these `shapes`, unless they are absent.
    """
    lead = (batch,) if len(weights) == 1 else (2, batch)
    expected = {name: (array, (*lead, width)) for name, (array, width) in states.items()}
    for suffix, mine in zip(("", "_reverse"), weights, strict=False):
        for name, array, shape in zip(WEIGHTS, mine, shapes, strict=False):
            expected[name + suffix] = array, shape
    hidden = states["h0"][1]
    for name, (array, shape) in expected.items():
        if array is not None and array.shape != shape:
            raise ShapeError(
                f"expected {name} of shape {shape}, for an input {input.shape} and {hidden} hidden "
                f"units; got {array.shape}"
            )


def layer_samples(gates: int, states: int, **options):
    """Samples of a layer: either direction and both, with and without biases, and packed."""
    steps, batch, size, hidden = 2, 2, 3, 2

    def samples(rng):
        def draw(*shapes):
            return tuple(rng.normal(size=shape) for shape in shapes)

        rows = gates * hidden
        matrices, biases = [(rows, size), (rows, hidden)], [(rows,)] * 2
        several, packed = (steps, batch, size), (3, size)
        one, both = [(batch, hidden)] * states, [(2, batch, hidden)] * states
        yield draw(several, *one, *matrices, *biases), options
        yield draw(several, *one, *matrices), {"reverse": True, **options}
        yield draw(packed, *one, *matrices, *biases), {"batch_sizes": (2, 1), **options}
        yield draw(packed, *one, *matrices, *biases), {"batch_sizes": (2, 1), "reverse": True,
                                                       **options}  # fmt: skip
        projection = (None,) * (gates == 4)
        first, second = draw(several, *both, *matrices, *biases), draw(*matrices, *biases)
        yield (*first, *projection, *second), options

    return samples
