"""An op is one record in one place: seven lines give everything else."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SEVEN_LINES = '''
@op(numpy=np.cbrt, kind="unary", domain=(0.5, 3))
def cbrt(input):
    """Return the cube root, elementwise.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cbrt(ag.tensor(8.0))
    tensor(2.)
    """
    return np.cbrt(input)

cbrt.vjp(input=lambda g, out: g / (3 * out * out))
'''  # and their example, which every public function has


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the packages with seven lines added to one file."""
    house = tmp_path_factory.mktemp("house")
    for package in ("autograd", "nn", "optim"):
        shutil.copytree(
            ROOT / package, house / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    family = house / "autograd" / "ops" / "trigonometric.py"
    family.write_text(family.read_text() + SEVEN_LINES)
    shutil.copytree(ROOT / "tests", house / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", house)
    return house


def python(house, *arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=house, capture_output=True, text=True, timeout=240)


def test_function_method_twin_and_numpy(house):
    code = """
import numpy as np
import autograd as ag
x = ag.tensor([1.0, 8.0], requires_grad=True)
for y in (ag.cbrt(x), x.cbrt(), np.cbrt(x)):
    (g,) = ag.grad(y.sum(), x, create_graph=True)
    (h,) = ag.grad(g.sum(), x)
    assert y.grad_fn.name() == "cbrt" and y.dtype == ag.float32
    assert np.allclose(g.detach(), [1 / 3, 1 / 12]) and np.allclose(h, [-2 / 9, -1 / 144])
assert ag.tensor([8.0]).cbrt_().item() == 2.0
"""
    result = python(house, "-c", code)
    assert result.returncode == 0, result.stderr


def test_reference_entry_and_stubs(house):
    entry = python(house, "-m", "autograd", "reference", "cbrt").stdout
    assert "### `cbrt(input)`" in entry
    assert "`numpy.cbrt` on tensors" in entry and "keeps `out`" in entry
    stale = python(house, "-m", "autograd", "stubs", "--check")
    assert stale.returncode == 1 and "autograd/tensor.pyi" in stale.stdout
    python(house, "-m", "autograd", "stubs")
    for stub in ("autograd/__init__.pyi", "autograd/tensor.pyi"):
        assert "def cbrt(" in (house / stub).read_text()


def test_generated_tests_cover_it(house):
    result = python(house, "-m", "pytest", "tests/test_ops.py", "-k", "cbrt")
    assert result.returncode == 0, result.stdout
    passed = int(re.search(r"(\d+) passed", result.stdout).group(1))
    assert passed >= 10, result.stdout


def test_an_op_that_cannot_be_tested_is_refused(house):
    code = """
from autograd.op import op
@op()
def unknown(input):
    return input
"""
    result = python(house, "-c", code)
    assert result.returncode == 1
    assert "op 'unknown' needs a kind or samples: it could not be tested" in result.stderr
