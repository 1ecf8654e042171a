"""Layer paths: what errors and graph nodes call a module, as in ``LeNet5.features.3 (Conv2d)``.

A module does not know its parent, and may have several. So names are given from above: when a
module is called while no other one runs, it is a root, and its whole tree is named. That is done
again only after some module, anywhere, has gained or lost a child; `epoch` counts these events.
"""

from __future__ import annotations

from autograd.recording import effects

epoch = 0


def changed(module) -> None:
    """Note that a module has gained or lost a child: paths may be out of date."""
    global epoch
    if _has_run(module):
        epoch += 1
        effects.changed()


def set_up_anew(module) -> None:
    """Note that an attribute of a module has changed: so may what it computes."""
    if _has_run(module):
        effects.changed()


def _has_run(module) -> bool:
    """Whether somebody may rely on a module: not on one just made, by ``layers[1:]`` say."""
    return module.__dict__.get("_label") is not None


def name_tree(root) -> None:
    """Label `root` and every module below it with the path from `root`."""
    top = type(root).__name__
    for name, module in root.named_modules():
        label = f"{top}.{name} ({type(module).__name__})" if name else top
        module.__dict__.update(_label=label, _stamp=epoch, _states=(None, None))


def state_inside(module, state):
    """The state in which `module` runs when called in `state`: the same, with its label.

    A module remembers the last pair. The state outside is, as a rule, the very object it was the
    time before, be it the default one or that of the module above; then `Module.__call__` need not
    come here.
    """
    if module._stamp != epoch and (state.layer is None or module._label is None):
        if state.layer is None:
            name_tree(module)
        else:  # not registered with the module that calls it: it goes by its class's name
            module.__dict__["_label"] = type(module).__name__
    inside = state._replace(layer=module._label)
    module.__dict__["_states"] = (state, inside)
    return inside


def note(error: Exception, label: str) -> None:
    """Add to an exception which module it comes from; only the innermost one has a say."""
    if hasattr(error, "_layer"):
        return
    error._layer = label  # type: ignore[attr-defined]
    text = f"in {label}"
    if not any(said.startswith(text) for said in (str(error), *getattr(error, "__notes__", ()))):
        error.add_note(text)
