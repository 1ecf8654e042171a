"""Noise of several kinds: added, by rectangles, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.transforms.base import BatchTransform, RandomTransform


class GaussianNoise(BatchTransform):
    """Add normal noise of mean `mean` and standard deviation `sigma`.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.GaussianNoise(sigma=0)(np.ones(2))
    array([1., 1.])
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, generator=None):
        super().__init__(generator)
        self.mean, self.sigma = mean, sigma

    def apply_batch(self, images):
        if images.dtype.kind != "f":
            raise TypeError(
                f"GaussianNoise expected floats, got {images.dtype}: use ToTensor first"
            )
        dtype = np.float32 if images.dtype == np.float32 else np.float64
        noise = np.empty(images.shape, dtype)
        self.random.standard_normal(dtype=dtype, out=noise)
        noise *= self.sigma
        noise += self.mean
        return images + noise.astype(images.dtype, copy=False)


class RandomErasing(BatchTransform):
    """With probability `p`, overwrite a rectangle at a random place with `value`.

    Zhong, Zheng, Kang, Li and Yang (2020). The rectangle covers a part between ``scale[0]`` and
    ``scale[1]`` of the image; its height is between ``ratio[0]`` and ``ratio[1]`` times its width.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> erased = transforms.RandomErasing(p=1)(np.ones((1, 8, 8)))
    >>> 0 < int((erased == 0).sum()) < 64
    True
    """

    def __init__(
        self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value: float = 0, generator=None
    ):
        super().__init__(generator)
        self.p, self.scale, self.ratio, self.value = p, tuple(scale), tuple(ratio), value

    def apply_batch(self, images):
        count, (high, wide), random = len(images), images.shape[-2:], self.random
        chosen = random.random(count) < self.p
        (least, most), (flat, tall) = self.scale, np.log(self.ratio)
        area = random.uniform(least, most, count) * high * wide
        ratio = np.exp(random.uniform(flat, tall, count))
        height = np.clip(np.rint(np.sqrt(area * ratio)), 1, high).astype(int)
        width = np.clip(np.rint(np.sqrt(area / ratio)), 1, wide).astype(int)
        top = random.integers(high - height + 1)
        left = random.integers(wide - width + 1)
        out = images.copy()
        for i in np.flatnonzero(chosen):
            out[i, ..., top[i] : top[i] + height[i], left[i] : left[i] + width[i]] = self.value
        return out


class RandomWordReplacement(RandomTransform):
    """Replace each word of a text, or of a list of words, by another with probability `p`.

    Parameters
    ----------
    words : sequence or mapping
        What to replace by: any of these, or, where a mapping from words to sequences knows a word,
        any of its own, such as synonyms; other words stay.
    p : float, default 0.1
    generator : Generator, optional

    Examples
    --------
    >>> from models import transforms
    >>> transforms.RandomWordReplacement({"good": ["fine"]}, p=1)("a good day")
    'a fine day'
    """

    def __init__(self, words: Sequence | Mapping, p: float = 0.1, generator=None):
        super().__init__(generator)
        if isinstance(words, str) or not len(words):
            raise ValueError(f"words expected a sequence of words or a mapping, got {words!r}")
        if not 0 <= p <= 1:
            raise ValueError(f"p expected a probability, got {p}")
        self.words, self.p = words, p

    def __call__(self, text):
        if isinstance(text, str):
            return " ".join(self._replaced(word) for word in text.split(" "))
        return type(text)(self._replaced(word) for word in text)

    def _replaced(self, word):
        if self.random.random() >= self.p:
            return word
        others = self.words.get(word, ()) if isinstance(self.words, Mapping) else self.words
        return others[int(self.random.integers(len(others)))] if len(others) else word
