"""Activations, softmax and losses against PyTorch: values, first and second derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from autograd.op import OPS

torch = pytest.importorskip("torch")
F = torch.nn.functional


def ours(name):
    return OPS[name].function


def derivatives(lib, function, arrays, wanted, cotangents, twice):
    """Value, gradients, and gradients of a random combination of the gradients, as arrays."""
    make = (lambda a: ag.tensor(a)) if lib is ag else torch.tensor
    grad = ag.grad if lib is ag else torch.autograd.grad
    inputs = [make(a).requires_grad_(w) for a, w in zip(arrays, wanted, strict=True)]
    live = [x for x, w in zip(inputs, wanted, strict=True) if w]
    y = function(*inputs)
    seed = make(cotangents[0](y.shape))
    first = grad(y, live, seed, retain_graph=True)
    again = grad(y, live, seed, create_graph=True)
    scalar = sum((g * make(cotangents[1](g.shape))).sum() for g in again)
    second = [None] * len(live)
    if scalar.requires_grad and twice:
        second = grad(scalar, live, allow_unused=True)
    second = [
        np.zeros(tuple(x.shape)) if g is None else g.detach().numpy(force=True)
        for g, x in zip(second, live, strict=True)
    ]
    return (
        y.detach().numpy(),
        [g.detach().numpy() for g in first],
        [g.detach().numpy() for g in again],
        second,
    )


def compare(mine, theirs, *arrays, wanted=None, tolerance=1e-10, twice=True):
    """Hold our function against PyTorch's; up to second derivatives, if it has them."""
    wanted = [a.dtype.kind == "f" for a in arrays] if wanted is None else wanted

    def cotangent(seed):
        return lambda shape: (
            np.random.default_rng(seed)
            .normal(size=tuple(shape))
            .astype(next(a.dtype for a in arrays if a.dtype.kind == "f"))
        )

    cotangents = cotangent(1), cotangent(2)
    results = [
        derivatives(lib, f, arrays, wanted, cotangents, twice)
        for lib, f in ((ag, mine), (torch, theirs))
    ]
    close = {"rtol": tolerance, "atol": tolerance}
    (value, first, again, second), (value_t, first_t, _, second_t) = results
    assert value.dtype == value_t.dtype and value.shape == value_t.shape
    np.testing.assert_allclose(value, value_t, **close, err_msg="value")
    for g, h, g_t in zip(first, again, first_t, strict=True):
        assert g.dtype == g_t.dtype
        np.testing.assert_allclose(g, g_t, **close, err_msg="gradient")
        np.testing.assert_allclose(h, g_t, **close, err_msg="gradient under create_graph")
    for g, g_t in zip(second, second_t, strict=True):
        np.testing.assert_allclose(g, g_t, **close, err_msg="second derivative")


ACTIVATIONS = [
    ("relu", {}, (0.0,)),
    ("relu6", {}, (0.0, 6.0)),
    ("leaky_relu", {}, (0.0,)),
    ("leaky_relu", {"negative_slope": 0.3}, (0.0,)),
    ("elu", {}, (0.0,)),
    ("elu", {"alpha": 2.0}, (0.0,)),
    ("selu", {}, (0.0,)),
    ("celu", {"alpha": 0.5}, (0.0,)),
    ("celu", {"alpha": 2.0}, (0.0,)),
    ("gelu", {}, ()),
    ("gelu", {"approximate": "tanh"}, ()),
    ("silu", {}, ()),
    ("mish", {}, ()),
    ("softplus", {}, (20.0,)),
    ("softplus", {"beta": 3, "threshold": 2}, ()),
    ("softsign", {}, (0.0,)),
    ("tanhshrink", {}, ()),
    ("hardtanh", {}, (-1.0, 1.0)),
    ("hardtanh", {"min_val": -0.5, "max_val": 2.0}, (-0.5, 2.0)),
    ("hardsigmoid", {}, (-3.0, 3.0)),
    ("hardswish", {}, (-3.0, 3.0)),
    ("hardshrink", {}, (-0.5, 0.5)),
    ("hardshrink", {"lambd": 1.5}, (-1.5, 1.5)),
    ("softshrink", {}, (-0.5, 0.5)),
    ("softshrink", {"lambd": 1.5}, (-1.5, 1.5)),
    ("logsigmoid", {}, ()),
    ("rrelu", {"lower": 0.1, "upper": 0.5}, (0.0,)),
    ("glu", {}, ()),
    ("glu", {"dim": 0}, ()),
    ("threshold", {"threshold": 0.5, "value": 7.0}, (0.5,)),
]
TOLERANCE = {"hardsigmoid": 1e-7}  # PyTorch divides by 6 in single precision there
SPELLED = [f"{name}{options or ''}" for name, options, _ in ACTIVATIONS]


