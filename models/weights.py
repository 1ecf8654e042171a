"""Weights that others have published, by name: safetensors files and those of PyTorch.

PyTorch's ``.pt`` and ``.pth`` files are zip archives: a pickle that describes tensors, and a file
of raw numbers for each storage. A pickle may ask for any function to be called; this reader knows
the few that make tensors and dicts, and refuses all others. So no code of the file runs, and
PyTorch is not needed.
"""

from __future__ import annotations

import os
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

import nn
from autograd import serialize
from autograd.serialize import CheckpointError
from models.datasets.restricted import Restricted

# PyTorch's names of storages, and the numbers they hold; bfloat16 is the upper half of a float32.
STORAGES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1",
    "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip
WRAPPERS = ("state_dict", "model_state_dict", "model")  # under which training scripts keep weights
PREFIXES = ("module.", "_orig_mod.")  # put before every name by DataParallel and by compiling


def load_weights(model: nn.Module, path: str | os.PathLike, strict: bool = True):
    """Copy the weights in a file into a model, by name.

    Parameters
    ----------
    model : Module
    path : path
        A ``.safetensors`` file, or one written by ``torch.save``: a state dict, or a dict that
        holds one as ``state_dict``, ``model_state_dict`` or ``model``.
    strict : bool, default True
        Whether names on one side only are an error.

    Returns
    -------
    (missing_keys, unexpected_keys)

    Raises
    ------
    FileNotFoundError
    CheckpointError
        If the file is damaged, or holds anything but tensors and plain values.
    RuntimeError
        Lists every missing, unexpected and wrongly shaped name, and says so if it is just the
        number of classes that differs; nothing was loaded then.

    Examples
    --------
    >>> import os, tempfile, models, nn
    >>> from autograd import serialize
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.safetensors")
    ...     serialize.save(nn.Linear(2, 1).state_dict(), path)
    ...     models.load_weights(nn.Linear(2, 1), path)
    <All keys matched successfully>
    """
    weights = read_weights(path)
    try:
        return model.load_state_dict(weights, strict)
    except RuntimeError as error:
        raise RuntimeError(f"{error}{_other_classes(model.state_dict(), weights)}") from None


def _other_classes(own: Mapping[str, Any], weights: Mapping[str, Any]) -> str:
    """Advice, if weights suit but for the number of outputs of a layer or two."""
    shapes = [(weights[k].shape, own[k].shape) for k in own if k in weights]
    wrong = [(there, here) for there, here in shapes if tuple(there) != tuple(here)]
    pairs = {(there[:1], here[:1]) for there, here in wrong}
    same_inputs = all(tuple(there[1:]) == tuple(here[1:]) for there, here in wrong)
    if set(own) != set(weights) or len(pairs) != 1 or not same_inputs:
        return ""
    ((theirs,), (mine,)) = pairs.pop()
    return (
        f"\n\tThe weights are of a network with {theirs} classes, the model has {mine}: make it "
        f"with num_classes={theirs}, or leave those entries out and load with strict=False."
    )


def read_weights(path: str | os.PathLike) -> dict[str, Any]:
    """The arrays or tensors in a file of weights, by name; see `load_weights`."""
    if zipfile.is_zipfile(path):
        content = read_torch(path)
    else:
        with open(path, "rb") as file:
            begin = file.read(2)
        if begin[:1] == b"\x80":
            raise CheckpointError(
                f"{path} is a bare pickle, as PyTorch wrote before version 1.6: load it there once "
                "and write it again with torch.save"
            )
        content = serialize.load(path)
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} expected to hold a dict, got {type(content).__name__}")
    return strip(content)


def strip(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Take away a prefix that wrappers put before every name.

    Examples
    --------
    >>> from models.weights import strip
    >>> strip({"module.fc.weight": 1, "module.fc.bias": 2})
    {'fc.weight': 1, 'fc.bias': 2}
    """
    for prefix in PREFIXES:
        if weights and all(name.startswith(prefix) for name in weights):
            return strip({name.removeprefix(prefix): value for name, value in weights.items()})
    return dict(weights)


# -- PyTorch's files -------------------------------------------------------------------------------


def read_torch(path: str | os.PathLike) -> Any:
    """What ``torch.save`` wrote, with arrays for tensors.

    Raises
    ------
    CheckpointError
        If the file is damaged, or holds anything but tensors and plain values.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            home = next(n for n in names if n.endswith("data.pkl")).removesuffix("data.pkl")
            order = archive.read(f"{home}byteorder") if f"{home}byteorder" in names else b"little"
            with archive.open(f"{home}data.pkl") as file:
                return _Reader(file, archive, home, "<" if order == b"little" else ">").load()
    except StopIteration:
        raise CheckpointError(f"{path} is a zip file, but not one of PyTorch's") from None
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a damaged pickle may raise nearly anything
        raise CheckpointError(
            f"{path} is damaged, or holds more than tensors and plain values: {error}"
        ) from None


def _tensor(storage: np.ndarray, offset: int, size, stride, *_) -> np.ndarray:
    """A view of a storage; one that would reach beyond it is refused."""
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and not 0 <= last < len(storage):
        raise ValueError(f"a tensor of shape {tuple(size)} reaches beyond its storage")
    strides = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], tuple(size), strides).copy()


def _parameter(data: np.ndarray, *_) -> np.ndarray:
    return data


class _Reader(Restricted):
    """Makes arrays of what a pickle says of tensors; knows no other functions."""

    allowed: ClassVar[dict] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        **{("torch", name): kind for name, kind in STORAGES.items()},
        **{("torch.storage", name): kind for name, kind in STORAGES.items()},
    }

    def __init__(self, file, archive: zipfile.ZipFile, home: str, order: str):
        super().__init__(file, encoding="utf-8")
        self.archive, self.home, self.order = archive, home, order
        self.storages: dict[str, np.ndarray] = {}  # tensors may share them

    def persistent_load(self, description) -> np.ndarray:
        """The numbers of a storage: ("storage", kind, file, device, count)."""
        _, kind, name, _, count = description
        if name not in self.storages:
            raw = self.archive.read(f"{self.home}data/{name}")
            bits = "u2" if kind == "bfloat16" else kind
            numbers = np.frombuffer(raw, np.dtype(self.order + bits), count)
            numbers = numbers.astype(bits)  # in this machine's order of bytes, and writable
            if kind == "bfloat16":
                numbers = (numbers.astype("u4") << 16).view("f4")
            self.storages[name] = numbers
        return self.storages[name]
