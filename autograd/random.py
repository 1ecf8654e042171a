"""Random numbers: Generator objects, and the tensors drawn from them.

Every draw comes from a Generator, the default one unless another is passed, so `manual_seed` makes
a program's numbers the same on every run, whatever the number of threads.
"""

from __future__ import annotations

import functools
import math
import os

import numpy as np

from autograd import dtypes, kernels
from autograd.device import check_device
from autograd.errors import ArgumentError, DtypeError, ShapeError
from autograd.inplace import write
from autograd.recording.effects import effect
from autograd.tensor import Tensor, method, wrap

__all__ = [
    "Generator", "bernoulli", "default_generator", "get_rng_state", "initial_seed", "manual_seed",
    "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like", "randn",
    "randn_like", "randperm", "seed", "set_rng_state",
]  # fmt: skip

MANY = 1 << 14  # uniform numbers from which on the counting stream is faster than NumPy's


class Generator:
    """A stream of random numbers with a seed and a state that can be saved.

    Code that works on arrays draws from its attribute `numpy`, a ``numpy.random.Generator``, or,
    for many numbers and for masks that are computed twice, takes a part of a second stream, which
    counts (`take`, `autograd.kernels.random`).

    Examples
    --------
    >>> import autograd as ag
    >>> g = ag.Generator().manual_seed(7)
    >>> h = ag.Generator().manual_seed(7)
    >>> bool((ag.rand(3, generator=g) == ag.rand(3, generator=h)).all())
    True
    """

    def __init__(self, device: str = "cpu"):
        check_device(device)
        self.manual_seed(int.from_bytes(os.urandom(4), "little"))

    @functools.cached_property
    def numpy(self) -> np.random.Generator:
        """The stream; made when first used, so that importing does not load numpy.random."""
        return np.random.Generator(np.random.PCG64(self._seed % 2**64))

    @effect
    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to `seed`; returns self."""
        self._seed = int(seed)
        self._taken = 0
        self.__dict__.pop("numpy", None)
        return self

    @effect
    def take(self, count: int) -> tuple[int, int]:
        """Take the next `count` numbers of the counting stream: its key, and where they start."""
        start = self._taken
        self._taken += kernels.random.counters(count)
        return self._seed % 2**64, start

    def seed(self) -> int:
        """Start a stream from an unpredictable seed and return that seed."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()

    def initial_seed(self) -> int:
        """Return the seed the stream was started from."""
        return self._seed

    def get_state(self) -> dict:
        """Return the state, a dict of plain Python values that JSON can hold."""
        numpy = self.numpy.bit_generator.state
        return {"seed": self._seed, "taken": self._taken, "numpy": numpy}

    @effect
    def set_state(self, state: dict) -> Generator:
        """Continue from a state of `get_state`."""
        try:
            self._seed, self._taken = state["seed"], state["taken"]
            self.numpy.bit_generator.state = state["numpy"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a state of Generator.get_state(): {error}") from None
        return self

    def spawn(self, count: int) -> list[Generator]:
        """Return `count` independent generators, for workers that must not share numbers."""
        seeds = self.numpy.integers(0, 2**63, size=count)
        return [Generator().manual_seed(int(seed)) for seed in seeds]


_default = Generator().manual_seed(0)


def default_generator() -> Generator:
    """Return the generator used where none is passed."""
    return _default


def manual_seed(seed: int) -> Generator:
    """Seed the default generator and return it.

    Examples
    --------
    >>> import autograd as ag
    >>> _ = ag.manual_seed(0); first = ag.rand(2)
    >>> _ = ag.manual_seed(0); bool((first == ag.rand(2)).all())
    True
    """
    return _default.manual_seed(seed)


def seed() -> int:
    """Seed the default generator unpredictably and return the seed."""
    return _default.seed()


def initial_seed() -> int:
    """Return the seed of the default generator."""
    return _default.initial_seed()


def get_rng_state() -> dict:
    """Return the state of the default generator."""
    return _default.get_state()


def set_rng_state(new_state: dict) -> None:
    """Continue the default generator from a state of `get_rng_state`."""
    _default.set_state(new_state)


def _stream(generator: Generator | None) -> np.random.Generator:
    return (generator or _default).numpy


def _sizes(size: tuple) -> tuple:
    return tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size


@effect
def uniform_array(generator, shape, dtype, low=0.0, high=1.0) -> np.ndarray:
    """Numbers uniform in [low, high), drawn in the precision asked for."""
    dtype = np.dtype(dtype)
    draw = dtype if dtype in (dtypes.float32, dtypes.float64) else dtypes.float32
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    count = math.prod(shape)
    if count < MANY:
        array = _stream(generator).random(shape, dtype=draw)
    else:
        array = kernels.random.uniform(*(generator or _default).take(count), shape, draw)
    if (low, high) != (0.0, 1.0):
        array *= draw.type(high - low)
        array += draw.type(low)
    return np.asarray(array, dtype)


@effect
def normal_array(generator, shape, dtype, mean=0.0, std=1.0) -> np.ndarray:
    """Normal numbers, drawn in the precision asked for."""
    dtype = np.dtype(dtype)
    draw = dtype if dtype in (dtypes.float32, dtypes.float64) else dtypes.float32
    array = _stream(generator).standard_normal(shape, dtype=draw)
    if (mean, std) != (0.0, 1.0):
        array = array * draw.type(std) + draw.type(mean)
    return np.asarray(array, dtype)


def rand(*size, generator=None, dtype=None, requires_grad=False) -> Tensor:
    """Return numbers uniform in [0, 1).

    Examples
    --------
    >>> import autograd as ag
    >>> ag.rand(2, 3).shape
    (2, 3)
    """
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    return wrap(uniform_array(generator, _sizes(size), dtype)).requires_grad_(requires_grad)


def randn(*size, generator=None, dtype=None, requires_grad=False) -> Tensor:
    """Return numbers of the normal distribution with mean 0 and variance 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.randn(2, 3).dtype
    dtype('float32')
    """
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    return wrap(normal_array(generator, _sizes(size), dtype)).requires_grad_(requires_grad)


def rand_like(input: Tensor, *, dtype=None, generator=None, requires_grad=False) -> Tensor:
    """Return uniform numbers in the shape and dtype of `input`."""
    return rand(
        input.shape, generator=generator, dtype=dtype or input.dtype, requires_grad=requires_grad
    )


def randn_like(input: Tensor, *, dtype=None, generator=None, requires_grad=False) -> Tensor:
    """Return normal numbers in the shape and dtype of `input`."""
    return randn(
        input.shape, generator=generator, dtype=dtype or input.dtype, requires_grad=requires_grad
    )


def randint(low, high=None, size=None, *, generator=None, dtype=None) -> Tensor:
    """Return integers from `low` (0 if only one bound is given) to `high` - 1.

    Examples
    --------
    >>> import autograd as ag
    >>> bool((ag.randint(10, (100,)) < 10).all())
    True
    """
    if isinstance(high, (tuple, list)):  # randint(high, size)
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise TypeError("randint() is missing its argument 'size'")
    if low >= high:
        raise ValueError(f"randint expected low < high, got low={low}, high={high}")
    array = _stream(generator).integers(low, high, size=tuple(size))
    return wrap(np.asarray(array, dtypes.int64 if dtype is None else dtype))


def randint_like(input: Tensor, low, high=None, *, generator=None, dtype=None) -> Tensor:
    """Return random integers in the shape and dtype of `input`."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input.shape, generator=generator, dtype=dtype or input.dtype)


def randperm(n: int, *, generator=None, dtype=None) -> Tensor:
    """Return the integers 0 to n - 1 in random order.

    Examples
    --------
    >>> import autograd as ag
    >>> sorted(ag.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    return wrap(_stream(generator).permutation(n).astype(dtypes.int64 if dtype is None else dtype))


def normal(mean=0.0, std=1.0, size=None, *, generator=None) -> Tensor:
    """Return normal numbers; `mean` and `std` are numbers (with `size`) or tensors.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.normal(0.0, 1.0, (2, 2)).shape
    (2, 2)
    """
    tensors = [a for a in (mean, std) if isinstance(a, Tensor)]
    if (std.array if isinstance(std, Tensor) else np.asarray(std)).min(initial=0) < 0:
        raise ArgumentError(f"normal expected std >= 0, got {std}")
    if tensors and size is not None:
        raise TypeError("normal() with tensors for mean or std has their shape: leave out size")
    if not tensors:
        if size is None:
            raise TypeError("normal() with numbers for mean and std needs a size")
        dtype = dtypes.get_default_dtype()
        return wrap(normal_array(generator, tuple(size), dtype, mean, std))
    shape = np.broadcast_shapes(*[t.shape for t in tensors])
    mean, std = (a.array if isinstance(a, Tensor) else a for a in (mean, std))
    noise = normal_array(generator, shape, tensors[0].dtype)
    return wrap(np.asarray(noise * std + mean, tensors[0].dtype))


def bernoulli(input: Tensor, *, generator=None) -> Tensor:
    """Return 1 with the probability each element of `input` gives, else 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.bernoulli(ag.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    p = input.array
    if p.dtype.kind != "f":
        raise DtypeError(f"bernoulli expected probabilities as floats, got {p.dtype}")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("bernoulli expected probabilities between 0 and 1")
    return wrap((uniform_array(generator, p.shape, p.dtype) < p).astype(p.dtype))


def poisson(input: Tensor, generator=None) -> Tensor:
    """Return Poisson counts with the rate each element of `input` gives."""
    return wrap(_stream(generator).poisson(input.array).astype(input.dtype))


def multinomial(input: Tensor, num_samples: int, replacement=False, *, generator=None) -> Tensor:
    """Return indices drawn with the probabilities (up to a factor) in each row of `input`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.multinomial(ag.tensor([0.0, 1.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    if input.dtype.kind != "f":
        raise DtypeError(f"multinomial expected floating point weights, got {input.dtype}")
    if input.ndim not in (1, 2):
        raise ShapeError(f"multinomial expected one or two axes, got shape {input.shape}")
    if num_samples < 1:
        raise ArgumentError(f"multinomial expected num_samples >= 1, got {num_samples}")
    weights = np.atleast_2d(np.asarray(input.array, dtypes.float64))
    if not np.isfinite(weights).all() or (weights < 0).any() or (weights.sum(1) <= 0).any():
        raise ValueError("multinomial expected finite weights >= 0 with a positive sum in each row")
    if not replacement and ((weights > 0).sum(1) < num_samples).any():
        raise ValueError(
            f"multinomial cannot draw {num_samples} without replacement from fewer non-zero weights"
        )
    stream = _stream(generator)
    if replacement:
        bounds = np.cumsum(weights, axis=1)
        points = stream.random((len(weights), num_samples)) * bounds[:, -1:]
        rows = [np.searchsorted(b, p, side="right") for b, p in zip(bounds, points, strict=True)]
        result = np.stack(rows)
    else:  # the largest of log w + Gumbel noise are a draw without replacement (Vieira 2014)
        with np.errstate(divide="ignore"):
            keys = np.log(weights) - np.log(stream.standard_exponential(weights.shape))
        result = np.argsort(-keys, axis=1)[:, :num_samples]
    return wrap(result[0] if input.ndim == 1 else result)


def _fill_randomly(name: str, draw):
    """An in-place method that fills a tensor with fresh random numbers."""

    def fill(self, *args, generator=None, **keywords):
        def fresh(tensor, *args, **keywords):
            array = draw(_stream(generator), tensor.array, *args, **keywords)
            return tensor * 0 + wrap(array) if tensor.requires_grad else wrap(array)

        return write(self, name, fresh, *args, **keywords)

    fill.__name__, fill.__doc__ = name, draw.__doc__
    return method(fill)


def _uniform(stream, array, from_=0.0, to=1.0):
    """Fill, in place, with numbers uniform in [from, to)."""
    return np.asarray(stream.random(array.shape) * (to - from_) + from_, array.dtype)


def _normal(stream, array, mean=0.0, std=1.0):
    """Fill, in place, with normal numbers."""
    if std < 0:
        raise ArgumentError(f"normal_ expected std >= 0, got {std}")
    return np.asarray(stream.standard_normal(array.shape) * std + mean, array.dtype)


def _bernoulli(stream, array, p=0.5):
    """Fill, in place, with ones of probability `p`, else zeros."""
    p = p.array if isinstance(p, Tensor) else p
    return np.asarray(stream.random(array.shape) < p, array.dtype)


def _random(stream, array, from_=0, to=None):
    """Fill, in place, with integers from `from` to `to` - 1."""
    low, high = (0, from_) if to is None and from_ else (from_, to if to is not None else 2**24)
    return stream.integers(low, high, array.shape).astype(array.dtype)


def _exponential(stream, array, lambd=1.0):
    """Fill, in place, with exponential numbers of rate `lambd`."""
    return np.asarray(stream.standard_exponential(array.shape) / lambd, array.dtype)


for _name, _draw in {
    "uniform_": _uniform,
    "normal_": _normal,
    "bernoulli_": _bernoulli,
    "random_": _random,
    "exponential_": _exponential,
}.items():
    _fill_randomly(_name, _draw)
