"""The multilayer perceptron: one hidden layer between input and output.

Each hidden unit is a soft yes or no to one linear question about the input; the output layer weighs
the answers. With d inputs, q hidden units and l outputs there are d q + q l weights and q + l
biases, which `python -m models summary mlp` counts. With enough hidden units it can approximate any
continuous function (Cybenko 1989; Hornik, Stinchcombe and White 1989).

Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature 323
(1986). Documents: 000 (the count of parameters, one hidden layer), 001 (multilayer feed-forward
networks), 002, 004.
"""

from __future__ import annotations

import nn
from models import datasets
from models.training.recipe import Recipe
from nn import functional as F


class MLP(nn.Module):
    """Classify flattened inputs: `inputs` numbers, `hidden` units, `outputs` classes.

    Examples
    --------
    >>> import models
    >>> d, q, l = 64, 128, 10
    >>> sum(p.numel() for p in models.MLP(d, q, l).parameters()) == d * q + q * l + q + l
    True
    """

    def __init__(self, inputs: int = 64, hidden: int = 128, outputs: int = 10):
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, x):
        x = x.flatten(1)  #              (batch, inputs)
        x = F.relu(self.hidden(x))  #    (batch, hidden)
        return self.output(x)  #         (batch, outputs)


def mlp(**settings) -> MLP:
    """Make an `MLP`.

    Examples
    --------
    >>> import models
    >>> models.mlp(hidden=30).hidden.out_features
    30
    """
    return MLP(**settings)


RECIPE = Recipe(
    name="mlp",
    summary="multilayer perceptron 64-128-10 on handwritten digits",
    build=mlp,
    data=datasets.digits,
    epochs=30,
    batch_size=64,
    options={
        "optim.lr": 3e-3,
        "model.inputs": 64,
        "model.hidden": 128,
        "model.outputs": 10,
        "data.size": 8,
    },
    documents="000, 001, 002, 004",
    paper="Rumelhart, Hinton, Williams 1986",
    bar=0.97,
    seconds=10,
    quick={"epochs": 5},
    quick_bar=0.93,
)
