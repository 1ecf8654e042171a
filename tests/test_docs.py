"""The documentation: its code runs and prints what it says, its links lead somewhere, nothing that
is public is missing from the reference, and the site builds without a warning."""

import contextlib
import doctest
import importlib
import importlib.util
import inspect
import io
import json
import os
import re
import subprocess
import sys
import types
import zlib
from pathlib import Path

import pytest

import autograd as ag
import models
import nn
import optim
from autograd import docs
from autograd.__main__ import main as command_line

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
GENERATED = ("reference", "notebooks")  # folders that a build writes
PAGES = sorted(
    path
    for path in DOCS.rglob("*.md")
    if path.relative_to(DOCS).parts[0] not in GENERATED and "_build" not in path.parts
)
BLOCK = re.compile(r"^```(python|output)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)")
OUTPUT_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def module_of_docs(name):
    """One of the modules beside the pages, which are in no package."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def reference():
    return module_of_docs("api_pages")


@pytest.fixture(scope="module")
def api_pages(reference):
    return reference.pages()


def name_of(path):
    return path.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_code_of_a_page_runs_and_prints_what_is_shown(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pages write files
    text = path.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    page = types.ModuleType(f"page_{path.stem.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, page.__name__, page)  # where numba looks for a kernel's home
    printed = ""
    for i, block in enumerate(blocks):
        kind, body = block.groups()
        line = text[: block.start()].count("\n") + 1
        if kind == "output":
            assert blocks[i - 1][1] == "python", f"line {line}: output of no code"
            same = doctest.OutputChecker().check_output(body, printed, OUTPUT_FLAGS)
            assert same, f"{path.name}, line {line}: shown is\n{body}\nprinted was\n{printed}"
            continue
        stream = io.StringIO()
        source = "\n" * line + body  # so that a traceback has the page's line numbers
        with contextlib.redirect_stdout(stream):
            exec(compile(source, str(path), "exec"), vars(page))
        printed = stream.getvalue()
        silent = i + 1 == len(blocks) or blocks[i + 1][1] == "python"
        assert not (silent and printed), f"{path.name}, line {line}: prints\n{printed}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_to_pages(path, api_pages):
    generated = {DOCS / "reference" / f"{name}.rst" for name in api_pages}
    generated.add(DOCS / "notebooks" / "index.md")
    for target, _ in LINK.findall(path.read_text(encoding="utf-8")):
        found = (path.parent / target).resolve()
        assert not target or found.exists() or found in generated, f"{path.name}: {target}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_that_a_page_names_exist(path):
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"```\{include\} (\S+)", text):
        assert (path.parent / name).is_file(), f"{path.name} includes {name}"
    for name in re.findall(
        r"\b(?:autograd|nn|optim|models|tests|docs|benchmarks)/[\w/]+\.\w+", text
    ):
        assert (ROOT / name).is_file(), f"{path.name} names {name}"


def test_reference_describes_everything_public(reference, api_pages):
    text = "\n".join(api_pages.values())
    described = set(re.findall(r"^\.\. (?:auto\w+|py:data):: (\S+)$", text, re.MULTILINE))
    wanted = {reference.described_at(r) for r in ag.OPS.values() if r.space != "internal"}
    wanted |= {f"autograd.{name}" for name in reference.engine_names()}
    packages = [nn, nn.init, optim, optim.lr_scheduler, optim.swa_utils]
    packages += [ag.functional, ag.profiler, ag.testing, ag.utils.data]
    packages += [models.datasets, models.transforms]
    for package in packages:
        for name in reference.public_names(package):
            if not inspect.ismodule(getattr(package, name)):
                wanted.add(f"{package.__name__}.{name}")
    wanted |= {
        f"models.{name}"
        for name, value in vars(models).items()
        if not name.startswith("_") and callable(value)
    }
    assert len(wanted) > 800
    assert not wanted - described, f"not in the reference: {sorted(wanted - described)}"


def test_reference_is_the_same_in_every_process(api_pages):
    """Else each build would begin anew: nothing may hang on addresses or on the order of sets."""
    assert " at 0x" not in "".join(api_pages.values())
    code = f"import sys; sys.path.insert(0, {str(DOCS)!r}); import api_pages, zlib; "
    code += "print(zlib.crc32(repr(api_pages.pages()).encode()))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert int(result.stdout) == zlib.crc32(repr(api_pages).encode())


def test_reference_shows_the_derivative_as_written(reference):
    entry = reference.op_entry(ag.OPS["exp"])
    assert ".. autofunction:: autograd.exp" in entry
    assert "exp.vjp(input=lambda g, out: g * out)" in entry


def test_reference_leaves_unchanged_pages_alone(reference, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "pages", lambda: {"a": "one", "b/c": "two"})
    reference.write(tmp_path)
    (tmp_path / "old.rst").write_text("of a module that is gone")
    before = (tmp_path / "a.rst").stat().st_mtime_ns
    monkeypatch.setattr(reference, "pages", lambda: {"a": "one", "b/c": "three"})
    reference.write(tmp_path)
    assert (tmp_path / "a.rst").stat().st_mtime_ns == before
    assert (tmp_path / "b" / "c.rst").read_text() == "three"
    assert not (tmp_path / "old.rst").exists()


def test_formulas_of_docstrings_are_shown_as_they_are():
    docstrings = module_of_docs("docstrings")
    lines = ["What it is,", "", "    x = y", "", "    y = z", "", "and a list:", "", "- of words"]
    docstrings.mark_formulas(lines)
    assert lines[:4] == ["What it is,", "", "::", ""]
    assert lines.count("::") == 1
    known = ["As here::", "", "    x", "", "parameter : int", "    Its text.", "", "    And more."]
    again = list(known)
    docstrings.mark_formulas(again)
    assert again == known


def test_formulas_become_mathml():
    pytest.importorskip("docutils", reason="comes with Sphinx")
    formulas = module_of_docs("formulas")
    assert "<mfrac>" in formulas.mathml(r"\frac{a}{b}")
    assert "<math" in formulas.mathml(r"\Big(x_1, \dots\Big) \tag{1}", block=True)
    assert formulas.mathml(r"\unheard{x} < 1") == r"<code>\unheard{x} &lt; 1</code>"


def test_names_of_parameters_are_no_links():
    docstrings = module_of_docs("docstrings")
    lines = ["Sum over `dim` of `input`; see `mean` and ``dim``, :py:obj:`dim`."]
    docstrings.mark_parameters(lambda input, dim: None, lines)
    assert lines == ["Sum over ``dim`` of ``input``; see `mean` and ``dim``, :py:obj:`dim`."]


def test_notebooks_become_pages_whose_links_work(tmp_path):
    source, target = tmp_path / "notebooks", tmp_path / "pages"
    source.mkdir()
    text = "[file](../models/lenet.py), [other](one.ipynb), [site](https://example.org)"
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# One\n", text]}]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (source / "one.ipynb").write_text(json.dumps(notebook))
    pages = module_of_docs("notebook_pages")
    pages.write(source, target)
    assert "\none\n" in (target / "index.md").read_text()
    written = json.loads((target / "one.ipynb").read_text())["cells"][0]["source"]
    assert "file, [other](one.ipynb), [site](https://example.org)" in written
    (source / "one.ipynb").unlink()
    pages.write(source, target)
    assert not (target / "one.ipynb").exists()
    assert "toctree" not in (target / "index.md").read_text()


def test_docs_command_calls_sphinx_strictly(tmp_path, monkeypatch, capsys):
    calls = []

    def run(command, check):
        calls.append(command)
        return subprocess.CompletedProcess(command, len(calls) - 1)

    monkeypatch.setattr(docs.subprocess, "run", run)
    monkeypatch.setattr(docs, "NEEDED", ())
    assert command_line(["docs", "--out", str(tmp_path)]) == 0
    assert {"-W", "--keep-going", str(DOCS), str(tmp_path)} <= set(calls[0])
    assert str(tmp_path / "index.html") in capsys.readouterr().out
    assert command_line(["docs", "--run-notebooks"]) == 1  # as Sphinx ended
    assert "nb_execution_mode=force" in calls[1]


def test_docs_command_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(docs, "NEEDED", ("sphinx_of_another_world",))
    assert docs.main() == 1
    assert 'sphinx_of_another_world: pip install -e ".[docs]"' in capsys.readouterr().err
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    assert docs.main() == 1
    assert "checkout" in capsys.readouterr().err


@pytest.mark.timeout(1200)
def test_site_builds_without_a_warning(tmp_path):
    missing = [name for name in docs.NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f'building needs {", ".join(missing)}: pip install -e ".[docs]"')
    command = docs.command(tmp_path / "site")
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for page in ("index.html", "tutorial.html", "lenet5.html", "reference/operations.html"):
        assert (tmp_path / "site" / page).stat().st_size > 5000, page
    softmax = (tmp_path / "site" / "reference" / "operations" / "softmax.html").read_text()
    assert 'id="autograd.softmax"' in softmax
