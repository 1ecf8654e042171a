"""Image sets by name, in the size a network wants: what `--data` chooses from."""

from __future__ import annotations

from models import transforms
from models.datasets.cifar import CIFAR10
from models.datasets.labelled import Labelled
from models.datasets.mnist import MNIST, FashionMNIST
from models.datasets.optical_digits import digits

# Mean and standard deviation of the training pixels, as fractions of full brightness.
ON_DISK = {
    "mnist": (MNIST, (0.1307,), (0.3081,)),
    "fashion_mnist": (FashionMNIST, (0.2860,), (0.3530,)),
    "cifar10": (CIFAR10, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}


def images(train: bool, name: str = "digits", size: int = 32, root: str | None = None) -> Labelled:
    """Return the training or test part of an image set, normalised and `size` pixels wide.

    Parameters
    ----------
    train : bool
    name : {"digits", "mnist", "fashion_mnist", "cifar10"}
        All but the first are read from disk.
    size : int, default 32
        Smaller images get a margin.
    root : path, optional
        See `MNIST`.

    Examples
    --------
    >>> from models import datasets
    >>> datasets.images(train=True, name="digits", size=28)[0][0].shape
    (1, 28, 28)
    """
    if name == "digits":
        return digits(train, size)
    if name not in ON_DISK:
        raise ValueError(f"no image set is called {name!r}; there are digits, {', '.join(ON_DISK)}")
    kind, mean, std = ON_DISK[name]
    dataset = kind(root, train)
    side = dataset.data.shape[-1]
    if size < side or (size - side) % 2:
        raise ValueError(f"{name} has {side} pixels: size={size} should add an even margin")
    margin = (size - side) // 2
    steps: list[transforms.Transform] = [transforms.Pad(margin)] if margin else []
    steps += [transforms.ToTensor(), transforms.Normalize(mean, std)]
    dataset.transform = transforms.Compose(steps)
    return dataset
