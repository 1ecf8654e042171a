"""What is installed: the wheel's contents, the light import, the guard, the stubs, the README."""

import re
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

import autograd as ag

ROOT = Path(__file__).resolve().parent.parent


def run(code: str, *, cwd=ROOT, **keywords) -> subprocess.CompletedProcess:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, **keywords)


def test_wheel_holds_the_four_packages_and_nothing_else(tmp_path):
    pytest.importorskip("hatchling")
    code = f"""
        import os
        from hatchling.build import build_wheel
        os.chdir({str(ROOT)!r})
        print(build_wheel({str(tmp_path)!r}))
    """
    result = run(code)
    assert result.returncode == 0, result.stderr
    names = zipfile.ZipFile(tmp_path / result.stdout.split()[-1]).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "autograd",
        "nn",
        "optim",
        "models",
    }
    assert {f"{p}/py.typed" for p in ("autograd", "nn", "optim", "models")} <= set(names)
    assert {"models/data/digits.npz", "models/data/NOTICE"} <= set(names)
    assert {"autograd/__init__.pyi", "autograd/tensor.pyi", "nn/functional.pyi"} <= set(names)


def test_import_is_light():
    code = """
        import sys
        import autograd, nn, optim
        heavy = {"numba", "llvmlite", "graphviz", "matplotlib", "safetensors", "tqdm", "torch"}
        print(sorted((heavy | {"hypothesis"}) & set(sys.modules)))
    """
    result = run(code)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


@pytest.mark.parametrize("package", ["nn", "optim", "models"])
def test_guard_refuses_a_foreign_autograd(package, tmp_path):
    (tmp_path / "autograd").mkdir()
    (tmp_path / "autograd" / "__init__.py").write_text("numpy = None\n")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; import {package}"
    result = run(code, cwd=tmp_path)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert (
        last.startswith("ImportError")
        and str(tmp_path) in last
        and "pip uninstall autograd" in last
    )


def test_stubs_are_up_to_date():
    from autograd import stubs

    for name, text in stubs.stubs().items():
        assert (ROOT / name).read_text() == text, f"{name} is stale: run python -m autograd stubs"


def test_reference_has_an_entry_for_every_public_op():
    from autograd import reference

    pages = "\n".join(reference.page(family) for family in reference.families())
    for name, record in ag.OPS.items():
        assert (f"### `{name}(" in pages) == (record.space != "internal")


def test_readme_loop_runs_as_printed(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    loop = next(block for block in blocks if "backward()" in block)
    result = run(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + loop, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    accuracy = float(re.search(r"accuracy ([\d.]+)", result.stdout).group(1))
    assert accuracy > 0.9


def test_info_and_reference_commands():
    for arguments in (["info"], ["reference", "exp"], ["stubs", "--check"]):
        command = [sys.executable, "-m", "autograd", *arguments]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stdout + result.stderr
        assert arguments[0] == "stubs" or result.stdout
