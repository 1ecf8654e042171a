"""Custom Functions: PyTorch's contract for forward, backward and the context between them."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from autograd.errors import GraphError
from autograd.function import Function, once_differentiable
from autograd.gradient_check import gradcheck, gradgradcheck


def leaf(*values):
    return ag.tensor(list(values), dtype=ag.float64, requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


class Multiply(Function):
    """Two inputs and a number."""

    @staticmethod
    def forward(ctx, x, y, scale):
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        return x * y * scale

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        gx = g * y * ctx.scale if ctx.needs_input_grad[0] else None
        gy = g * x * ctx.scale if ctx.needs_input_grad[1] else None
        return gx, gy, None


class SplitSigns(Function):
    """Two outputs: the positive and the negative part."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0.0), x.clamp(max=0.0)

    @staticmethod
    def backward(ctx, positive, negative):
        (x,) = ctx.saved_tensors
        return ag.where(x > 0, positive, negative)


class SetupExp(Function):
    """The newer style, saving an output."""

    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g * out


def test_value_and_gradient():
    x = leaf(2.0, 3.0)
    y = Cube.apply(x)
    assert y.tolist() == [8, 27] and y.grad_fn.name() == "Cube"
    y.sum().backward()
    assert x.grad.tolist() == [12, 27]


@pytest.mark.parametrize("function", [Cube, SplitSigns, SetupExp])
def test_checks_to_second_order(function):
    x = leaf(0.5, -1.0, 2.0)
    assert gradcheck(function.apply, x)
    assert gradgradcheck(function.apply, x)


def test_saved_output_is_differentiated_through():
    x = leaf(0.5)
    (g,) = ag.grad(SetupExp.apply(x).sum(), x, create_graph=True)
    (gg,) = ag.grad(g.sum(), x, create_graph=True)
    (ggg,) = ag.grad(gg.sum(), x)
    assert ggg.item() == pytest.approx(np.exp(0.5))


def test_saved_outputs_take_part_beside_the_returned_ones():
    """The gradient of an output comes from its users and from the backward that was recorded."""

    class Both(Function):
        @staticmethod
        def forward(ctx, x):
            outs = x.exp(), (-x).exp()
            ctx.save_for_backward(*outs)
            return outs

        @staticmethod
        def backward(ctx, g, h):
            up, down = ctx.saved_tensors
            return g * up - h * down

    x = leaf(0.5, 1.0)
    up, down = Both.apply(x)
    (g,) = ag.grad((up + down).sum(), x, create_graph=True)  # exp(x) - exp(-x)
    (total,) = ag.grad((g + up).sum(), x)  # exp(x) + exp(-x) + exp(x)
    np.testing.assert_allclose(total.array, 2 * np.exp([0.5, 1.0]) + np.exp([-0.5, -1.0]))
    assert gradgradcheck(Both.apply, x)


def test_arguments_that_are_no_tensors():
    x, y = leaf(2.0), leaf(3.0)
    assert gradcheck(lambda x, y: Multiply.apply(x, y, 5.0), (x, y))
    assert gradgradcheck(lambda x, y: Multiply.apply(x, y, 5.0), (x, y))


def test_needs_input_grad():
    seen = []

    class Watch(Multiply):
        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            return Multiply.backward(ctx, g)

    x, y = leaf(2.0), leaf(3.0)
    Watch.apply(x, y.detach(), 1.0).backward()
    Watch.apply(x, y, 1.0).backward()
    assert seen == [(True, False, False), (True, True, False)]


def test_without_grad_nothing_is_recorded():
    x = leaf(2.0)
    with ag.no_grad():
        assert not Cube.apply(x).requires_grad
    assert not Cube.apply(x.detach()).requires_grad


def test_forward_is_not_recorded():
    seen = []

    class Watch(Cube):
        @staticmethod
        def forward(ctx, x):
            seen.append(ag.is_grad_enabled())
            return Cube.forward(ctx, x)

    Watch.apply(leaf(1.0))
    assert seen == [False]


def test_several_outputs_used_together_and_alone():
    x = leaf(2.0, -3.0)
    positive, negative = SplitSigns.apply(x)
    (positive * 5 + negative * 7).sum().backward()
    assert x.grad.tolist() == [5, 7]
    x.grad = None
    SplitSigns.apply(x)[1].sum().backward()
    assert x.grad.tolist() == [0, 1]