@pytest.mark.parametrize(("name", "options", "kinks"), ACTIVATIONS, ids=SPELLED)
class TestActivation:
    def test_derivatives(self, name, options, kinks):
        x = np.random.default_rng(0).normal(size=(4, 6)) * 3
        compare(
            lambda t: ours(name)(t, **options),
            lambda t: getattr(F, name)(t, **options),
            x,
            tolerance=TOLERANCE.get(name, 1e-10),
            twice=name != "hardsigmoid",
        )

    def test_float32(self, name, options, kinks):
        x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
        compare(
            lambda t: ours(name)(t, **options),
            lambda t: getattr(F, name)(t, **options),
            x,
            tolerance=2e-6,
            twice=name != "hardsigmoid",
        )

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_extremes(self, name, options, kinks, dtype):
        x = np.array([[1e4, -1e4, 300.0, -300.0, 30.0, -30.0]] * 2, dtype)
        mine, theirs = ag.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, z = ours(name)(mine, **options), getattr(F, name)(theirs, **options)
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-6)
        (g,) = ag.grad(y.sum(), mine, create_graph=True)
        (h,) = torch.autograd.grad(z.sum(), theirs)
        near = 1e-6 if dtype is np.float64 else 1e-4
        np.testing.assert_allclose(g.detach().numpy(), h.numpy(), rtol=near, atol=1e-11)
        if g.requires_grad:
            assert np.isfinite(ag.grad(g.sum(), mine)[0].numpy()).all()

    def test_kinks(self, name, options, kinks):
        x = np.array([*kinks, 0.25, 0.0] if len(kinks) % 2 == 0 else [*kinks, 0.25])
        compare_first(name, options, x)

    def test_shapes(self, name, options, kinks):
        for shape in ((0, 2), (2, 0, 4), ()):
            if name == "glu" and not shape:
                continue
            compare_first(name, options, np.ones(shape))


def compare_first(name, options, x):
    mine, theirs = ag.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(name)(mine, **options), getattr(F, name)(theirs, **options)
    np.testing.assert_array_equal(np.asarray(y.shape), z.shape)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12)
    y.sum().backward()
    z.sum().backward()
    near = TOLERANCE.get(name, 1e-12)
    np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=near)


@pytest.mark.parametrize("shape, count", [((3, 4), 4), ((3, 4), 1), ((2, 3, 2), 3), ((4,), 1)])
def test_prelu(shape, count):
    rng = np.random.default_rng(0)
    compare(ours("prelu"), F.prelu, rng.normal(size=shape), rng.normal(size=count))


def test_prelu_refuses_other_weights():
    with pytest.raises(ag.ShapeError, match=r"\(1,\) or \(4,\)"):
        ours("prelu")(ag.ones(3, 4), ag.ones(3))


