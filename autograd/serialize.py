"""Files: weights as safetensors, and checkpoints of a whole training run. Nothing is ever pickled.

Both are safetensors files, which any tool that knows the format can open. A checkpoint keeps its
arrays as tensors and everything else (nesting, numbers, strings) as one JSON text in the header,
with a checksum over both; being one file, it is replaced in one step and can never be half old,
half new.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autograd.device import check_device
from autograd.errors import ArgumentError
from autograd.tensor import Tensor, wrap

__all__ = ["CheckpointError", "load", "load_checkpoint", "save", "save_checkpoint"]

_FORMAT = "numbagrad-checkpoint-1"
_MARKS = ("__array__", "__tuple__", "__pairs__")  # how JSON writes what it has no notation for


class CheckpointError(ValueError, RuntimeError):
    """A file that cannot be loaded: cut short, corrupt, or of another kind."""


def save(obj: Mapping[str, Any], f: str | os.PathLike, metadata: dict | None = None) -> None:
    """Write a flat dict of tensors, such as a ``state_dict()``, as a safetensors file.

    The file appears under its name only when it is complete. Its metadata says ``format: pt``, so
    that Hugging Face's and PyTorch's loaders read it too.

    Parameters
    ----------
    obj : mapping of str to Tensor or array
    f : path
    metadata : dict of str to str, optional
        Further entries for the file's header.

    Examples
    --------
    >>> import tempfile, autograd as ag
    >>> from autograd import serialize
    >>> folder = tempfile.TemporaryDirectory()
    >>> serialize.save({"weight": ag.ones(2)}, folder.name + "/model.safetensors")
    >>> serialize.load(folder.name + "/model.safetensors")
    {'weight': tensor([1., 1.])}
    >>> folder.cleanup()
    """
    if not isinstance(obj, Mapping):
        hint = ": pass module.state_dict()" if hasattr(obj, "state_dict") else ""
        raise TypeError(f"save expected a dict of tensors, got {type(obj).__name__}{hint}")
    arrays = {}
    for name, value in obj.items():
        if not isinstance(name, str):
            raise TypeError(f"save expected names that are strings, got {name!r}")
        if not isinstance(value, (Tensor, np.ndarray, np.generic)):
            raise TypeError(
                f"save expected tensors, got {type(value).__name__} for {name!r}: "
                "save_checkpoint takes nested dicts, lists and numbers"
            )
        arrays[name] = _contiguous(value)
    _write(arrays, f, {"format": "pt", **(metadata or {})})


def load(
    f: str | os.PathLike,
    map_location=None,
    pickle_module=None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> dict[str, Tensor]:
    """Read a safetensors file into a dict of tensors.

    The other parameters are those of PyTorch, and say what is so in any case.

    Parameters
    ----------
    f : path
    map_location : {None, "cpu"}
    pickle_module : None
    weights_only : {None, True}
    mmap : {None, False}

    Raises
    ------
    CheckpointError
        If the file is cut short, corrupt, or no safetensors file.
    """
    check_device(map_location)
    if pickle_module is not None or weights_only is False:
        raise ArgumentError(
            "load reads tensors and never unpickles: leave out pickle_module and weights_only=False"
        )
    if mmap:
        raise ArgumentError("load reads the whole file into memory: leave out mmap")
    arrays, _ = _read(f)
    return {name: wrap(array) for name, array in arrays.items()}


def save_checkpoint(state: Mapping[str, Any], path: str | os.PathLike) -> None:
    """Write nested dicts, lists and tuples of tensors and plain values as one file.

    Plain values are numbers, strings, bools and None. Meant for training state: ``{"model":
    model.state_dict(), "optimizer": ..., "epoch": 3, ...}``.

    Examples
    --------
    >>> import tempfile, autograd as ag
    >>> from autograd import serialize
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = folder.name + "/last.safetensors"
    >>> serialize.save_checkpoint({"state": {0: {"step": 3, "sum": ag.zeros(2)}}}, path)
    >>> serialize.load_checkpoint(path)
    {'state': {0: {'step': 3, 'sum': tensor([0., 0.])}}}
    >>> folder.cleanup()
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_encode(state, (), arrays), separators=(",", ":"))
    checksum = _checksum(text, arrays)
    header = {"format": "pt", "checkpoint": _FORMAT, "structure": text, "checksum": checksum}
    _write(arrays, path, header)


