"""Readers of CIFAR, KMNIST and folders of pictures; sums; and the transforms that augment them."""

import builtins
import gzip
import hashlib
import pickle
import struct

import numpy as np
import pytest

import autograd as ag
from models import datasets, transforms
from models.datasets.folder import check_sum
from models.datasets.image_folder import load_picture
from models.datasets.restricted import read_arrays

# -- readers ---------------------------------------------------------------------------------------


def test_cifar_in_both_versions(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 3072), dtype=np.uint8)
    binary, python = tmp_path / "cifar-100-binary", tmp_path / "cifar-100-python"
    binary.mkdir()
    python.mkdir()
    (binary / "train.bin").write_bytes(
        b"".join(bytes([19 - i, 99 - i]) + row.tobytes() for i, row in enumerate(images))
    )
    fine = [99, 98, 97, 96]
    content = {"data": images, "fine_labels": fine, "coarse_labels": [1] * 4, "filenames": ["a"]}
    (python / "test").write_bytes(pickle.dumps(content))
    for train in (True, False):
        data = datasets.CIFAR100(tmp_path, train)
        assert data.targets.tolist() == fine and data.data.shape == (4, 3, 32, 32)
        assert (data.data.array.reshape(4, -1) == images).all()
        assert data.classes[99] == "worm"
    (python / "test").write_bytes(pickle.dumps({**content, "fine_labels": [1]}))
    with pytest.raises(ValueError, match="no batch of CIFAR100"):
        datasets.CIFAR100(tmp_path, train=False)
    (python / "test").write_bytes(pickle.dumps({**content, "fine_labels": [1, 2, 3, 100]}))
    with pytest.raises(ValueError, match="100 classes, found label 100"):
        datasets.CIFAR100(tmp_path, train=False)
    with pytest.raises(FileNotFoundError, match=r"(?s)cifar-10-binary.*or cifar-10-python"):
        datasets.CIFAR10(tmp_path)


class Mischief:
    def __reduce__(self):
        return print, ("this must not be printed",)


@pytest.mark.parametrize("content", [
    pickle.dumps(Mischief()), pickle.dumps({"a": Mischief()}), b"", b"nonsense",
    pickle.dumps({"a": np.arange(3)})[:-5], pickle.dumps(np.sum), pickle.dumps([1]),
])  # fmt: skip
def test_pickles_may_hold_arrays_and_no_more(content, tmp_path, capsys):
    (tmp_path / "batch").write_bytes(content)
    with pytest.raises(ValueError, match="batch"):
        read_arrays(tmp_path / "batch")
    assert not capsys.readouterr().out


def test_kmnist_and_its_sums(tmp_path):
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    for kind, shape in (("images-idx3", (2, 28, 28)), ("labels-idx1", (2,))):
        head = struct.pack(">HBB", 0, 8, len(shape)) + struct.pack(f">{len(shape)}I", *shape)
        body = head + bytes(int(np.prod(shape)))
        (raw / f"train-{kind}-ubyte.gz").write_bytes(gzip.compress(body))
    assert len(datasets.KMNIST(tmp_path)) == 2
    with pytest.raises(ValueError, match="damaged or another version: its md5 is"):
        datasets.KMNIST(tmp_path, verify=True)


