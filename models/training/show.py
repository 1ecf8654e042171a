"""What recipes of one kind show of a trained model: values for `Recipe.show`."""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
from autograd.utils.data import DataLoader
from models.training.run import Run
from nn.utils import plots


def classifier(run: Run, model: nn.Module) -> None:
    """Draw which classes of the test part are taken for which, and what convolutions look for.

    These are the first one's filters, and what the first and the last one whose maps are more than
    a few pixels make of the first image of the test part.
    """
    size = run.settings.get("batch_size", run.recipe.batch_size)
    examples = run.recipe.examples(False, run.settings)
    targets, answers = [], []
    with ag.no_grad():
        for inputs, target in DataLoader(examples, size):
            answers.append(model(inputs).array.argmax(1))
            targets.append(target.array)
    counts = plots.confusion(np.concatenate(targets), np.concatenate(answers))
    run.draw("confusion", lambda figure: plots.confusion_matrix(counts, figure=figure), (4.5, 4.2))
    layers = {path: m for path, m in model.named_modules() if isinstance(m, nn.Conv2d)}
    if not layers:
        return
    first = next(iter(layers.values()))
    run.draw("filters", lambda figure: plots.filters(first.weight, figure), (4, 4))
    image = next(iter(DataLoader(examples, 1)))[0]
    seen = plots.activations(model, image)
    maps = {path: seen[path][0] for path in layers if path in seen and seen[path].shape[2] >= 4}
    if maps:
        run.draw("feature_maps", lambda figure: _first_and_last(figure, maps), (9, 4.8))


def _first_and_last(figure, maps: dict[str, np.ndarray]) -> None:
    """The feature maps of two layers, side by side."""
    chosen = dict.fromkeys([next(iter(maps)), next(reversed(maps))])
    for part, path in zip(figure.subfigures(1, len(chosen), squeeze=False)[0], chosen, strict=True):
        plots.feature_maps(maps[path], part)
        part.suptitle(path)
