"""A rehearsal: one batch, from which to tell what a whole run would take."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

from models.training.loop import Trainer
from models.training.recipe import UsageError
from models.training.run import Run
from nn.summary import summary


def estimate(run: Run) -> tuple[dict[str, Any], str]:
    """Learn from one batch, twice, and estimate time and memory; writes no files.

    Returns the numbers, and a text for people.
    """
    if run.recipe.fit is not None:
        raise UsageError(f"{run.recipe.name} has its own training loop: there is no dry run of it")
    trainer = Trainer(run)
    batch = next(iter(trainer.loader))
    table = summary(
        trainer.model,
        input_data=batch,
        forward=lambda model, *batch: run.recipe.objective(model, batch),
    )
    trainer.model.train()
    trainer.learn(batch)  # the first step may compile kernels and makes the optimiser's state
    started = time.perf_counter()
    trainer.learn(batch)
    step = time.perf_counter() - started
    tracemalloc.start()  # slows everything down: not while the clock runs
    trainer.learn(batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    batches, epochs = len(trainer.loader), run.settings["epochs"]
    value = {
        "model": run.recipe.name,
        "parameters": table.total,
        "batches": batches,
        "epochs": epochs,
        "seconds_per_batch": step,
        "seconds": step * batches * epochs,
        "megabytes": peak / 1e6,
    }
    text = (
        f"{table}\n{batches} batches of {run.settings['batch_size']} in each of {epochs} epochs\n"
        f"a batch took {1000 * step:.1f} ms and {peak / 1e6:.1f} MB: all of them take some "
        f"{value['seconds']:.0f} s"
    )
    return value, text
