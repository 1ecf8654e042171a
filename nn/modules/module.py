"""Hooks of every module: for watching a whole program, as profilers and debuggers do.

They are called before a module's own, and have the arguments of the methods of `nn.Module`.
"""

from __future__ import annotations

from collections.abc import Callable

from autograd.hooks import RemovableHandle
from nn import hooks
from nn.module import Module as Module


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, args)`` before every `forward`; it may return other arguments.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> names = []
    >>> with nn.modules.module.register_module_forward_pre_hook(
    ...     lambda module, args: names.append(type(module).__name__)
    ... ):
    ...     _ = nn.Sequential(nn.Tanh(), nn.ReLU())(ag.zeros(1))
    >>> names
    ['Sequential', 'Tanh', 'ReLU']
    """
    return hooks.add(hooks.everyone().before, (hook, False), False)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after every `forward`; it may return another output."""
    return hooks.add(hooks.everyone().after, hooks.After(hook, with_kwargs, always_call), False)


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` when a module's outputs have their gradients."""
    return hooks.add(hooks.everyone().backward_before, hook, False)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` when a module's inputs have their gradients.

    It may return gradients to go on with in place of `grad_input`.
    """
    return hooks.add(hooks.everyone().backward, hook, False)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, param)`` when a module gets a parameter; it may return another."""
    return hooks.add(hooks.registration["parameter"], hook, False)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` when a module gets a buffer; it may return another."""
    return hooks.add(hooks.registration["buffer"], hook, False)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` when a module gets one; it may return another.

    Examples
    --------
    >>> import nn
    >>> from nn.modules.module import register_module_module_registration_hook
    >>> with register_module_module_registration_hook(lambda module, name, part: nn.Identity()):
    ...     nn.Sequential(nn.ReLU())
    Sequential(
      (0): Identity()
    )
    """
    return hooks.add(hooks.registration["module"], hook, False)
