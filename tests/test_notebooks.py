"""The lessons: notebooks are what their scripts make, and every lesson runs to its end.

A lesson's claims are plain asserts in it, so that running it is testing it.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
LESSONS = sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def load_pair():
    """notebooks/pair.py as a module."""
    spec = importlib.util.spec_from_file_location("pair", FOLDER / "pair.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pair = load_pair()


@pytest.fixture(params=LESSONS, ids=lambda lesson: lesson.stem)
def lesson(request):
    return request.param


def environment() -> dict[str, str]:
    """Where the packages are found from any folder, and pictures need no screen."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"}


def unexpected(stderr: str) -> list[str]:
    """Lines that say something else than that kernels are being compiled."""
    return [line for line in stderr.splitlines() if "compiling" not in line]


# -- pairs -----------------------------------------------------------------------------------------


def test_there_are_at_most_ten_lessons_numbered_in_order():
    numbers = [int(lesson.name[:2]) for lesson in LESSONS]
    assert numbers == list(range(1, len(LESSONS) + 1)) and 1 <= len(LESSONS) <= 10
    assert sorted(FOLDER.glob("*.ipynb")) == [lesson.with_suffix(".ipynb") for lesson in LESSONS]


def test_notebook_is_what_its_script_makes(lesson):
    made = pair.notebook(lesson.read_text(encoding="utf-8"))
    kept = lesson.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert kept == made, "run `python notebooks/pair.py`"
    cells = json.loads(kept)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and all(c["outputs"] == [] and c["execution_count"] is None for c in code)
    assert len({cell["id"] for cell in cells}) == len(cells)


def test_jupytext_reads_the_same_cells(lesson):
    jupytext = pytest.importorskip("jupytext")
    script = lesson.read_text(encoding="utf-8")
    read = [(cell.cell_type, cell.source) for cell in jupytext.reads(script, "py:percent").cells]
    assert read == pair.cells(script)
    written = jupytext.writes(jupytext.reads(pair.notebook(script), "ipynb"), "py:percent")
    assert pair.notebook(written) == pair.notebook(script)


def test_check_names_what_is_stale(tmp_path, monkeypatch, capsys):
    script = tmp_path / "01_new.py"
    script.write_text("# ---\n# ---\n\n# %% [markdown]\n# # Title\n#\n# text\n\n# %%\nprint(1)\n")
    monkeypatch.setattr(pair, "FOLDER", tmp_path)
    assert pair.main(["--check"]) == 1 and capsys.readouterr().out == "01_new.ipynb\n"
    assert pair.main([]) == 0 and pair.main(["--check"]) == 0
    cells = json.loads(script.with_suffix(".ipynb").read_text())["cells"]
    assert ["".join(cell["source"]) for cell in cells] == ["# Title\n\ntext", "print(1)"]
    script.write_text("# %% [raw]\n# text\n")
    with pytest.raises(ValueError, match=r"expected '# %%'.*got '# %% \[raw\]'"):
        pair.main([])


# -- what the lessons have in common ---------------------------------------------------------------


def test_sections_say_in_two_languages_what_they_are_and_what_they_follow(lesson):
    texts = [text for kind, text in pair.cells(lesson.read_text("utf-8")) if kind == "markdown"]
    number = int(lesson.name[:2])
    chinese = r"[\u4e00-\u9fff]"
    assert re.match(rf"# {number}\. .+ · .*{chinese}", texts[0])
    lines = "\n".join(texts).splitlines()
    sections = [i for i, line in enumerate(lines) if line.startswith("## ")]
    assert len(sections) >= 3
    for count, i in enumerate(sections, 1):
        assert re.match(rf"## {number}\.{count} .+ · .*{chinese}", lines[i])
        assert re.match(r"\*(Documents? 00[0-4]|Not in the documents)", lines[i + 2]), lines[i]


# -- running them ----------------------------------------------------------------------------------


def test_script_runs(lesson, tmp_path):
    pytest.importorskip("matplotlib")
    result = subprocess.run(
        [sys.executable, "-W", "error", str(lesson)],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert not unexpected(result.stderr)
    assert not list(tmp_path.iterdir())


def test_notebook_runs_in_jupyter(lesson, tmp_path, tmp_path_factory, monkeypatch):
    pytest.importorskip("matplotlib")
    pytest.importorskip("ipykernel")
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MPLBACKEND")  # the kernel shows pictures in the notebook
    for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR"):  # not the user's kernels and settings
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
    notebook = nbformat.read(lesson.with_suffix(".ipynb"), as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=240, resources=resources).execute()
    shown = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert all(shown), "a cell shows nothing"
    texts = [output for outputs in shown for output in outputs if output.output_type == "stream"]
    assert not unexpected("".join(out.text for out in texts if out.name == "stderr"))
    assert not list(tmp_path.iterdir())
