"""CIFAR-10 and CIFAR-100, read from disk in their binary version or in that for Python.

The binary files are records of one or two labels and 3 x 32 x 32 bytes. The others are pickles,
which could run any code; they are read by `read_arrays`, which lets them make arrays and no more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.datasets.folder import data_root, missing, refuse_download
from models.datasets.labelled import Labelled
from models.datasets.restricted import read_arrays

PIXELS = 3 * 32 * 32


class CIFAR10(Labelled):
    """Colour photographs of ten kinds of things: 50,000 to train on, 10,000 to test on.

    Krizhevsky (2009). Reads ``root/cifar-10-batches-bin``, else ``root/cifar-10-batches-py``, the
    one torchvision leaves.

    Parameters
    ----------
    root : path, optional
        Default: $NUMBAGRAD_DATA, or the user's cache folder.
    train : bool, default True
    transform, target_transform : callable, optional
        An image is a uint8 tensor of shape (3, 32, 32) before `transform`.
    download : bool, default False
        Must be False: nothing is fetched from the network.

    Examples
    --------
    >>> from models.datasets import CIFAR10
    >>> CIFAR10.names[3]
    'cat'
    """

    names: tuple[str, ...] = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip
    archives = {  # noqa: RUF012 - never changed
        "cifar-10-binary.tar.gz, unpacked": "c32a1d4ab5d03f1284b67883e8d87530",
        "or cifar-10-python.tar.gz, unpacked": "c58f30108f718f92721af3b95e74349a",
    }
    folders = ("cifar-10-batches-bin", "cifar-10-batches-py")
    training = tuple(f"data_batch_{i}" for i in range(1, 6))
    testing: tuple[str, ...] = ("test_batch",)
    labels, key = 1, "labels"  # label bytes of a record, the last counts; and their name in Python

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        name = type(self).__name__
        refuse_download(name, download)
        binary, python = (data_root(root) / folder for folder in self.folders)
        files = self.training if train else self.testing
        if all((binary / f"{file}.bin").exists() for file in files):
            parts = [self._read_binary(binary / f"{file}.bin") for file in files]
        elif all((python / file).exists() for file in files):
            parts = [self._read_python(python / file) for file in files]
        else:
            raise missing(name, binary, self.archives)
        images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
        if labels.size and labels.max() >= len(self.names):
            raise ValueError(f"{name} has {len(self.names)} classes, found label {labels.max()}")
        super().__init__(
            images.reshape(-1, 3, 32, 32), labels, self.names, transform, target_transform
        )

    def _read_binary(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        size, record = path.stat().st_size, self.labels + PIXELS
        if not size or size % record:
            raise ValueError(
                f"{path} is cut short or damaged: expected records of {record} bytes, "
                f"got {size} bytes; unpack it again"
            )
        records = np.fromfile(path, np.uint8).reshape(-1, record)
        return records[:, self.labels :], records[:, self.labels - 1]

    def _read_python(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        content = read_arrays(path)
        images, labels = content.get("data"), np.asarray(content.get(self.key, ()))
        shape = getattr(images, "shape", None)
        if shape != (len(labels), PIXELS) or images.dtype != np.uint8:  # type: ignore[union-attr]
            raise ValueError(
                f"{path} is damaged or no batch of {type(self).__name__}: expected {len(labels)} "
                f"rows of {PIXELS} bytes under 'data' and as many numbers under {self.key!r}, "
                f"got shape {shape}"
            )
        return images, labels  # type: ignore[return-value]


class CIFAR100(CIFAR10):
    """Colour photographs of a hundred kinds of things, in the size of CIFAR-10.

    Krizhevsky (2009). Reads ``root/cifar-100-binary``, else ``root/cifar-100-python``; the labels
    are the fine ones. See `CIFAR10`.

    Examples
    --------
    >>> from models.datasets import CIFAR100
    >>> len(CIFAR100.names), CIFAR100.names[0]
    (100, 'apple')
    """

    names = tuple(
        """apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
        butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
        crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo
        keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
        mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain
        plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
        skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
        television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman
        worm""".split()  # noqa: SIM905 - a hundred quoted words would be harder to read
    )
    archives = {  # noqa: RUF012 - never changed
        "cifar-100-binary.tar.gz, unpacked": "03b5dce01913d631647c71ecec9e9cb8",
        "or cifar-100-python.tar.gz, unpacked": "eb9058c3a382ffc7106e4002c42a8d85",
    }
    folders = ("cifar-100-binary", "cifar-100-python")
    training, testing = ("train",), ("test",)
    labels, key = 2, "fine_labels"