@pytest.mark.parametrize(
    "name, args",
    [("relu", ()), ("relu6", ()), ("leaky_relu", (0.2,)), ("elu", (1.5,)), ("selu", ()),
     ("celu", (0.5,)), ("silu", ()), ("mish", ()), ("hardtanh", (-1.0, 1.0)), ("hardsigmoid", ()),
     ("hardswish", ()), ("threshold", (0.1, 2.0)), ("rrelu", (0.1, 0.3, False))],
)  # fmt: skip
@pytest.mark.parametrize("by_name", [True, False])
def test_inplace(name, args, by_name):
    """inplace=True writes into the input, and gradients pass as without."""
    x = np.random.default_rng(0).normal(size=(3, 4))
    flag = {"inplace": True} if by_name else {}
    args = args if by_name else (*args, True)
    leaf, leaf_t = ag.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    inner, inner_t = leaf * 2, leaf_t * 2
    y = ours(name)(inner, *args, **flag)
    z = getattr(F, name)(inner_t, *args, **flag)
    assert y is inner
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12)
    (y * y).sum().backward()
    (z * z).sum().backward()
    near = TOLERANCE.get(name, 1e-12)
    np.testing.assert_allclose(leaf.grad.numpy(), leaf_t.grad.numpy(), rtol=near)


def test_inplace_refuses_leaves():
    with pytest.raises(ag.GraphError, match="relu_ would change a leaf"):
        ours("relu")(ag.ones(2, requires_grad=True), inplace=True)


def test_relu_method_twin():
    x = ag.tensor([-1.0, 2.0])
    assert x.relu_() is x and x.tolist() == [0.0, 2.0]


def test_infinite_gradient_does_not_leak_into_the_other_branch():
    x = ag.tensor([-1.0, 1.0], requires_grad=True)
    (g,) = ag.grad(ours("relu")(x), x, ag.tensor([np.inf, 1.0]))
    assert g.tolist() == [0.0, 1.0]


def test_rrelu_training():
    ag.manual_seed(0)
    x = ag.tensor(-np.ones(1000), requires_grad=True)
    y = ours("rrelu")(x, 0.25, 0.5, training=True)
    y.sum().backward()
    assert -0.5 <= y.min().item() < -0.45 and -0.3 < y.max().item() <= -0.25
    np.testing.assert_array_equal(x.grad.numpy(), -y.detach().numpy())


def test_heaviside():
    x, v = np.array([-1.0, 0.0, 2.0, np.nan]), np.array([0.5])
    y = ag.heaviside(ag.tensor(x, requires_grad=True), ag.tensor(v))
    np.testing.assert_array_equal(y.numpy(), torch.heaviside(torch.tensor(x), torch.tensor(v)))


def test_step():
    x = ag.tensor([-2.0, 0.0, 0.5, 3.0], requires_grad=True)
    y = ours("step")(x, threshold=0.5)
    assert y.tolist() == [0.0, 0.0, 1.0, 1.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.0] * 4
    (g,) = ag.grad(ours("step")(x, 0.5, straight_through=True).sum(), x)
    assert g.tolist() == [0.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "name, args",
    [("softshrink", {"lambd": -1.0}), ("hardtanh", {"min_val": 2.0}), ("celu", {"alpha": 0}),
     ("gelu", {"approximate": "fast"}), ("rrelu", {"lower": 2.0})],
)  # fmt: skip
def test_refused_options(name, args):
    with pytest.raises(ValueError, match=next(iter(args))):
        ours(name)(ag.ones(2), **args)


# -- softmax ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize(
    "shape, dim", [((3, 4), 1), ((3, 4), 0), ((2, 3, 2), -2), ((), 0), ((5,), -1)]
)
def test_softmax(name, shape, dim):
    x = np.random.default_rng(0).normal(size=shape)
    compare(lambda t: ours(name)(t, dim=dim), lambda t: getattr(F, name)(t, dim=dim), x)
    compare(
        lambda t: ours(name)(t, dim=dim),
        lambda t: getattr(F, name)(t, dim=dim),
        x.astype(np.float32),
        tolerance=1e-5,
    )


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_third_derivative(name):
    x = np.random.default_rng(0).normal(size=4)

    def third(lib, function, grad):
        t = lib.tensor(x, requires_grad=True)
        g = function(t, dim=0)
        for k in range(3):
            (g,) = grad((g * lib.tensor(np.arange(4.0) ** k)).sum(), t, create_graph=True)
        return g.detach().numpy()

    expected = third(torch, getattr(F, name), torch.autograd.grad)
    np.testing.assert_allclose(third(ag, ours(name), ag.grad), expected, atol=1e-10)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_extremes(name):
    for row in ([1e4, -1e4, 0.0], [-np.inf, 0.0, 1.0], [-np.inf] * 3, [np.nan, 0.0, 0.0]):
        expected = getattr(F, name)(torch.tensor(row), dim=0)
        np.testing.assert_allclose(ours(name)(ag.tensor(row), dim=0).numpy(), expected, rtol=1e-6)
    assert ours(name)(ag.ones(2, 0), dim=1).shape == (2, 0)


