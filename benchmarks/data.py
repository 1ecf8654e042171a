"""Data pipelines beside a training step: how many images a second each of them makes.

A pipeline that is slower than the step it feeds would be what a training run waits for. Measured
are the loader over examples in memory, with and without a dataset's own per-image transform, each
augmentation on whole batches, and LeNet-5's training step: one of the smallest there are. "share"
is the time of a pipeline's batch over the time of the step.

    python benchmarks/data.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

import models
import nn
import optim
from autograd.utils.data import DataLoader
from models import transforms
from models.datasets import Labelled

BATCH, IMAGES = 64, 6400
AUGMENTATIONS = {
    "GaussianNoise": transforms.GaussianNoise(),
    "RandomCrop": transforms.RandomCrop(28, padding=2),
    "RandomHorizontalFlip": transforms.RandomHorizontalFlip(),
    "RandomRotation": transforms.RandomRotation(15),
    "RandomAffine": transforms.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 5),
    "RandomErasing": transforms.RandomErasing(p=1),
    "Normalize": transforms.Normalize(0.5, 0.5),
}


def like_mnist(transform: Callable | None = None) -> Labelled:
    """Random images of MNIST's shape, with labels."""
    rng = np.random.default_rng(0)
    images = rng.random((IMAGES, 1, 28, 28), dtype=np.float32)
    return Labelled(images, rng.integers(0, 10, IMAGES), list("0123456789"), transform)


def pipelines() -> dict[str, Callable[[], int]]:
    """What is measured: functions that make some images and return how many."""

    def load(data) -> Callable[[], int]:
        return lambda: sum(len(labels) for _, labels in DataLoader(data, BATCH, shuffle=True))

    def augment(transform) -> Callable[[], int]:
        images = like_mnist().data[:BATCH]
        return lambda: len(transform.batch(images))

    digits = models.datasets.digits(size=28)
    found = {"DataLoader, digits": load(digits), "DataLoader, 28 x 28": load(like_mnist())}
    plain = transforms.Lambda(lambda image: image)
    found["DataLoader, image by image"] = load(like_mnist(plain))
    return found | {f"{name}.batch": augment(t) for name, t in AUGMENTATIONS.items()}


def lenet_step() -> Callable[[], int]:
    """One training step of LeNet-5."""
    images, labels = (part[:BATCH] for part in models.datasets.digits(size=32).tensors)
    model = models.lenet5()
    optimizer = optim.Adam(model.parameters(), 1e-3)

    def step() -> int:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return BATCH

    return step


def seconds_per_image(work: Callable[[], int], least: float = 0.1) -> float:
    """The time of one image, over so many seconds at the least."""
    images, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < least:
        images += work()
    return elapsed / images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    cases = {"LeNet-5 training step": lenet_step(), **pipelines()}
    for work in cases.values():
        work()  # compiles
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):  # in turn: a machine whose speed drifts treats all alike
        for name, work in cases.items():
            times[name].append(seconds_per_image(work))
    step = statistics.median(times["LeNet-5 training step"])
    print(f"{'':30}{'images/s':>12}{'us/image':>10}{'share':>8}")
    for name, row in times.items():
        median = statistics.median(row)
        print(f"{name:30}{1 / median:12,.0f}{1e6 * median:10.2f}{median / step:8.2f}")


if __name__ == "__main__":
    main()
