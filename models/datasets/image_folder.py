"""Pictures in folders, one folder a class; they are read when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import autograd as ag
from autograd.utils.data import Dataset
from models.transforms import CenterCrop, ToTensor
from nn import functional as F

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def load_picture(path: str | os.PathLike) -> ag.Tensor:
    """Read a picture as a uint8 tensor of shape (3, height, width); needs Pillow.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    ValueError
        If the file is no picture or damaged.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ImportError(
            "pictures are read with Pillow, which is not installed: pip install pillow, or pass "
            "a loader of your own"
        ) from None
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        if isinstance(error, (FileNotFoundError, PermissionError)):
            raise
        raise ValueError(f"{path} is no picture, or damaged: {error}") from None
    return ag.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def pictures(folder: str | os.PathLike, side: int, channels: int = 3) -> np.ndarray:
    """All pictures in a folder and below: the middle square of each, shrunk or enlarged to `side`.

    Parameters
    ----------
    folder : path
    side : int
        Pixels each way.
    channels : {1, 3}, default 3
        Grey, or colours.

    Returns
    -------
    array of shape (count, channels, side, side), float32 between 0 and 1

    Raises
    ------
    ValueError
        If there is no such folder, if there are no pictures, or one is damaged.

    Examples
    --------
    >>> from models.datasets.image_folder import pictures
    >>> pictures("/nowhere", side=16)
    Traceback (most recent call last):
    ...
    ValueError: there are no pictures in /nowhere: expected a folder with .jpg, .png or other \
pictures, in it or in folders below
    """
    found = list(_files(Path(folder).expanduser(), _is_picture))
    if not found:
        raise ValueError(
            f"there are no pictures in {folder}: expected a folder with .jpg, .png or other "
            "pictures, in it or in folders below"
        )
    return np.stack([_square(load_picture(path), side, channels) for path in found])


def _square(picture: ag.Tensor, side: int, channels: int) -> np.ndarray:
    """The middle of a picture, (channels, side, side), between 0 and 1."""
    pixels = ToTensor()(CenterCrop(min(picture.shape[1:]))(picture))
    if channels == 1:
        pixels = pixels.mean(0, keepdim=True)
    return F.interpolate(pixels[None], size=(side, side), mode="bilinear", antialias=True).array[0]


class ImageFolder(Dataset):
    """Pictures in ``root/class/...``, in torchvision's layout; a sample is (picture, class number).

    Parameters
    ----------
    root : path
    transform, target_transform : callable, optional
        A picture is a uint8 tensor of shape (3, height, width) before `transform`.
    loader : callable, optional
        From a path to a picture. Default: `load_picture`, which needs Pillow.
    is_valid_file : callable, optional
        Which files to take. Default: those with the extension of a picture.
    allow_empty : bool, default False
        Take a class without pictures for a class all the same.

    Attributes
    ----------
    classes : list of str
        The names of the folders, sorted; ``class_to_idx`` has their numbers.
    samples : list of (str, int)
        Path and class of each picture.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, no class in it, or a class without pictures.

    Examples
    --------
    >>> import os, tempfile
    >>> from models.datasets import ImageFolder
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("cat", "ant"):
    ...         os.mkdir(f"{root}/{name}")
    ...         open(f"{root}/{name}/1.png", "w").close()
    ...     pictures = ImageFolder(root)
    >>> pictures.classes, pictures.targets
    (['ant', 'cat'], [0, 1])
    """

    def __init__(self, root: str | os.PathLike, transform: Callable | None = None,
                 target_transform: Callable | None = None,
                 loader: Callable[[str], Any] = load_picture,
                 is_valid_file: Callable[[str], bool] | None = None,
                 allow_empty: bool = False):  # fmt: skip
        self.root = Path(root).expanduser()
        self.transform, self.target_transform, self.loader = transform, target_transform, loader
        if not self.root.is_dir():
            raise FileNotFoundError(
                f"there is no folder {self.root}: ImageFolder expected one with a folder for each "
                "class and the pictures in these"
            )
        self.classes = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
        if not self.classes:
            raise FileNotFoundError(
                f"{self.root} has no folders in it: one for each class expected"
            )
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples: list[tuple[str, int]] = []
        for name, number in self.class_to_idx.items():
            found = list(_files(self.root / name, is_valid_file or _is_picture))
            if not found and not allow_empty:
                raise FileNotFoundError(
                    f"{self.root / name} has no pictures ({', '.join(EXTENSIONS)}): remove the "
                    "folder, or pass allow_empty=True"
                )
            self.samples += [(path, number) for path in found]
        self.imgs = self.samples
        self.targets = [number for _, number in self.samples]

    def __getitem__(self, index):
        path, target = self.samples[index]
        picture = self.loader(path)
        if self.transform is not None:
            picture = self.transform(picture)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return picture, target

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        return f"ImageFolder({len(self)} pictures in {self.root}, {len(self.classes)} classes)"


def _is_picture(path: str) -> bool:
    return path.lower().endswith(EXTENSIONS)


def _files(folder: Path, wanted: Callable[[str], bool]):
    """The files below a folder that are wanted, in an order that is the same everywhere."""
    for directory, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(directory, name)
            if wanted(path):
                yield path