def test_sums(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    check_sum(path, hashlib.md5(b"abc").hexdigest().upper())
    check_sum(path, hashlib.sha256(b"abc").hexdigest())
    with pytest.raises(ValueError, match="its sha256 is ba7816bf"):
        check_sum(path, "0" * 64)
    with pytest.raises(ValueError, match="hexadecimal"):
        check_sum(path, "0" * 10)


def test_pictures_in_folders(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        (tmp_path / name / "more").mkdir(parents=True)
        image.new("RGB", (5, 4), colour).save(tmp_path / name / "b.png")
        image.new("L", (5, 4), 7).save(tmp_path / name / "more" / "a.PNG")
        (tmp_path / name / "notes.txt").write_text("no picture")
    data = datasets.ImageFolder(tmp_path, transform=transforms.ToTensor())
    assert data.classes == ["blue", "red"] and data.targets == [0, 0, 1, 1] and len(data) == 4
    picture, target = data[2]
    assert picture.shape == (3, 4, 5) and target == 1
    assert picture.array[:, 0, 0].tolist() == [1.0, 0.0, 0.0]
    assert "4 pictures" in repr(data)
    with pytest.raises(ValueError, match="no picture, or damaged"):
        load_picture(tmp_path / "red" / "notes.txt")
    (tmp_path / "green").mkdir()
    with pytest.raises(FileNotFoundError, match="green has no pictures"):
        datasets.ImageFolder(tmp_path)
    assert datasets.ImageFolder(tmp_path, allow_empty=True).class_to_idx["green"] == 1


def test_folders_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        datasets.ImageFolder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="one for each class"):
        datasets.ImageFolder(tmp_path)


def test_pictures_need_pillow(tmp_path, monkeypatch):
    importing = builtins.__import__

    def without(name, *args, **keywords):
        if name == "PIL":
            raise ImportError(name)
        return importing(name, *args, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install pillow"):
        load_picture(tmp_path / "a.png")


# -- transforms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda g: transforms.CenterCrop(3), lambda g: transforms.Resize((4, 7)),
    lambda g: transforms.Resize(3),
    lambda g: transforms.RandomResizedCrop((4, 5), generator=g),
    lambda g: transforms.RandomVerticalFlip(generator=g),
    lambda g: transforms.RandomAffine(30, (0.2, 0.1), (0.5, 2), (5, 10, -5, 5), generator=g),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_transforms_keep_dtype_range_and_kind(make, dtype):
    image = np.random.default_rng(0).integers(0, 255, (3, 6, 8)).astype(dtype)
    before = image.copy()
    results = [make(ag.Generator().manual_seed(4))(image) for _ in range(2)]
    assert (results[0] == results[1]).all() and (image == before).all()
    assert results[0].dtype == dtype and results[0].min() >= 0 and results[0].max() <= 255
    tensor = make(ag.Generator().manual_seed(4))(ag.from_numpy(image))
    assert isinstance(tensor, ag.Tensor) and (tensor.array == results[0]).all()


def test_resizing():
    image = np.arange(24.0).reshape(4, 6)
    assert (transforms.Resize((4, 6))(image) == image).all()
    assert transforms.Resize(8)(image).shape == (8, 12)
    assert np.allclose(transforms.Resize((2, 3))(image), image.reshape(2, 2, 3, 2).mean((1, 3)))
    flat = transforms.RandomResizedCrop(5)(np.full((1, 9, 2), 7.0))
    assert np.allclose(flat, 7.0)


def test_affine_maps():
    image = np.arange(25.0).reshape(1, 5, 5)
    assert (transforms.RandomAffine(0)(image) == image).all()
    turned = transforms.RandomAffine((90, 90))(image)
    assert np.allclose(turned[0], np.rot90(image[0]))
    doubled = transforms.RandomAffine(0, scale=(2, 2))(image)
    assert np.allclose(doubled[0, ::2, ::2], image[0, 1:4, 1:4])
    sheared = transforms.RandomAffine(0, shear=(45, 45))(image)  # a row down is a column right
    assert np.allclose(sheared[0, 3, 1:], image[0, 3, :-1])
    with pytest.raises(ValueError, match="translate"):
        transforms.RandomAffine(0, translate=(2, 0))
    with pytest.raises(ValueError, match="scale"):
        transforms.RandomAffine(0, scale=(0, 1))


def test_shifts_stay_in_range():
    image = np.zeros((1, 9, 9))
    image[0, 4, 4] = 1
    shift = transforms.RandomAffine(0, translate=(0.2, 0), generator=ag.Generator().manual_seed(0))
    for _ in range(20):
        moved = shift(image)[0]
        assert abs(moved[4].sum() - 1) < 1e-9 and abs((moved[4] * np.arange(9)).sum() - 4) <= 1.8


def test_word_replacement():
    words = ["a", "b", "c"] * 100
    swap = transforms.RandomWordReplacement(["x", "y"], 0.3, ag.Generator().manual_seed(0))
    out = swap(words)
    assert isinstance(out, list) and 60 < sum(word in "xy" for word in out) < 120
    assert swap(tuple(words[:3])).__class__ is tuple
    assert transforms.RandomWordReplacement(["x"], 1)("two  words") == "x x x"
    assert transforms.RandomWordReplacement({"a": []}, 1)("a b") == "a b"
    with pytest.raises(ValueError, match="sequence of words"):
        transforms.RandomWordReplacement("xyz")
    with pytest.raises(ValueError, match="probability"):
        transforms.RandomWordReplacement(["x"], 2)


def test_center_crop_needs_room():
    with pytest.raises(ValueError, match="CenterCrop expected at least"):
        transforms.CenterCrop(3)(np.ones((2, 2)))
