"""`autograd.linalg` and `autograd.special` show exactly the ops of the table that are in them."""

import importlib

import pytest

import autograd as ag
from autograd import reference, stubs
from autograd.op import OPS, PREFIXED, functions_of


@pytest.mark.parametrize("space", PREFIXED)
def test_shows_its_ops_without_their_prefix(space):
    module = getattr(ag, space)
    assert module is importlib.import_module(f"autograd.{space}")
    for name, function in functions_of(space).items():
        assert getattr(module, name) is function
        assert OPS[f"{space}_{name}"].function is function
        assert not OPS[f"{space}_{name}"].method
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = module.nothing_like_it


@pytest.mark.parametrize("space", PREFIXED)
def test_every_prefixed_op_is_in_its_space(space):
    for name, record in OPS.items():
        assert name.startswith(f"{space}_") == (record.space == space), name


def test_one_op_in_two_places():
    assert OPS["linalg_matmul"].forward is OPS["matmul"].forward
    assert OPS["linalg_matmul"].rules is OPS["matmul"].rules
    assert hasattr(ag.Tensor, "matmul") and not hasattr(ag.Tensor, "linalg_matmul")
    assert not hasattr(ag, "linalg_matmul")


def test_reference_and_stubs_know_the_place():
    assert "`autograd.linalg.inv`" in reference.entry(OPS["linalg_inv"])
    assert "def inv(A: Operand) -> Tensor: ..." in stubs.stubs()["autograd/linalg.pyi"]


def test_messages_name_the_place():
    with pytest.raises(ag.ShapeError, match=r"linalg\.svd\("):
        ag.linalg.svd(ag.ones(3))
