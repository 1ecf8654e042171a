"""The command line: ``python -m models list | train | eval | sample | report | ...``.

Results go to stdout, progress and complaints to stderr. Exit codes: 0 done, 1 failed, 2 not
understood, 3 the loss diverged, 130 interrupted (and, if anything was to be saved, saved).
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import json
import os
import sys
import tomllib
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograd import serialize
from models import RECIPES
from models.training import catalogue
from models.training.arguments import parse as parse
from models.training.interrupt import Interrupted
from models.training.recipe import Recipe, UsageError, flatten, section
from models.training.run import (
    BEST,
    LAST,
    RESULT,
    Run,
    find_runs,
    new_folder,
    read_config,
    say,
    write_json,
)
from nn.utils.live import Live

DONE, FAILED, MISUSED, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130

WISHES = ("prompt", "length", "temperature", "top_k", "top_p", "count")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; returns the exit code."""
    from models.training.loop import Diverged

    try:
        COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
        return DONE
    except Interrupted as stop:
        say(farewell(stop))
        return INTERRUPTED
    except KeyboardInterrupt:
        say("interrupted; nothing was saved")
        return INTERRUPTED
    except BrokenPipeError:  # the reader, perhaps `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except UsageError as error:
        return _complain(error, MISUSED, arguments)
    except Diverged as error:
        return _complain(error, DIVERGED, arguments)
    except Exception as error:
        return _complain(error, FAILED, arguments)


def farewell(stop: Interrupted) -> str:
    """What is there of a run that was stopped, and what can be done with it."""
    recipe = find_recipe(read_config(stop.folder)["model"])
    if recipe.fit is None:
        return f"{stop}\nto go on: python -m models train {recipe.name} --resume {stop.folder}"
    return f"{stop}\nto see what was learned: python -m models sample {stop.folder}"


def _complain(error: Exception, code: int, arguments: argparse.Namespace) -> int:
    if arguments.debug:
        traceback.print_exc()
    else:
        kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
        say(f"error: {kind}{error}")
        for note in getattr(error, "__notes__", ()):
            say(f"  {note}")
    return code


def emit(arguments: argparse.Namespace, value: Any, text: str) -> None:
    """Print a result: `value` as JSON if that was asked for, else `text`."""
    print(json.dumps(value) if arguments.json else text)


# -- choosing --------------------------------------------------------------------------------------


def find_recipe(name: str) -> Recipe:
    """The recipe of that name; if there is none, the error names the nearest and all others.

    Examples
    --------
    >>> from models.training.cli import find_recipe
    >>> find_recipe("lenet5").bar
    0.975
    """
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name.lower(), RECIPES, 1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise UsageError(f"there is no model {name!r}{hint} The models are {', '.join(RECIPES)}")


