"""A run: one training of one recipe, and the folder its files go to.

config.json        recipe, settings, seed, versions
metrics.jsonl      a line for each epoch
best.safetensors   the weights that were best on the validation part
last.safetensors   a checkpoint of everything, to resume from
result.json        what the run came to
curves.png         loss and metric over the epochs, if matplotlib is installed
graph.svg          the computation of one batch; graph.dot without Graphviz
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import autograd as ag
from autograd import serialize
from models.training.recipe import Recipe, UsageError
from nn.utils.live import Live

RUNS = Path("runs")
CONFIG, METRICS, RESULT = "config.json", "metrics.jsonl", "result.json"
BEST, LAST = "best.safetensors", "last.safetensors"


class Run:
    """What a training loop writes to, and says.

    Parameters
    ----------
    recipe : Recipe
    settings : dict
        All settings, as `Recipe.settings` gives them.
    seed : int
    folder : path, optional
        Default: ``runs/<name>-<time>``, or a temporary folder where that cannot be written. It is
        made by `start`.

    Attributes
    ----------
    history : list of dict
        What was logged, an entry for each epoch.
    live : Live or None
        Where curves are drawn while the run goes on, instead of a line of text for each epoch.
    pictures : dict of str
        Where each picture that was drawn is, or why there is none.
    seconds : float
        How long the run took so far, over all its sittings.
    """

    def __init__(self, recipe: Recipe, settings: Mapping[str, Any], seed=0, folder=None):
        self.recipe, self.settings, self.seed = recipe, dict(settings), seed
        self.folder = None if folder is None else Path(folder)
        self.history: list[dict[str, Any]] = []
        self.pictures: dict[str, str] = {}
        self.live: Live | None = None
        self._started, self._before = time.perf_counter(), 0.0

    @property
    def config(self) -> dict[str, Any]:
        """What decides the result of this run, apart from versions and the machine."""
        return {"model": self.recipe.name, "seed": self.seed, "settings": self.settings}

    @property
    def seconds(self) -> float:
        return self._before + time.perf_counter() - self._started

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._started, self._before = time.perf_counter(), value

    def start(self) -> Run:
        """Make the folder, and config.json in it; returns self.

        Raises
        ------
        UsageError
            If the folder holds a run already.
        """
        if self.folder is None:
            self.folder = new_folder(self.recipe.name)
        elif any(self.path(name).exists() for name in (CONFIG, BEST, LAST)):
            raise UsageError(
                f"{self.folder} holds a run already: continue it with --resume {self.folder}, "
                "or name another folder"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.path(CONFIG), {**self.config, "versions": versions()})
        return self

    def path(self, name: str) -> Path:
        """The path of a file of this run."""
        assert self.folder is not None, "the run has not been started"
        return self.folder / name

    def log(self, entry: dict[str, Any]) -> None:
        """Add an epoch's numbers to the history and to metrics.jsonl, and say them."""
        self.history.append(entry)
        with open(self.path(METRICS), "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        if self.live is None:
            say("  ".join(_shown(name, value) for name, value in entry.items()))
        else:
            self.live.add(**{k: v for k, v in entry.items() if isinstance(v, float)})

    def draw(self, name: str, plot: Callable[[Any], None], size=(6.0, 4.0)) -> None:
        """Let ``plot(figure)`` draw on a matplotlib figure of so many inches: NAME.png.

        Without matplotlib, `pictures` says so instead.
        """
        self.pictures[name] = picture(self.path(f"{name}.png"), plot, size)

    def rewind(self, history: list[dict[str, Any]]) -> None:
        """Make history, and metrics.jsonl, what they were when a checkpoint was written."""
        self.history = list(history)
        text = "".join(json.dumps(entry) + "\n" for entry in history)
        serialize.replace_file(self.path(METRICS), text.encode())

    def save_best(self, state: Mapping[str, ag.Tensor]) -> None:
        """Write the weights to keep."""
        serialize.save(state, self.path(BEST))


def picture(path: Path, plot: Callable[[Any], Any], size: tuple[float, float]) -> str:
    """Let ``plot(figure)`` draw on a figure of so many inches; returns the path, or why not."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return "not drawn: matplotlib is not installed (pip install matplotlib)"
    figure = Figure(figsize=size, layout="constrained")
    plot(figure)
    figure.savefig(path, dpi=120)
    return str(path)


def say(text: str) -> None:
    """Tell the user how things go: on stderr, so that stdout holds results only."""
    print(text, file=sys.stderr, flush=True)


def _shown(name: str, value: Any) -> str:
    return f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"


def versions() -> dict[str, str]:
    """The versions a result may depend on."""
    return {
        "numbagrad": ag.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "threads": os.environ.get("OPENBLAS_NUM_THREADS", "default"),
    }


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people to read, in one step."""
    serialize.replace_file(path, (json.dumps(value, indent=2) + "\n").encode())


# -- folders ---------------------------------------------------------------------------------------


def new_folder(name: str) -> Path:
    """Make ``runs/<name>-<time>``; where the current folder is read-only, a temporary one."""
    stamp = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for attempt in range(1, 1000):
        folder = RUNS / (stamp if attempt == 1 else f"{stamp}-{attempt}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:  # two runs in one second, or a file named runs
            if RUNS.exists() and not RUNS.is_dir():
                break
        except OSError:
            break
    folder = Path(tempfile.mkdtemp(prefix=f"{stamp}-"))
    say(f"the current folder cannot be written to: this run goes to {folder}")
    return folder


def find_runs(name: str | None = None) -> list[Path]:
    """The folders below runs/ that belong to a recipe (or to any), newest first.

    Examples
    --------
    >>> from models.training.run import find_runs
    >>> find_runs("no such model")
    []
    """
    found = []
    for config in RUNS.glob(f"*/{CONFIG}"):
        try:
            model = json.loads(config.read_text(encoding="utf-8"))["model"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if name in (None, model):
            newest = max(p.stat().st_mtime_ns for p in config.parent.iterdir())
            found.append((newest, config.parent))
    return [folder for _, folder in sorted(found, reverse=True)]


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a run.

    Raises
    ------
    UsageError
        If the folder holds no run.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return {key: config[key] for key in ("model", "seed", "settings")}
    except FileNotFoundError:
        raise UsageError(f"{folder} holds no run: there is no {CONFIG} in it") from None
    except (ValueError, KeyError, TypeError) as error:
        raise serialize.CheckpointError(
            f"{folder / CONFIG} is damaged: {error}; restore it or train again"
        ) from None
