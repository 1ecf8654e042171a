"""Data sets and transforms: shapes, splits, readers of files on disk and of bad ones."""

import gzip
import struct

import numpy as np
import pytest

import autograd as ag
from autograd.utils.data import DataLoader
from models import datasets, transforms
from models.datasets.mnist import read_idx

# -- digits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8, 28, 32])
def test_digits_are_split_once_and_for_all(size):
    train, test = datasets.digits(True, size), datasets.digits(False, size)
    assert (len(train), len(test)) == (1437, 360)
    image, label = train[0]
    assert image.shape == (1, size, size) and image.dtype == ag.float32
    assert label.dtype == ag.int64 and label.shape == ()
    assert train.classes == list("0123456789")
    assert np.bincount(test.targets.array).tolist() == [39, 37, 47, 28, 42, 32, 37, 27, 30, 41]


def test_digits_are_normalised_by_the_training_part():
    pixels = datasets.digits(size=32).data.array
    assert abs(pixels.mean()) < 1e-5 and abs(pixels.std() - 1) < 1e-5
    raw = datasets.digits(normalise=False).data.array
    assert raw.min() == 0 and raw.max() == 1


def test_enlarged_digits_are_the_small_ones_repeated_in_a_margin():
    small, large = (datasets.digits(size=s, normalise=False).data.array for s in (8, 28))
    assert (large[:, :, 2:-2:3, 2:-2:3] == small).all()
    assert not large[:, :, :2].any() and not large[..., -2:].any()
    with pytest.raises(ValueError, match="even size"):
        datasets.digits(size=7)


def test_digits_come_in_batches():
    images, labels = next(iter(DataLoader(datasets.digits(), 5)))
    assert images.shape == (5, 1, 8, 8) and labels.shape == (5,)


# -- points and text -------------------------------------------------------------------------------


@pytest.mark.parametrize("make, classes", [("moons", 2), ("circles", 2), ("spirals", 3)])
def test_points_are_balanced_and_settled_by_the_generator(make, classes):
    make = getattr(datasets, make)
    a, b = (make(101, generator=ag.Generator().manual_seed(3)) for _ in range(2))
    assert (a.data.array == b.data.array).all() and a.data.dtype == ag.float32
    counts = np.bincount(a.targets.array)
    assert len(counts) == classes and counts.max() - counts.min() <= 1
    other = make(101, generator=ag.Generator().manual_seed(4))
    assert (a.data.array != other.data.array).any()


def test_pydoc_text_is_plain_and_long():
    text = datasets.read_text("pydoc")
    assert text.isascii() and len(text) > 300_000
    assert datasets.ascii_fold("Caf\u00e9 \u2192 na\u00efve") == "Cafe  naive"


def test_own_text_is_taken_as_it_is(tmp_path):
    (tmp_path / "own.txt").write_text("\u4f60\u597d", encoding="utf-8")
    assert datasets.read_text(tmp_path / "own.txt") == "\u4f60\u597d"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"\xff\xfe\x00", "not text in UTF-8"), (None, "No such file")],
)
def test_text_that_is_none(tmp_path, content, message):
    file = tmp_path / "own.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        datasets.read_text(file)


def test_windows_follow_one_another():
    pieces = datasets.Windows(np.arange(10), context=4, stride=3)
    assert [[t.tolist() for t in pieces[i]] for i in (0, -1)] == [
        [[0, 1, 2, 3], [1, 2, 3, 4]],
        [[3, 4, 5, 6], [4, 5, 6, 7]],
    ]
    assert len(datasets.Windows(np.arange(5), context=4)) == 1
    with pytest.raises(IndexError):
        pieces[2]


def test_a_text_shorter_than_the_context():
    with pytest.raises(ValueError, match="4 tokens here, too few for one piece of 4"):
        datasets.Windows(np.arange(4), context=4)


def test_an_unknown_character_is_named():
    with pytest.raises(ValueError, match=r"does not know the character 'x' .place 2 of"):
        datasets.Alphabet("ab").encode("abx")
    with pytest.raises(ValueError, match="once"):
        datasets.Alphabet("aa")


def test_training_and_testing_characters_share_none():
    train, test = datasets.characters(True, context=64), datasets.characters(False, context=64)
    assert len(train.tokens) + len(test.tokens) == len(datasets.pydoc_text())
    assert 8.5 < len(train) / len(test) < 9.5


def test_an_example_needs_a_label():
    with pytest.raises(ValueError, match="label for every example, got 2 and 1"):
        datasets.Labelled(np.zeros(2), [0], ["a"])


# -- readers ---------------------------------------------------------------------------------------


def idx(array: np.ndarray, code: int = 0x08) -> bytes:
    head = struct.pack(">HBB", 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


@pytest.fixture
def mnist_folder(tmp_path):
    rng = np.random.default_rng(0)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 6), ("t10k", 3)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


def test_mnist_is_read_plain_and_zipped(mnist_folder):
    train = datasets.MNIST(mnist_folder, transform=transforms.ToTensor())
    assert len(train) == 6 and len(datasets.MNIST(mnist_folder, train=False)) == 3
    image, label = train[2]
    assert image.shape == (1, 28, 28) and 0 <= float(image.max()) <= 1 and 0 <= int(label) < 10
    flipped = datasets.MNIST(mnist_folder, target_transform=lambda t: -t)
    assert int(flipped[2][1]) == -int(label)