def changes(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The settings given in a file and on the command line, in the order in which they win."""
    given: dict[str, Any] = {}
    for text in arguments.changes:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"--set expected KEY=VALUE, got {text!r}")
        given[key] = value
    for key, value in (("data.name", arguments.data), ("data.root", arguments.data_root)):
        if value is not None:
            given |= {key: value}
    return [_read_toml(arguments.config), given] if arguments.config else [given]


def _read_toml(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return flatten(tomllib.load(file))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"--config {path}: {error}") from None


def find_checkpoint(where: str, recipe: Recipe) -> tuple[Path, Mapping[str, Any]] | None:
    """A run's folder and its state; None if the newest is asked for and there is none."""
    if where != "auto":
        path = Path(where)
        file = path / LAST if path.is_dir() else path
        if path.is_dir() and not file.exists():
            raise UsageError(f"{path} holds no checkpoint: there is no {LAST} in it")
        return file.parent, serialize.load_checkpoint(file)
    for folder in find_runs(recipe.name):
        try:
            return folder, serialize.load_checkpoint(folder / LAST)
        except FileNotFoundError:
            continue
        except serialize.CheckpointError as error:
            say(f"passed over: {error}")
    say(f"no checkpoint of {recipe.name} below runs/: starting from the beginning")
    return None


def resumed(arguments: argparse.Namespace, recipe: Recipe, folder: Path, state) -> Run:
    """The run that a checkpoint belongs to, if it is the one that was asked for."""
    config = state.get("config") if isinstance(state, Mapping) else None
    if config is None:
        raise serialize.CheckpointError(f"the checkpoint in {folder} is not one of a training run")
    if config["model"] != recipe.name:
        raise UsageError(f"{folder} is a run of {config['model']}, not of {recipe.name}")
    if arguments.folder is not None:
        raise UsageError("--run-dir cannot be given with --resume: a run goes on in its own folder")
    settings = recipe.settings(config["settings"], *changes(arguments))
    seed = config["seed"] if arguments.seed is None else arguments.seed
    differing = [k for k, v in settings.items() if config["settings"].get(k) != v]
    differing += ["seed"] if seed != config["seed"] else []
    if differing and not arguments.force:
        raise UsageError(
            f"{folder} was begun with another {', '.join(differing)}: leave that out to go on as "
            "before, or add --force to go on with the new value"
        )
    return Run(recipe, settings, seed, folder)


# -- commands --------------------------------------------------------------------------------------


def list_recipes(arguments: argparse.Namespace) -> None:
    """Print every recipe: what it is, where it is described, its goal and its last result."""
    rows = catalogue.rows()
    emit(arguments, rows, catalogue.table(rows))


def train(arguments: argparse.Namespace) -> None:
    """Train, test, draw, and say where everything is."""
    from models.training import dry_run, pictures
    from models.training.loop import resume, train

    recipe = find_recipe(arguments.name)
    if arguments.dry_run:
        settings = recipe.settings(*changes(arguments))
        value, text = dry_run.estimate(Run(recipe, settings, arguments.seed or 0))
        return emit(arguments, value, text)
    live = Live() if arguments.live else None
    found = find_checkpoint(arguments.resume, recipe) if arguments.resume else None
    if found is not None:
        folder, state = found
        current = resumed(arguments, recipe, folder, state)
        current.live = live
        say(f"resuming {folder} after epoch {state['epoch']}, batch {state['step']}")
        result = resume(current, state)
    else:
        settings = recipe.settings(*changes(arguments))
        result = train(recipe, settings, arguments.seed or 0, arguments.folder, live)
    if live is not None:
        live.close()
    files = pictures.files(result)
    value = {
        "model": recipe.name,
        "seed": result.run.seed,
        "test": result.test,
        "goal": recipe.bar,
        "reached": result.reached,
        "epochs": len(result.run.history),
        "seconds": round(result.seconds, 3),
        "files": files,
    }
    write_json(result.run.path(RESULT), value)
    outcome = "reached" if result.reached else "missed"
    goal = "" if result.reached is None else f" (goal {recipe.bar}: {outcome})"
    lines = [f"{recipe.name}: test {_metrics(result.test)} in {result.seconds:.1f} s{goal}"]
    lines += [f"  {kind:<10}  {place}" for kind, place in files.items()]
    emit(arguments, value, "\n".join(lines))


def _metrics(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def evaluate(arguments: argparse.Namespace) -> None:
    """Test the best weights of a run on the test part."""
    from models.training.loop import evaluate

    recipe, settings, model, weights = _trained(arguments.name, changes(arguments))
    test = recipe.examples(False, settings)
    metrics = evaluate(recipe, model, test, settings.get("batch_size", recipe.batch_size))
    value = {"model": recipe.name, "weights": str(weights), "test": metrics}
    emit(arguments, value, f"{recipe.name}: test {_metrics(metrics)}\n  weights     {weights}")


def _trained(name: str, changes: list[dict[str, Any]]) -> tuple[Recipe, dict[str, Any], Any, Path]:
    """The recipe, settings, model and file of weights of a run."""
    folder, weights = _weights(name)
    config = read_config(folder)
    recipe = find_recipe(config["model"])
    settings = recipe.settings(config["settings"], *changes)
    model = recipe.build(**section(settings, "model"))
    model.load_state_dict(serialize.load(weights))
    return recipe, settings, model.eval(), weights


def sample(arguments: argparse.Namespace) -> None:
    """Print what a trained model writes, or draw its images in a grid."""
    import autograd as ag
    from models.training import pictures

    recipe, settings, model, _ = _trained(arguments.name, [])
    if recipe.sample is None:
        able = ", ".join(name for name, recipe in RECIPES.items() if recipe.sample)
        raise UsageError(f"{recipe.name} makes nothing new; those that do are {able}")
    asked = {name: getattr(arguments, name) for name in WISHES}
    wishes = {name: value for name, value in asked.items() if value is not None}
    known = inspect.signature(recipe.sample).parameters
    for name in wishes:
        if name not in known:
            raise UsageError(f"{recipe.name} has no use for --{name.replace('_', '-')}")
    generator = ag.Generator().manual_seed(arguments.seed)
    with ag.no_grad():
        made = recipe.sample(model, settings, generator, **wishes)
    if isinstance(made, str):
        return emit(arguments, {"model": recipe.name, "text": made}, made)
    place = pictures.grid(made, Path(arguments.out or f"{recipe.name}.png"))
    emit(arguments, {"model": recipe.name, "picture": place}, place)


def _weights(name: str) -> tuple[Path, Path]:
    """The run's folder and the weights that a recipe's name, a folder or a file stands for."""
    path = Path(name)
    if path.is_file():
        return path.parent, path
    if path.is_dir() and name not in RECIPES:
        return path, path / BEST
    recipe = find_recipe(name)
    for folder in find_runs(recipe.name):
        if (folder / BEST).exists():
            return folder, folder / BEST
    raise UsageError(f"{name} has no run below runs/: train it first, or name a run's folder")


def _model_and_example(arguments: argparse.Namespace) -> tuple[Recipe, Any, Any]:
    """The recipe, its untrained model, and a batch of one example."""
    import autograd as ag
    from autograd.utils.data import DataLoader

    recipe = find_recipe(arguments.name)
    settings = recipe.settings(*changes(arguments))
    ag.manual_seed(arguments.seed or 0)
    model = recipe.build(**section(settings, "model"))
    data = recipe.examples(False, settings)
    return recipe, model, next(iter(DataLoader(data, 1)))


def report(arguments: argparse.Namespace) -> None:
    """Train recipes one after the other and write a table and a page of what came of it."""
    recipes = [find_recipe(name) for name in arguments.names] or list(RECIPES.values())
    folder = Path(arguments.folder) if arguments.folder else new_folder("report")
    rows = catalogue.train_all(recipes, folder, arguments.quick, arguments.seed)
    emit(arguments, rows, f"{catalogue.table(rows)}\n  page        {catalogue.page(rows, folder)}")
    missed = [row["name"] for row in rows if not row["last"]["reached"]]
    if missed:
        raise RuntimeError(f"{len(missed)} of {len(rows)} missed their goal: {', '.join(missed)}")


def summary(arguments: argparse.Namespace) -> None:
    """Print the layers and the numbers of parameters."""
    from nn.summary import summary

    recipe, model, example = _model_and_example(arguments)
    table = summary(
        model, input_data=example, forward=lambda model, *batch: recipe.objective(model, batch)
    )
    value = {
        "model": recipe.name,
        "parameters": table.total,
        "trainable": table.trainable,
        "layers": [layer._asdict() for layer in table.layers],
    }
    emit(arguments, value, str(table))


def graph(arguments: argparse.Namespace) -> None:
    """Draw the computation of the loss of one example."""
    from models.training import pictures

    recipe, model, example = _model_and_example(arguments)
    path = Path(arguments.out or recipe.name + (".html" if arguments.html else ".svg"))
    endings = (".html",) if arguments.html else (".svg", ".dot", ".html")
    if path.suffix not in endings:
        raise UsageError(f"--out expected a name ending in {' or '.join(endings)}, got {path}")
    draw = pictures.page if path.suffix == ".html" else pictures.graph
    place = draw(recipe, model, example, path)
    emit(arguments, {"model": recipe.name, "graph": place}, place)


def find_lr(arguments: argparse.Namespace) -> None:
    """Train with rates from tiny to huge, batch by batch, and suggest the one that does most."""
    from models.training import pictures
    from models.training.loop import Trainer

    recipe = find_recipe(arguments.name)
    if recipe.fit is not None:
        raise UsageError(f"{recipe.name} has its own training loop: there is no search for a rate")
    trainer = Trainer(Run(recipe, recipe.settings(*changes(arguments)), arguments.seed or 0))
    found = trainer.try_rates(arguments.steps)
    place = pictures.rates(found, Path(arguments.out or f"{recipe.name}-lr.png"))
    value = {"model": recipe.name, "lr": found.suggestion, "picture": place}
    text = f"{recipe.name}: try --set optim.lr={found.suggestion:.2g}\n  {place}"
    emit(arguments, value, text)


COMMANDS = {
    "list": list_recipes,
    "train": train,
    "eval": evaluate,
    "sample": sample,
    "report": report,
    "summary": summary,
    "graph": graph,
    "find-lr": find_lr,
}
