"""The kernels of losses against their formulas, one number or one row of scores at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import close, draw_array, dtypes, layouts, seeds, slope

from autograd.kernels.compiled import jit
from autograd.kernels.compiled import loss as fast
from autograd.kernels.plain import loss, loss_linear

shapes = st.sampled_from([(1,), (3,), (2, 3)])
reductions = st.sampled_from(["none", "mean", "sum"])


def reduced(losses, weights, reduction, divisor=None):
    """Weighted losses, their sum, or their sum over their number or what else is given."""
    losses = np.reshape([a * b for a, b in zip(losses, weights, strict=True)], np.shape(losses))
    if reduction == "none":
        return losses
    return losses.sum() / ((divisor or losses.size) if reduction == "mean" else 1)


def huber(d, delta):
    return d * d / 2 if abs(d) <= delta else delta * (abs(d) - delta / 2)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def binary(p, t, positive=1.0):
    return -(positive * t * math.log(p) + (1 - t) * math.log(1 - p))


# name -> kernel call on (input, target, weight, reduction), formula of (x, t), what x and t are
LOSSES = {
    "mse": (loss.mse, lambda x, t: (x - t) ** 2),
    "l1": (loss.l1, lambda x, t: abs(x - t)),
    "huber": (lambda x, t, w, r: loss.huber(x, t, 0.7, w, r), lambda x, t: huber(x - t, 0.7)),
    "smooth_l1": (lambda x, t, w, r: loss.smooth_l1(x, t, 0.7, r),
                  lambda x, t: huber(x - t, 0.7) / 0.7),
    "smooth_l1 of 0": (lambda x, t, w, r: loss.smooth_l1(x, t, 0, r), lambda x, t: abs(x - t)),
    "binary": (loss.binary_cross_entropy, binary),
    "logits": (lambda x, t, w, r: loss.binary_cross_entropy_with_logits(x, t, w, None, r),
               lambda x, t: binary(sigmoid(x), t)),
    "logits, weighted": (
        lambda x, t, w, r: loss.binary_cross_entropy_with_logits(x, t, w, x.dtype.type(2.5), r),
        lambda x, t: binary(sigmoid(x), t, 2.5)),
    "kl_div": (lambda x, t, w, r: loss.kl_div(x, t, False, r), lambda x, t: t * (math.log(t) - x)),
    "kl_div of logs": (lambda x, t, w, r: loss.kl_div(x, t, True, r),
                       lambda x, t: math.exp(t) * (t - x)),
}  # fmt: skip
TARGET_WITHIN_ONE = ("binary", "logits", "logits, weighted", "kl_div")
UNWEIGHTED = ("smooth_l1", "smooth_l1 of 0", "kl_div", "kl_div of logs")


@pytest.mark.parametrize("name", LOSSES)
@given(shapes, reductions, st.booleans(), dtypes, layouts, seeds)
def test_one_number_against_another(name, shape, reduction, weighted, dtype, layout, seed):
    kernel, formula = LOSSES[name]
    x, t, w = (draw_array(seed + k, shape, dtype, layout) for k in range(3))
    if name == "binary":
        x = 1 / (1 + np.exp(-x))
    if name in TARGET_WITHIN_ONE:
        t = 1 / (1 + np.exp(-t))
    w = np.abs(w) if weighted and name not in UNWEIGHTED else None
    losses = [formula(float(a), float(b)) for a, b in zip(x.flat, t.flat, strict=True)]
    weights = np.ones(x.size) if w is None else w.ravel().astype(float)
    divisor = weights.sum() if name in ("mse", "l1") else None
    expected = reduced(losses, weights, reduction, divisor)
    expected = expected.reshape(shape) if reduction == "none" else expected
    close(np.asarray(kernel(x, t, w, reduction)), expected, dtype)


def test_reducing_and_weights():
    losses, weight = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 3.0])
    assert loss.reduce(losses, "none", weight).tolist() == [1, 0, 9]
    assert loss.reduce(losses, "sum", weight) == 10 and loss.reduce(losses, "mean") == 2
    assert loss.reduce(losses, "mean", weight, loss.total_weight(weight)) == 2.5
    assert loss.total_weight(None) is None and math.isnan(loss.reduce(np.zeros(0), "mean"))
    edges = loss.binary_cross_entropy(
        np.array([0.0, 1.0, 1.0]), np.array([1.0, 0, 1]), None, "none"
    )
    assert edges.tolist() == [100, 100, 0]
    assert loss.kl_div(np.array([5.0]), np.array([0.0]), False, "sum") == 0


@given(shapes, st.sampled_from([0.5, 2.0]), dtypes, layouts, seeds)
def test_slopes(shape, scale, dtype, layout, seed):
    x, t = (draw_array(seed + k, shape, dtype, layout) for k in range(2))
    by = np.array(1.5, dtype)
    pairs = list(zip(x.ravel().tolist(), t.ravel().tolist(), strict=True))
    errors = np.reshape([1.5 * scale * (a - b) for a, b in pairs], shape)
    close(loss.scaled_error(x, t, by, scale), errors, dtype)
    errors = np.reshape([1.5 * scale * (sigmoid(a) - b) for a, b in pairs], shape)
    close(loss.scaled_logistic_error(x, t, by, scale), errors, dtype)


# -- compiled against these ------------------------------------------------------------------------

COMPILED = {
    "mse": lambda family, x, t, w, r: family.mse(x, t, w, r),
    "logits": lambda family, x, t, w, r: family.binary_cross_entropy_with_logits(x, t, w, None, r),
    "scaled_error": lambda family, x, t, w, r: family.scaled_error(x, t, x.dtype.type(1.5), 0.5),
    "scaled_logistic_error": lambda family, x, t, w, r: family.scaled_logistic_error(
        x, t, x.dtype.type(1.5), 0.5
    ),
}


@pytest.mark.parametrize("name", COMPILED)
@given(st.sampled_from([(1,), (3, 5), (70, 200), (2, 3, 4), (0, 2)]), reductions, st.booleans(),
       dtypes, layouts, seeds)  # fmt: skip
def test_compiled(name, shape, reduction, special, dtype, layout, seed):
    x, t = (draw_array(seed + k, shape, dtype, layout) for k in range(2))
    if special and x.size > 2:
        x = x.copy()
        x.flat[:3] = np.nan, np.inf, -np.inf
    with np.errstate(all="ignore"):
        expected, found = (COMPILED[name](each, x, t, None, reduction) for each in (loss, fast))
    assert found.dtype == expected.dtype
    rtol = 1e-12 if dtype == np.float64 else 2e-5
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)


def test_threads_do_not_matter():
    x, t = (draw_array(k, (300, 401), np.float32) for k in range(2))
    before, results = jit.get_num_threads(), []
    try:
        for count in sorted({1, before}):
            jit.set_num_threads(count)
            results.append([call(fast, x, t, None, "sum") for call in COMPILED.values()])
    finally:
        jit.set_num_threads(before)
    for first, last in zip(results[0], results[-1], strict=True):
        assert first.tobytes() == last.tobytes()


@pytest.mark.parametrize("family", [loss, fast])
def test_wrong_labels_are_refused(family):
    scores = draw_array(1, (4, 3), np.float32)
    for wrong in (3, -1):
        labels = np.array([0, 2, wrong, -100])
        with pytest.raises(IndexError, match=f"label {wrong} at position 2 is out of range"):
            family.cross_entropy(scores, labels, None, -100, "mean", 0.0)
        with pytest.raises(IndexError, match=f"label {wrong} at position 2"):
            loss.check_labels(scores, labels, -100)
    loss.check_labels(scores, np.array([0, 2, 1, -100]), -100)


# -- scores against labels -------------------------------------------------------------------------


IGNORED = -7


@st.composite
def scores_and_labels(draw):
    """Scores with classes on axis 1 (0 if there is one axis), labels, class weights, dtype."""
    shape = draw(st.sampled_from([(3,), (2, 3), (4, 2), (2, 3, 2)]))
    seed, dtype = draw(seeds), draw(dtypes)
    scores = draw_array(seed, shape, dtype, draw(layouts))
    axis = min(len(shape) - 1, 1)
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, shape[axis], shape[:axis] + shape[axis + 1 :])
    labels = np.where(rng.random(labels.shape) < 0.3, IGNORED, labels)
    weight = rng.uniform(0.5, 2, shape[axis]).astype(dtype) if draw(st.booleans()) else None
    return scores, labels, weight, dtype


def cost(row, label, weight, smoothing):
    """The smoothed cross entropy of one row of scores, and what it counts in a mean."""
    if label == IGNORED:
        return 0.0, 0.0
    total = sum(math.exp(s) for s in row)
    logs = [math.log(math.exp(s) / total) for s in row]
    smooth = -sum(w * p for w, p in zip(weight, logs, strict=True)) / len(row)
    return -(1 - smoothing) * weight[label] * logs[label] + smoothing * smooth, weight[label]


def plain_cross_entropy(scores, labels, weight, reduction, smoothing):
    axis = loss.class_axis(scores)
    rows = np.moveaxis(scores, axis, -1)
    weight = [1.0] * rows.shape[-1] if weight is None else weight.tolist()
    found = [cost(rows[k].tolist(), labels[k], weight, smoothing) for k in np.ndindex(labels.shape)]
    losses, counts = np.reshape(found, (*labels.shape, 2)).T.astype(float)
    if reduction == "none":
        return losses.T
    return losses.sum() / (counts.sum() if reduction == "mean" else 1)


@given(scores_and_labels(), reductions, st.sampled_from([0.0, 0.3]), st.integers(1, 3))
def test_cross_entropy(drawn, reduction, smoothing, rows):
    scores, labels, weight, dtype = drawn
    if (labels == IGNORED).all():
        return  # the mean of nothing
    options = weight, IGNORED, reduction
    found, peak, log_total = loss.cross_entropy(scores, labels, *options, smoothing)
    expected = plain_cross_entropy(scores, labels, weight, reduction, smoothing)
    close(np.asarray(found), expected, dtype)
    logs = scores - peak - log_total
    if not smoothing:
        close(np.asarray(loss.nll(logs, labels, *options)), expected, dtype)
    coefficients = loss.label_coefficients(scores, labels, *options, smoothing)
    np.testing.assert_allclose((coefficients * logs).sum(), expected.sum(), rtol=1e-4, atol=1e-4)
    wide, g = scores.astype(np.float64), np.ones(np.shape(expected)) * 1.5
    slopes = slope(
        lambda: (plain_cross_entropy(wide, labels, weight, reduction, smoothing) * g).sum(), wide
    )
    gradient = loss.cross_entropy_gradient(
        g.astype(dtype), scores, labels, peak, log_total, *options, smoothing
    )
    assert gradient.dtype == dtype
    tolerance = 3e-4 if dtype == np.float32 else 1e-7
    np.testing.assert_allclose(gradient, slopes, rtol=tolerance, atol=tolerance)
    if scores.ndim == 2:  # the scores of a linear layer, a few rows at a time
        head = np.eye(scores.shape[1], dtype=dtype), np.zeros(scores.shape[1], dtype)
        found, *kept = loss_linear.forward(scores, *head, labels, *options, smoothing, rows)
        close(np.asarray(found), expected, dtype)
        dinput, dweight, dbias = loss_linear.gradients(
            g.astype(dtype), scores, *head, labels, weight, *kept, *options[1:], smoothing, rows,
            (True, True, True),
        )  # fmt: skip
        close(dinput, gradient, dtype)
        close(dbias, gradient.sum(0), dtype)
        np.testing.assert_allclose(dweight, gradient.T @ scores, rtol=1e-4, atol=1e-4)


@given(scores_and_labels())
def test_labels_have_weights(drawn):
    scores, labels, weight, dtype = drawn
    found, weights = loss.label_weights(labels, weight, IGNORED, dtype)
    for place in np.ndindex(labels.shape):
        kept = labels[place] != IGNORED
        assert found[place] == (labels[place] if kept else 0)
        assert weights[place] == ((1 if weight is None else weight[labels[place]]) if kept else 0)
    assert loss.class_axis(scores) == (0 if scores.ndim == 1 else 1)
