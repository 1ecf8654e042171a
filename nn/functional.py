"""Functions of layers, under the names of ``torch.nn.functional``; by custom imported as ``F``.

They are those operations of the table that say so.

Examples
--------
>>> import autograd as ag
>>> from nn import functional as F
>>> F.relu(ag.tensor([-1.0, 2.0]))
tensor([0., 2.])
"""

from __future__ import annotations

import autograd as _autograd  # noqa: F401 - fills the table
from autograd.op import OPS as _OPS
from autograd.ops.in_place import *  # noqa: F403 - its __all__ is the list

globals().update(
    (name, record.function) for name, record in _OPS.items() if record.space in ("nn", "both")
)
# The table has the method `unfold` of a tensor under that name, which is another function.
unfold = _OPS["im2col"].function
