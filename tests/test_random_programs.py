"""Random programs of views, in-place writes and branches have the derivatives they should have."""

import numpy as np
import pytest
from hypothesis import assume, given, note, settings

import autograd as ag
from autograd.testing import programs

several = settings(max_examples=max(20, settings.default.max_examples))
many = settings(max_examples=2 * several.max_examples)


def leaves(program):
    return [ag.tensor(x, requires_grad=True) for x in program.inputs]


@several
@given(programs(max_ops=20))
def test_against_finite_differences(program):
    note(program.source)
    assert ag.gradcheck(program, leaves(program))


@settings(max_examples=max(2, several.max_examples // 4))
@given(programs(max_ops=50))
def test_long_ones(program):
    note(program.source)
    assert ag.gradcheck(program, leaves(program), fast_mode=True)


@settings(max_examples=max(2, several.max_examples // 4))
@given(programs(max_ops=8))
def test_second_derivatives(program):
    note(program.source)
    assert ag.gradgradcheck(program, leaves(program), fast_mode=True, atol=1e-4)


@several
@given(programs())
def test_recorded_backward_gives_the_same(program):
    note(program.source)
    plain = gradients(program, create_graph=False)
    for a, b in zip(plain, gradients(program, create_graph=True), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def gradients(program, create_graph):
    inputs = leaves(program)
    options = {"create_graph": create_graph, "materialize_grads": True}
    found = ag.grad(program(*inputs), inputs, **options)
    return [g.detach().numpy() for g in found]


@many
@given(programs())
def test_replays(program):
    note(program.source)
    assume(".item()" not in program.source)
    compiled = ag.compile(program, fullgraph=True)
    compiled(*leaves(program))
    for factor in (0.75, -1.5):
        inputs = [ag.tensor(x * factor, requires_grad=True) for x in program.inputs]
        found, expected = compiled(*inputs), program(*inputs)
        np.testing.assert_array_equal(found.detach(), expected.detach())
        pairs = (ag.grad(out, inputs, materialize_grads=True) for out in (found, expected))
        for a, b in zip(*pairs, strict=True):
            np.testing.assert_array_equal(a, b)


@many
@given(programs())
def test_against_pytorch(program):
    torch = pytest.importorskip("torch")
    note(program.source)
    mine = leaves(program)
    theirs = [torch.tensor(x, requires_grad=True) for x in program.inputs]
    value, expected = program(*mine), program(*theirs)
    np.testing.assert_allclose(value.item(), expected.item(), rtol=1e-9, atol=1e-12)
    value.backward()
    expected.backward()
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_a_program_prints_as_python():
    @settings(max_examples=5, database=None)
    @given(programs(max_ops=10))
    def run(program):
        text = repr(program)
        found = {"np": np}
        exec(text, found)
        inputs = [ag.tensor(found[f"x{i}"]) for i in range(len(program.inputs))]
        assert found["program"](*inputs).item() == program(*inputs).item()

    run()
