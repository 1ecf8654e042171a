"""The training loop: batches, epochs, validation, the best weights, checkpoints, and the test.

A part of the training data is held out for validation. After each epoch the weights that do best
there are kept; the test part is looked at once, at the end, with those. Everything a run depends on
(weights, optimiser, schedule, random streams, the place in the epoch) is in its checkpoint, so a
run that was interrupted anywhere and resumed ends with the same weights, to the bit, as one that
was not.
"""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import autograd as ag
import nn
import optim
from autograd import serialize
from autograd.utils.data import DataLoader, random_split
from models.training.interrupt import Interrupt, Interrupted
from models.training.recipe import Examples, Recipe, UsageError, section
from models.training.run import LAST, Run
from models.transforms import batched
from nn.utils import clip_grad_norm_
from nn.utils.live import Live


class Diverged(ArithmeticError):
    """The loss is no longer a finite number."""


@dataclass
class Result:
    """How a run ended: its metrics on the test part, and the model with the best weights."""

    run: Run
    test: dict[str, float]
    model: nn.Module
    example: Any  # a batch of one example, for pictures; None for an experiment without data
    seconds: float

    @property
    def reached(self) -> bool | None:
        """Whether the recipe's bar was reached; None if it has none."""
        return self.run.recipe.reached(self.test)


def train(recipe: Recipe, settings: Mapping[str, Any] | None = None, seed=0, folder=None,
          live: Live | None = None) -> Result:  # fmt: skip
    """Train a recipe from the start and test it.

    Parameters
    ----------
    recipe : Recipe
    settings : dict, optional
        Changes to the recipe's settings.
    seed : int, default 0
    folder : path, optional
        Where the files go; see `models.training.run`.
    live : nn.utils.live.Live, optional
        Draws the curves while they grow, on a terminal or in a notebook.

    Raises
    ------
    Diverged
        If the loss becomes infinite or NaN.
    Interrupted
        If SIGINT or SIGTERM came; the run is saved then.

    Examples
    --------
    >>> import tempfile, models
    >>> from models.training.loop import train
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = train(models.RECIPES["mlp"], {"epochs": 1}, folder=folder)
    >>> result.test["accuracy"] > 0.5
    True
    """
    run = Run(recipe, recipe.settings(settings or {}), seed, folder)
    run.live = live
    if recipe.fit is None:
        trainer = Trainer(run)
        run.start()
        return trainer.finish()
    ag.manual_seed(seed)
    model, metrics = recipe.fit(run.start())
    run.save_best(model.state_dict())
    example = None
    if recipe.data is not None:
        test = recipe.examples(False, run.settings)
        example = next(iter(DataLoader(test, 1)))
        metrics = {**evaluate(recipe, model, test, recipe.batch_size), **metrics}
    return finished(Result(run, metrics, model, example, run.seconds))


def finished(result: Result) -> Result:
    """Draw what the recipe shows of a trained model."""
    recipe = result.run.recipe
    if recipe.show is not None:
        result.model.eval()
        recipe.show(result.run, result.model)
    return result


def resume(run: Run, state: Mapping[str, Any]) -> Result:
    """Continue a run from the state that `autograd.serialize.load_checkpoint` read."""
    if run.recipe.fit is not None:
        raise UsageError(f"{run.recipe.name} cannot be resumed: train it again")
    trainer = Trainer(run)
    trainer.load_state_dict(state)
    return trainer.finish()


