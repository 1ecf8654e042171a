"""At kinks, ties and singular points: the conventions of tests/test_kinks.py are PyTorch's."""

import warnings

import numpy as np
import pytest
import torch
from test_kinks import OURS, TABLE, value_and_gradients

import autograd as ag
from nn import functional


def both(expression, inputs):
    """The value and the gradients, each as a pair of ours and PyTorch's."""
    mine = value_and_gradients(ag, functional, expression, inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the variance of one number
        theirs = value_and_gradients(torch, torch.nn.functional, expression, inputs)
    pairs = zip((mine[0], *mine[1]), (theirs[0], *theirs[1]), strict=True)
    return [tuple(map(as_array, pair)) for pair in pairs]


def as_array(value):
    return value.numpy(force=True) if isinstance(value, (ag.Tensor, torch.Tensor)) else value


@pytest.mark.parametrize(("expression", "inputs"), [row[:2] for row in TABLE if row[0] not in OURS])
def test_same_as_pytorch(expression, inputs):
    for mine, theirs in both(expression, inputs):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("expression", OURS)
def test_pytorch_still_differs(expression):
    rows = [both(expression, inputs) for name, inputs, _ in TABLE if name == expression]
    assert not all(
        np.allclose(mine, theirs, equal_nan=True) for row in rows for mine, theirs in row
    )