def test_softmax_dtype():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    y = ag.softmax(x, dim=0, dtype=ag.float64)
    y[0].backward()
    assert y.dtype == ag.float64 and x.grad.dtype == ag.float32
    assert ag.softmax(ag.tensor([1, 2]), dim=0, dtype=ag.float32).dtype == ag.float32


def test_softmax_refusals():
    with pytest.raises(TypeError, match="pass dim="):
        ag.softmax(ag.ones(2))
    with pytest.raises(IndexError, match="from -1 to 0, got 1"):
        ag.softmax(ag.ones(2), dim=1)
    with pytest.raises(ag.DtypeError, match="int64"):
        ag.softmax(ag.tensor([1, 2]), dim=0)


def test_gumbel_softmax():
    ag.manual_seed(0)
    logits = ag.tensor(np.log([[0.2, 0.3, 0.5]] * 4000), requires_grad=True)
    soft = ours("gumbel_softmax")(logits, tau=0.5)
    np.testing.assert_allclose(soft.sum(dim=1).detach().numpy(), 1.0)
    hard = ours("gumbel_softmax")(logits, hard=True)
    assert set(np.unique(hard.detach().numpy())) <= {0.0, 1.0}
    np.testing.assert_allclose(hard.mean(dim=0).detach().numpy(), [0.2, 0.3, 0.5], atol=0.03)
    (hard * ag.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert np.abs(logits.grad.numpy()).sum() > 0


# -- losses of numbers -----------------------------------------------------------------------------

REDUCTIONS = ("mean", "sum", "none")
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(4, 3)) * 2, rng.normal(size=(4, 3)) * 2
P, Q = rng.uniform(0.05, 0.95, (4, 3)), rng.uniform(0.05, 0.95, (4, 3))
W, SIGNS = rng.uniform(0.5, 2, (4, 3)), rng.choice([-1.0, 1.0], (4, 3))
ELEMENTWISE = [
    ("mse_loss", (X, Y), {}),
    ("mse_loss", (X, Y), {"weight": W}),
    ("l1_loss", (X, Y), {}),
    ("l1_loss", (X, Y), {"weight": W}),
    ("smooth_l1_loss", (X, Y), {}),
    ("smooth_l1_loss", (X, Y), {"beta": 0.4}),
    ("smooth_l1_loss", (X, Y), {"beta": 0.0}),
    ("huber_loss", (X, Y), {}),
    ("huber_loss", (X, Y), {"delta": 2.5, "weight": W}),
    ("binary_cross_entropy", (P, Q), {}),
    ("binary_cross_entropy", (P, Q), {"weight": W[0]}),
    ("binary_cross_entropy_with_logits", (X, Q), {}),
    ("binary_cross_entropy_with_logits", (X, Q), {"weight": W, "pos_weight": W[0]}),
    ("kl_div", (np.log(P), Q), {}),
    ("kl_div", (np.log(P), np.log(Q)), {"log_target": True}),
    ("poisson_nll_loss", (X, P * 4), {}),
    ("poisson_nll_loss", (X, P * 4), {"full": True}),
    ("poisson_nll_loss", (P, Q), {"log_input": False, "eps": 1e-3}),
    ("gaussian_nll_loss", (X, Y, P), {}),
    ("gaussian_nll_loss", (X, Y, P[:, 0]), {"full": True}),
    ("gaussian_nll_loss", (X, Y, P[:, :1]), {}),
    ("gaussian_nll_loss", (X, Y, P), {"eps": 0.5}),
    ("soft_margin_loss", (X, SIGNS), {}),
    ("margin_ranking_loss", (X, Y, SIGNS), {"margin": 0.5}),
    ("hinge_embedding_loss", (X, SIGNS), {"margin": 0.5}),
    ("triplet_margin_loss", (X, Y, P), {"margin": 3.0}),
    ("triplet_margin_loss", (X, Y, P), {"margin": 3.0, "swap": True, "p": 3}),
    ("cosine_embedding_loss", (X, Y, SIGNS[:, 0]), {"margin": -0.5}),
]


