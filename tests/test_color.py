"""Jitter of colours: every pixel against the standard library's, ranges, order and refusals."""

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
from models import transforms
from models.transforms import color

COLOURS = np.random.default_rng(0).random((3, 4, 5))
COLOURS[:, 0] = COLOURS[0, 0]  # greys
COLOURS[1:, 1] = 0.25  # two channels equal
COLOURS[:, 2, 0], COLOURS[:, 2, 1] = 0, 1


def pixels(image):
    return image.reshape(3, -1).T


@given(st.floats(-0.5, 0.5))
def test_hues_are_those_of_the_standard_library(part):
    for before, after in zip(pixels(COLOURS), pixels(color.turned(COLOURS, part)), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        expected = colorsys.hsv_to_rgb((hue + part) % 1, saturation, value)
        np.testing.assert_allclose(after, expected, atol=1e-9)


def test_the_other_three():
    grey = pixels(COLOURS) @ color.LUMA
    bright = color.brightened(COLOURS, 1.7)
    np.testing.assert_allclose(bright, np.minimum(COLOURS * 1.7, 1))
    np.testing.assert_allclose(color.contrasted(COLOURS, 0.0), np.full((3, 4, 5), grey.mean()))
    np.testing.assert_allclose(pixels(color.saturated(COLOURS, 0.0)), np.stack([grey] * 3, 1))
    halfway = pixels(color.saturated(COLOURS, 0.5))
    np.testing.assert_allclose(halfway, (pixels(COLOURS) + grey[:, None]) / 2)
    for change in (color.brightened, color.contrasted, color.saturated):
        np.testing.assert_allclose(change(COLOURS, 1.0), COLOURS, atol=1e-12)
        assert change(COLOURS, 5.0).max() <= 1 and change(COLOURS, 5.0).min() >= 0


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_jitter_keeps_dtype_range_and_kind(dtype, channels):
    most = 255 if dtype == np.uint8 else 1
    image = (np.random.default_rng(1).random((channels, 6, 5)) * most).astype(dtype)

    def jitter(given, seed=3):
        generator = ag.Generator().manual_seed(seed)
        return transforms.ColorJitter(0.9, (0.5, 2), 0.9, 0.5, generator=generator)(given)

    first = jitter(image)
    assert first.dtype == dtype and first.shape == image.shape
    assert first.min() >= 0 and first.max() <= most
    assert (jitter(image) == first).all() and not (jitter(image, 4) == first).all()
    tensor = jitter(ag.from_numpy(image))
    assert isinstance(tensor, ag.Tensor) and (tensor.array == first).all()
    assert (transforms.ColorJitter()(image) == image).all()


def test_one_channel_has_no_colour():
    image = np.random.default_rng(1).random((1, 3, 3))
    np.testing.assert_allclose(transforms.ColorJitter(0, 0, 0.9, 0.5)(image), image, rtol=1e-12)


def test_ranges():
    jitter = transforms.ColorJitter(0.3, 2, (0.5, 0.5), 0.1)
    assert jitter.brightness == (0.7, 1.3) and jitter.contrast == (0.0, 3)
    assert jitter.saturation == (0.5, 0.5) and jitter.hue == (-0.1, 0.1)
    ag.manual_seed(0)
    factors = [transforms.ColorJitter(0.5)(np.full((3, 1, 1), 0.5)).max() for _ in range(300)]
    assert 0.25 <= min(factors) < 0.27 and 0.73 < max(factors) <= 0.75


@pytest.mark.parametrize(
    "wrong",
    [
        {"brightness": -1},
        {"contrast": (-1, 1)},
        {"saturation": (2, 1)},
        {"hue": 0.6},
        {"hue": (-1, 0)},
    ],
    ids=str,
)
def test_what_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        transforms.ColorJitter(**wrong)
    with pytest.raises(ValueError, match="1 or 3 channels"):
        transforms.ColorJitter()(np.zeros((2, 3, 3)))
