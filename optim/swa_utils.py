"""Averages of a model's weights over training: stochastic weight averaging, and moving averages."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable

import numpy as np

from autograd import kernels
from autograd.device import check_device
from autograd.mode import no_grad
from autograd.tensor import Tensor, wrap
from autograd.versions import wrote
from nn.module import Module
from nn.norm import _BatchNorm
from optim.lr_scheduler.base import LRScheduler, per_group
from optim.optimizer import Optimizer


class AveragedModel(Module):
    """A copy of a model whose parameters are an average of the model's over time.

    The first `update_parameters` copies, each further one averages: all alike (Izmailov et al.
    2018), or as `avg_fn` or `multi_avg_fn` says. Batch norms of the copy have statistics that
    belong to other weights: call `update_bn`, or average them too with `use_buffers`.

    Parameters
    ----------
    model : Module
    device : None or "cpu"
    avg_fn : callable, optional
        From an average, the model's value and how many were averaged, the new average.
    multi_avg_fn : callable, optional
        The same for lists of all averages and values of one dtype; changes the averages in place.
    use_buffers : bool, default False
        Average the buffers too; else they are copied.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from optim.swa_utils import AveragedModel
    >>> model = nn.Linear(1, 1)
    >>> averaged = AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = nn.init.constant_(model.weight, value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item(), averaged.n_averaged.item()
    (3.0, 3)
    """

    n_averaged: Tensor

    def __init__(self, model: Module, device=None, avg_fn: Callable | None = None,
                 multi_avg_fn: Callable | None = None, use_buffers: bool = False):  # fmt: skip
        super().__init__()
        check_device(device)
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("avg_fn and multi_avg_fn both say how to average: leave one out")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", wrap(np.zeros((), np.int64)))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        """Return what the averaged model returns."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present parameters of `model` into the average."""
        averages, values = (
            list(itertools.chain(m.parameters(), m.buffers() if self.use_buffers else ()))
            for m in (self.module, model)
        )
        count = int(self.n_averaged)
        with no_grad():
            if count == 0:
                _copy(averages, values)
            else:
                self._average([a.detach() for a in averages], [v.detach() for v in values], count)
            if not self.use_buffers:
                _copy(list(self.module.buffers()), list(model.buffers()))
        self.n_averaged.array += 1
        wrote(self.n_averaged.array, "AveragedModel.update_parameters")

    def _average(self, averages: list[Tensor], values: list[Tensor], count: int) -> None:
        if self.avg_fn is not None:
            for average, value in zip(averages, values, strict=True):
                _write(average, self.avg_fn(average, value, self.n_averaged))
            return
        update = self.multi_avg_fn or get_swa_multi_avg_fn()
        for dtype in dict.fromkeys(average.dtype for average in averages):
            chosen = [i for i, average in enumerate(averages) if average.dtype == dtype]
            update([averages[i] for i in chosen], [values[i] for i in chosen], self.n_averaged)


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """Return a `multi_avg_fn` for `AveragedModel`: an exponential moving average.

    Each average keeps the part `decay` of itself (Polyak & Juditsky 1992).

    Examples
    --------
    >>> import autograd as ag
    >>> from optim.swa_utils import get_ema_multi_avg_fn
    >>> average = [ag.zeros(2)]
    >>> get_ema_multi_avg_fn(0.75)(average, [ag.ones(2)], 1); average
    [tensor([0.25, 0.25])]
    """
    _check_decay(decay)

    def ema_update(ema_param_list, current_param_list, _) -> None:
        for average, value in zip(ema_param_list, current_param_list, strict=True):
            if average.dtype.kind == "f":
                _move(average, value, 1 - decay)
            else:
                _write(average, wrap(average.array * decay + value.array * (1 - decay)))

    return ema_update


def get_swa_multi_avg_fn() -> Callable:
    """Return a `multi_avg_fn` for `AveragedModel`: the plain average, as without one.

    Examples
    --------
    >>> import autograd as ag
    >>> from optim.swa_utils import get_swa_multi_avg_fn
    >>> average = [ag.zeros(2)]
    >>> get_swa_multi_avg_fn()(average, [ag.ones(2)], 1); average
    [tensor([0.5, 0.5])]
    """

    def swa_update(averaged_param_list, current_param_list, num_averaged) -> None:
        weight = 1 / (float(num_averaged) + 1)
        for average, value in zip(averaged_param_list, current_param_list, strict=True):
            if average.dtype.kind == "f":
                _move(average, value, weight)
            else:
                _write(average, wrap(average.array + (value.array - average.array) * weight))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable:
    """Return an `avg_fn` for `AveragedModel`: an exponential moving average.

    Examples
    --------
    >>> import autograd as ag
    >>> from optim.swa_utils import get_ema_avg_fn
    >>> get_ema_avg_fn(0.75)(ag.zeros(2), ag.ones(2), 1)
    tensor([0.25, 0.25])
    """
    _check_decay(decay)

    def ema_update(ema_param, current_param, num_averaged):
        with no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable:
    """Return an `avg_fn` for `AveragedModel`: the plain average.

    Examples
    --------
    >>> import autograd as ag
    >>> from optim.swa_utils import get_swa_avg_fn
    >>> get_swa_avg_fn()(ag.zeros(2), ag.ones(2), 1)
    tensor([0.5, 0.5])
    """

    def swa_update(averaged_param, current_param, num_averaged):
        with no_grad():
            difference = current_param - averaged_param
            return averaged_param + difference / (float(num_averaged) + 1)

    return swa_update


def update_bn(loader: Iterable, model: Module, device=None) -> None:
    """Compute the statistics of all batch norms anew, from one pass over the data.

    Parameters
    ----------
    loader : iterable
        Of batches: tensors, or tuples or lists that begin with one.
    model : Module
    device : None or "cpu"

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from optim.swa_utils import update_bn
    >>> norm = nn.BatchNorm1d(1)
    >>> update_bn([ag.zeros(4, 1), ag.ones(4, 1)], norm); norm.running_mean
    tensor([0.5])
    """
    check_device(device)
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta, was_training = [norm.momentum for norm in norms], model.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # every batch counts alike
    model.train()
    with no_grad():
        for batch in loader:
            model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Go from the present rates to `swa_lr` within `anneal_epochs` epochs, and stay there.

    Parameters
    ----------
    optimizer : Optimizer
    swa_lr : float or list
        The rate to end with, for all groups or for each.
    anneal_epochs : int, default 10
    anneal_strategy : {"cos", "linear"}
        The shape of the way.
    last_epoch : int, default -1

    Examples
    --------
    >>> import autograd as ag, optim
    >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = optim.swa_utils.SWALR(optimizer, 0.5, 2, anneal_strategy="linear")
    >>> for _ in range(4):
    ...     print(schedule.get_last_lr())
    ...     optimizer.step(); schedule.step()
    [1.0]
    [0.75]
    [0.5]
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, swa_lr, anneal_epochs: int = 10,
                 anneal_strategy: str = "cos", last_epoch: int = -1):  # fmt: skip
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy expected 'cos' or 'linear', got {anneal_strategy!r}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs expected an integer >= 0, got {anneal_epochs!r}")
        rates = per_group("swa_lr", swa_lr, optimizer)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        self.anneal_epochs = anneal_epochs
        self._anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Compute the rates of epoch `last_epoch` from the present ones."""
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._way(step - 1), self._way(step)
        lrs = []
        for group, lr in zip(self.optimizer.param_groups, self._lrs(), strict=True):
            end = group["swa_lr"]
            start = end if before == 1 else (lr - before * end) / (1 - before)
            lrs.append(end * now + start * (1 - now))
        return lrs

    def _way(self, step: int) -> float:
        """How much of the way is done."""
        done = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * done)) / 2 if self._anneal_strategy == "cos" else done


def _check_decay(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"decay expected a number from 0 to 1, got {decay}")


def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        _write(target, source)


def _write(target: Tensor, source: Tensor) -> None:
    target.array[...] = source.array
    wrote(target.array, "AveragedModel.update_parameters")


def _move(average: Tensor, value: Tensor, weight: float) -> None:
    kernels.step.move_towards(average.array, value.array, weight, np.empty_like(average.array))
    wrote(average.array, "AveragedModel.update_parameters")
