"""The house: floors, each importing only from below. Read from the sources, so nothing can hide."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the ground up. A module may import from its own floor and from those below; a package stands
# for all its modules unless one of them is named itself.
FLOORS = [
    ["autograd.kernels"],
    [
        "autograd.cuda", "autograd.device", "autograd.dtypes", "autograd.errors",
        "autograd.memory_format", "autograd.mode", "autograd.recording.effects", "autograd.where",
    ],
    ["autograd.tensor", "autograd.node", "autograd.versions"],
    ["autograd.promotion", "autograd.view"],
    ["autograd.op", "autograd.plan", "autograd.call"],
    ["autograd.accumulate"],
    ["autograd.engine"],
    ["autograd.inplace"],
    ["autograd.random"],
    ["autograd.ops"],
    ["autograd.hooks", "autograd.function", "autograd.creation", "autograd.layout"],
    ["autograd", "autograd.linalg", "autograd.special"],
    [
        "autograd.events", "autograd.flops", "autograd.functional", "autograd.gradient_check",
        "autograd.graph_reading", "autograd.profiler", "autograd.serialize", "autograd.utils",
    ],
    ["autograd.graph_values", "autograd.memory", "autograd.recording"],
    ["autograd.graph_costs"],
    [
        "autograd.graph", "autograd.graph_dot", "autograd.graph_page", "autograd.interop",
        "autograd.testing",
    ],
    ["autograd.conventions", "autograd.reference", "autograd.stubs"],
    ["nn", "optim"],
    ["models"],
]  # fmt: skip
# The roof may import anything, lazily.
ROOF = (
    "autograd.__main__",
    "autograd.warmup",
    "models.__main__",
    "autograd.coverage",
    "autograd.stubs",
)
# `autograd.op` makes its functions with `autograd.call`, which reads records: one floor, two files.
# `autograd/__init__.py` shows the names of what stands on top of the engine.
SHOWN_AT_THE_TOP = (
    "autograd.functional",
    "autograd.gradient_check",
    "autograd.graph",
    "autograd.interop",
    "autograd.serialize",
    "autograd.testing",
    "autograd.utils",
)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> list[Path]:
    return sorted(
        p for top in ("autograd", "nn", "optim", "models") for p in (ROOT / top).rglob("*.py")
    )


MODULES = {module_name(path) for path in sources()}


def floor(module: str) -> int:
    best = max(
        (name for row in FLOORS for name in row if module == name or module.startswith(name + ".")),
        key=len,
        default=None,
    )
    assert best is not None, f"{module} has no floor: give it one in FLOORS"
    return next(i for i, row in enumerate(FLOORS) if best in row)


def imports(path: Path) -> set[str]:
    """The modules of this house that a file imports, wherever in the file it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            below = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES
            found |= below or {node.module}
    return {name for name in found if name.split(".")[0] in ("autograd", "nn", "optim", "models")}


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_imports_only_from_below(path):
    module = module_name(path)
    if module in ROOF:
        return
    for target in imports(path):
        if module == "autograd" and target in SHOWN_AT_THE_TOP:
            continue
        assert floor(target) <= floor(module), f"{module} reaches up to {target}"


def test_kernels_know_only_numpy_and_numba():
    allowed = {"numpy", "numba", "llvmlite", *sys.stdlib_module_names}
    for path in (ROOT / "autograd" / "kernels").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            for name in names:
                known = name.split(".")[0] in allowed or name.startswith("autograd.kernels")
                assert known, f"{path.name} imports {name}"


def test_torch_is_never_imported():
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] != "torch" for alias in node.names), path
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] != "torch", path


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_files_stay_readable(path):
    lines = path.read_text().count("\n")
    assert lines <= 450, f"{path.name} has {lines} lines: find the seam"
