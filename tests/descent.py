"""All optimisers, and a step of any."""

from functools import partial

import autograd as ag
import optim

OPTIMIZERS = [
    optim.SGD, optim.Adam, optim.AdamW, partial(optim.Adadelta, eps=0.01), optim.Adafactor,
    optim.Adagrad, optim.Adamax, optim.ASGD, optim.NAdam, optim.RAdam, optim.RMSprop, optim.Rprop,
]  # fmt: skip


def parameter(*shape, value=1.0, dtype=None):
    return ag.full(shape, value, dtype=dtype, requires_grad=True)


def square_step(optimizer, *params):
    """One step downhill on the sum of squares."""
    optimizer.zero_grad()
    sum((p * p).sum() for p in params).backward()
    optimizer.step()
