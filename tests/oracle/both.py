"""The same layer in this library and in PyTorch, and whether both compute the same."""

import warnings

import numpy as np
import torch

import autograd as ag
import nn

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def results(lib, call, arrays, parameters=()):
    """Outputs of `call`, and the gradients of a number made of them."""
    leaves = [lib.tensor(a, requires_grad=True) for a in arrays]
    outs = call(*leaves)
    outs = [o for o in (outs if isinstance(outs, tuple) else (outs,)) if o is not None]
    weights = [lib.tensor(np.random.default_rng(1).normal(size=tuple(o.shape))) for o in outs]
    loss = sum((o * o * w).sum() for o, w in zip(outs, weights, strict=True))
    wanted = [*leaves, *parameters]
    grad = ag.grad if lib is ag else torch.autograd.grad
    grads = grad(loss, wanted, allow_unused=True)
    zero = [np.zeros(tuple(w.shape)) for w in wanted]
    found = [z if g is None else g.detach().numpy() for g, z in zip(grads, zero, strict=True)]
    return [*(o.detach().numpy() for o in outs), *found]


def compare(mine, theirs):
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def pair(name, *args, **options):
    """The same layer in both libraries, with the same weights, none of them zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about PyTorch's nested tensors
        theirs = getattr(torch.nn, name)(*args, **options, dtype=torch.float64)
    mine = getattr(nn, name)(*args, **options, dtype=ag.float64)
    rng = np.random.default_rng(5)
    state = {
        key: rng.normal(size=tuple(value.shape)) / 2 for key, value in theirs.state_dict().items()
    }
    assert list(mine.state_dict()) == list(state)
    mine.load_state_dict(state)
    theirs.load_state_dict({key: torch.tensor(value) for key, value in state.items()})
    return mine, theirs


def compare_layers(mine, theirs, arrays, same=False, **masks):
    """Both layers agree on outputs and all gradients."""
    found = []
    for lib, layer in ((ag, mine), (torch, theirs)):
        given = {n: lib.tensor(m) if isinstance(m, np.ndarray) else m for n, m in masks.items()}

        def call(*inputs, layer=layer, given=given):
            return layer(*(inputs * 3 if same else inputs), **given)

        found.append(results(lib, call, arrays, list(layer.parameters())))
    compare(*found)
