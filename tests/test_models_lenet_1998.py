"""LeNet-5 of 1998: the paper's numbers of parameters, its table, and its two criteria."""

import numpy as np
import pytest

import autograd as ag
import models
from models.lenet_1998 import (
    TABLE,
    Subsampling,
    TableConv2d,
    bitmaps,
    competitive_penalty,
    mean_penalty,
    squash,
)
from nn import functional as F


@pytest.mark.parametrize(
    "layer, expected",
    [("c1", 156), ("s2", 12), ("c3", 1516), ("s4", 32), ("c5", 48120), ("f6", 10164)],
)
def test_every_layer_has_the_papers_number_of_parameters(layer, expected):
    model = models.lenet1998()
    assert sum(p.numel() for p in model.get_submodule(layer).parameters()) == expected
    assert sum(p.numel() for p in model.parameters()) == 60_000


def test_the_table_is_the_papers():
    rows = ["X...XXX..XXXX.XX", "XX...XXX..XXXX.X", "XXX...XXX..X.XXX", ".XXX..XXXX..X.XX",
            "..XXX..XXXX.XX.X", "...XXX..XXXX.XXX"]  # fmt: skip
    for before, row in enumerate(rows):
        assert [before in seen for seen in TABLE] == [mark == "X" for mark in row]


def test_maps_see_only_what_the_table_says():
    layer = models.lenet1998().c3
    x = ag.rand(1, 6, 5, 5, requires_grad=True)
    for after, seen in enumerate(TABLE):
        (gradient,) = ag.grad(layer(x)[0, after].sum(), x)
        felt = np.abs(gradient.array[0]).sum((1, 2)) > 0
        assert set(np.flatnonzero(felt)) == set(seen)


def test_a_table_convolution_equals_one_for_each_map():
    table = ((0, 2), (1,), (0, 1, 2))
    layer, x = TableConv2d(3, table, 2), ag.rand(2, 3, 4, 4)
    layer.weight.array[...] = np.random.default_rng(0).normal(size=(6, 2, 2))
    layer.bias.array[...] = 1, 2, 3
    first = 0
    for after, seen in enumerate(table):
        bank = layer.weight[first : first + len(seen)].unsqueeze(0)
        alone = F.conv2d(x[:, list(seen)], bank) + layer.bias[after]
        np.testing.assert_allclose(layer(x).array[:, after], alone.array[:, 0], atol=1e-5)
        first += len(seen)


def test_subsampling_is_a_coefficient_times_the_sum_and_a_bias():
    layer, x = Subsampling(2), ag.rand(3, 2, 4, 6)
    layer.coefficient.array[:, 0, 0] = 0.5, -2.0
    layer.bias.array[:, 0, 0] = 1.0, 3.0
    sums = x.array.reshape(3, 2, 2, 2, 3, 2).sum((3, 5))
    expected = sums * np.array([0.5, -2.0])[:, None, None] + np.array([1.0, 3.0])[:, None, None]
    np.testing.assert_allclose(layer(x).array, expected, rtol=1e-5)


def test_the_sigmoid_is_one_at_one_where_it_bends_most():
    x = ag.tensor(np.linspace(0, 2, 2001))
    np.testing.assert_allclose(squash(x).array[1000], 1, atol=1e-4)
    bend = np.abs(np.diff(squash(x).array, 3))  # the second derivative is largest where it is 0
    assert abs(x.array[1 + bend[500:1500].argmin() + 500] - 1) < 0.02


def test_the_drawings_are_all_different():
    drawings = bitmaps().reshape(10, -1)
    assert set(np.unique(drawings)) == {-1, 1}
    apart = ((drawings[:, None] - drawings) ** 2).sum(2)
    assert apart[~np.eye(10, dtype=bool)].min() >= 36


def test_the_first_weights_are_uniform_within_the_papers_bounds():
    model = models.lenet1998()
    for weight, fan_in in ((model.c1.weight, 25), (model.c5.weight, 400), (model.f6.weight, 120)):
        assert 0.8 * 2.4 / fan_in < np.abs(weight.array).max() <= 2.4 / fan_in
    largest = np.abs(model.c3.weight.array).max((1, 2))
    assert (largest <= 2.4 / model.c3.fan_in[model.c3.owner]).all()


def test_the_two_criteria_are_equations_8_and_9():
    penalties, targets = ag.rand(5, 10) * 20, ag.tensor([3, 1, 4, 1, 5])
    y, right = penalties.array.astype(float), penalties.array[np.arange(5), targets.array]
    np.testing.assert_allclose(mean_penalty(penalties, targets).item(), right.mean(), rtol=1e-5)
    expected = (right + np.log(np.exp(-7.0) + np.exp(-y).sum(1))).mean()
    got = competitive_penalty(penalties, targets, rubbish=7.0).item()
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_only_the_second_criterion_pushes_wrong_classes_away():
    penalties = ag.tensor([[2.0, 3.0, 4.0]], requires_grad=True)
    for criterion, signs in ((mean_penalty, [1, 0, 0]), (competitive_penalty, [1, -1, -1])):
        (gradient,) = ag.grad(criterion(penalties, ag.tensor([0])), penalties)
        assert np.sign(gradient.array[0]).tolist() == signs


def test_other_outputs_are_refused():
    with pytest.raises(ValueError, match="output expected 'rbf' or 'linear', got 'softmax'"):
        models.lenet1998(output="softmax")
