"""The transformer and its parts against PyTorch's, in float64."""

import numpy as np
import pytest

import autograd as ag
import nn

torch = pytest.importorskip("torch")

from both import compare_layers, normal, pair  # noqa: E402 - needs torch

N, S, T, D = 2, 4, 3, 4
OPTIONS = [
    {},
    {"norm_first": True, "activation": "gelu"},
    {"bias": False, "batch_first": True, "layer_norm_eps": 1e-3},
]
PADDING = np.array([[False, False, False, True], [False, False, True, True]])


def shaped(options, length, batched=True):
    """A sequence in the layout that the options ask for."""
    batch = ((N, length) if options.get("batch_first") else (length, N)) if batched else (length,)
    return normal(*batch, D)


def causal(size):
    return np.triu(np.full((size, size), -np.inf), 1)


def layers(kind, **options):
    return pair(f"Transformer{kind}Layer", D, 2, 5, dropout=0.0, **options)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(
    "masks",
    [
        {},
        {"src_key_padding_mask": PADDING},
        {"src_mask": causal(S), "is_causal": True},
        {"src_mask": np.tri(S) == 0},
        {"src_mask": np.tri(S) == 0, "src_key_padding_mask": PADDING},
    ],
)
def test_encoder_layer(options, masks):
    compare_layers(*layers("Encoder", **options), [shaped(options, S)], **masks)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(
    "masks",
    [
        {},
        {"tgt_mask": causal(T), "tgt_is_causal": True, "memory_key_padding_mask": PADDING},
        {"memory_mask": normal(T, S), "tgt_key_padding_mask": PADDING[:, 1:]},
    ],
)
def test_decoder_layer(options, masks):
    masks = dict(masks)
    if "memory_mask" in masks:
        masks["tgt_key_padding_mask"] = np.array([[False, False, True], [False, True, True]])
    arrays = [shaped(options, T), shaped(options, S)]
    compare_layers(*layers("Decoder", **options), arrays, **masks)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("masked", [False, True])
def test_transformer(options, batched, masked):
    models = pair("Transformer", D, 2, 2, 2, 5, dropout=0.0, **options)
    masks = {}
    if masked:
        masks = {"src_mask": normal(S, S), "tgt_mask": causal(T), "memory_mask": causal(S)[:T]}
        if batched:
            masks["memory_key_padding_mask"] = np.where(PADDING, -np.inf, 0.0)
    arrays = [shaped(options, S, batched), shaped(options, T, batched)]
    compare_layers(*models, arrays, **masks)


def test_other_activations():
    for mine, theirs in ((nn.SiLU(), torch.nn.SiLU()), (ag.tanh, torch.tanh)):
        layer, _ = layers("Encoder")
        layer.activation = mine
        _, expected = layers("Encoder")
        expected.activation = theirs
        compare_layers(layer, expected, [normal(S, N, D)])


def test_stacks_copy_their_layer():
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 5), 3, nn.LayerNorm(4))
    first, second = stack.layers[0].linear1.weight, stack.layers[1].linear1.weight
    assert first is not second
    np.testing.assert_array_equal(first.detach().numpy(), second.detach().numpy())
    assert len(list(stack.parameters())) == 3 * 12 + 2


def test_custom_parts():
    class Doubled(nn.Module):
        def forward(self, x, *others, **masks):
            return x * 2

    model = nn.Transformer(4, 2, custom_encoder=Doubled(), custom_decoder=Doubled())
    x = ag.ones(3, 1, 4)
    np.testing.assert_array_equal(model(x, x).numpy(), 2 * x.numpy())


def test_causal_mask():
    make, expected = (
        library.Transformer.generate_square_subsequent_mask for library in (nn, torch.nn)
    )
    np.testing.assert_array_equal(make(4).numpy(), expected(4).numpy())
    assert make(2, dtype=ag.float64).dtype == np.float64


def test_a_causal_mask_is_found_out():
    """Of another dtype, and yet it serves: only its kind is used."""
    models = pair("Transformer", D, 2, 1, 1, 5, dropout=0.0)
    mask = causal(S).astype(np.float32)
    compare_layers(*models, [normal(S, N, D), normal(S, N, D)], src_mask=mask, tgt_mask=mask)


def test_dropout_only_in_training():
    layer = nn.TransformerEncoderLayer(4, 2, 5, dropout=0.5)
    x = ag.randn(3, 2, 4)
    assert not np.allclose(layer(x).detach().numpy(), layer(x).detach().numpy())
    layer.eval()
    np.testing.assert_array_equal(layer(x).detach().numpy(), layer(x).detach().numpy())


@pytest.mark.parametrize("norm_first", [False, True])
def test_second_derivatives(norm_first):
    mine, theirs = layers("Encoder", norm_first=norm_first, activation="gelu")

    def run(lib, layer):
        grad = ag.grad if lib is ag else torch.autograd.grad
        x = lib.tensor(normal(S, N, D), requires_grad=True)
        wanted = [x, *layer.parameters()]
        out = layer(x)
        first = grad((out * out * out).sum(), wanted, create_graph=True)
        second = grad(sum((g * g).sum() for g in first), wanted)
        return [g.detach().numpy() for g in second]

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        expected = run(torch, theirs)
    for a, b in zip(run(ag, mine), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max())


@pytest.mark.parametrize(
    "call",
    [
        lambda m, lib: m.TransformerEncoderLayer(4, 2, activation="swish"),
        lambda m, lib: m.TransformerEncoderLayer(4, 3),
        lambda m, lib: m.Transformer(4, 2, 1, 1, 5)(lib.ones(3, 1, 4), lib.ones(3, 2, 4)),
        lambda m, lib: m.Transformer(4, 2, 1, 1, 5)(lib.ones(3, 1, 5), lib.ones(3, 1, 5)),
        lambda m, lib: m.TransformerEncoderLayer(4, 2, 5)(lib.ones(3, 1, 4), is_causal=True),
    ],
)
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_refused(call):
    for library, lib in ((torch.nn, torch), (nn, ag)):
        with pytest.raises((ValueError, TypeError, RuntimeError, AssertionError)):
            call(library, lib)
