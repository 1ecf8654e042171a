"""The kernels of optimisers against the papers' formulas, one element at a time."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import close, draw_array, dtypes, layouts, seeds

from autograd.kernels.plain import step, step_matrix, step_moments, step_scaled

# -- elementwise: (step, parameter, gradient, state..., options) -> (parameter, state...) ----------


def loss_gradient(p, g, weight_decay, maximize):
    """The gradient of the loss, or of minus it, and of the penalty ``weight_decay / 2 * p**2``."""
    return (-g if maximize else g) + weight_decay * p


def sgd(t, p, g, b, lr, momentum, dampening, weight_decay, nesterov, maximize):
    g = loss_gradient(p, g, weight_decay, maximize)
    b = g if t == 1 else momentum * b + (1 - dampening) * g
    return p - lr * (g + momentum * b if nesterov else b), b


def sgd_alone(t, p, g, lr, weight_decay, maximize, **others):
    return (p - lr * loss_gradient(p, g, weight_decay, maximize),)


def decayed(p, g, lr, weight_decay, decoupled, maximize):
    """The parameter and the gradient after weight decay of either sort."""
    if decoupled:
        return p - lr * weight_decay * p, -g if maximize else g
    return p, loss_gradient(p, g, weight_decay, maximize)


def adam(t, p, g, m, v, top, lr, beta1, beta2, eps, weight_decay, decoupled, maximize):
    p, g = decayed(p, g, lr, weight_decay, decoupled, maximize)
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    top = max(top, v)
    m_hat, v_hat = m / (1 - beta1**t), top / (1 - beta2**t)
    return p - lr * m_hat / (math.sqrt(v_hat) + eps), m, v, top


def plain_adam(t, p, g, m, v, **options):
    # Without a maximum of the past nothing can exceed what there is.
    return adam(t, p, g, m, v, -math.inf, **options)[:3]


def adamax(t, p, g, m, u, lr, beta1, beta2, eps, weight_decay, maximize):
    g = loss_gradient(p, g, weight_decay, maximize)
    m, u = beta1 * m + (1 - beta1) * g, max(beta2 * u, abs(g) + eps)
    return p - lr / (1 - beta1**t) * m / u, m, u


def nadam(t, p, g, m, v, lr, beta1, beta2, eps, weight_decay, momentum_decay, decoupled, maximize):
    def mu(k):
        return beta1 * (1 - 0.5 * 0.96 ** (k * momentum_decay))

    p, g = decayed(p, g, lr, weight_decay, decoupled, maximize)
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    product = math.prod(mu(k) for k in range(1, t + 1))
    m_hat = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
    return p - lr * m_hat / (math.sqrt(v / (1 - beta2**t)) + eps), m, v


def radam(t, p, g, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, maximize):
    p, g = decayed(p, g, lr, weight_decay, decoupled, maximize)
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    m_hat, most = m / (1 - beta1**t), 2 / (1 - beta2) - 1
    worth = most - 2 * t * beta2**t / (1 - beta2**t)
    if worth > 5:
        r = (worth - 4) * (worth - 2) * most / ((most - 4) * (most - 2) * worth)
        length = math.sqrt(1 - beta2**t) / (math.sqrt(v) + eps)
        return p - lr * m_hat * math.sqrt(r) * length, m, v
    return p - lr * m_hat, m, v


def adagrad(t, p, g, total, lr, lr_decay, eps, weight_decay, maximize):
    g = loss_gradient(p, g, weight_decay, maximize)
    total += g * g
    return p - lr / (1 + (t - 1) * lr_decay) * g / (math.sqrt(total) + eps), total


def rmsprop(t, p, g, v, m, b, lr, alpha, eps, weight_decay, momentum, maximize):
    g = loss_gradient(p, g, weight_decay, maximize)
    v, m = alpha * v + (1 - alpha) * g * g, alpha * m + (1 - alpha) * g
    b = momentum * b + g / (math.sqrt(v - m * m) + eps)
    return p - lr * b, v, m, b


def plain_rmsprop(t, p, g, v, lr, alpha, eps, weight_decay, momentum, maximize):
    g = loss_gradient(p, g, weight_decay, maximize)
    v = alpha * v + (1 - alpha) * g * g
    return p - lr * g / (math.sqrt(v) + eps), v


def adadelta(t, p, g, v, a, lr, rho, eps, weight_decay, maximize):
    g = loss_gradient(p, g, weight_decay, maximize)
    v = rho * v + (1 - rho) * g * g
    d = math.sqrt(a + eps) / math.sqrt(v + eps) * g
    return p - lr * d, v, rho * a + (1 - rho) * d * d


def rprop(t, p, g, last, size, shrink, grow, smallest, largest, maximize):
    g = -g if maximize else g
    if g * last > 0:
        size = min(size * grow, largest)
    elif g * last < 0:
        size, g = max(size * shrink, smallest), 0.0
    else:
        size = min(max(size, smallest), largest)
    return p - math.copysign(size, g) * (g != 0), g, size


BETAS = {"beta1": 0.8, "beta2": 0.7, "eps": 1e-3}
EITHER = (False, True)
# kernel, twin, state to begin with (None is passed on), options with the values to choose from, and
# whether the kernel asks for the number of the step, or whether it is the first
UPDATES = {
    "sgd": (step.sgd, sgd_alone, [None], {"momentum": (0,), "dampening": (0,),
            "nesterov": (False,), "weight_decay": (0, 0.1), "maximize": EITHER}, "first"),
    "momentum": (step.sgd, sgd, [0.0], {"momentum": (0.7,), "dampening": (0, 0.4),
                 "nesterov": EITHER, "weight_decay": (0, 0.1), "maximize": EITHER}, "first"),
    "adam": (step.adam, plain_adam, [0.0, 0.0, None], {"decoupled": EITHER,
             "weight_decay": (0, 0.1), "maximize": EITHER}, "step"),
    "amsgrad": (step.adam, adam, [0.0, 0.0, 0.0], {"decoupled": EITHER,
                "weight_decay": (0, 0.1), "maximize": EITHER}, "step"),
    "adamax": (step_moments.adamax, adamax, [0.0, 0.0], {"weight_decay": (0, 0.1),
               "maximize": EITHER}, "step"),
    "radam": (step_moments.radam, radam, [0.0, 0.0], {"decoupled": EITHER, "beta2": (0.7, 0.95),
              "weight_decay": (0, 0.1), "maximize": EITHER}, "step"),
    "adagrad": (step_scaled.adagrad, adagrad, [0.1], {"lr_decay": (0, 0.2), "eps": (1e-3,),
                "weight_decay": (0, 0.1), "maximize": EITHER}, "step"),
    "rmsprop": (step_scaled.rmsprop, plain_rmsprop, [0.0, None, None], {"alpha": (0.3, 0.9),
                "eps": (1e-3,), "momentum": (0,), "weight_decay": (0, 0.1),
                "maximize": EITHER}, None),
    "centered": (step_scaled.rmsprop, rmsprop, [0.0, 0.0, 0.0], {"alpha": (0.3, 0.9),
                 "eps": (0.1,), "momentum": (0.5,), "weight_decay": (0, 0.1),
                 "maximize": EITHER}, None),
    "adadelta": (step_scaled.adadelta, adadelta, [0.0, 0.0], {"rho": (0.3, 0.9), "eps": (1e-3,),
                 "weight_decay": (0, 0.1), "maximize": EITHER}, None),
    "rprop": (step_scaled.rprop, rprop, [0.0, 0.3], {"shrink": (0.5,), "grow": (1.2,),
              "smallest": (0.01,), "largest": (0.35,), "maximize": EITHER}, None),
}  # fmt: skip
shapes = st.sampled_from([(), (1,), (3,), (2, 3), (3, 0)])


def choose(options, name, seed):
    """One value of each option; Adam's relatives all have the same others."""
    rng = np.random.default_rng(seed)
    chosen = {key: values[rng.integers(len(values))] for key, values in options.items()}
    if name in ("adam", "amsgrad", "adamax", "radam"):
        chosen = {**BETAS, **chosen}
    return chosen if name == "rprop" else {"lr": 0.1, **chosen}


