"""Transforms of whole batches: every image as if it came alone, by random numbers of its own."""

import numpy as np
import pytest

import autograd as ag
from autograd.utils.data import DataLoader, Subset
from models import datasets, transforms
from models.datasets import Labelled

IMAGES = np.random.default_rng(0).random((6, 2, 7, 9)).astype(np.float32)
SURE = {  # what does the same to every image, or surely something
    "Normalize": lambda: transforms.Normalize((0.5, 0.2), 0.5),
    "Pad": lambda: transforms.Pad(1, fill=3),
    "CenterCrop": lambda: transforms.CenterCrop((3, 4)),
    "Resize": lambda: transforms.Resize((5, 4)),
    "Lambda": lambda: transforms.Lambda(lambda image: 2 * image),
    "flip": lambda: transforms.RandomHorizontalFlip(p=1),
    "upside down": lambda: transforms.RandomVerticalFlip(p=1),
    "rotation": lambda: transforms.RandomRotation((30, 30), fill=0.5),
    "affine": lambda: transforms.RandomAffine((10, 10), None, (1.2, 1.2), (5, 5, -3, -3)),
    "noise": lambda: transforms.GaussianNoise(mean=2, sigma=0),
    "crop": lambda: transforms.RandomCrop((9, 11), padding=1),
    "not erased": lambda: transforms.RandomErasing(p=0),
    "composed": lambda: transforms.Compose([transforms.Pad(1), transforms.CenterCrop(5)]),
}
RANDOM = {
    "flip": lambda g: transforms.RandomHorizontalFlip(generator=g),
    "upside down": lambda g: transforms.RandomVerticalFlip(generator=g),
    "rotation": lambda g: transforms.RandomRotation(40, generator=g),
    "affine": lambda g: transforms.RandomAffine(9, (0.2, 0.2), (0.8, 1.2), 5, generator=g),
    "noise": lambda g: transforms.GaussianNoise(generator=g),
    "crop": lambda g: transforms.RandomCrop(5, padding=1, generator=g),
    "erasing": lambda g: transforms.RandomErasing(0.9, generator=g),
    "resized crop": lambda g: transforms.RandomResizedCrop(5, generator=g),
}


@pytest.mark.parametrize("name", SURE)
def test_a_batch_is_its_images(name):
    transform, before = SURE[name](), IMAGES.copy()
    expected = np.stack([transform(image) for image in IMAGES])
    got = transform.batch(IMAGES)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert got.dtype == IMAGES.dtype and (before == IMAGES).all()
    as_tensor = transform.batch(ag.from_numpy(IMAGES))
    assert isinstance(as_tensor, ag.Tensor) and (as_tensor.array == got).all()


@pytest.mark.parametrize("name", RANDOM)
def test_images_of_a_batch_get_numbers_of_their_own(name):
    same = np.repeat(IMAGES[:1], 20, 0)
    first, again = (RANDOM[name](ag.Generator().manual_seed(5)).batch(same) for _ in range(2))
    assert (first == again).all() and len({image.tobytes() for image in first}) > 1


def test_rotation_of_a_batch_in_float64_is_exact_at_quarter_turns():
    images = IMAGES[:, :, :, :7].astype(np.float64)
    turned = transforms.RandomRotation((90, 90)).batch(images)
    assert (turned == np.rot90(images, axes=(2, 3))).all()


def test_any_function_can_be_applied_to_a_batch():
    assert transforms.batched(lambda image: image.sum(), ag.ones(2, 3)).tolist() == [3, 3]
    tensors = transforms.ToTensor().batch(np.full((2, 4, 5, 3), 255, np.uint8))
    assert tensors.shape == (2, 3, 4, 5) and (tensors == 1).all()
    with pytest.raises(NotImplementedError, match="BatchTransform does not define apply_batch"):
        transforms.BatchTransform()(IMAGES[0])


# -- batches of labelled examples ------------------------------------------------------------------


def test_labelled_examples_come_in_the_same_batches_at_once_or_one_by_one():
    data = datasets.digits()
    one_by_one = datasets.digits(transform=lambda image: image)
    assert data.rows is not None and one_by_one.rows is None
    part = range(5, 305, 3)
    for fast, slow in zip(
        DataLoader(Subset(data, part), 32), DataLoader(Subset(one_by_one, part), 32), strict=True
    ):
        for a, b in zip(fast, slow, strict=True):
            assert a.dtype == b.dtype and (a.array == b.array).all()


def test_what_a_subclass_does_to_examples_is_not_passed_over():
    class Doubled(Labelled):
        def __getitem__(self, index):
            input, target = super().__getitem__(index)
            return 2 * input, target

    data = Doubled(np.ones((4, 2), np.float32), [0, 1, 0, 1], ["a", "b"])
    inputs, _ = next(iter(DataLoader(data, 4)))
    assert (inputs == 2).all()
