"""CIFAR-10, read from disk in its binary version: records of a label and 3 x 32 x 32 bytes."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from models.datasets.folder import data_root, missing, refuse_download
from models.datasets.labelled import Labelled

RECORD = 1 + 3 * 32 * 32
ARCHIVE = {"cifar-10-binary.tar.gz, unpacked": "c32a1d4ab5d03f1284b67883e8d87530"}


class CIFAR10(Labelled):
    """Colour photographs of ten kinds of things: 50,000 to train on, 10,000 to test on.

    Krizhevsky (2009). Reads ``root/cifar-10-batches-bin``; the version for Python consists of
    pickles, which could run any code and are not read.

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

    names = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        refuse_download("CIFAR10", download)
        folder = data_root(root) / "cifar-10-batches-bin"
        files = [f"data_batch_{i}.bin" for i in range(1, 6)] if train else ["test_batch.bin"]
        paths = [folder / file for file in files]
        if not all(path.exists() for path in paths):
            raise missing("CIFAR10", folder, ARCHIVE)
        for path in paths:
            size = path.stat().st_size
            if not size or size % RECORD:
                raise ValueError(
                    f"{path} is cut short or damaged: expected records of {RECORD} bytes, "
                    f"got {size} bytes; unpack it again"
                )
        records = np.concatenate([np.fromfile(path, np.uint8) for path in paths])
        records = records.reshape(-1, RECORD)
        images = records[:, 1:].reshape(-1, 3, 32, 32)
        super().__init__(images, records[:, 0], self.names, transform, target_transform)