def load_checkpoint(path: str | os.PathLike) -> Any:
    """Read what `save_checkpoint` wrote.

    Raises
    ------
    CheckpointError
        If the file is cut short or corrupt, or holds something else than a checkpoint.
    """
    arrays, header = _read(path)
    kind = header.get("checkpoint")
    if kind is None:
        raise CheckpointError(
            f"{path} holds bare weights, not a checkpoint: read it with load() and give the result "
            "to load_state_dict()"
        )
    if kind != _FORMAT:
        raise CheckpointError(
            f"{path} is a checkpoint of format {kind!r}, this version reads {_FORMAT!r}: load it "
            "with the version that wrote it"
        )
    if header.get("checksum") != _checksum(header.get("structure", ""), arrays):
        raise _corrupt(path, "its checksum does not match its contents")
    return _decode(json.loads(header["structure"]), arrays)


# -- files -----------------------------------------------------------------------------------------


def replace_file(path: str | os.PathLike, data: bytes) -> None:
    """Write `data` to a temporary neighbour of `path`, then rename: readers see all of it or none.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)  # it can only be read by setting it
    os.umask(mask)
    return mask


def _write(arrays: dict[str, np.ndarray], path, metadata: dict[str, str]) -> None:
    import safetensors.numpy

    replace_file(path, safetensors.numpy.save(arrays, metadata=metadata))


def _read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    import safetensors

    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name the file in it")
    with open(path, "rb") as file:  # a missing file keeps its own, clear error
        start = file.read(9)
    # A sound file begins with the length of its header, which may be any bytes, and the header's {.
    if start[8:] != b"{" and (start[:2] == b"PK" or start[:1] == b"\x80"):
        raise _pickled(path)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (safetensors.SafetensorError, UnicodeDecodeError, TypeError) as error:
        # Only now: a sound file may begin with the same bytes, they are the length of its header.
        if start[:2] == b"PK" or start[:1] == b"\x80":
            raise _pickled(path) from None
        raise _corrupt(path, str(error)) from None


def _pickled(path) -> CheckpointError:
    return CheckpointError(
        f"{path} is a pickle (torch.save) file, which can run any code when loaded and is not read "
        "here: models.load_weights takes the tensors out of it and runs nothing"
    )


def _corrupt(path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"corrupt checkpoint: {path} is cut short, damaged or not a safetensors file ({reason}); "
        "copy it again, or go back to an earlier checkpoint"
    )


def _contiguous(value) -> np.ndarray:
    """The array in C order, which the file format assumes without checking."""
    return np.asarray(value.array if isinstance(value, Tensor) else value, order="C")


def _checksum(text: str, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


# -- structure -------------------------------------------------------------------------------------


def _encode(value: Any, path: tuple[str, ...], arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON can hold it; arrays are set aside under the name of their place."""
    if isinstance(value, (Tensor, np.ndarray)):
        name = "/".join(path) or "value"
        while name in arrays:
            name += "'"
        arrays[name] = _contiguous(value)
        mark = [name] if isinstance(value, Tensor) else [name, "numpy"]
        return {"__array__": mark}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        items = [_encode(item, (*path, str(i)), arrays) for i, item in enumerate(value)]
        return {"__tuple__": items} if isinstance(value, tuple) else items
    if isinstance(value, Mapping):
        pairs = [(k, _encode(v, (*path, str(k)), arrays)) for k, v in value.items()]
        if all(isinstance(k, str) and k not in _MARKS for k, _ in pairs):
            return dict(pairs)
        return {"__pairs__": [[_encode(k, path, arrays), v] for k, v in pairs]}
    raise TypeError(
        f"save_checkpoint cannot hold the {type(value).__name__} at {'/'.join(path) or 'the top'}: "
        "it takes tensors, arrays, dicts, lists, tuples, numbers, strings, bools and None"
    )


def _decode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "__array__" in value:
        name, *kind = value["__array__"]
        return arrays[name] if kind else wrap(arrays[name])
    if "__tuple__" in value:
        return tuple(_decode(item, arrays) for item in value["__tuple__"])
    if "__pairs__" in value:
        return {_decode(k, arrays): _decode(v, arrays) for k, v in value["__pairs__"]}
    return {name: _decode(item, arrays) for name, item in value.items()}
