"""PyTorch's own tables of what to test, ``module_db`` and ``optim_db``, importable where it is.

Its test utilities import a package for expected outputs that comes with a development set-up only,
and set global options; neither has a part in the tables.
"""

import importlib.util
import sys
import types
import unittest

from hypothesis import settings

if not importlib.util.find_spec("expecttest"):
    stand_in = types.ModuleType("expecttest")
    stand_in.TestCase = unittest.TestCase
    sys.modules["expecttest"] = stand_in

_profile = settings.get_current_profile_name()

from torch.testing._internal.common_modules import ModuleErrorEnum, module_db  # noqa: E402
from torch.testing._internal.common_optimizers import optim_db  # noqa: E402

settings.load_profile(_profile)

__all__ = ["ModuleErrorEnum", "module_db", "optim_db"]
