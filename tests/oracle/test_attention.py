"""Attention and transformers against PyTorch's, in float64."""

import numpy as np
import pytest

import autograd as ag
import nn
import nn.functional as F

torch = pytest.importorskip("torch")

from both import compare, compare_layers, normal, pair, results  # noqa: E402 - needs torch

N, L, S, E, HEADS = 2, 3, 4, 4, 2
MASK = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 1]], bool)  # row 1 may see nothing


def causal(size):
    return np.triu(np.full((size, size), -np.inf), 1)


# -- the function ----------------------------------------------------------------------------------

QKV = (N, HEADS, L, E), (N, HEADS, S, E), (N, HEADS, S, 3)


def attention(lib, **options):
    function = F if lib is ag else torch.nn.functional
    given = {name: lib.tensor(v) if isinstance(v, np.ndarray) else v for name, v in options.items()}
    return lambda q, k, v, *bias: function.scaled_dot_product_attention(q, k, v, *bias, **given)


@pytest.mark.parametrize("shapes", [QKV, [s[1:] for s in QKV], [s[2:] for s in QKV]])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": 0.3},
        {"scale": -0.3},
        {"is_causal": True},
        {"attn_mask": MASK},
        {"attn_mask": MASK[:1]},
        {"attn_mask": MASK[:, :1]},
        {"attn_mask": np.where(MASK, 0.5, -np.inf)},
    ],
)
def test_function(shapes, options):
    arrays = [normal(*shape) for shape in shapes]
    compare(*(results(lib, attention(lib, **options), arrays) for lib in (ag, torch)))


@pytest.mark.parametrize("shape", [(N, HEADS, L, S), (N, 1, 1, S), (HEADS, L, S), (L, 1), (1, S)])
def test_gradient_of_a_float_mask(shape):
    arrays = [*(normal(*s) for s in QKV), normal(*shape)]
    compare(*(results(lib, attention(lib), arrays) for lib in (ag, torch)))


@pytest.mark.parametrize("shape", [(N, 1, 1, S), (1, HEADS, L, S), (N, HEADS, L, 1), (1, 1)])
def test_bool_masks(shape):
    mask = np.random.default_rng(3).random(shape) < 0.6
    arrays = [normal(*s) for s in QKV]
    compare(*(results(lib, attention(lib, attn_mask=mask), arrays) for lib in (ag, torch)))


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("shape", [None, (L, S), (N, 1, L, S), (N, 4, L, S), (4, 1, S)])
def test_shared_heads(heads, shape):
    arrays = [normal(N, 4, L, E), normal(N, heads, S, E), normal(N, heads, S, E)]
    options = {"enable_gqa": True, "is_causal": shape is None}
    if shape is not None:
        options["attn_mask"] = np.random.default_rng(3).random(shape) < 0.6
    compare(*(results(lib, attention(lib, **options), arrays) for lib in (ag, torch)))


def test_broadcast_batch():
    arrays = [normal(N, HEADS, L, E), normal(1, HEADS, S, E), normal(1, 1, S, E)]
    compare(*(results(lib, attention(lib), arrays) for lib in (ag, torch)))


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"attn_mask": MASK}])
def test_second_derivatives(options):
    arrays = [normal(*shape) for shape in QKV]

    def run(lib, grad):
        leaves = [lib.tensor(a, requires_grad=True) for a in arrays]
        out = attention(lib, **options)(*leaves)
        first = grad((out * out).sum(), leaves, create_graph=True)
        return [g.detach().numpy() for g in grad(sum((g * g).sum() for g in first), leaves)]

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        theirs = run(torch, torch.autograd.grad)
    for a, b in zip(run(ag, ag.grad), theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


def test_dropout():
    q, k, v = (ag.tensor(normal(*shape)) for shape in QKV)
    assert not F.scaled_dot_product_attention(q, k, v, dropout_p=1.0).numpy().any()
    ones = ag.ones(1, 1, 2000, dtype=ag.float64)
    kept = F.scaled_dot_product_attention(ones.mT, ones.mT, ones.mT, dropout_p=0.5)
    assert abs(kept.numpy().mean() - 1) < 0.05


@pytest.mark.parametrize(
    "call",
    [
        lambda f, lib, q, k, v: f(q, k, v, lib.ones(2, 2, dtype=lib.bool)),
        lambda f, lib, q, k, v: f(q, k, v, lib.ones(3, 4, dtype=lib.int32)),
        lambda f, lib, q, k, v: f(q, k, v, lib.ones(4, dtype=lib.bool)),
        lambda f, lib, q, k, v: f(q, k, v, lib.ones(1, 1, 1, 3, 4, dtype=lib.bool)),
        lambda f, lib, q, k, v: f(q, k.float(), v),
        lambda f, lib, q, k, v: f(q.long(), k.long(), v.long()),
        lambda f, lib, q, k, v: f(q[0, 0, 0], k, v),
        lambda f, lib, q, k, v: f(q, k[..., :2], v),
        lambda f, lib, q, k, v: f(q, k[:, :, :3], v[..., :3, :], dropout_p=1.5),
        lambda f, lib, q, k, v: f(q[:, :1], k, v, enable_gqa=True),
        lambda f, lib, q, k, v: f(q[0, 0], k[0, 0], v[0, 0], enable_gqa=True),
    ],
)
def test_refused(call):
    arrays = [normal(*shape) for shape in QKV]
    for lib, functions in ((torch, torch.nn.functional), (ag, F)):
        tensors = [lib.tensor(a) for a in arrays]
        with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)):
            call(functions.scaled_dot_product_attention, lib, *tensors)