@pytest.mark.filterwarnings("ignore:reduction. .mean:UserWarning")  # PyTorch, about kl_div
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "arrays", "options"), ELEMENTWISE, ids=[f"{n}-{list(o)}" for n, _, o in ELEMENTWISE]
)
def test_elementwise_loss(name, arrays, options, reduction):
    def call(lib, function):
        extra = {k: lib.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        return lambda *tensors: function(*tensors, reduction=reduction, **extra)

    wanted = [name == "gaussian_nll_loss" or (a is not SIGNS and a.ndim == 2) for a in arrays]
    compare(call(ag, ours(name)), call(torch, getattr(F, name)), *arrays, wanted=wanted)


def test_kl_div_batchmean_and_zero_target():
    target = np.array([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]])

    def call(function):
        return lambda x, y: function(x, y, reduction="batchmean")

    compare(call(ours("kl_div")), call(F.kl_div), np.log(P[:2]), target, wanted=[True, False])


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
@pytest.mark.parametrize("distance", [0.0, 1.0, -1.0])
def test_kinks_of_distances(name, distance):
    x = np.array([distance, 0.25])
    compare(ours(name), getattr(F, name), x, np.array([0.0, 0.5]))


@pytest.mark.parametrize("name", ["hinge_embedding_loss", "margin_ranking_loss"])
def test_kinks_of_margins(name):
    x, y = np.array([1.0, 2.0, 0.5]), np.array([-1.0, -1.0, 1.0])
    arrays = (x, y) if name == "hinge_embedding_loss" else (x, np.array([2.0, 2.0, 1.5]), -y)
    wanted = [True] * (len(arrays) - 1) + [False]
    compare(
        lambda *t: ours(name)(*t, margin=1.0),
        lambda *t: getattr(F, name)(*t, margin=1.0),
        *arrays,
        wanted=wanted,
    )


