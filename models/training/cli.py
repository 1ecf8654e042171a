"""The command line: ``python -m models list | train | eval | sample | report | summary | graph``.

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

DONE, FAILED, MISUSED, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130

WISHES = ("prompt", "length", "temperature", "top_k", "top_p", "count")

EXAMPLES = """examples:
  python -m models train lenet5
  python -m models train mlp --set epochs=5 --set hidden=64 --seed 1
  python -m models train lenet5 --data mnist --data-root ~/data --run-dir runs/mnist
  python -m models train lenet5 --resume auto
  python -m models eval lenet5
  python -m models train gpt --data my-text.txt
  python -m models sample gpt --prompt "The " --length 500 --temperature 0.8
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; ends the program with code 2 if it cannot be understood."""
    parser = argparse.ArgumentParser(
        prog="python -m models",
        description="Train and inspect the architectures of this library.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument("--debug", action="store_true", help="show a traceback on failure")
    common.add_argument("--threads", type=_positive, help="threads of BLAS and the kernels")
    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="changes",
                        help="change a setting of the recipe; may be repeated")  # fmt: skip
    chosen.add_argument("--config", metavar="FILE", help="read settings from a TOML file")
    chosen.add_argument("--data", metavar="NAME", help="short for --set data.name=NAME")
    chosen.add_argument("--data-root", metavar="DIR", help="short for --set data.root=DIR")
    chosen.add_argument("--seed", type=int, help="seed of all random numbers (default: 0)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, *parents, help):
        return commands.add_parser(
            name, parents=[*parents, common], help=help, description=help, epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip

    command("list", help="list the recipes")
    train = command("train", chosen, help="train a recipe and test it")
    train.add_argument("name", metavar="NAME")
    train.add_argument("--run-dir", "--out", metavar="DIR", dest="folder",
                       help="where the files go (default: runs/NAME-TIME)")  # fmt: skip
    train.add_argument("--resume", nargs="?", const="auto", metavar="PATH",
                       help="continue a run (its folder), or 'auto': the newest")  # fmt: skip
    train.add_argument("--force", action="store_true", help="resume even with other settings")
    train.add_argument("--dry-run", action="store_true",
                       help="one batch only: estimate time and memory")  # fmt: skip
    evaluate = command("eval", chosen, help="test the best weights of a run")
    evaluate.add_argument("name", metavar="NAME|PATH", help="a recipe (its newest run) or a run")
    sample = command("sample", help="let a trained model write, or draw")
    sample.add_argument("name", metavar="NAME|PATH", help="a recipe (its newest run) or a run")
    sample.add_argument("--prompt", metavar="TEXT", help="what the text begins with")
    sample.add_argument("--length", type=_positive, help="tokens to write")
    sample.add_argument("--temperature", type=float, help="below 1: likelier; 0: the likeliest")
    sample.add_argument("--top-k", type=int, help="draw from the k likeliest tokens only")
    sample.add_argument("--top-p", type=float, help="draw from the likeliest, of this probability")
    sample.add_argument("--count", type=_positive, help="images to draw")
    sample.add_argument("--seed", type=int, default=0, help="seed of the draws (default: 0)")
    sample.add_argument("--out", metavar="FILE", help="where images go (default: NAME.png)")
    report = command("report", help="train all recipes (or some) and write a page of the results")
    report.add_argument("names", metavar="NAME", nargs="*")
    report.add_argument("--quick", action="store_true", help="runs of a few seconds each")
    report.add_argument("--seed", type=int, default=0, help="seed of all runs (default: 0)")
    report.add_argument("--run-dir", "--out", metavar="DIR", dest="folder",
                        help="where everything goes (default: runs/report-TIME)")  # fmt: skip
    summary = command("summary", chosen, help="list the layers of a model and count its parameters")
    summary.add_argument("name", metavar="NAME")
    graph = command("graph", chosen, help="draw the computation of a model")
    graph.add_argument("name", metavar="NAME")
    graph.add_argument("--out", metavar="FILE", help=".svg or .dot (default: NAME.svg)")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


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
    found = find_checkpoint(arguments.resume, recipe) if arguments.resume else None
    if found is not None:
        folder, state = found
        current = resumed(arguments, recipe, folder, state)
        say(f"resuming {folder} after epoch {state['epoch']}, batch {state['step']}")
        result = resume(current, state)
    else:
        settings = recipe.settings(*changes(arguments))
        result = train(recipe, settings, arguments.seed or 0, arguments.folder)
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
    path = Path(arguments.out or f"{recipe.name}.svg")
    if path.suffix not in (".svg", ".dot"):
        raise UsageError(f"--out expected a name ending in .svg or .dot, got {path}")
    place = pictures.graph(recipe, model, example, path)
    emit(arguments, {"model": recipe.name, "graph": place}, place)


COMMANDS = {
    "list": list_recipes,
    "train": train,
    "eval": evaluate,
    "sample": sample,
    "report": report,
    "summary": summary,
    "graph": graph,
}