def each_element(twin, t, arrays, **options):
    """Apply a twin to every element, and write what it returns over all arrays but the gradient."""
    param, grad, *states = arrays
    for place in np.ndindex(*param.shape):
        values = twin(t, param[place], grad[place], *(s[place] for s in states), **options)
        for array, value in zip([param, *states], values, strict=True):
            array[place] = value


@pytest.mark.parametrize("name", UPDATES)
@given(shape=shapes, dtype=dtypes, layout=layouts, seed=seeds, block=st.sampled_from([2, 1 << 14]))
def test_updates(name, shape, dtype, layout, seed, block):
    kernel, twin, begin, choices, counted = UPDATES[name]
    options = choose(choices, name, seed)
    param = np.asarray(draw_array(seed, shape, dtype, layout))
    states = [None if value is None else np.full_like(param, value) for value in begin]
    kept = [s for s in states if s is not None]
    doubles = [a.astype(np.float64) for a in (param, *kept)]
    with mock.patch.object(step, "BLOCK", block):  # how much is worked on at a time is no matter
        for t in range(1, 6):
            grad = np.asarray(draw_array(seed + t, shape, dtype, layout))
            before = grad.copy()
            number = {"step": {"step": t}, "first": {"first": t == 1}}.get(counted, {})
            kernel(param, grad, *states, **number, **options)
            each_element(twin, t, [doubles[0], grad.astype(float), *doubles[1:]], **options)
            assert np.array_equal(grad, before)
            for array, expected in zip((param, *kept), doubles, strict=True):
                close(array, expected, dtype)


