"""Ways to choose what is pruned, and the hook that holds it at zero; for use see `nn.utils.prune`.

The parameter ``weight`` becomes ``weight_orig``, beside it stands the buffer ``weight_mask``, and
before each call of the module ``weight`` is computed as their product.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from autograd.mode import no_grad
from autograd.random import default_generator
from autograd.tensor import Tensor, wrap
from nn.module import Module


class BasePruningMethod(ABC):
    """A way to choose what is pruned; a subclass defines `PRUNING_TYPE` and `compute_mask`.

    `PRUNING_TYPE` says what a second pruning of the same parameter chooses from: "unstructured",
    from the elements left; "structured", from the slices along `dim` of which something is left;
    "global", from everything.
    """

    PRUNING_TYPE: str
    _tensor_name: str

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask for a tensor of importances `t` that so far has `default_mask`."""

    def __call__(self, module: Module, inputs) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module: Module) -> Tensor:
        """Return the module's original parameter times its mask."""
        mask, original = (getattr(module, f"{self._tensor_name}_{k}") for k in ("mask", "orig"))
        return mask.to(original.dtype) * original

    @classmethod
    def apply(cls, module: Module, name: str, *args, importance_scores=None, **kwargs):
        """Prune the parameter `name` with this method, after those that have pruned it already.

        What is least important is pruned first, by the absolute values of `importance_scores` or,
        without them, of the parameter itself.
        """
        method = cls(*args, **kwargs)
        method._tensor_name = name
        number, old = hook_on(module, name)
        original = getattr(module, name)
        with no_grad():
            scores = _scores(original, importance_scores)
            if old is None:
                mask = method.compute_mask(scores, wrap(np.ones_like(original.array)))
                parameter = module._parameters[name]
                delattr(module, name)
                module.register_parameter(f"{name}_orig", parameter)
            else:
                methods = old if isinstance(old, PruningContainer) else (old,)
                method = PruningContainer(*methods, method)
                mask = method.compute_mask(scores, getattr(module, f"{name}_mask").clone())
                del module._hooks.before[number]  # type: ignore[union-attr]
        module.register_buffer(f"{name}_mask", mask)
        method(module, None)
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask=None, importance_scores=None) -> Tensor:
        """Return `t` with what this method chooses set to zero."""
        mask = wrap(np.ones_like(t.array)) if default_mask is None else default_mask
        return t * self.compute_mask(_scores(t, importance_scores), mask)

    def remove(self, module: Module) -> None:
        """Make the parameter an ordinary one again, which keeps its zeros."""
        with no_grad():
            values = self.apply_mask(module)
        original = module._parameters[f"{self._tensor_name}_orig"]
        original.data = values.array  # type: ignore[union-attr]
        for name in (f"{self._tensor_name}_orig", f"{self._tensor_name}_mask", self._tensor_name):
            delattr(module, name)
        module.register_parameter(self._tensor_name, original)


