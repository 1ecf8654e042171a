"""Pruning: some elements of a parameter are held at zero by a mask.

The parameter ``weight`` becomes ``weight_orig``, beside it stands the buffer ``weight_mask``, and
before each call of the module ``weight`` is computed as their product.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from autograd.mode import no_grad
from autograd.tensor import Tensor, wrap
from nn.module import Module
from nn.utils.convert_parameters import parameters_to_vector
from nn.utils.pruning import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
    hook_on,
    pruning,
)


def identity(module: Module, name: str) -> Module:
    """Give a parameter a mask of ones.

    Examples
    --------
    >>> import nn
    >>> sorted(nn.utils.prune.identity(nn.Linear(2, 2), "bias").state_dict())
    ['bias_mask', 'bias_orig', 'weight']
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount) -> Module:
    """Prune elements at random: `amount` of them, or that fraction.

    Examples
    --------
    >>> import nn
    >>> layer = nn.utils.prune.random_unstructured(nn.Linear(4, 2), "weight", 0.25)
    >>> int((layer.weight == 0).sum())
    2
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount, importance_scores=None) -> Module:
    """Prune the elements of smallest absolute value: `amount` of them, or that fraction.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer = nn.Linear(3, 1)
    >>> layer.weight.data = ag.tensor([[3.0, -1.0, 2.0]])
    >>> nn.utils.prune.l1_unstructured(layer, "weight", 1).weight.tolist()
    [[3.0, -0.0, 2.0]]
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount, dim: int) -> Module:
    """Prune slices along `dim` at random: `amount` of them, or that fraction.

    Examples
    --------
    >>> import nn
    >>> layer = nn.utils.prune.random_structured(nn.Linear(3, 4), "weight", 3, dim=0)
    >>> int((layer.weight == 0).all(dim=1).sum())
    3
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: Module, name: str, amount, n, dim: int, importance_scores=None) -> Module:
    """Prune the slices along `dim` of smallest `n`-norm: `amount` of them, or that fraction.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer = nn.Linear(2, 2)
    >>> layer.weight.data = ag.tensor([[3.0, 4.0], [6.0, 0.0]])
    >>> nn.utils.prune.ln_structured(layer, "weight", 1, n=2, dim=0).weight.tolist()
    [[0.0, 0.0], [6.0, 0.0]]
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune what `mask` says.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer = nn.utils.prune.custom_from_mask(nn.Linear(2, 2), "bias", ag.tensor([0.0, 1.0]))
    >>> layer.bias[0].item() == 0
    True
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict | None = None,
    **kwargs,
) -> None:
    """Prune several parameters, pairs of module and name, as if they were one.

    Examples
    --------
    >>> import nn
    >>> from nn.utils import prune
    >>> layers = nn.Linear(4, 2), nn.Linear(2, 2)
    >>> pairs = [(layer, "weight") for layer in layers]
    >>> prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.5)
    >>> sum(int((layer.weight == 0).sum()) for layer in layers)
    6
    """
    if not isinstance(parameters, Iterable):
        raise TypeError(f"parameters expected pairs (module, name), got {parameters!r}")
    if importance_scores is not None and not isinstance(importance_scores, dict):
        raise TypeError(f"importance_scores expected a dict, got {type(importance_scores)}")
    pairs, method = list(parameters), pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(f"global_unstructured cannot prune by {pruning_method.__name__}")
    method._tensor_name = ""
    tensors = [getattr(module, name) for module, name in pairs]
    masks = [
        getattr(module, f"{name}_mask", wrap(np.ones_like(tensor.array)))
        for (module, name), tensor in zip(pairs, tensors, strict=True)
    ]
    scores = [(importance_scores or {}).get(p, t) for p, t in zip(pairs, tensors, strict=True)]
    with no_grad():
        mask = PruningContainer(method).compute_mask(
            parameters_to_vector(scores), parameters_to_vector(masks)
        )
    ends = np.cumsum([tensor.numel() for tensor in tensors])
    parts = np.split(mask.array, ends[:-1])
    for (module, name), tensor, part in zip(pairs, tensors, parts, strict=True):
        custom_from_mask(module, name, wrap(part.reshape(tensor.shape)))


def remove(module: Module, name: str) -> Module:
    """Make a pruned parameter an ordinary one again, which keeps its zeros.

    Examples
    --------
    >>> import nn
    >>> from nn.utils import prune
    >>> sorted(prune.remove(prune.identity(nn.Linear(2, 2), "bias"), "bias").state_dict())
    ['bias', 'weight']
    """
    number, hook = hook_on(module, name)
    if hook is None:
        raise ValueError(f"{type(module).__name__} has no pruned parameter {name!r}")
    hook.remove(module)
    del module._hooks.before[number]  # type: ignore[union-attr]
    return module


def is_pruned(module: Module) -> bool:
    """Tell whether any parameter of the module, or of one below it, is pruned.

    Examples
    --------
    >>> import nn
    >>> nn.utils.prune.is_pruned(nn.Linear(2, 2))
    False
    """
    return any(pruning(part) for part in module.modules())