@given(shapes, dtypes, layouts, seeds, st.booleans(), st.booleans())
def test_nadam(shape, dtype, layout, seed, decoupled, maximize):
    options = {**BETAS, "lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.5,
               "decoupled": decoupled, "maximize": maximize}  # fmt: skip
    arrays = [np.asarray(draw_array(seed, shape, dtype, layout))]
    arrays += [np.zeros_like(arrays[0]) for _ in range(2)]
    doubles, product = [a.astype(np.float64) for a in arrays], np.ones((), dtype)
    for t in range(1, 4):
        grad = np.asarray(draw_array(seed + t, shape, dtype, layout))
        step_moments.nadam(arrays[0], grad, *arrays[1:], product, step=t, **options)
        each_element(nadam, t, [doubles[0], grad.astype(float), *doubles[1:]], **options)
        for array, expected in zip(arrays, doubles, strict=True):
            close(array, expected, dtype)


@given(shapes, dtypes, layouts, seeds, st.booleans())
def test_asgd(shape, dtype, layout, seed, maximize):
    lr, lambd, alpha, t0 = 0.1, 0.05, 0.75, 2
    param = np.asarray(draw_array(seed, shape, dtype, layout))
    average, eta, mu = np.zeros_like(param), np.array(lr, dtype), np.ones((), dtype)
    p, a, rate, weight = param.astype(float), average.astype(float), lr, 1.0
    for t in range(1, 6):
        grad = np.asarray(draw_array(seed + t, shape, dtype, layout))
        step_scaled.asgd(
            param, grad, average, eta, mu, step=t, lr=lr, lambd=lambd, alpha=alpha, t0=t0,
            weight_decay=0.1, maximize=maximize,
        )  # fmt: skip
        for place in np.ndindex(*shape):
            g = loss_gradient(p[place], float(grad[place]), 0.1, maximize)
            p[place] = p[place] - lambd * rate * p[place] - rate * g
            a[place] += weight * (p[place] - a[place])
        rate, weight = lr / (1 + lambd * lr * t) ** alpha, 1 / max(1, t - t0)
        for array, expected in ((param, p), (average, a), (eta, rate), (mu, weight)):
            close(array, expected, dtype)