class PruningContainer(BasePruningMethod):
    """Several methods that have pruned one parameter in turn."""

    def __init__(self, *methods: BasePruningMethod):
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if methods:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add a method for the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"expected a BasePruningMethod, got {type(method).__name__}")
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                f"this container prunes {self._tensor_name!r}, got a method that prunes "
                f"{method._tensor_name!r}"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, index):
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask of the last method, which may choose from what is left."""
        method: Any = self._pruning_methods[-1]
        mask = default_mask.array.astype(t.dtype)
        left: Any = mask == 1
        if method.PRUNING_TYPE == "structured":
            others = tuple(i for i in range(t.ndim) if i != method.dim % t.ndim)
            left = (slice(None),) * (method.dim % t.ndim) + (mask.any(axis=others),)
        elif method.PRUNING_TYPE == "global":
            left = ...
        elif method.PRUNING_TYPE != "unstructured":
            raise ValueError(f"{type(method).__name__} has PRUNING_TYPE {method.PRUNING_TYPE!r}")
        mask[left] = method.compute_mask(wrap(t.array[left]), wrap(mask[left])).array
        return wrap(mask)


class Identity(BasePruningMethod):
    """Prune nothing, but with mask and hook."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        """Return the mask as it is."""
        return default_mask


class _Amount(BasePruningMethod):
    """A method that prunes a number of units: an int, or a fraction of all of them."""

    def __init__(self, amount: Any):
        if not isinstance(amount, (int, float, np.integer, np.floating)):
            raise TypeError(f"amount expected an int or a float, got {amount!r}")
        if amount < 0 or (isinstance(amount, (float, np.floating)) and amount > 1):
            raise ValueError(f"amount expected an int >= 0 or a float from 0 to 1, got {amount}")
        self.amount = amount

    def count(self, units: int) -> int:
        """How many of `units` to prune."""
        if isinstance(self.amount, (float, np.floating)):
            return round(float(self.amount) * units)
        if self.amount > units:
            raise ValueError(f"cannot prune {self.amount} of {units}")
        return int(self.amount)

    def least(self, scores: np.ndarray) -> np.ndarray:
        """The places of the lowest `count` of the scores."""
        return np.argsort(scores, kind="stable")[: self.count(len(scores))]


class _Unstructured(_Amount):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        """Return the mask without the elements of lowest score."""
        mask = default_mask.array.copy()
        mask.reshape(-1)[self.least(self.scores(t.array.reshape(-1)))] = 0
        return wrap(mask)

    def scores(self, flat: np.ndarray) -> np.ndarray:
        """The score of each element."""
        raise NotImplementedError


class RandomUnstructured(_Unstructured):
    """Prune elements at random."""

    def scores(self, flat):
        """Random numbers."""
        return default_generator().numpy.random(len(flat))


class L1Unstructured(_Unstructured):
    """Prune the elements of smallest absolute value."""

    def scores(self, flat):
        """Absolute values."""
        return np.abs(flat)


class _Structured(_Amount):
    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1):
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t, default_mask):
        """Return the mask without the slices along `dim` of lowest score."""
        if t.ndim < 2:
            raise ValueError(f"expected a tensor of at least 2 dimensions, got shape {t.shape}")
        if not -t.ndim <= self.dim < t.ndim:
            raise IndexError(f"dim={self.dim} is out of range for a tensor of shape {t.shape}")
        mask = default_mask.array.copy()
        slices = np.moveaxis(t.array, self.dim, 0).reshape(t.shape[self.dim], -1)
        np.moveaxis(mask, self.dim, 0)[self.least(self.scores(slices))] = 0
        return wrap(mask)

    def scores(self, slices: np.ndarray) -> np.ndarray:
        """The score of each slice."""
        raise NotImplementedError


class RandomStructured(_Structured):
    """Prune slices along `dim` at random."""

    def scores(self, slices):
        """Random numbers."""
        return default_generator().numpy.random(len(slices))


class LnStructured(_Structured):
    """Prune the slices along `dim` of smallest `n`-norm."""

    def __init__(self, amount, n, dim: int = -1):
        super().__init__(amount, dim)
        self.n = n

    def scores(self, slices):
        """Norms."""
        return np.array([np.linalg.norm(row, float(self.n)) for row in slices])


class CustomFromMask(BasePruningMethod):
    """Prune what a given mask says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        """Return both masks in one."""
        if self.mask.shape != default_mask.shape:
            raise ValueError(
                f"expected a mask of shape {default_mask.shape}, got {self.mask.shape}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def pruning(module) -> dict[int, BasePruningMethod]:
    """The pruning hooks of one module, by number."""
    table: Any = {} if module._hooks is None else module._hooks.before
    return {k: hook for k, (hook, _) in table.items() if isinstance(hook, BasePruningMethod)}


def hook_on(module: Module, name: str) -> tuple[int, BasePruningMethod | None]:
    """The pruning hook of one parameter, and its number."""
    found = [(k, hook) for k, hook in pruning(module).items() if hook._tensor_name == name]
    return found[0] if found else (-1, None)


def _scores(tensor: Tensor, importance_scores: Tensor | None) -> Tensor:
    if importance_scores is None:
        return tensor.detach()
    if importance_scores.shape != tensor.shape:
        raise ValueError(
            f"importance_scores expected the shape {tensor.shape}, got {importance_scores.shape}"
        )
    return importance_scores
