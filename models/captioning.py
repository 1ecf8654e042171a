"""Say what a picture shows: a convolutional network looks, an LSTM tells.

One to many: a single input, and a sequence for an answer (document 003: "A group of people shopping
at an outdoor market"). Nothing but the meeting point is new. The convolutional network makes a
vector of the picture, of the size in which words come, and the LSTM reads it as if it were the
first word of the sentence; after that it reads what it has said, and says what comes next. Errors
go back through the LSTM into the network that looks, so that this learns to see what is worth
saying. Here the pictures are digits and the captions their English names, letter by letter: to
write "seven" and "six" apart, the caption has to remember the picture after "s".

Vinyals, Toshev, Bengio and Erhan, "Show and tell: a neural image caption generator" (2015);
document 003.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import autograd as ag
import nn
from autograd.utils.data import TensorDataset
from models import datasets
from models.datasets import MARKS, Alphabet, framed, unframed
from models.training.recipe import Recipe
from models.training.run import Run
from models.training.translation import beam_search, dictated, greedy, opening

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTERS = Alphabet.of("".join(NAMES))
LONGEST = 10  # letters before a caption is cut off; names have five at most


def captioned(train: bool = True, size: int = 16) -> TensorDataset:
    """The digits with their names: images (1, size, size), and tokens of `LETTERS` (see `framed`).

    Examples
    --------
    >>> from models.captioning import LETTERS, captioned
    >>> from models.datasets import unframed
    >>> image, name = captioned(train=False)[0]
    >>> image.shape, unframed(name.array, LETTERS)
    ((1, 16, 16), 'zero')
    """
    images, labels = datasets.digits(train, size).tensors
    return TensorDataset(images, ag.from_numpy(framed(NAMES, LETTERS)[labels.array]))


class Captioner(nn.Module):
    """Letters for pictures of shape (batch, 1, height, width).

    Parameters
    ----------
    channels : int
        Of the first convolution; the second has twice as many.
    hidden : int
        Numbers for the picture, for a letter, and in the LSTM's state.
    vocabulary : int
        How many different tokens there are.

    Examples
    --------
    >>> import autograd as ag, models
    >>> pictures, target = ag.zeros(2, 1, 16, 16), ag.tensor([[1, 5, 2], [1, 6, 2]])
    >>> models.Captioner(vocabulary=20)(pictures, target).shape
    (2, 2, 20)
    """

    def __init__(
        self,
        channels: int = 16,
        hidden: int = 64,
        vocabulary: int = len(LETTERS) + MARKS,
    ):
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(4),  # pictures may be of any size
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(2 * channels * 16, hidden),
        )
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary)

    def begin(self, pictures):
        """The LSTM's states (h, c), each (batch, hidden), after the picture."""
        _, states = self.lstm(self.look(pictures)[:, None])
        return [state[0] for state in states]

    def step(self, tokens, states):
        """Scores (batch, vocabulary) of what follows (batch,) tokens, and the new states."""
        seen, states = self.lstm(
            self.embedding(tokens)[:, None], tuple(state[None] for state in states)
        )
        return self.output(seen[:, 0]), [state[0] for state in states]

    def forward(self, pictures, target=None):
        """Scores of what follows each token of `target` but the last; without one, of the first."""
        target = opening(pictures) if target is None else target
        words = [self.look(pictures)[:, None], self.embedding(target[:, :-1])]
        seen, _ = self.lstm(ag.cat(words, 1))
        return self.output(seen[:, 1:])  # after the picture alone, nothing is to be said yet


def sample(
    model: nn.Module, settings: Mapping[str, Any], generator: ag.Generator, count: int = 3
) -> str:
    """Some digits of the test part, drawn in characters, each with its caption below."""
    pictures, _ = captioned(False, settings["data.size"]).tensors
    chosen = generator.numpy.permutation(len(pictures))[:count]
    return "\n\n".join(_told(model, picture) for picture in pictures.array[chosen])


def _told(model: nn.Module, picture: np.ndarray) -> str:
    text = beam_search(model.step, model.begin(ag.from_numpy(picture[None])), 3, LONGEST)
    ink = (picture[0] - picture.min()) / (np.ptp(picture) or 1)
    lines = ["".join(" .:+#"[round(4 * float(i))] * 2 for i in line).rstrip() for line in ink]
    return "\n".join([*lines, unframed(text.tokens, LETTERS)])


def show_captions(run: Run, model: nn.Module) -> None:
    """Draw test pictures with their captions."""
    pictures, names = (
        part.array[:15] for part in captioned(False, run.settings["data.size"]).tensors
    )
    state = model.begin(ag.from_numpy(pictures))
    told = [unframed(t.tokens, LETTERS) for t in greedy(model.step, state, 15, LONGEST)]

    def plot(figure) -> None:
        for axes, picture, name, words in zip(
            figure.subplots(3, 5).flat, pictures, names, told, strict=True
        ):
            axes.imshow(picture[0], cmap="gray_r")
            axes.set_title(words, color="C0" if words == unframed(name, LETTERS) else "C3")
            axes.set_axis_off()

    run.draw("captions", plot, (7, 5))


RECIPE = Recipe(
    name="captioning",
    summary="convolutional network and LSTM that spell the name of a digit they see",
    build=Captioner,
    data=captioned,
    objective=dictated,
    metric="exact",
    documents="003",
    paper="Vinyals et al. 2015",
    sample=sample,
    show=show_captions,
    epochs=20,
    batch_size=32,
    clip=1.0,
    options={
        "optim.lr": 3e-3,
        "model.channels": 16,
        "model.hidden": 64,
        "data.size": 16,
    },
    bar=0.95,
    seconds=30,
    quick={"epochs": 14},
    quick_bar=0.9,
)