def test_bce_at_certainty():
    """At 0 and 1 logarithms are cut off at -100 as in PyTorch, gradients included."""
    compare(
        ours("binary_cross_entropy"),
        F.binary_cross_entropy,
        np.array([0.0, 1.0, 0.0, 1.0]),
        np.array([0.0, 1.0, 1.0, 0.3]),
        wanted=[True, False],
        tolerance=1e-7,
        twice=False,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bce_logits_extremes(dtype):
    x = np.array([1e4, -1e4, 1e4, -1e4, 0.0], dtype)
    t = np.array([1.0, 0.0, 0.0, 1.0, 0.5], dtype)
    compare(
        ours("binary_cross_entropy_with_logits"), F.binary_cross_entropy_with_logits, x, t,
        tolerance=1e-6,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"])
def test_float32_and_empty(name):
    compare(
        ours(name), getattr(F, name), X.astype(np.float32), Y.astype(np.float32), tolerance=1e-5
    )
    x = ag.zeros(0, 3, requires_grad=True)
    loss = ours(name)(x, ag.zeros(0, 3))
    loss.backward()
    assert np.isnan(loss.item()) and x.grad.shape == (0, 3)
    assert ours(name)(x, ag.zeros(0, 3), reduction="sum").item() == 0


LOSSES = [
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "kl_div",
    "binary_cross_entropy_with_logits", "poisson_nll_loss", "hinge_embedding_loss",
    "soft_margin_loss",
]  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_that_would_broadcast(name):
    with pytest.raises(ag.ShapeError, match=r"\(4, 1\) and \(4,\).*reshape\(4, 1\)"):
        ours(name)(ag.ones(4, 1), ag.ones(4))
    with pytest.raises(ag.ShapeError, match=r"\(4, 3\) and \(3,\).*expand_as"):
        ours(name)(ag.ones(4, 3), ag.ones(3))


@pytest.mark.parametrize("name", [*LOSSES, "cross_entropy", "nll_loss"])
def test_reduction_and_legacy_arguments(name):
    with pytest.raises(ValueError, match=r"one of none, mean, sum.*'avg'"):
        ours(name)(ag.ones(4), ag.ones(4), reduction="avg")
    if name != "huber_loss":  # it never had them
        for old in ("size_average", "reduce"):
            with pytest.raises(TypeError, match=f"{old} is not supported"):
                ours(name)(ag.ones(4), ag.ones(4), **{old: True})


def test_loss_dtypes_and_weights():
    with pytest.raises(ag.DtypeError, match="float32, float64"):
        ours("mse_loss")(ag.ones(2), ag.ones(2, dtype=ag.float64))
    with pytest.raises(ag.DtypeError, match="int64"):
        ours("mse_loss")(ag.tensor([1, 2]), ag.tensor([1, 2]))
    with pytest.raises(ag.ShapeError, match=r"\(2,\), got \(3,\)"):
        ours("mse_loss")(ag.ones(2), ag.ones(2), weight=ag.ones(3))
    with pytest.raises(ValueError, match="with_logits"):
        ours("binary_cross_entropy")(ag.tensor([1.5]), ag.ones(1))
    with pytest.raises(ValueError, match="variances >= 0"):
        ours("gaussian_nll_loss")(ag.ones(2), ag.ones(2), ag.tensor([1.0, -1.0]))


# -- losses of classes -----------------------------------------------------------------------------


def _labels(shape, classes, ignore):
    labels = np.random.default_rng(3).integers(0, classes, shape)
    if ignore is not None and labels.size > 1:
        labels.flat[1] = ignore
    return labels


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 5, 3), (2, 5, 2, 3)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [-100, 2, None])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_labels(shape, reduction, weighted, ignore, smoothing):
    x = np.random.default_rng(0).normal(size=shape)
    labels = _labels(shape[:1] + shape[2:] if len(shape) > 1 else (), 5, ignore)
    weight = np.random.default_rng(1).uniform(0.5, 2, 5) if weighted else None

    def call(lib, function, **more):
        w = None if weight is None else lib.tensor(weight)
        index = {} if ignore is None else {"ignore_index": ignore}
        return lambda t: function(
            t, lib.tensor(labels), weight=w, reduction=reduction, **index, **more
        )

    compare(
        call(ag, ours("cross_entropy"), label_smoothing=smoothing),
        call(torch, F.cross_entropy, label_smoothing=smoothing),
        x,
    )
    if not smoothing:
        compare(call(ag, ours("nll_loss")), call(torch, F.nll_loss), x)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 5, 3)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_probabilities(shape, reduction, weighted, smoothing):
    x, p = np.random.default_rng(0).normal(size=(2, *shape))
    weight = np.random.default_rng(1).uniform(0.5, 2, 5) if weighted else None

    def call(lib, function):
        w = None if weight is None else lib.tensor(weight)
        return lambda t, u: function(t, u, weight=w, reduction=reduction, label_smoothing=smoothing)

    compare(call(ag, ours("cross_entropy")), call(torch, F.cross_entropy), x, np.abs(p))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_extremes(dtype):
    x = np.array(
        [[1e4, 0.0, -1e4], [1e4, 1e4 - 1, -1e4], [-1e4, -1e4, -1e4], [0.0, -np.inf, 1.0]], dtype
    )
    labels = np.array([2, 1, 0, 0])

    def call(lib, function):
        return lambda t: function(t, lib.tensor(labels))

    compare(call(ag, ours("cross_entropy")), call(torch, F.cross_entropy), x, tolerance=1e-6)


def test_cross_entropy_third_derivative():
    x, labels = np.random.default_rng(0).normal(size=(2, 3)), np.array([0, 2])

    def third(lib, function, grad):
        t = lib.tensor(x, requires_grad=True)
        g = function(t, lib.tensor(labels), label_smoothing=0.1)
        for k in range(3):
            (g,) = grad((g * lib.tensor(np.arange(3.0) ** k)).sum(), t, create_graph=True)
        return g.detach().numpy()

    expected = third(torch, F.cross_entropy, torch.autograd.grad)
    np.testing.assert_allclose(third(ag, ours("cross_entropy"), ag.grad), expected, atol=1e-10)


