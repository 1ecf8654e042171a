"""Imports the packages before pytest does, file by file.

It would bind each file's module in its package, over a function of the same name: `models.gan`.
"""

import models  # noqa: F401
import nn  # noqa: F401
