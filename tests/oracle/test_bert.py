"""BERT from the same weights, written out with PyTorch's functions: outputs and gradients."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T

import autograd as ag
import models

SIZES = {
    "vocab_size": 19,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 9,
    "dropout": 0.0,
}
HEADS = SIZES["num_attention_heads"]


def linear(w, name, x):
    return T.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])


def norm(w, name, x):
    return T.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], 1e-12)


def encode(w, tokens, seen, texts):
    """The paper's encoder: softmax of the scores, -inf for what nobody may see."""
    e = "bert.embeddings"
    x = T.embedding(tokens, w[f"{e}.word_embeddings.weight"])
    x = x + w[f"{e}.position_embeddings.weight"][: tokens.shape[1]]
    x = norm(w, f"{e}.LayerNorm", x + w[f"{e}.token_type_embeddings.weight"][texts])
    hidden = torch.zeros(seen.shape, dtype=x.dtype).masked_fill(~seen, -torch.inf)[:, None, None]
    for i in range(SIZES["num_hidden_layers"]):
        a = f"bert.encoder.layer.{i}"
        q, k, v = (
            linear(w, f"{a}.attention.self.{name}", x).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        scores = q @ k.transpose(2, 3) / (x.shape[2] // HEADS) ** 0.5 + hidden
        mixed = (scores.softmax(3) @ v).transpose(1, 2).flatten(2)
        out = linear(w, f"{a}.attention.output.dense", mixed)
        x = norm(w, f"{a}.attention.output.LayerNorm", x + out)
        inner = T.gelu(linear(w, f"{a}.intermediate.dense", x))
        x = norm(w, f"{a}.output.LayerNorm", x + linear(w, f"{a}.output.dense", inner))
    return x, torch.tanh(linear(w, "bert.pooler.dense", x[:, 0]))


def heads(w, states, pooled):
    h = T.gelu(linear(w, "cls.predictions.transform.dense", states))
    h = norm(w, "cls.predictions.transform.LayerNorm", h)
    words = h @ w["bert.embeddings.word_embeddings.weight"].T + w["cls.predictions.bias"]
    return words, linear(w, "cls.seq_relationship", pooled)


@pytest.mark.parametrize("padded", [False, True])
def test_outputs_and_gradients(padded):
    random = np.random.default_rng(0)
    mine = models.BertForPreTraining(**SIZES).double()
    for parameter in mine.parameters():
        with ag.no_grad():
            parameter[:] = ag.from_numpy(random.normal(size=parameter.shape) / 2)
    theirs = {
        name: torch.tensor(parameter.array.copy(), requires_grad=True)
        for name, parameter in mine.named_parameters()
    }
    tokens = random.integers(1, 19, (3, 7))
    texts = random.integers(0, 2, (3, 7))
    if padded:
        tokens[0, 5:] = tokens[2, 3:] = 0
    outs = mine(ag.tensor(tokens), token_type_ids=ag.tensor(texts))
    states, pooled = encode(
        theirs, torch.tensor(tokens), torch.tensor(tokens != 0), torch.tensor(texts)
    )
    expected = heads(theirs, states, pooled)
    there = (tokens != 0)[..., None]  # what stands at padding is nobody's concern
    weights = random.normal(size=outs[0].shape) * there, random.normal(size=outs[1].shape)
    for out, other, weight in zip(outs, expected, weights, strict=True):
        close(out.detach().array * (weight != 0), other.detach().numpy() * (weight != 0))
    sum((o * o * ag.tensor(c)).sum() for o, c in zip(outs, weights, strict=True)).backward()
    sum((o * o * torch.tensor(c)).sum() for o, c in zip(expected, weights, strict=True)).backward()
    for name, parameter in mine.named_parameters():
        mine_grad, their_grad = parameter.grad.array, theirs[name].grad.numpy()
        close(mine_grad, their_grad, scale=max(1.0, abs(their_grad).max()))


def close(mine, theirs, scale=1.0):
    np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10 * scale)
