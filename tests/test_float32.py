"""float32 in, float32 out, float32 gradients: no float64 anywhere in a float32 training step."""

import numpy as np
import pytest

import autograd as ag
import models
import nn
import optim
from autograd.engine import reachable
from nn import functional as F


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.lstm = nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True, dropout=0.1)
        self.norm = nn.LayerNorm(10)
        self.out = nn.Linear(10, 3)

    def forward(self, tokens):
        hidden, _ = self.lstm(self.embedding(tokens))
        return self.out(F.gelu(self.norm(hidden[:, -1] * 0.5 + 1)))


class Attentive(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
        self.embedding = nn.Embedding(11, 6)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.gru = nn.GRU(6, 5)
        self.rnn = nn.RNN(5, 3)

    def forward(self, tokens):
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        hidden = self.encoder(self.embedding(tokens), mask, tokens == 0)
        lengths = [hidden.shape[1] - 1] * hidden.shape[0]
        packed = nn.utils.rnn.pack_padded_sequence(hidden, lengths, batch_first=True)
        return self.rnn(self.gru(packed)[0])[1][0]


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
            nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, groups=2), nn.GroupNorm(2, 4), nn.SiLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(4, 3),
        )  # fmt: skip

    def forward(self, images):
        return self.features(images / 2 - 0.1)


CASES = {
    "lenet5": (
        models.lenet5,
        lambda rng: ag.tensor(rng.normal(size=(4, 1, 32, 32)), dtype=ag.float32),
        10,
    ),
    "mlp": (models.mlp, lambda rng: ag.tensor(rng.normal(size=(4, 1, 8, 8)), dtype=ag.float32), 10),
    "convolutional": (
        Convolutional,
        lambda rng: ag.tensor(rng.normal(size=(4, 1, 8, 8)), dtype=ag.float32),
        3,
    ),
    "attentive": (Attentive, lambda rng: ag.tensor(rng.integers(1, 11, (4, 7))), 3),
    "recurrent": (Recurrent, lambda rng: ag.tensor(rng.integers(0, 11, (4, 7))), 3),
}
OPTIMISERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=1e-3, amsgrad=True),
}


def arrays(value):
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from arrays(item)


def assert_float32(value, what):
    for array in arrays(value):
        assert array.dtype.kind != "f" or array.dtype == np.float32, f"{what} is {array.dtype}"


def dtype_noted(seen: list, name: str):
    """A hook that enters the gradient's dtype under a node's name."""
    return lambda g: seen.append((name, g.dtype))


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("case", CASES)
def test_training_step(case, optimiser):
    build, draw, classes = CASES[case]
    rng = np.random.default_rng(0)
    ag.manual_seed(0)
    model = build()
    step = OPTIMISERS[optimiser](model.parameters())
    with ag.strict_dtypes():
        for _ in range(2):
            loss = F.cross_entropy(model(draw(rng)), ag.tensor(rng.integers(0, classes, 4)))
            nodes = reachable([loss.node])
            assert len(nodes) > 5
            for node in nodes:
                assert_float32(getattr(node, "saved", None), f"a value saved by {node.name()}")
                for _, dtype in getattr(node, "shapes", None) or ():
                    assert dtype == np.float32, node.name()
            seen = []
            for node in (n for n in nodes if getattr(n, "outputs", None) is None):
                node.hooks = {0: dtype_noted(seen, node.name())}
            step.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            step.step()
    assert loss.dtype == np.float32
    assert len(seen) > 5 and {dtype for _, dtype in seen} == {np.dtype("float32")}, seen
    for name, parameter in model.named_parameters():
        assert parameter.dtype == parameter.grad.dtype == np.float32, name
    for name, buffer in model.named_buffers():
        assert_float32(buffer.array, name)
    for state in step.state.values():
        for key, value in state.items():
            assert_float32(value.array if isinstance(value, ag.Tensor) else value, f"state {key}")