# -- what they share -------------------------------------------------------------------------------


@given(dtypes, layouts, seeds, st.sampled_from([0, 0.3]), st.booleans())
def test_gradient_with_its_penalty(dtype, layout, seed, weight_decay, maximize):
    p, g = draw_array(seed, (2, 3), dtype, layout), draw_array(seed + 1, (2, 3), dtype)
    found = step.penalised(p, g, weight_decay, maximize, np.empty_like(p), np.empty_like(p))
    expected = [
        [loss_gradient(float(p[i, j]), float(g[i, j]), weight_decay, maximize) for j in range(3)]
        for i in range(2)
    ]
    close(found, expected, dtype)


@given(dtypes, layouts, seeds, st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_moving_towards(dtype, layout, seed, weight):
    a, b = draw_array(seed, (2, 3), dtype, layout), draw_array(seed + 1, (2, 3), dtype)
    expected = (1 - weight) * a.astype(float) + weight * b
    step.move_towards(a, b, weight, np.empty_like(a))
    close(a, expected, dtype)
    assert weight != 1 or np.array_equal(a, b)


@pytest.mark.parametrize("size", [0, 1, 4, 5, 9])
def test_blocks_cover_every_element_once(size):
    arrays = np.arange(float(size)), None, np.zeros(size)
    with mock.patch.object(step, "BLOCK", 4):
        for x, nothing, out, s, t, u in step.blocks(*arrays, scratch=3):
            assert nothing is None and x.shape == out.shape == s.shape == t.shape == u.shape
            out += x + 1
    assert np.array_equal(arrays[2], np.arange(1.0, size + 1))


# -- matrices --------------------------------------------------------------------------------------


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def adafactor(t, p, g, row, column, lr, beta2_decay, eps1, eps2, d, weight_decay):
    """Algorithm 4 of Shazeer & Stern (2018) on lists of lists, with PyTorch's decay."""
    rows, columns = range(len(p)), range(len(p[0]))
    keep = 1 - t**beta2_decay
    size = math.sqrt(mean(p[i][j] ** 2 for i in rows for j in columns))
    rate = max(eps2, size) * min(lr, 1 / math.sqrt(t))
    row = [keep * row[i] + (1 - keep) * mean(g[i][j] ** 2 for j in columns) for i in rows]
    column = [keep * column[j] + (1 - keep) * mean(g[i][j] ** 2 for i in rows) for j in columns]
    v = [[row[i] * column[j] / max(mean(row), eps1) for j in columns] for i in rows]
    u = [[g[i][j] / max(math.sqrt(v[i][j]), eps1) for j in columns] for i in rows]
    longest = max(1, math.sqrt(mean(u[i][j] ** 2 for i in rows for j in columns)) / d)
    p = [[p[i][j] * (1 - lr * weight_decay) - rate * u[i][j] / longest for j in columns]
         for i in rows]  # fmt: skip
    return p, row, column


@given(st.integers(1, 3), st.integers(1, 3), dtypes, layouts, seeds, st.booleans())
def test_adafactor_of_a_matrix(rows, columns, dtype, layout, seed, maximize):
    options = {"lr": 0.1, "beta2_decay": -0.8, "eps1": 1e-6, "eps2": 1e-3, "d": 0.5,
               "weight_decay": 0.1}  # fmt: skip
    param = draw_array(seed, (rows, columns), dtype, layout)
    row, column = np.zeros((rows, 1), dtype), np.zeros((1, columns), dtype)
    p, r, c = param.tolist(), [0.0] * rows, [0.0] * columns
    for t in range(1, 4):
        grad = draw_array(seed + t, (rows, columns), dtype, layout)
        step_matrix.adafactor(param, grad, row, column, None, step=t, maximize=maximize, **options)
        p, r, c = adafactor(t, p, (-grad if maximize else grad).tolist(), r, c, **options)
        close(param, p, dtype)
        close(row[:, 0], r, dtype)
        close(column[0], c, dtype)


@given(st.integers(1, 4), dtypes, seeds)
def test_adafactor_of_a_vector(size, dtype, seed):
    """All mean squares are kept: of one number each, they are what Adam has, without its start."""
    param, square = draw_array(seed, size, dtype), np.zeros(size, dtype)
    p, v = param.tolist(), [0.0] * size
    for t in range(1, 4):
        grad = draw_array(seed + t, size, dtype)
        step_matrix.adafactor(
            param, grad, None, None, square, step=t, lr=0.1, beta2_decay=-0.8, eps1=None,
            eps2=1e-3, d=1.0, weight_decay=0, maximize=False,
        )  # fmt: skip
        keep, rate = 1 - t**-0.8, max(1e-3, math.sqrt(mean(x * x for x in p))) * 0.1
        v = [keep * a + (1 - keep) * g * g for a, g in zip(v, grad.tolist(), strict=True)]
        u = [g / math.sqrt(a) for g, a in zip(grad.tolist(), v, strict=True)]
        longest = max(1, math.sqrt(mean(x * x for x in u)))
        p = [x - rate * y / longest for x, y in zip(p, u, strict=True)]
        close(param, p, dtype)
        close(square, v, dtype)


QUINTIC = (3.4445, -4.775, 2.0315)


@given(st.integers(1, 4), st.integers(1, 4), dtypes, seeds)
def test_orthogonalised_is_a_polynomial_of_the_singular_values(rows, columns, dtype, seed):
    """A product of matrices after another is, for the singular values, a number after another."""
    x = draw_array(seed, (rows, columns), dtype)
    u, s, vh = np.linalg.svd(x.astype(np.float64), full_matrices=False)
    a, b, c = QUINTIC
    scale = math.sqrt(sum(value * value for value in s))
    values = [value / scale for value in s]
    for _ in range(2):
        values = [a * v + b * v**3 + c * v**5 for v in values]
    found = step_matrix.orthogonalised(x, QUINTIC, 2, 1e-7)
    # bfloat16 has 7 binary digits, and each step may magnify its errors by `a`.
    np.testing.assert_allclose(found, (u * values) @ vh, atol=0.1)
    # All digits that the results have are bfloat16's.
    assert not (np.ascontiguousarray(found, np.float32).view(np.uint32) & 0xFFFF).any()


@given(st.booleans(), layouts, seeds)
def test_muon(nesterov, layout, seed):
    param, buffer = draw_array(seed, (3, 2), np.float32, layout), np.zeros((3, 2), np.float32)
    p, b = param.astype(float), np.zeros((3, 2))
    for t in range(1, 4):
        grad = draw_array(seed + t, (3, 2), np.float32, layout)
        step_matrix.muon(
            param, grad, buffer, lr=0.1, rate=0.02, weight_decay=0.5, momentum=0.9,
            nesterov=nesterov, coefficients=QUINTIC, steps=5, eps=1e-7,
        )  # fmt: skip
        towards = np.empty((3, 2))
        for place in np.ndindex(3, 2):
            g = float(grad[place])
            b[place] = 0.9 * b[place] + 0.1 * g
            towards[place] = 0.9 * b[place] + 0.1 * g if nesterov else b[place]
        close(buffer, b, np.float32)
        # The iteration rounds to three digits, so it must get exactly what the kernel gave it.
        given_ = buffer if not nesterov else towards.astype(np.float32)
        change = step_matrix.orthogonalised(given_, QUINTIC, 5, 1e-7)
        for place in np.ndindex(3, 2):
            p[place] = p[place] * (1 - 0.1 * 0.5) - 0.02 * float(change[place])
        np.testing.assert_allclose(param, p, atol=5e-3)
