"""estimate: what a training step will take, told from two small ones before the first is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from autograd.memory import memory_report
from autograd.mode import enable_grad
from autograd.profiler import profile
from autograd.tensor import Tensor, wrap
from nn.module import Module
from nn.parameter import Parameter
from nn.summary import arguments, nbytes, untouched
from nn.summary_table import megabytes


class Estimate(NamedTuple):
    """Memory and time of one training step; its ``str`` is a table.

    Attributes
    ----------
    batch : int
    parameters, gradients, optimizer : int
        Bytes that do not depend on the batch: parameters and buffers, the gradients of those that
        learn, and what the optimiser remembers.
    saved : int
        Bytes that the graph keeps from the forward pass for the backward.
    flops : int
        Operations of both passes by their formulas, a multiply-add counted as two.
    seconds : float
        Of forward, backward and update.
    """

    batch: int
    parameters: int
    gradients: int
    optimizer: int
    saved: int
    flops: int
    seconds: float

    @property
    def total(self) -> int:
        """The bytes together: what is held when all of it is, without the kernels' workspace."""
        return self.parameters + self.gradients + self.optimizer + self.saved

    def __repr__(self) -> str:
        rows = {
            "parameters and buffers": megabytes(self.parameters),
            "gradients": megabytes(self.gradients),
            "state of the optimiser": megabytes(self.optimizer),
            "saved for backward": megabytes(self.saved),
            "together": megabytes(self.total),
            "operations": f"{self.flops / 1e9:.3f} GFLOP",
            "time": f"{1000 * self.seconds:.1f} ms",
        }
        head = f"a training step with a batch of {self.batch} is estimated to take"
        return "\n".join([head, *(f"  {name:<22} {value:>12}" for name, value in rows.items())])


def estimate(
    model: Module,
    input_size: Any = None,
    input_data: Any = None,
    optimizer: Any = None,
    *,
    loss: Callable[..., Tensor] | None = None,
    dtypes: Any = None,
    batch_dim: int = 0,
    probes: tuple[int, int] = (2, 8),
) -> Estimate:
    """Tell what a training step will take, without making one of that size.

    Forward and backward are run on two small batches and a straight line through the results is
    followed to the real one. For the arrays kept and the operations counted that is exact for every
    model that treats its examples alike and each by itself; one that compares all of them with
    each other grows faster. The time is a rough forecast, good to a factor of about three: large
    batches run in other kernels, and leave the caches. The optimiser makes two updates of a
    stand-in for each shape of parameter. Model and random numbers are left as they were.

    Parameters
    ----------
    model : Module
    input_size, input_data, dtypes
        As for `summary`, with the whole batch. Of tensors, only as many examples are used as are
        probed; those that have another length in `batch_dim` than the first are passed as they are.
    optimizer : Optimizer or callable, optional
        The one that will be used, or ``optimizer(parameters)`` that makes it, such as
        ``optim.Adam``. Without it there is no state and no time for an update.
    loss : callable, optional
        ``loss(model, *inputs)`` computes what `backward` is called on; default: the sum of all
        elements of the outputs.
    batch_dim : int, default 0
        The dimension of the batch.
    probes : (int, int), default (2, 8)
        The two batches; a larger second one makes a better forecast of the time.

    Raises
    ------
    ValueError
        If there are no inputs, or `probes` are not two growing numbers.

    Examples
    --------
    >>> import nn, optim
    >>> model = nn.Sequential(nn.Linear(100, 50), nn.Tanh(), nn.Linear(50, 1))
    >>> result = nn.estimate(model, (10_000, 100), optimizer=optim.Adam)
    >>> result.saved == 4 * 10_000 * (100 + 50)  # the input, and the result of tanh
    True
    >>> result.gradients, result.optimizer // result.gradients
    (20404, 2)
    """
    first, second = probes
    if not 0 < first < second:
        raise ValueError(f"estimate expected two growing sizes as probes, got {probes}")
    args, named = arguments(model, input_size, input_data, dtypes)
    tensors = [v for v in (*args, *named.values()) if isinstance(v, Tensor) and v.ndim > batch_dim]
    if not tensors:
        raise ValueError(
            f"estimate expected input_size or input_data with a batch in dimension {batch_dim}"
        )
    batch = tensors[0].shape[batch_dim]

    def part(value: Any, count: int) -> Any:
        if not isinstance(value, Tensor) or value.ndim <= batch_dim:
            return value
        return value.narrow(batch_dim, 0, count) if value.shape[batch_dim] == batch else value

    def run(count: int) -> Tensor:
        inputs = [part(value, count) for value in args]
        keywords = {name: part(value, count) for name, value in named.items()}
        if loss is not None:
            return loss(model, *inputs, **keywords)
        return _sum(model(*inputs, **keywords))

    sizes = [min(first, batch), min(second, batch)]
    learning = [p for p in model.parameters() if p.requires_grad]
    with untouched(model), enable_grad():
        model.train()
        points = [_measure(run, size) for size in sizes]
    state, update = _updates(optimizer, learning) if optimizer is not None else (0, 0.0)
    saved, flops, seconds = (_line(sizes, pair, batch) for pair in zip(*points, strict=True))
    return Estimate(
        batch,
        sum(t.nbytes for t in (*model.parameters(), *model.buffers())),
        sum(p.nbytes for p in learning),
        state,
        round(saved),
        round(flops),
        max(seconds, points[-1][2]) + update,
    )


def _measure(run: Callable[[int], Tensor], size: int) -> tuple[int, int, float]:
    """Bytes saved, operations and seconds of forward and backward; the first run compiles."""
    with profile() as seen:
        value = run(size)
        saved = memory_report(value).saved
        value.backward()
    times = []
    for _ in range(2):
        start = perf_counter()
        run(size).backward()
        times.append(perf_counter() - start)
    return saved, sum(event.flops for event in seen.events), min(times)


def _line(sizes: list[int], values: tuple, at: int) -> float:
    """The value at `at` of the straight line through two points."""
    if sizes[0] == sizes[1]:
        return values[1]
    slope = (values[1] - values[0]) / (sizes[1] - sizes[0])
    return values[1] + slope * (at - sizes[1])


def _sum(output: Any) -> Tensor:
    """The sum of all that has a gradient in what a model returned."""
    if isinstance(output, Tensor):
        return output.sum()
    values = output.values() if isinstance(output, dict) else output
    return sum(_sum(v) for v in values if isinstance(v, (tuple, list, dict)) or v.requires_grad)  # type: ignore[return-value]


def _updates(optimizer: Any, parameters: Sequence[Tensor]) -> tuple[int, float]:
    """Bytes of an optimiser's state, and seconds of an update, by stand-ins for the parameters."""

    def make(stand_in: Parameter):
        if callable(optimizer):
            return optimizer([stand_in])
        return type(optimizer)([stand_in], **optimizer.defaults)

    total, seconds = 0, 0.0
    for (shape, dtype), count in Counter((p.shape, p.dtype) for p in parameters).items():
        stand_in = Parameter(wrap(np.zeros(shape, dtype)))
        stand_in.grad = wrap(np.ones(shape, dtype))
        made = make(stand_in)
        made.step()
        start = perf_counter()
        made.step()
        seconds += count * (perf_counter() - start)
        total += count * nbytes(list(made.state[stand_in].values()))
    return total, seconds
