"""The transformer of the paper beside PyTorch's layers, from the same weights, in float64."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import autograd as ag
import models
from models.datasets import PAD
from models.training.translation import dictated
from models.transformer import waves

torch = pytest.importorskip("torch")

WIDTH, HEADS, INNER, LAYERS, VOCABULARY = 8, 2, 12, 6, 11
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
SOURCE = np.array([[1, 5, 6, 7, 2], [1, 9, 2, PAD, PAD]])
TARGET = np.array([[1, 4, 8, 2], [1, 10, 3, 2]])


def parts(layer, kind):
    """PyTorch's names of a layer's parameters, with tensors of ours: one, or three in one."""
    names = {"self_attn": layer.attention}
    norms = [layer.after_attention.norm]
    if kind == "decoder":
        names["multihead_attn"] = layer.consult
        norms.append(layer.after_consult.norm)
    norms.append(layer.after_feed_forward.norm)
    for end in ("weight", "bias"):
        for name, attention in names.items():
            three = (attention.query, attention.key, attention.value)
            yield f"{name}.in_proj_{end}", [getattr(one, end) for one in three]
            yield f"{name}.out_proj.{end}", [getattr(attention.out, end)]
        for place, name in ((0, "linear1"), (2, "linear2")):
            yield f"{name}.{end}", [getattr(layer.feed_forward[place], end)]
        for number, norm in enumerate(norms, 1):
            yield f"norm{number}.{end}", [getattr(norm, end)]


def reference(model):
    """torch.nn.Transformer with a model's weights, without the normalisation behind each stack."""
    options = {"dropout": 0.0, "batch_first": True, "dtype": torch.float64}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about nested tensors
        theirs = torch.nn.Transformer(WIDTH, HEADS, LAYERS, LAYERS, INNER, **options)
    theirs.encoder.norm = theirs.decoder.norm = None
    pairs = {}
    for kind in ("encoder", "decoder"):
        for number, layer in enumerate(getattr(model, kind)):
            for name, ours in parts(layer, kind):
                pairs[f"{kind}.layers.{number}.{name}"] = ours
    theirs.load_state_dict(
        {name: torch.tensor(np.concatenate([p.array for p in o])) for name, o in pairs.items()}
    )
    return theirs, pairs


def test_the_transformer_is_pytorchs():
    ag.manual_seed(0)
    model = models.Transformer(VOCABULARY, WIDTH, HEADS, INNER, LAYERS).to(ag.float64).eval()
    random = np.random.default_rng(1)
    for parameter in model.parameters():  # no biases of zero, no gains of one
        parameter.data += ag.tensor(0.1 * random.normal(size=parameter.shape))
    theirs, pairs = reference(model)
    table = torch.tensor(model.embedding.weight.array, requires_grad=True)

    def embedded(tokens):
        places = torch.tensor(waves(tokens.shape[1], WIDTH), dtype=torch.float64)
        return table[torch.tensor(tokens)] * WIDTH**0.5 + places

    padding = torch.tensor(SOURCE == PAD)
    read = TARGET[:, :-1]
    hidden = theirs(
        embedded(SOURCE),
        embedded(read),
        tgt_mask=torch.triu(torch.ones(read.shape[1], read.shape[1], dtype=torch.bool), 1),
        src_key_padding_mask=padding,
        memory_key_padding_mask=padding,
    )
    expected = hidden @ table.T
    found = model(ag.tensor(SOURCE), ag.tensor(TARGET))
    np.testing.assert_allclose(found.array, expected.detach().numpy(), **CLOSE)

    weights = random.normal(size=found.shape)
    (found * ag.tensor(weights)).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(model.embedding.weight.grad.array, table.grad.numpy(), **CLOSE)
    gradients = dict(theirs.named_parameters())
    for name, ours in pairs.items():
        mine = np.concatenate([p.grad.array for p in ours])
        np.testing.assert_allclose(mine, gradients[name].grad.numpy(), **CLOSE, err_msg=name)
    assert sum(len(ours) for ours in pairs.values()) + 1 == len(list(model.parameters()))


def test_the_smoothed_loss_is_pytorchs():
    scores = np.random.default_rng(0).normal(size=(2, 3, VOCABULARY))
    target = TARGET.copy()
    target[1, 3] = PAD
    loss, _ = dictated(lambda *_: ag.tensor(scores), (None, ag.tensor(target)), smoothing=0.1)
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(scores).flatten(0, 1), torch.tensor(target[:, 1:].flatten()),
        ignore_index=PAD, label_smoothing=0.1,
    )  # fmt: skip
    np.testing.assert_allclose(loss.item(), expected.item(), **CLOSE)