class Trainer:
    """One recipe's model, data and optimiser, and where in the training they stand."""

    def __init__(self, run: Run):
        self.run = run
        recipe, settings = run.recipe, run.settings
        ag.manual_seed(run.seed)  # for the initial weights, dropout and augmentation
        self.shuffler, splitter = ag.Generator().manual_seed(run.seed).spawn(2)
        self.training, self.validation = split(
            recipe.examples(True, settings), settings["validation"], splitter
        )
        self.test = recipe.examples(False, settings)
        self.model = recipe.build(**section(settings, "model"))
        self.optimizer = recipe.optimiser(self.model.parameters(), **section(settings, "optim"))
        size = settings["batch_size"]
        loader = DataLoader(self.training, size, shuffle=True, generator=self.shuffler)
        self.loader = Augmented(loader, recipe.augment) if recipe.augment else loader
        steps = len(self.loader) * settings["epochs"]
        self.scheduler = recipe.scheduler(self.optimizer, steps) if recipe.scheduler else None
        self.epoch = self.step = 0  # finished epochs, and batches of the present one
        self.totals = Totals()  # of the present epoch's training batches
        self.epoch_start = self.shuffler.get_state()
        self.best: dict[str, Any] = {"score": None, "epoch": -1, "model": None}

    # -- training --------------------------------------------------------------------------------

    def finish(self) -> Result:
        """Train to the end, load the best weights, and test them."""
        with Interrupt() as interrupt:
            while not self.finished:
                self.train_epoch(interrupt)
                self.close_epoch()
                if interrupt.requested and not self.finished:
                    raise Interrupted(self.run.folder)
        self.model.load_state_dict(self.best["model"])
        test = self.evaluate(self.test)
        example = next(iter(DataLoader(self.test, 1)))
        return finished(Result(self.run, test, self.model, example, self.run.seconds))

    @property
    def finished(self) -> bool:
        settings = self.run.settings
        waited = self.epoch - 1 - self.best["epoch"]
        return self.epoch >= settings["epochs"] or 0 < settings["patience"] <= waited

    def train_epoch(self, interrupt: Interrupt) -> None:
        """Go through the training part once, or through what is left of it."""
        self.model.train()
        for batch in self.progress(self.batches()):
            loss, metrics = self.learn(batch)
            self.totals.add(len(batch[0]), loss, metrics)
            self.step += 1
            if interrupt.requested:
                self.save()
                raise Interrupted(self.run.folder)

    def batches(self) -> Iterable:
        """This epoch's batches; after a resumption, those that are still to come."""
        done, streams = self.step, self.random_state()
        self.shuffler.set_state(self.epoch_start)
        batches = iter(self.loader)
        if done:
            for _ in islice(batches, done):
                pass
            self.set_random_state(streams)  # going past batches has used random numbers again
        return batches

    def learn(self, batch) -> tuple[float, dict[str, float]]:
        """One step of the optimiser."""
        loss, metrics = self.run.recipe.objective(self.model, batch)
        value = loss.item()
        if not math.isfinite(value):
            raise Diverged(
                f"the loss became {value} in epoch {self.epoch + 1}, batch {self.step + 1}: try a "
                "smaller learning rate, such as --set optim.lr="
                f"{self.optimizer.param_groups[0]['lr'] / 10:.2g}"
            )
        self.optimizer.zero_grad()
        loss.backward()
        if self.run.settings["clip"]:
            clip_grad_norm_(self.model.parameters(), self.run.settings["clip"])
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        return value, metrics

    def try_rates(self, steps: int) -> optim.RangeTest:
        """Learn from batch after batch with growing rates, and then forget it all."""

        def forever() -> Iterator:
            while True:
                yield from self.loader

        batches = forever()
        self.model.train()
        return optim.range_test(
            self.optimizer,
            lambda: self.run.recipe.objective(self.model, next(batches))[0],
            steps=steps,
        )

    def close_epoch(self) -> None:
        """Validate, keep the weights if they are the best yet, log, and write the checkpoint."""
        entry = {"epoch": self.epoch + 1, **self.totals.means("train_")}
        valid = self.evaluate(self.validation) if len(self.validation) else None
        if valid is not None:
            entry |= {f"valid_{name}": value for name, value in valid.items()}
        score = self.score(valid)
        if score is None or self.best["score"] is None or score > tuple(self.best["score"]):
            model = {name: copy.deepcopy(t) for name, t in self.model.state_dict().items()}
            self.best = {"score": score, "epoch": self.epoch, "model": model}
            self.run.save_best(model)
        entry["lr"] = float(self.optimizer.param_groups[0]["lr"])
        entry["seconds"] = round(self.run.seconds, 3)
        self.epoch, self.step, self.totals = self.epoch + 1, 0, Totals()
        self.epoch_start = self.shuffler.get_state()
        self.run.log(entry)
        self.save()

    def score(self, valid: dict[str, float] | None) -> tuple[float, float] | None:
        """What the best weights have most of: the metric, and among equals the smaller loss.

        None where nothing is held out: then the last weights are the ones to keep.
        """
        if valid is None:
            return None
        value = valid[self.run.recipe.metric]
        return (value if self.run.recipe.higher_is_better else -value), -valid["loss"]

    def evaluate(self, dataset: Examples) -> dict[str, float]:
        """The mean loss and metrics over a data set."""
        return evaluate(self.run.recipe, self.model, dataset, self.run.settings["batch_size"])

    def progress(self, batches: Iterable) -> Iterable:
        """A bar on stderr while batches go by, if somebody sits in front of it."""
        if not sys.stderr.isatty():
            return batches
        from tqdm import tqdm

        title = f"epoch {self.epoch + 1}/{self.run.settings['epochs']}"
        return tqdm(batches, title, len(self.loader), leave=False, initial=self.step)

    # -- state -----------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint."""
        serialize.save_checkpoint(self.state_dict(), self.run.path(LAST))

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the run depends on."""
        return {
            "config": self.run.config,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "best": self.best,
            "epoch": self.epoch,
            "step": self.step,
            "totals": vars(self.totals),
            "random": self.random_state(),
            "epoch_start": self.epoch_start,
            "history": self.run.history,
            "seconds": self.run.seconds,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.best = state["best"]
        self.epoch, self.step = state["epoch"], state["step"]
        self.totals = Totals(**state["totals"])
        self.epoch_start = state["epoch_start"]
        self.set_random_state(state["random"])
        self.run.rewind(state["history"])
        self.run.seconds = state["seconds"]

    def random_state(self) -> dict[str, Any]:
        return {"default": ag.get_rng_state(), "shuffler": self.shuffler.get_state()}

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        ag.set_rng_state(state["default"])
        self.shuffler.set_state(state["shuffler"])


class Totals:
    """Sums over examples, for means over an epoch whose last batch may be smaller.

    Examples
    --------
    >>> from models.training.loop import Totals
    >>> totals = Totals()
    >>> totals.add(3, 1.0, {"accuracy": 1.0}); totals.add(1, 5.0, {"accuracy": 0.0})
    >>> totals.means()
    {'loss': 2.0, 'accuracy': 0.75}
    """

    def __init__(self, count: int = 0, sums: dict[str, float] | None = None):
        self.count, self.sums = count, sums or {}

    def add(self, count: int, loss: float, metrics: Mapping[str, float]) -> None:
        """Add a batch of `count` examples with these means."""
        self.count += count
        for name, value in {"loss": loss, **metrics}.items():
            self.sums[name] = self.sums.get(name, 0.0) + count * value

    def means(self, prefix: str = "") -> dict[str, float]:
        """The means over all examples."""
        return {prefix + name: value / self.count for name, value in self.sums.items()}


def split(dataset: Examples, part: float, generator: ag.Generator) -> tuple[Examples, Examples]:
    """Hold out a random part of a data set; returns what stays and what is held out."""
    if not 0 <= part < 1:
        raise UsageError(f"validation expected a part of at least 0 and below 1, got {part}")
    held = round(part * len(dataset))
    staying, held_out = random_split(dataset, [len(dataset) - held, held], generator=generator)
    return staying, held_out


class Augmented:
    """A loader whose batches have their inputs go through a (random) transform, anew each time."""

    def __init__(self, loader: DataLoader, transform):
        self.loader, self.transform = loader, transform

    def __iter__(self) -> Iterator:
        for inputs, *rest in self.loader:
            yield [batched(self.transform, inputs), *rest]

    def __len__(self) -> int:
        return len(self.loader)


def evaluate(recipe: Recipe, model, dataset: Examples, batch_size: int) -> dict[str, float]:
    """The mean loss and metrics of a model over a data set, in evaluation mode."""
    model.eval()
    totals = Totals()
    with ag.no_grad():
        for batch in DataLoader(dataset, batch_size):
            loss, metrics = recipe.objective(model, batch)
            totals.add(len(batch[0]), loss.item(), metrics)
    return totals.means()
