"""DropConnect, stochastic pooling and max-norm: what chance does to a layer, and what it leaves."""

import numpy as np
import pytest

import autograd as ag
import nn
from nn.utils import max_norm_

# -- DropConnect -----------------------------------------------------------------------------------


def test_dropconnect_drops_weights_not_biases_and_scales_the_rest():
    ag.manual_seed(0)
    inner = nn.Linear(1000, 3)
    nn.init.ones_(inner.weight)
    layer = nn.DropConnect(inner, p=0.25)
    eye = ag.eye(1000)
    weights = (layer(eye) - inner.bias).T.array
    assert np.allclose(weights[weights > 0.5], 1 / 0.75, atol=1e-5)
    assert abs((weights < 0.5).mean() - 0.25) < 0.03
    assert (inner.weight == 1).all()  # the weights themselves stay
    layer.p = 1.0
    np.testing.assert_allclose(layer(eye)[0].array, inner.bias.array, rtol=1e-6)


def test_dropconnect_is_the_layer_in_evaluation_and_repeats_with_the_seed():
    layer, x = nn.DropConnect(nn.Conv2d(2, 3, 3), 0.5), ag.randn(2, 2, 5, 5)
    assert list(layer.state_dict()) == ["layer.weight", "layer.bias"]
    ag.manual_seed(3)
    first, second = layer(x).array, layer(x).array
    ag.manual_seed(3)
    np.testing.assert_array_equal(layer(x).array, first)
    assert (first != second).any()
    np.testing.assert_array_equal(layer.eval()(x).array, layer.layer(x).array)


def test_dropped_weights_get_no_gradient():
    ag.manual_seed(0)
    layer = nn.DropConnect(nn.Linear(20, 10), 0.5)
    layer(ag.ones(1, 20)).sum().backward()
    grads = layer.layer.weight.grad.numpy()
    assert set(np.unique(grads)) == {0.0, 2.0}
    assert (layer.layer.bias.grad == 1).all()


def test_dropconnect_of_recurrent_weights():
    lstm = nn.LSTM(3, 4)
    layer, x = nn.DropConnect(lstm, 1.0, ("weight_hh_l0",)), ag.randn(5, 2, 3)
    out, _ = layer(x)
    nn.init.zeros_(lstm.weight_hh_l0)
    np.testing.assert_allclose(out.array, lstm(x)[0].array, rtol=1e-5)


def test_dropconnect_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"between 0 and 1, got p=2"):
        nn.DropConnect(nn.Linear(2, 2), 2)
    with pytest.raises(ValueError, match=r"ReLU has no parameter 'weight' to drop from; it has no"):
        nn.DropConnect(nn.ReLU())
    with pytest.raises(ValueError, match=r"no parameter 'weights'.*weight, bias"):
        nn.DropConnect(nn.Linear(2, 2), names="weights")


# -- stochastic pooling ----------------------------------------------------------------------------


def test_stochastic_pooling_draws_in_proportion_to_the_values():
    ag.manual_seed(0)
    window = ag.tensor([[1.0, 0.0], [2.0, 5.0]])
    drawn = nn.StochasticPool2d(2)(window.expand(1, 20_000, 2, 2)).numpy()
    for value in (1.0, 2.0, 5.0):
        assert abs((drawn == value).mean() - value / 8) < 0.015
    assert not (drawn == 0).any()


def test_stochastic_pooling_in_evaluation_is_the_mean_of_the_lottery():
    ag.manual_seed(0)
    x = ag.rand(2, 3, 7, 6).double()
    layer = nn.StochasticPool2d((3, 2), stride=(2, 1), padding=(1, 0))
    mean = sum(layer(x) for _ in range(3000)) / 3000
    expected = layer.eval()(x)
    assert expected.shape == (2, 3, 4, 5) and expected.dtype == ag.float64
    np.testing.assert_allclose(mean, expected, atol=0.06)
    largest = nn.MaxPool2d((3, 2), (2, 1), (1, 0))(x)
    average = nn.AvgPool2d((3, 2), (2, 1), (1, 0))(x)
    assert (expected <= largest).all() and (expected >= average).all()


def test_the_gradient_goes_to_the_value_that_was_drawn():
    ag.manual_seed(0)
    x = ag.rand(2, 4, 6, requires_grad=True)
    out = nn.StochasticPool2d(2)(x)
    out.sum().backward()
    picked = x.grad.unfold(-2, 2, 2).unfold(-2, 2, 2).flatten(-2).numpy()
    assert (picked.sum(-1) == 1).all() and set(np.unique(picked)) == {0.0, 1.0}
    np.testing.assert_allclose((x * x.grad).sum().item(), out.sum().item(), rtol=1e-6)


def test_windows_of_zeros_stay_zero():
    x = ag.zeros(1, 1, 4, 4, requires_grad=True)
    layer = nn.StochasticPool2d(2)
    for _ in ("training", "evaluation"):
        out = layer(x)
        out.sum().backward()
        assert (out == 0).all() and np.isfinite(x.grad.numpy()).all()
        layer.eval()


def test_stochastic_pooling_says_what_is_wrong():
    layer = nn.Sequential(nn.StochasticPool2d(3))
    with pytest.raises(ValueError, match=r"at least 0.*got -1: put an nn.ReLU\(\) before it"):
        layer(-ag.ones(1, 1, 4, 4))
    with pytest.raises(ag.ShapeError, match=r"\(N, C, H, W\) or \(C, H, W\), got \(4, 4\)"):
        layer(ag.ones(4, 4))
    with pytest.raises(ag.ShapeError, match=r"windows of 3 x 3 do not fit into images of 2 x 4"):
        layer(ag.ones(1, 2, 4))


# -- max-norm --------------------------------------------------------------------------------------


def test_max_norm_scales_long_rows_only_and_leaves_biases():
    ag.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 5))
    for p in model.parameters():
        nn.init.normal_(p, std=2.0)
    before = [p.array.copy() for p in model.parameters()]
    max_norm_(model.parameters(), 4.0)
    for old, parameter in zip(before, model.parameters(), strict=True):
        new = parameter.array
        if old.ndim == 1:
            np.testing.assert_array_equal(new, old)
            continue
        rows = np.linalg.norm(old.reshape(len(old), -1), axis=1)
        assert rows.max() > 4
        np.testing.assert_allclose(
            np.linalg.norm(new.reshape(len(new), -1), axis=1), np.minimum(rows, 4), rtol=1e-5
        )
        assert parameter.requires_grad and parameter.is_leaf


def test_max_norm_along_another_axis_and_in_another_norm():
    weight = ag.tensor([[3.0, 1.0], [4.0, 1.0]])
    max_norm_([weight], 1.0, dim=1)
    np.testing.assert_allclose(weight, [[0.6, 0.70711], [0.8, 0.70711]], rtol=1e-4)
    max_norm_(weight, 0.5, float("inf"))
    np.testing.assert_allclose(abs(weight).numpy().max(1), [0.5, 0.5], rtol=1e-5)
    with pytest.raises(ValueError, match="max_norm >= 0 and norm_type > 0, got -1"):
        max_norm_(weight, -1)
