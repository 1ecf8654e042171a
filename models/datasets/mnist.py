"""MNIST, Fashion-MNIST and KMNIST, read from disk in the layout torchvision leaves them in.

The files are in the IDX format: two zero bytes, a type code, the number of axes, the length of each
as a big-endian 32-bit integer, and then the elements in C order.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.datasets.folder import check_sum, data_root, missing, refuse_download
from models.datasets.labelled import Labelled

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class MNIST(Labelled):
    """Handwritten digits: 60,000 images of 28 x 28 to train on, 10,000 to test on.

    LeCun, Bottou, Bengio and Haffner (1998). Reads ``root/MNIST/raw/train-images-idx3-ubyte`` and
    its three companions, plain or with ``.gz``.

    Parameters
    ----------
    root : path, optional
        Default: $NUMBAGRAD_DATA, or the user's cache folder.
    train : bool, default True
    transform, target_transform : callable, optional
        An image is a uint8 tensor of shape (28, 28) before `transform`.
    download : bool, default False
        Must be False: nothing is fetched from the network.
    verify : bool, default False
        Compare the files, if they are the ``.gz``, with their md5 sums first.

    Raises
    ------
    FileNotFoundError
        Lists the files, their md5 sums and the folder they belong in.

    Examples
    --------
    >>> from models.datasets import MNIST
    >>> MNIST("nowhere")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FileNotFoundError: MNIST was not found in nowhere/MNIST/raw. Put these files there: ...
    """

    names = tuple("0123456789")
    md5 = (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    )

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        verify: bool = False,
    ):
        name = type(self).__name__
        refuse_download(name, download)
        folder = data_root(root) / name / "raw"
        files = [
            f"{part}-{kind}-ubyte"
            for part in ("train", "t10k")
            for kind in ("images-idx3", "labels-idx1")
        ]
        chosen = files[:2] if train else files[2:]
        found = [path for path in (_find(folder / file) for file in chosen) if path is not None]
        if len(found) < 2:
            zipped = [f"{file}.gz" for file in files]
            raise missing(name, folder, dict(zip(zipped, self.md5, strict=True)))
        if verify:
            for path, md5 in zip(found, self.md5[:2] if train else self.md5[2:], strict=True):
                if path.suffix == ".gz":
                    check_sum(path, md5)
        images, labels = (read_idx(path) for path in found)
        super().__init__(images, labels, self.names, transform, target_transform)


class FashionMNIST(MNIST):
    """Photographs of clothes in ten classes, in the size and the layout of MNIST.

    Xiao, Rasul and Vollgraf (2017). Reads ``root/FashionMNIST/raw``; see `MNIST`.

    Examples
    --------
    >>> from models.datasets import FashionMNIST
    >>> FashionMNIST.names[0]
    'T-shirt/top'
    """

    names = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    md5 = (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    )


class KMNIST(MNIST):
    """Handwritten Japanese characters, ten classes, in the size and the layout of MNIST.

    Clanuwat et al. (2018). Reads ``root/KMNIST/raw``; see `MNIST`.

    Examples
    --------
    >>> from models.datasets import KMNIST
    >>> KMNIST.names[0]
    'o'
    """

    names = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    md5 = (
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    )


def _find(path: Path) -> Path | None:
    zipped = path.with_name(path.name + ".gz")
    return path if path.exists() else zipped if zipped.exists() else None


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """Read an IDX file; a ``.gz`` is unpacked in memory, a plain file of bytes is mapped.

    Raises
    ------
    ValueError
        If the file is cut short or not in the format.
    """
    path = Path(path)
    zipped = path.suffix == ".gz"
    try:
        with gzip.open(path) if zipped else open(path, "rb") as file:
            zeros, code, axes = struct.unpack(">HBB", file.read(4))
            if zeros or code not in IDX_TYPES:
                raise ValueError("its first bytes are not those of the IDX format")
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
            body = file.read() if zipped else b""
    except (struct.error, EOFError, OSError) as error:
        if isinstance(error, (FileNotFoundError, PermissionError)):
            raise
        raise ValueError(_damaged(path, str(error))) from None
    except ValueError as error:
        raise ValueError(_damaged(path, str(error))) from None
    dtype, start = np.dtype(IDX_TYPES[code]), 4 + 4 * axes
    expected = math.prod(shape) * dtype.itemsize
    got = len(body) if zipped else path.stat().st_size - start
    if got != expected:
        raise ValueError(_damaged(path, f"expected {expected} bytes of data, got {got}"))
    if zipped:
        array = np.frombuffer(body, dtype).reshape(shape)
    else:
        array = np.memmap(path, dtype, "c", start, shape)  # writes, if any, stay in memory
    return np.asarray(array, dtype.newbyteorder("="))


def _damaged(path: Path, reason: str) -> str:
    return f"{path} is cut short, damaged or no IDX file: {reason}; fetch it again"
