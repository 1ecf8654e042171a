"""NumPy's functions and operators, called on tensors."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from autograd.errors import GraphError
from autograd.tensor import Tensor


def leaf(*values):
    return ag.tensor(list(values), dtype=ag.float64, requires_grad=True)


def test_ufunc_is_recorded():
    x = leaf(0.5, 1.0)
    y = np.sin(x)
    assert isinstance(y, Tensor) and y.grad_fn.name() == "sin"
    y.sum().backward()
    np.testing.assert_allclose(x.grad.array, np.cos([0.5, 1.0]))


def test_array_on_the_left():
    x = leaf(1.0, 2.0)
    array = np.array([3.0, 4.0])
    for y in (np.add(array, x), array + x, np.add(x, array)):
        assert isinstance(y, Tensor) and y.requires_grad
        assert y.tolist() == [4, 6]
    assert (array - x).tolist() == [2, 2]
    assert (array @ x).item() == 11
    assert (np.float64(2) * x).tolist() == [2, 4]
    assert isinstance(np.float64(2) * x, Tensor)
    assert (array > x).tolist() == [True, True]


def test_augmented_array_is_refused():
    array = np.array([3.0, 4.0])
    with pytest.raises(TypeError):
        array += leaf(1.0, 2.0)


def test_functions_with_keywords():
    x = ag.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    total = np.sum(x, axis=0, keepdims=True)
    assert isinstance(total, Tensor) and total.shape == (1, 3)
    total.sum().backward()
    assert x.grad.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert np.sum(x, axis=(0, 1)).item() == 15
    assert np.mean(x, axis=1).tolist() == [1, 4]


def test_functions_of_lists():
    x = leaf(1.0, 2.0)
    assert np.stack([x, x]).shape == (2, 2)
    assert np.concatenate([x, np.ones(1)]).shape == (3,)


def test_shape_functions():
    x = ag.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    assert np.transpose(x).shape == (3, 2)
    assert np.reshape(x, (3, 2)).shape == (3, 2)
    assert np.where(x > 2, x, 0.0).requires_grad
    assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, axis=1)) == ((2, 3), 2, 6, 3)


def test_var_means_what_numpy_means():
    x = leaf(1.0, 2.0, 4.0)
    assert np.var(x).item() == pytest.approx(np.var([1.0, 2.0, 4.0]))
    assert np.std(x, ddof=1).item() == pytest.approx(np.std([1.0, 2.0, 4.0], ddof=1))


def test_unknown_ufunc():
    with pytest.raises(TypeError):
        np.spacing(leaf(1.0))


def test_unknown_function():
    with pytest.raises(TypeError):
        np.unwrap(leaf(1.0))


def test_ufunc_methods_and_out_are_refused():
    x = leaf(1.0, 2.0)
    with pytest.raises(TypeError):
        np.add.reduce(x)
    with pytest.raises(TypeError):
        np.sin(x, out=np.empty(2))
    with pytest.raises(TypeError):
        np.add(np.ones(2), x, out=np.empty(2))


def test_asarray_would_cut_the_graph():
    x = leaf(1.0)
    for convert in (np.asarray, np.array, x.__array__):
        with pytest.raises(GraphError, match=r"detach\(\)"):
            convert(x) if convert != x.__array__ else convert()
    with pytest.raises(GraphError, match=r"detach\(\)"):
        x.numpy()
    assert x.numpy(force=True) is x.array


def test_asarray_without_grad_shares_memory():
    x = ag.ones(3)
    assert np.asarray(x) is x.array or np.shares_memory(np.asarray(x), x.array)
    assert not np.shares_memory(np.array(x), x.array)
    assert np.asarray(x, dtype=np.float64).dtype == np.float64


def test_dlpack():
    x = ag.ones(3)
    assert np.shares_memory(np.from_dlpack(x), x.array)
    with pytest.raises(BufferError):
        np.from_dlpack(leaf(1.0))


def test_comparisons_return_bool_tensors():
    x = leaf(1.0, 2.0)
    y = np.greater(x, 1.5)
    assert isinstance(y, Tensor) and y.dtype == ag.bool and not y.requires_grad
