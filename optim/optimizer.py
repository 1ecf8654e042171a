"""Optimizer: groups of parameters with options, a state for each, and a step over all of them."""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autograd import kernels
from autograd.hooks import RemovableHandle
from autograd.mode import enable_grad, no_grad
from autograd.recording.effects import repeated
from autograd.tensor import Tensor, wrap
from autograd.versions import wrote, wrote_together
from optim import state
from optim.options import suggest


def _hooked(step: Callable) -> Callable:
    """Call the step hooks around a ``step`` method, and note for schedulers that it ran."""

    @repeated
    @functools.wraps(step)
    def hooked(*args, **kwargs):
        self = args[0]
        if type(self).step is not hooked:  # reached through super(): the outer one calls the hooks
            return step(*args, **kwargs)
        for hook in tuple(self._pre_hooks.values()):
            changed = hook(self, args, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        "a step pre-hook expected to return None or (args, kwargs), "
                        f"got {changed!r}"
                    )
                args, kwargs = changed
        result = step(*args, **kwargs)
        self._stepped = True
        for hook in tuple(self._post_hooks.values()):
            hook(self, args, kwargs)
        return result

    return hooked


class Optimizer:
    """Base class of all optimisers.

    A subclass passes the defaults of its options up and defines `update`, which changes one
    parameter; or it overrides `step` altogether.

    Parameters
    ----------
    params : iterable
        Tensors, ``(name, tensor)`` pairs as ``model.named_parameters()`` gives them, or dicts with
        such an iterable under "params" and options that differ for this group.
    defaults : dict
        The options and their values where a group does not say otherwise.

    Attributes
    ----------
    param_groups : list of dict
    state : dict
        For each parameter what is remembered of it between steps, a dict.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> class SignDescent(optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr})
    ...     def update(self, param, grad, state, group):
    ...         param.array -= group["lr"] * (grad > 0) - group["lr"] * (grad < 0)
    >>> x = ag.tensor([4.0, -2.0], requires_grad=True)
    >>> optimizer = SignDescent([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step(); x.detach()
    tensor([ 3.5, -1.5])
    """

    like_param: tuple[str, ...] = ()  # names of the state that has its parameter's shape
    single: tuple[str, ...] = ("step",)  # names of the state that is one number, a float32 tensor
    # Which compiled update takes a whole group at once (`kernels.step_together`), if there is one.
    together: str | None = None

    def __init_subclass__(cls, **keywords) -> None:
        super().__init_subclass__(**keywords)
        if "update" in cls.__dict__ and "together" not in cls.__dict__:
            cls.together = None  # an update of its own, which the inherited kernel does not know
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Iterable, defaults: dict[str, Any]):
        self.check(defaults)
        self.defaults = defaults
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._pre_hooks: dict[int, Callable] = {}
        self._post_hooks: dict[int, Callable] = {}
        self._state_hooks: dict[str, OrderedDict[int, Callable]] = {
            moment: OrderedDict() for moment in ("save before", "save", "load before", "load")
        }
        self._stepped = False
        self._updates: dict[int, Any] = {}  # `kernels.step_together.Update`, by the group's id
        groups = _as_list(params)
        if not groups:
            raise ValueError("the optimizer got an empty list of parameters")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def check(self, options: dict[str, Any]) -> None:
        """Raise ValueError if an option of a group is out of range; subclasses override it."""

    def update(self, param: Tensor, grad: np.ndarray, state: dict, group: dict) -> None:
        """Change `param.array` and `state` in place, given the gradient; subclasses define it."""
        if self.together is None:
            name = type(self).__name__
            raise NotImplementedError(f"{name} defines neither update() nor step()")
        self.alone((param.array, *self.arrays(param, state, group)), grad, group)

    # An optimiser with a kernel for whole groups defines, instead of `update`, these three.

    def arrays(self, param: Tensor, state: dict, group: dict) -> tuple:
        """The arrays of a parameter's state, begun if need be, in the order of the kernel."""
        raise NotImplementedError

    def settings(self, group: dict) -> tuple[float, ...]:
        """The options of a group in the order of the kernel."""
        raise NotImplementedError

    def alone(self, row: tuple, grad: np.ndarray, group: dict) -> None:
        """Update one parameter without the kernel, given it with `arrays`, and its gradient."""
        raise NotImplementedError

    def update_group(self, params: list[Tensor], group: dict) -> None:
        """Change those parameters of a group that have gradients."""
        state, arrays = self.state, self.arrays
        grads = [param._grad.array for param in params]  # type: ignore[union-attr]
        if self.together is None:
            # As everywhere in training, infinities and NaN are values here, not warnings.
            with no_grad(), np.errstate(all="ignore"):
                for param, grad in zip(params, grads, strict=True):
                    self.update(param, grad, state[param], group)
            return
        rows = [(param.array, *arrays(param, state[param], group)) for param in params]
        update = self._updates.get(id(group))
        if update is None:
            update = self._updates[id(group)] = kernels.step_together.Update(self.together)
        left = update(rows, grads, self.settings(group))
        if left:
            with np.errstate(all="ignore"):
                for i in left:
                    self.alone(rows[i], grads[i], group)

    @_hooked
    def step(self, closure: Callable | None = None):
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Called first, with gradients enabled: clears the gradients, computes the loss, calls
            ``backward`` and returns the loss, which is then what `step` returns.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        name = f"{type(self).__name__}.step"
        for group in self.param_groups:
            params = [param for param in group["params"] if param._grad is not None]
            if params:
                self.update_group(params, group)
                wrote_together([param.array for param in params], name)
        return loss

    @repeated
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif (grad := param.grad) is None:
                    continue
                elif grad.requires_grad:  # from create_graph: leave the graph its values
                    param.grad = wrap(np.zeros_like(grad.array))
                else:
                    grad.array.fill(0)
                    wrote(grad.array, f"{type(self).__name__}.zero_grad")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters: a dict with "params" and any options that differ for it.

        Raises
        ------
        TypeError
            If something else than tensors is to be optimised.
        ValueError
            If a tensor is not a leaf or is here already, or an option is out of range or misspelt.

        Examples
        --------
        >>> import autograd as ag, optim
        >>> head, body = ag.ones(2, requires_grad=True), ag.ones(3, requires_grad=True)
        >>> optimizer = optim.SGD([head], lr=0.1)
        >>> optimizer.add_param_group({"params": [body], "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"a parameter group is a dict, got {type(param_group).__name__}")
        if "params" not in param_group:
            raise ValueError("a parameter group needs its parameters under the key 'params'")
        group = dict(param_group)
        params = group["params"]
        group["params"] = [params] if isinstance(params, Tensor) else _as_list(params)
        _split_names(group)
        self._check_params(group["params"])
        suggest({name: group[name] for name in param_group if name != "params"}, self.defaults)
        for name, value in self.defaults.items():
            group.setdefault(name, value)
        self.check(group)
        if len({"param_names" in other for other in (*self.param_groups, group)}) > 1:
            raise ValueError("either all parameter groups come with names or none")
        self.param_groups.append(group)

    def _check_params(self, params: list) -> None:
        seen = {id(param) for group in self.param_groups for param in group["params"]}
        for i, param in enumerate(params):
            if not isinstance(param, Tensor):
                raise TypeError(
                    f"an optimizer optimises tensors, got {type(param).__name__} as params[{i}]: "
                    "pass model.parameters() or a list of tensors"
                )
            if not param.is_leaf:
                raise ValueError(
                    f"params[{i}] (shape {param.shape}) is not a leaf: it was made by "
                    f"{param.node.name()}, so changing it would not change what it was made from"
                )
            if id(param) in seen:
                raise ValueError(
                    f"params[{i}] (shape {param.shape}) is in this optimizer already: each step "
                    "would update it twice"
                )
            seen.add(id(param))

    # -- state -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return state and options, parameters replaced by their numbers, in PyTorch's layout.

        The tensors in it are the optimiser's own: copy them if they are to outlive the next step.

        Examples
        --------
        >>> import autograd as ag, optim
        >>> optimizer = optim.SGD([ag.ones(2, requires_grad=True)], lr=0.1)
        >>> optimizer.state_dict()["param_groups"][0]["params"]
        [0]
        """
        for hook in tuple(self._state_hooks["save before"].values()):
            hook(self)
        found = state.collect(self)
        for hook in tuple(self._state_hooks["save"].values()):
            changed = hook(self, found)
            found = found if changed is None else changed
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a `state_dict`; tensors are copied and take their parameter's dtype.

        Values may be tensors or arrays, also PyTorch's. Parameters are paired in order, or by name
        where both sides know the same names.

        Raises
        ------
        ValueError
            If the groups, their sizes or the shapes of their state differ. Nothing is changed then.
        """
        state_dict = dict(state_dict)  # hooks may change it
        for hook in tuple(self._state_hooks["load before"].values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        state.load(self, state_dict)
        for hook in tuple(self._state_hooks["load"].values()):
            hook(self)

    # -- hooks -----------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new ones."""
        return _register(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return _register(self._post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` before a `state_dict` is made."""
        return _register(self._state_hooks["save before"], hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on each `state_dict`; it may return another."""
        return _register(self._state_hooks["save"], hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before loading; it may return another.

        It sees a shallow copy of the dict.
        """
        return _register(self._state_hooks["load before"], hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after loading."""
        return _register(self._state_hooks["load"], hook, prepend)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def _register(hooks, hook: Callable, prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _as_list(params) -> list:
    """What an optimiser was given as a list, unless its order or its kind makes no sense."""
    if isinstance(params, Tensor):
        raise TypeError("params expected an iterable of tensors, got one Tensor: write [tensor]")
    if isinstance(params, (set, frozenset)):
        raise TypeError(
            "params expected an ordered collection, got a set: its order would change from run to "
            "run, and saved state would go to the wrong parameters"
        )
    try:
        return list(params)
    except TypeError:
        raise TypeError(
            f"params expected an iterable of tensors, got {type(params).__name__}: "
            "pass model.parameters()"
        ) from None


def _split_names(group: dict[str, Any]) -> None:
    """Turn (name, tensor) pairs into "params" and "param_names"."""
    named = [isinstance(param, tuple) for param in group["params"]]
    if not any(named):
        return
    if not all(named) or any(len(pair) != 2 for pair in group["params"]):
        raise ValueError("params expected (name, tensor) pairs throughout, or tensors throughout")
    group["param_names"] = [name for name, _ in group["params"]]
    group["params"] = [param for _, param in group["params"]]
