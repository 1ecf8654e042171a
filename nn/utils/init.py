"""Making a module without drawing its parameters."""

from __future__ import annotations

from autograd.device import check_device
from autograd.random import get_rng_state, set_rng_state
from nn.module import Module


def skip_init(module_cls: type[Module], *args, device=None, **kwargs) -> Module:
    """Make a module whose parameters are about to be loaded: no random number is used up.

    What its parameters hold until then is not to be relied on.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> before = ag.get_rng_state()
    >>> layer = nn.utils.skip_init(nn.Linear, 3, 2)
    >>> layer.weight.shape, ag.get_rng_state() == before
    ((2, 3), True)
    """
    if not isinstance(module_cls, type) or not issubclass(module_cls, Module):
        raise RuntimeError(f"skip_init expected a class of nn.Module, got {module_cls!r}")
    check_device(device)
    state = get_rng_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        set_rng_state(state)
