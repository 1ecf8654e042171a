"""What the recurrent layers have in common: how a sequence is walked, and what shapes they take.

A layer's input is either (T, B, I), or packed rows (N, I) with `batch_sizes`, which says how many
sequences are alive at each step: the form that `nn.utils.rnn.PackedSequence` holds.
"""

from __future__ import annotations

import operator

from autograd.errors import ShapeError
from autograd.kernels.plain.recurrent import walk
from autograd.ops.join import cat


def affine(x, weight, bias):
    """``x @ weight.T + bias``; the bias may be absent."""
    out = x @ weight.T
    return out if bias is None else out + bias


def chunks(x, count: int):
    """The columns of x in `count` equal parts."""
    size = x.shape[1] // count
    return [x[:, k * size : (k + 1) * size] for k in range(count)]


def rows(input):
    """The sequence as rows, one a step and sequence."""
    return input.reshape(-1, input.shape[-1])


def shaped(input, needs, d_rows, *others):
    """The gradients that are needed; that of the rows in the shape of the input."""
    if needs[0]:
        d_rows = d_rows.reshape(input.shape)
    return tuple(d if needed else None for d, needed in zip((d_rows, *others), needs, strict=True))


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


def check_shapes(input, hidden: int, **expected) -> None:
    """Raise unless each array that is there has its shape."""
    for name, (array, shape) in expected.items():
        if array is not None and array.shape != shape:
            raise ShapeError(
                f"expected {name} of shape {shape}, for an input {input.shape} and {hidden} hidden "
                f"units; got {array.shape}"
            )


def layer_samples(gates: int, states: int, **options):
    """Samples of a layer: both directions, with and without biases, and packed."""
    steps, batch, size, hidden = 2, 2, 3, 2

    def samples(rng):
        def arrays(*leading):
            shapes = [
                (*leading, size), *[(batch, hidden)] * states, (gates * hidden, size),
                (gates * hidden, hidden), (gates * hidden,), (gates * hidden,),
            ]  # fmt: skip
            return tuple(rng.normal(size=shape) for shape in shapes)

        yield arrays(steps, batch), options
        yield arrays(steps, batch)[:-2], {"reverse": True, **options}
        yield arrays(3), {"batch_sizes": (2, 1), **options}
        yield arrays(3), {"batch_sizes": (2, 1), "reverse": True, **options}

    return samples