def test_a_mask_beside_is_causal_is_refused():
    q, k, v = (ag.tensor(normal(*shape)) for shape in QKV)
    with pytest.raises(ValueError, match="got both"):
        F.scaled_dot_product_attention(q, k, v, ag.tensor(MASK), is_causal=True)


# -- the layer -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"add_bias_kv": True},
        {"add_zero_attn": True},
        {"add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
        {"kdim": 3, "vdim": 5},
        {"kdim": 3, "batch_first": True, "bias": False},
    ],
)
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("masked", [None, "bool", "float", "3d"])
def test_multihead(options, need_weights, batched, masked):
    mine, theirs = pair("MultiheadAttention", E, HEADS, **options)
    widths = E, options.get("kdim", E), options.get("vdim", E)
    shapes = [(n, N, w) if batched else (n, w) for n, w in zip((L, S, S), widths, strict=True)]
    if options.get("batch_first") and batched:
        shapes = [(N, n, w) for n, _, w in shapes]
    masks = {}
    if masked:
        attn = np.random.default_rng(2).random((L, S)) < 0.3
        attn[:, 0] = False  # a query that sees nothing is NaN where weights are wanted
        padding = np.array([[False, False, True, False], [False] * 4])
        if masked == "3d":
            attn = np.stack([attn] * ((N if batched else 1) * HEADS))
        if masked == "float":
            attn = normal(L, S)
            padding = np.where(padding, -np.inf, 0.25)
        masks = {"attn_mask": attn, "key_padding_mask": padding if batched else padding[0]}
    arrays = [normal(*shape) for shape in shapes]
    compare_layers(mine, theirs, arrays, need_weights=need_weights, **masks)


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_self_attention(average, batch_first):
    mine, theirs = pair("MultiheadAttention", E, HEADS, batch_first=batch_first)
    x = [normal(N, L, E)]
    compare_layers(mine, theirs, x, same=True, average_attn_weights=average)


@pytest.mark.parametrize("need_weights", [True, False])
def test_causal_hint(need_weights):
    mine, theirs = pair("MultiheadAttention", E, HEADS)
    masks = {"attn_mask": causal(L), "is_causal": True, "need_weights": need_weights}
    compare_layers(mine, theirs, [normal(L, N, E)], same=True, **masks)
    with pytest.raises(ValueError, match="attn_mask must be given"):
        x = ag.tensor(normal(L, N, E))
        mine(x, x, x, is_causal=True)


def test_nobody_to_look_at():
    """Zeros without weights, NaN with them, as in PyTorch."""
    mine, _ = pair("MultiheadAttention", E, HEADS)
    x = ag.tensor(normal(L, N, E))
    padding = ag.ones(N, L, dtype=ag.bool)
    out, _ = mine(x, x, x, key_padding_mask=padding, need_weights=False)
    np.testing.assert_allclose(out[0, 0].detach().numpy(), mine.out_proj.bias.detach().numpy())
    out, weights = mine(x, x, x, key_padding_mask=padding)
    assert np.isnan(out.detach().numpy()).all() and np.isnan(weights.detach().numpy()).all()


def test_initial_weights():
    layer = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    bound = np.sqrt(6 / (4 * 64))
    weight = layer.in_proj_weight.detach().numpy()
    assert 0.95 * bound < np.abs(weight).max() <= bound
    assert not layer.in_proj_bias.detach().numpy().any()
    assert not layer.out_proj.bias.detach().numpy().any()


@pytest.mark.parametrize(
    "call",
    [
        lambda m, lib: m.MultiheadAttention(5, 2),
        lambda m, lib: m.MultiheadAttention(0, 2),
        lambda m, lib: m.MultiheadAttention(4, 2)(*[lib.ones(3, 2, 5)] * 3),
        lambda m, lib: m.MultiheadAttention(4, 2)(*[lib.ones(4)] * 3),
        lambda m, lib: m.MultiheadAttention(4, 2)(lib.ones(3, 2, 4), *[lib.ones(3, 4)] * 2),
        lambda m, lib: m.MultiheadAttention(4, 2)(*[lib.ones(3, 2, 4)] * 3, lib.ones(3, 2)),
        lambda m, lib: m.MultiheadAttention(4, 2)(
            *[lib.ones(3, 2, 4)] * 3, attn_mask=lib.ones(2, 3)
        ),
        lambda m, lib: m.MultiheadAttention(4, 2)(
            *[lib.ones(3, 2, 4)] * 3, attn_mask=lib.ones(3, 3, dtype=lib.int64)
        ),
    ],
)
def test_multihead_refuses(call):
    for library, lib in ((torch.nn, torch), (nn, ag)):
        with pytest.raises((ValueError, TypeError, RuntimeError, AssertionError)):
            call(library, lib)


def test_static_keys_and_values():
    names = ("in_proj_weight", "in_proj_bias", "bias_k", "bias_v")
    mine, theirs = pair("MultiheadAttention", E, HEADS)
    static = [normal(N * HEADS, 5, E // HEADS), normal(N * HEADS, 5, E // HEADS) / 2]
    found = []
    for lib, functions, layer in ((ag, F, mine), (torch, torch.nn.functional, theirs)):

        def call(q, k, v, lib=lib, functions=functions, layer=layer):
            weights = [getattr(layer, name) for name in names]
            x = lib.tensor(normal(5, N, E))
            return functions.multi_head_attention_forward(
                q, x, x, E, HEADS, *weights, False, 0.0, layer.out_proj.weight,
                layer.out_proj.bias, static_k=k, static_v=v,
            )  # fmt: skip

        found.append(results(lib, call, [normal(L, N, E), *static]))
    compare(*found)
