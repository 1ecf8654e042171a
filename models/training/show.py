"""What recipes of one kind show of a trained model: values for `Recipe.show`."""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
from autograd.utils.data import DataLoader
from models.training.run import Run
from nn.utils import plots


def classifier(run: Run, model: nn.Module) -> None:
    """Draw which classes of the test part are taken for which, and the first layer's filters."""
    size = run.settings.get("batch_size", run.recipe.batch_size)
    targets, answers = [], []
    with ag.no_grad():
        for inputs, target in DataLoader(run.recipe.examples(False, run.settings), size):
            answers.append(model(inputs).array.argmax(1))
            targets.append(target.array)
    counts = plots.confusion(np.concatenate(targets), np.concatenate(answers))
    run.draw("confusion", lambda figure: plots.confusion_matrix(counts, figure=figure), (4.5, 4.2))
    first = next((layer for layer in model.modules() if isinstance(layer, nn.Conv2d)), None)
    if first is not None:
        run.draw("filters", lambda figure: plots.filters(first.weight, figure), (4, 4))