@pytest.mark.parametrize("materialize", [True, False])
def test_missing_gradients_are_zeros_or_none(materialize):
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            seen.append(b)
            return a

    x = leaf(1.0)
    Two.apply(x)[0].backward()
    assert (seen[0] is None) != materialize
    if materialize:
        assert seen[0].tolist() == [0]


def test_non_differentiable_output():
    class SortWithOrder(Function):
        @staticmethod
        def forward(ctx, x):
            order = ag.from_numpy(np.argsort(x.detach().numpy()))
            ctx.save_for_backward(order)
            ctx.mark_non_differentiable(order)
            return x.detach()[order], order

        @staticmethod
        def backward(ctx, g, _):
            (order,) = ctx.saved_tensors
            back = ag.from_numpy(np.argsort(order.numpy()))
            return g[back]

    x = leaf(3.0, 1.0, 2.0)
    values, order = SortWithOrder.apply(x)
    assert values.requires_grad and not order.requires_grad
    (values * ag.tensor([1.0, 10.0, 100.0], dtype=ag.float64)).sum().backward()
    assert x.grad.tolist() == [100, 1, 10]


def test_mark_dirty():
    class Double_(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(1.0, 2.0)
    y = x * 1
    out = Double_.apply(y)
    assert out is y and y.tolist() == [2, 4]
    (y * y).sum().backward()
    assert x.grad.tolist() == [8, 16]
    with pytest.raises(GraphError, match="leaf"):
        Double_.apply(leaf(1.0))


def test_writing_to_a_saved_tensor_is_noticed():
    x = leaf(2.0)
    y = x * 1
    z = Cube.apply(y)
    y.add_(1)
    with pytest.raises(GraphError, match=r"Cube.*overwritten by add_"):
        z.backward()


def test_wrong_number_of_gradients():
    class One(Multiply):
        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(GraphError, match=r"returned 1 gradients.*3 arguments"):
        One.apply(leaf(1.0), leaf(1.0), 2.0).backward()


def test_gradient_of_wrong_type():
    class Raw(Cube):
        @staticmethod
        def backward(ctx, g):
            return g.array

    with pytest.raises(TypeError, match="ndarray"):
        Raw.apply(leaf(1.0)).backward()


def test_gradient_of_wrong_shape():
    class Wide(Cube):
        @staticmethod
        def backward(ctx, g):
            return ag.ones(5, dtype=ag.float64)

    with pytest.raises(ValueError, match=r"Wide.*\(5,\).*\(2,\)"):
        Wide.apply(leaf(1.0, 1.0)).sum().backward()


def test_forward_must_return_tensors():
    class Number(Cube):
        @staticmethod
        def forward(ctx, x):
            return 1.0

    with pytest.raises(TypeError, match="float"):
        Number.apply(leaf(1.0))


def test_once_differentiable():
    class Once(Cube):
        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x * x

    x = leaf(2.0)
    Once.apply(x).backward()
    assert x.grad.item() == 12
    with pytest.raises(GraphError, match="once_differentiable"):
        ag.grad(Once.apply(x), x, create_graph=True)


def test_saved_tensors_outside_backward():
    kept = []

    class Keep(Cube):
        @staticmethod
        def forward(ctx, x):
            kept.append(ctx)
            return Cube.forward(ctx, x)

    Keep.apply(leaf(1.0))
    with pytest.raises(GraphError, match="backward"):
        _ = kept[0].saved_tensors


def test_saved_none():
    class WithNone(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(None, x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            nothing, x = ctx.saved_tensors
            assert nothing is None
            return 2 * g * x

    assert gradcheck(WithNone.apply, leaf(1.0, 2.0))


def test_identity_function():
    class Flip(Function):
        """Gradient reversal: returns its input as it is."""

        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return -g

    x = leaf(2.0)
    y = Flip.apply(x)
    assert y is not x
    (y * 3).backward()
    assert x.grad.item() == -3


def test_retained_graph_walks_twice():
    x = leaf(2.0)
    y = Cube.apply(x)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 24
    with pytest.raises(GraphError, match="Cube"):
        y.backward()
