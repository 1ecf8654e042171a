"""The commands that describe the library: coverage of PyTorch, and the reference's pages."""

import re
import sys

import pytest

import autograd as ag
from autograd import conventions, coverage, reference
from autograd.__main__ import main
from autograd.coverage import Parameter
from autograd.op import op


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
        Parameter("out", None, keyword=True),
    ]


def test_differences():
    dim, p = Parameter("dim", 0), Parameter("p", ...)
    assert coverage.differ([dim, p], [dim, p]) is None
    assert coverage.differ([dim], [dim, p]) is None  # more at the end is no difference
    assert coverage.differ([dim, p], [dim]) == "(dim), PyTorch (dim, p)"
    assert coverage.differ(None, [dim]) is None
    named = dim._replace(keyword=True)  # whose place does not matter
    assert coverage.differ([p, named], [p, Parameter("out", ...), named]) is None
    assert coverage.differ([p, named], [dim, p]) == "(dim, p), PyTorch (p, dim)"
    assert coverage.differ([dim], [named]) == "(dim), PyTorch (dim)"


ACCEPTED = {  # names that PyTorch's calls take though its documentation has others -> a call
    "bmm": lambda x: x[None].bmm(mat2=x[None]),
    "div": lambda x: x.div(other=x, rounding_mode="floor"),
    "dot": lambda x: x[0].dot(tensor=x[1]),
    "fmod": lambda x: x.fmod(other=2),
    "kthvalue": lambda x: x.kthvalue(1, dim=-1)[0],
    "matmul": lambda x: x.matmul(other=x),
    "mode": lambda x: x.mode(dim=-1)[0],
    "mul": lambda x: x.mul(other=x),
    "narrow": lambda x: x.narrow(dim=0, start=1, length=1),
    "remainder": lambda x: x.remainder(other=2),
    "split": lambda x: x.split(split_size=1)[0],
    "std": lambda x: x.std(dim=0, correction=0, keepdim=True),
    "take": lambda x: x.take(index=(x[0] * 0).long()),
    "topk": lambda x: x.topk(1, dim=-1)[0],
    "true_divide": lambda x: x.true_divide(other=x),
    "type_as": lambda x: x.int().type_as(other=x),
    "where": lambda x: x.where(condition=x > 1, other=x * 2),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_schemas_tell_what_calls_accept(name):
    torch = pytest.importorskip("torch")
    data = [[1.0, 2.0], [4.0, 3.0]]
    mine, theirs = (ACCEPTED[name](lib.tensor(data)).tolist() for lib in (ag, torch))
    assert mine == theirs
    report = coverage.compare("torch.Tensor", "autograd.Tensor")
    assert name in report.present and name not in report.differing


def test_explained_differences_exist():
    pytest.importorskip("torch")
    reports = [coverage.compare(*spaces) for spaces in coverage.SPACES]
    found = {name for report in reports for name in report.explained}
    assert found == set(coverage.EXPLAINED)


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


def test_every_rule_is_shown():
    for name, record in ag.OPS.items():
        rules = conventions.formulas(record)
        assert bool(rules) == bool(record.rules), name
        assert not rules or rules[-1].startswith(f"{name}.vjp("), name
        # Every rule is there with its parameters, be it a lambda, declared in a loop, or an alias.
        text = "".join("\n".join(rules).split())
        for rule in record.rules.values():
            label = rule.function.__name__
            head = "lambda" if label == "<lambda>" else f"def{label}("
            assert head + ",".join(rule.arguments) in text, name


def test_rules_of_one_line_are_told_apart():
    @op(kind="binary", domain=(1, 2))
    def product(input, other):
        return input * other

    try:
        product.vjp(input=lambda g, other: g * other, other=lambda g, input: g * input)
        assert conventions.formulas(product.op) == [
            "product.vjp(input=lambda g, other: g * other, other=lambda g, input: g * input)"
        ]
    finally:
        del ag.OPS["product"]