def test_mnist_as_a_recipe_wants_it(mnist_folder):
    data = datasets.images(True, "mnist", 32, str(mnist_folder))
    assert data[0][0].shape == (1, 32, 32)
    with pytest.raises(ValueError, match="even margin"):
        datasets.images(True, "mnist", 27, str(mnist_folder))
    with pytest.raises(ValueError, match="no image set is called 'mnits'"):
        datasets.images(True, "mnits")


def test_missing_files_are_listed_with_folder_and_sums(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError) as caught:
        datasets.MNIST(tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "MNIST" / "raw") in message
    for part in (
        "train-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    ):
        assert part in message
    monkeypatch.setenv("NUMBAGRAD_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        datasets.FashionMNIST()
    with pytest.raises(FileNotFoundError, match="cifar-10-batches-bin"):
        datasets.CIFAR10(tmp_path)
    with pytest.raises(NotImplementedError, match="not downloaded"):
        datasets.MNIST(tmp_path, download=True)


def test_cifar_records(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    record = np.zeros((2, 3073), np.uint8)
    record[1, 0], record[1, 1] = 9, 200
    record.tofile(folder / "test_batch.bin")
    data = datasets.CIFAR10(tmp_path, train=False)
    image, label = data[1]
    assert image.shape == (3, 32, 32) and int(image[0, 0, 0]) == 200
    assert data.classes[int(label)] == "truck"
    (folder / "test_batch.bin").write_bytes(b"short")
    with pytest.raises(ValueError, match="cut short"):
        datasets.CIFAR10(tmp_path, train=False)


@pytest.mark.parametrize("zipped", [False, True])
def test_damaged_idx_files_are_refused(tmp_path, zipped):
    whole = idx(np.arange(12, dtype=np.uint8).reshape(3, 4))
    path = tmp_path / ("x.gz" if zipped else "x")
    pack = gzip.compress if zipped else bytes
    path.write_bytes(pack(whole))
    assert read_idx(path).tolist() == np.arange(12).reshape(3, 4).tolist()
    for broken in (b"", whole[:3], whole[:9], whole[:-1], whole + b"x", b"GIF89a" + whole):
        path.write_bytes(pack(broken))
        with pytest.raises(ValueError, match="no IDX file"):
            read_idx(path)
    if zipped:
        path.write_bytes(gzip.compress(whole)[:-4])
        with pytest.raises(ValueError, match="no IDX file"):
            read_idx(path)


def test_idx_numbers_are_big_endian(tmp_path):
    (tmp_path / "x").write_bytes(idx(np.array([1.5, -2.0], ">f4"), 0x0D))
    array = read_idx(tmp_path / "x")
    assert array.dtype == np.float32 and array.tolist() == [1.5, -2.0]


# -- transforms ------------------------------------------------------------------------------------


def seeded(kind, *args, **keywords):
    return kind(*args, **keywords, generator=ag.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: seeded(transforms.RandomCrop, 6, padding=1),
        lambda: seeded(transforms.RandomHorizontalFlip),
        lambda: seeded(transforms.RandomRotation, 30),
        lambda: seeded(transforms.GaussianNoise),
        lambda: seeded(transforms.RandomErasing, p=1),
    ],
)
def test_random_transforms_keep_the_kind_and_obey_the_generator(make):
    image = np.random.default_rng(0).random((2, 6, 6), dtype=np.float32)
    first, second = make(), make()
    for _ in range(3):
        out = first(image)
        assert isinstance(out, np.ndarray) and out.shape == image.shape and out.dtype == image.dtype
        assert (second(ag.from_numpy(image)).array == out).all()
    before = image.copy()
    first(image)
    assert (image == before).all()


def test_random_transforms_follow_the_default_seed():
    noise, image = transforms.GaussianNoise(), np.zeros(3)
    ag.manual_seed(5)
    first = noise(image)
    ag.manual_seed(5)
    assert (noise(image) == first).all()


def test_rotation_by_quarter_turns_is_exact():
    image = np.arange(12.0).reshape(1, 3, 4)[..., :3]
    for turns in range(4):
        turned = transforms.RandomRotation((90 * turns, 90 * turns))(image)
        assert np.allclose(turned[0], np.rot90(image[0], turns))


def test_to_tensor_and_normalize():
    picture = np.full((4, 5, 3), 255, np.uint8)
    out = transforms.ToTensor()(picture)
    assert out.shape == (3, 4, 5) and out.dtype == ag.float32 and float(out.min()) == 1.0
    out = transforms.Normalize((1, 1, 0), (1, 1, 2))(out)
    assert out.array[:, 0, 0].tolist() == [0.0, 0.0, 0.5]
    with pytest.raises(ValueError, match="above 0"):
        transforms.Normalize(0, 0)
    with pytest.raises(ValueError, match="2 or 3 axes"):
        transforms.ToTensor()(np.zeros(3))
    with pytest.raises(TypeError, match="ToTensor first"):
        transforms.GaussianNoise()(picture)


def test_pad_and_crop_bounds():
    image = np.ones((1, 2, 2))
    assert transforms.Pad((1, 0, 2, 3), fill=7)(image).shape == (1, 5, 5)
    assert transforms.Pad((1, 2))(image).shape == (1, 6, 4)
    with pytest.raises(ValueError, match="1, 2 or 4 widths"):
        transforms.Pad((1, 2, 3))
    with pytest.raises(ValueError, match="at least"):
        transforms.RandomCrop(3)(image)


def test_transforms_show_themselves():
    both = transforms.Compose([transforms.Pad(1), transforms.RandomCrop(8)])
    assert "Pad(padding=(1, 1, 1, 1)" in repr(both) and "RandomCrop(size=(8, 8)" in repr(both)