def test_ignored_rows_count_nothing_whatever_their_scores():
    x = ag.tensor([[1.0, 2.0], [np.nan, np.inf]], requires_grad=True)
    loss = ours("cross_entropy")(x, ag.tensor([0, -100]))
    loss.backward()
    assert loss.item() == pytest.approx(1.3132616)
    assert x.grad.numpy()[1].tolist() == [0.0, 0.0]


def test_no_label_left_is_nan_in_silence():
    for x, labels in ((ag.ones(0, 3), []), (ag.ones(2, 3), [-100, -100])):
        labels = ag.tensor(labels, dtype=ag.int64)
        assert np.isnan(ours("cross_entropy")(x, labels).item())
        assert np.isnan(ours("nll_loss")(x, labels).item())
        assert ours("cross_entropy")(x, labels, reduction="sum").item() == 0
    assert np.isnan(ours("cross_entropy")(ag.ones(0, 3), ag.ones(0, 3)).item())


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_bad_labels(name):
    loss, x = ours(name), ag.zeros(2, 3)
    with pytest.raises(IndexError, match=r"label 3 at position 1 .* 3 classes"):
        loss(x, ag.tensor([0, 3]))
    with pytest.raises(IndexError, match=r"label -1 at position \(1, 0\)"):
        loss(ag.zeros(2, 3, 2), ag.tensor([[0, 1], [-1, 2]]))
    with pytest.raises(ag.DtypeError, match=r"integers, got float32: use .long\(\)"):
        loss(x, ag.tensor([0.0, 1.0]))
    with pytest.raises(ag.ShapeError, match=r"labels of shape \(2,\).*got \(3,\)"):
        loss(x, ag.tensor([0, 1, 2]))
    with pytest.raises(ag.ShapeError, match=r"each class, \(3,\), got \(2,\)"):
        loss(x, ag.tensor([0, 1]), weight=ag.ones(2))


def test_bad_probabilities_and_smoothing():
    with pytest.raises(ag.DtypeError, match="class probabilities, which are floats, got int64"):
        ours("cross_entropy")(ag.zeros(2, 3), ag.zeros(2, 3, dtype=ag.int64))
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        ours("cross_entropy")(ag.zeros(2, 3), ag.tensor([0, 1]), label_smoothing=2)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("p, weighted", [(1, False), (2, True)])
def test_multi_margin_loss(p, weighted, reduction):
    def call(lib, function):
        weight = lib.tensor(W[0]) if weighted else None
        return lambda t: function(
            t, lib.tensor([0, 2, 1, 1]), p=p, margin=0.7, weight=weight, reduction=reduction
        )

    compare(call(ag, ours("multi_margin_loss")), call(torch, F.multi_margin_loss), X, twice=False)


# -- similarities ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one, two, dim",
    [
        ((4, 3), (4, 3), 1),
        ((4, 3), (4, 3), 0),
        ((2, 3), (4, 1, 3), -1),
        ((2, 3), (4, 1, 3), 2),
        ((3,), (3,), 0),
    ],
)
def test_cosine_similarity(one, two, dim):
    x, y = np.random.default_rng(0).normal(size=one), np.random.default_rng(1).normal(size=two)
    compare(
        lambda a, b: ag.cosine_similarity(a, b, dim=dim),
        lambda a, b: F.cosine_similarity(a, b, dim=dim),
        x,
        y,
    )


def test_cosine_similarity_of_nothing():
    x, y = ag.zeros(1, 2, requires_grad=True), ag.ones(1, 2, requires_grad=True)
    value = ag.cosine_similarity(x, y)
    value.backward(ag.ones(1))
    assert value.item() == 0 and np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_pairwise_distance(p):
    compare(
        lambda a, b: ag.pairwise_distance(a, b, p=p, keepdim=True),
        lambda a, b: F.pairwise_distance(a, b, p=p, keepdim=True),
        X,
        Y,
    )
