"""The tests against PyTorch are collected only where it is installed; it is never required."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["*.py"]
