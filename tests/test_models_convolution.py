"""Convolution's three properties, and what pooling keeps of a shift."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
import models
import nn
from models.convolution import (
    Pools,
    connections,
    correlate,
    difference,
    equivariance_error,
    matrix,
    shift,
)
from models.training.loop import train
from nn import functional as F


@given(rows=st.integers(3, 7), columns=st.integers(2, 6), seed=st.integers(0, 99))
def test_the_layer_computes_the_definition(rows, columns, seed):
    random = np.random.default_rng(seed)
    image, kernel = random.normal(size=(rows, columns)), random.normal(size=(3, 2))
    found = F.conv2d(ag.tensor(image[None, None]), ag.tensor(kernel[None, None]))
    np.testing.assert_allclose(found.array[0, 0], correlate(image, kernel), atol=1e-12)


def test_connections_are_few_and_weights_shared():
    assert connections(8) == {
        "outputs": 36,
        "connections_sparse": 36 * 9,
        "connections_dense": 36 * 64,
        "weights_shared": 9,
        "weights_dense": 36 * 64,
    }


def test_every_row_of_the_matrix_is_the_row_above_moved():
    rows = matrix(nn.Conv2d(1, 1, 3, bias=False), 8).reshape(6, 6, 8, 8)
    for i in range(6):
        for j in range(6):
            moved = np.roll(rows[0, 0], (i, j), (0, 1))
            np.testing.assert_array_equal(rows[i, j], moved)


@pytest.mark.parametrize("by", [1, 3, -2])
def test_shift_in_is_shift_out(by):
    images = models.datasets.digits(train=False, size=16).data[:8]
    assert equivariance_error(models.hand_filters(), images, by) < 1e-6


def test_other_layers_do_not_move_with_the_image():
    image = ag.rand(2, 1, 8, 8)
    assert equivariance_error(nn.Conv2d(1, 1, 3, padding=1), image) > 0.01  # zeros at the margin
    thinned = nn.Conv2d(1, 1, 3, 2, 1, padding_mode="circular")
    assert equivariance_error(thinned, image, 1, 2) > 0.01
    assert equivariance_error(thinned, image, 2, 2) < 1e-6


def test_pooling_forgets_shifts_the_more_the_larger_its_windows(tmp_path):
    result = train(models.RECIPES["convolution"], folder=tmp_path)
    changes = {k[7:]: v for k, v in result.test.items() if k.startswith("change_")}
    smaller = ["maximum", "average", "stochastic"]
    assert all(changes["adaptive"] < changes[name] < changes["unpooled"] for name in smaller)
    assert changes["global"] < 1e-6 and result.test["error_dense"] > 0.5
    assert set(result.run.pictures) == {"filters", "matrices", "equivariance", "pooling"}


def test_a_shift_within_the_window_leaves_the_maximum_alone():
    image = ag.zeros(1, 1, 8, 8)
    image.array[0, 0, 2, 4] = 1.0
    pools = dict(Pools().items())
    moved = shift(image, 1, 1)
    assert difference(pools["maximum"](image), pools["maximum"](moved)) == 0
    assert difference(image, moved) > 1
