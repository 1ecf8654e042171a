"""Published weights: safetensors and PyTorch's zip files, read by name and without running code."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest

import models
import nn
from autograd import serialize
from autograd.serialize import CheckpointError
from models.weights import read_torch, strip


class Storage:
    """Pickled as PyTorch pickles a storage: by a persistent name."""

    def __init__(self, kind: str, name: str, count: int):
        self.description = ("storage", Named("torch", kind), name, "cpu", count)


class Named:
    """Pickled as a global of another module, which need not be there."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name


class Rebuilt:
    """Pickled as a call of one of PyTorch's functions that make tensors."""

    def __init__(self, function: Named, *args):
        self.function, self.args = function, args


class Writer(pickle._Pickler):
    """Writes the three above; in Python, since only that pickler can be taught a global's name."""

    def persistent_id(self, value):
        return value.description if isinstance(value, Storage) else None

    def save(self, value, **options):
        if isinstance(value, Named):
            self.write(b"c" + f"{value.module}\n{value.name}\n".encode())
        elif isinstance(value, Rebuilt):
            self.save(value.function)
            self.save(value.args)
            self.write(pickle.REDUCE)
        else:
            super().save(value, **options)


def tensor(kind, name, count, size, stride, offset=0):
    make = Named("torch._utils", "_rebuild_tensor_v2")
    return Rebuilt(make, Storage(kind, name, count), offset, size, stride, False, {})


def write_zip(path, content, storages, order="little"):
    buffer = io.BytesIO()
    Writer(buffer, 2).dump(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", buffer.getvalue())
        archive.writestr("archive/byteorder", order)
        for name, raw in storages.items():
            archive.writestr(f"archive/data/{name}", raw)


def test_torchs_zip_files_are_read_without_torch(tmp_path):
    weight, bias = np.arange(6, dtype="<f4").reshape(2, 3), np.array([1, -2], "<f4")
    content = {"state_dict": {
        "module.weight": tensor("FloatStorage", "0", 6, (2, 3), (1, 2)),  # stored transposed
        "module.bias": tensor("FloatStorage", "1", 3, (2,), (1,), offset=1),
    }}  # fmt: skip
    storages = {"0": weight.T.tobytes(), "1": b"\0" * 4 + bias.tobytes()}
    write_zip(tmp_path / "a.pth", content, storages)
    layer = nn.Linear(3, 2)
    assert str(models.load_weights(layer, tmp_path / "a.pth")) == "<All keys matched successfully>"
    assert layer.weight.tolist() == weight.tolist() and layer.bias.tolist() == bias.tolist()


def test_halves_and_the_other_order_of_bytes(tmp_path):
    brain = (np.array([1.5, -2.0], "f4").view("u4") >> 16).astype(">u2")
    write_zip(tmp_path / "a.pt", {"x": tensor("BFloat16Storage", "0", 2, (2,), (1,))},
              {"0": brain.tobytes()}, "big")  # fmt: skip
    assert read_torch(tmp_path / "a.pt")["x"].tolist() == [1.5, -2.0]
    write_zip(tmp_path / "b.pt", {"x": tensor("LongStorage", "0", 1, (), ())},
              {"0": np.array([7], "<i8").tobytes()})  # fmt: skip
    assert read_torch(tmp_path / "b.pt")["x"] == 7


def test_no_code_of_a_file_runs(tmp_path):
    here = tmp_path / "ran"
    write_zip(tmp_path / "a.pt", {"x": Rebuilt(Named("os", "mkdir"), str(here))}, {})
    with pytest.raises(CheckpointError, match=r"asks for os\.mkdir"):
        models.load_weights(nn.Linear(1, 1), tmp_path / "a.pt")
    assert not here.exists()


def test_a_tensor_beyond_its_storage_is_refused(tmp_path):
    write_zip(
        tmp_path / "a.pt", {"x": tensor("FloatStorage", "0", 2, (4,), (1,))}, {"0": b"\0" * 8}
    )
    with pytest.raises(CheckpointError, match="beyond its storage"):
        read_torch(tmp_path / "a.pt")


def test_other_files_are_named_for_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError):
        models.load_weights(nn.Linear(1, 1), tmp_path / "none.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps({}))
    with pytest.raises(CheckpointError, match=r"before version 1\.6"):
        models.load_weights(nn.Linear(1, 1), tmp_path / "old.pt")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme", "nothing")
    with pytest.raises(CheckpointError, match="not one of PyTorch's"):
        models.load_weights(nn.Linear(1, 1), tmp_path / "a.zip")
    (tmp_path / "text.safetensors").write_text("hello, this is no file of tensors")
    with pytest.raises(CheckpointError):
        models.load_weights(nn.Linear(1, 1), tmp_path / "text.safetensors")
    cut = tmp_path / "cut.pt"
    write_zip(cut, {"x": tensor("FloatStorage", "0", 1000, (1000,), (1,))}, {"0": b"\0" * 4000})
    os.truncate(cut, 3000)
    with pytest.raises(CheckpointError):
        models.load_weights(nn.Linear(1, 1), cut)


def test_missing_unexpected_and_misshapen_names_are_listed(tmp_path):
    path = tmp_path / "weights.safetensors"
    serialize.save({"weight": np.zeros((2, 3), "f4"), "scale": np.zeros(1, "f4")}, path)
    with pytest.raises(RuntimeError) as caught:
        models.load_weights(nn.Linear(2, 2), path)
    text = str(caught.value)
    assert "bias" in text and "scale" in text and "(2, 3)" in text and "(2, 2)" in text
    result = models.load_weights(nn.Linear(3, 2), path, strict=False)
    assert (result.missing_keys, result.unexpected_keys) == (["bias"], ["scale"])


def test_another_number_of_classes_is_said_plainly(tmp_path):
    path = tmp_path / "weights.safetensors"
    serialize.save(models.lenet5(num_classes=10).state_dict(), path)
    with pytest.raises(RuntimeError, match=r"10 classes, the model has 7: .*num_classes=10"):
        models.load_weights(models.lenet5(num_classes=7), path)


def test_prefixes_of_wrappers_are_taken_away():
    assert strip({"_orig_mod.module.a": 1}) == {"a": 1}
    assert strip({"module.a": 1, "b": 2}) == {"module.a": 1, "b": 2}
