"""gradcheck finds wrong derivatives, and says what is wrong with them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import autograd as ag
from autograd.errors import DtypeError
from autograd.function import Function
from autograd.gradient_check import GradcheckError, gradcheck, gradgradcheck


def leaf(*values):
    return ag.tensor(list(values), dtype=ag.float64, requires_grad=True)


class Wrong(Function):
    """Returns x**2; says its derivative is 2.1 x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2.1 * x


class WrongSecond(Function):
    """x**2 with a right first derivative whose own derivative is missing."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 * x.detach()


both_modes = pytest.mark.parametrize("fast", [False, True])


@both_modes
def test_right_derivatives_pass(fast):
    x, y = leaf(0.5, -1.0), leaf(2.0, 3.0)
    assert gradcheck(lambda x, y: (x * y, x.sin() + y), (x, y), fast_mode=fast)
    assert gradgradcheck(lambda x, y: (x * x * y, x.sin() + y), (x, y), fast_mode=fast)


@both_modes
def test_wrong_derivative_is_shown(fast):
    x, y = leaf(1.0, 3.0), leaf(1.0, 2.0)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda y, x: (y * 2, Wrong.apply(x)), (y, x), fast_mode=fast)
    message = str(caught.value)
    assert "output 1 with respect to input 1" in message
    assert "numerical:\n[[2." in message and "analytical:\n[[2.1" in message
    assert "largest difference 0.3" in message and "element 1 of the input" in message


@both_modes
def test_false_instead_of_an_error(fast):
    assert not gradcheck(Wrong.apply, leaf(1.0), raise_exception=False, fast_mode=fast)


@both_modes
def test_wrong_second_derivative(fast):
    x = leaf(1.0, 2.0)
    assert gradcheck(WrongSecond.apply, x)
    with pytest.raises(GradcheckError, match="with respect to input 0"):
        gradgradcheck(WrongSecond.apply, x, fast_mode=fast)


def test_given_grad_outputs():
    x = leaf(1.0, 2.0)
    assert gradgradcheck(lambda x: x**3, x, leaf(1.0, -1.0))
    assert gradgradcheck(lambda x: x**3, (x,), gen_non_contig_grad_outputs=True)


def test_inputs_that_are_not_checked():
    x = leaf(1.0, 2.0)
    table = ag.tensor([1, 0])
    assert gradcheck(lambda x, i, n: x[i] * n, (x, table, 3))


def test_function_may_hold_the_tensor_itself():
    x = leaf(1.0, 2.0)
    assert gradcheck(lambda _: x.exp(), x)


def test_inputs_come_back_unchanged():
    x = leaf(1.0, 2.0)
    array = x.array
    gradcheck(lambda x: x.sin(), x)
    assert x.array is array and x.tolist() == [1, 2] and x.grad is None


def test_one_tensor_as_two_inputs():
    x = leaf(1.0, 2.0)
    assert gradcheck(lambda a, b: a * b * b, (x, x))


def test_empty_and_0d():
    empty = ag.zeros(0, 3, dtype=ag.float64, requires_grad=True)
    assert gradcheck(lambda x: (x * 2, x.sum()), empty)
    assert gradcheck(lambda x: x * x, ag.tensor(2.0, dtype=ag.float64, requires_grad=True))


def test_memory_layouts():
    x = ag.from_numpy(np.arange(12.0).reshape(3, 4).T[::2]).requires_grad_()
    assert gradcheck(lambda x: x * x, x)
    spread = ag.from_numpy(np.broadcast_to(np.float64(2.0), (3,))).requires_grad_()
    assert gradcheck(lambda x: x * x, spread)


def test_float64_is_demanded():
    x = ag.ones(2, requires_grad=True)
    with pytest.raises(DtypeError, match=r"float64.*float32 for input 0"):
        gradcheck(lambda x: x * 2, x)
    with pytest.raises(DtypeError, match="float32 for output 0"):
        gradcheck(lambda x: x.float(), leaf(1.0))


def test_something_must_require_grad():
    with pytest.raises(ValueError, match="requires_grad"):
        gradcheck(lambda x: x * 2, ag.ones(2, dtype=ag.float64))


def test_output_that_was_detached_by_mistake():
    with pytest.raises(GradcheckError, match="does not require grad"):
        gradcheck(lambda x: x.detach() * 2, leaf(1.0))
    assert gradcheck(lambda x: x.detach() * 0, leaf(1.0))


def test_output_must_be_a_tensor():
    with pytest.raises(ValueError, match="float"):
        gradcheck(lambda x: 1.0, leaf(1.0))


def test_backward_that_changes_from_run_to_run():
    count = itertools.count()

    class Drifting(Wrong):
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x + 1e-9 * next(count)

    with pytest.raises(GradcheckError, match="not deterministic"):
        gradcheck(Drifting.apply, leaf(1.0))
    assert gradcheck(Drifting.apply, leaf(1.0), nondet_tol=1e-6)


def test_function_that_changes_from_call_to_call():
    count = itertools.count()
    with pytest.raises(GradcheckError, match="func is not deterministic"):
        gradcheck(lambda x: x * float(next(count)), leaf(1.0))


def test_missing_output_gradients():
    class Careless(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            if a is None or b is None:  # right would be to treat the missing one as zero
                return ag.zeros(1, dtype=ag.float64)
            return a + 2 * b

    assert not gradcheck(Careless.apply, leaf(1.0), raise_exception=False)

    class Doubling(Careless):
        @staticmethod
        def backward(ctx, a, b):
            if b is None:
                return a
            return 2 * b if a is None else 1.5 * a + 2.5 * b

    with pytest.raises(GradcheckError, match="differently from a zero one"):
        gradcheck(Doubling.apply, leaf(1.0))
    assert gradcheck(Doubling.apply, leaf(1.0), check_undefined_grad=False)


def test_nan_is_a_mismatch():
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: (x * 0).sqrt(), leaf(1.0))


@pytest.mark.parametrize(
    "name", ["check_batched_grad", "check_batched_forward_grad", "check_forward_ad", "masked"]
)
def test_unsupported_arguments_are_refused(name):
    with pytest.raises(NotImplementedError, match=name):
        gradcheck(lambda x: x * 2, leaf(1.0), **{name: True})


def test_unsupported_arguments_of_gradgradcheck():
    with pytest.raises(NotImplementedError, match="check_fwd_over_rev"):
        gradgradcheck(lambda x: x * 2, leaf(1.0), check_fwd_over_rev=True)
    with pytest.raises(NotImplementedError, match="check_rev_over_rev"):
        gradgradcheck(lambda x: x * 2, leaf(1.0), check_rev_over_rev=False)
    with pytest.raises(NotImplementedError, match="check_backward_ad"):
        gradcheck(lambda x: x * 2, leaf(1.0), check_backward_ad=False)


def test_works_within_no_grad():
    x = leaf(1.0)
    with ag.no_grad():
        assert gradcheck(lambda x: x * x, x)
