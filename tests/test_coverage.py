"""The commands that describe the library: coverage of PyTorch, and the reference's pages."""

import re
import sys

import pytest

import autograd as ag
from autograd import conventions, coverage, reference
from autograd.__main__ import main
from autograd.coverage import Parameter


def test_coverage_without_pytorch_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["coverage"]) == 0
    assert "pip install torch" in capsys.readouterr().out


def test_coverage_with_pytorch(capsys):
    pytest.importorskip("torch")
    assert main(["coverage"]) == 0
    out = capsys.readouterr().out
    for theirs, _ in coverage.SPACES:
        assert re.search(rf"^{re.escape(theirs)}: \d+ of \d+ names", out, re.MULTILINE), theirs
    assert "torch.autograd.functional: 6 of 6 names (100 %)" in out


def test_signatures_are_read_from_docstrings():
    text = "pool(input, kernel_size, stride=None, dims=(0, 1), *, out=None) -> Tensor\n\nPools."
    assert coverage._from_text(text, "pool") == [
        Parameter("input", ...),
        Parameter("kernel_size", ...),
        Parameter("stride", None),
        Parameter("dims", (0, 1)),
        Parameter("out", None),
    ]


def test_differences():
    dim, p = Parameter("dim", 0), Parameter("p", ...)
    assert coverage.differ([dim, p], [dim, p]) is None
    assert coverage.differ([dim], [dim, p]) is None  # more at the end is no difference
    assert coverage.differ([dim, p], [dim]) == "(dim), PyTorch (dim, p)"
    assert coverage.differ(None, [dim]) is None


def test_every_exclusion_has_a_pattern_that_compiles():
    for pattern, why in coverage.OUT_OF_SCOPE:
        assert re.compile(pattern) and why


def test_reference_pages(tmp_path, capsys):
    assert main(["reference", "--out", str(tmp_path)]) == 0
    families = reference.families()
    assert f"{len(families) + 1} pages" in capsys.readouterr().out
    index = (tmp_path / "README.md").read_text()
    for family, records in families.items():
        text = (tmp_path / f"{family}.md").read_text()
        assert f"[{family}]({family}.md)" in index
        assert all(f"### `{record.name}(" in text for record in records)


def test_entries_show_rules_and_kinks():
    text = reference.entry(ag.OPS["abs"])
    assert "abs.vjp(" in text and "At 0 the gradient is 0 (left of it -1, right of it 1)." in text
    assert list(conventions.kinks(ag.OPS["sin"])) == []
    assert "gradients are 0.5 and 0.5" in next(conventions.kinks(ag.OPS["maximum"]))
