"""What transforms have in common, and those that do not change where things are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import autograd as ag


class Transform:
    """A function on images; subclasses define `apply` on arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from models.transforms import Transform
    >>> class Invert(Transform):
    ...     def apply(self, image):
    ...         return 1 - image
    >>> Invert()(np.ones(2))
    array([0., 0.])
    """

    def __call__(self, image):
        if isinstance(image, ag.Tensor):
            return ag.as_tensor(self.apply(image.array))
        return self.apply(image)

    def batch(self, images):
        """Transform a batch, of shape (N, ...): every image by random numbers of its own."""
        if isinstance(images, ag.Tensor):
            return ag.as_tensor(self.apply_batch(images.array))
        return self.apply_batch(images)

    def apply(self, image: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} does not define apply()")

    def apply_batch(self, images: np.ndarray) -> np.ndarray:
        return np.stack([self.apply(image) for image in images])

    def __repr__(self) -> str:
        shown = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


class RandomTransform(Transform):
    """A transform that draws its random numbers from `generator`."""

    def __init__(self, generator: ag.Generator | None = None):
        self._generator = generator

    @property
    def random(self) -> np.random.Generator:
        """The stream to draw from."""
        return (self._generator or ag.default_generator()).numpy


class BatchTransform(RandomTransform):
    """A random transform that is written for batches, at whose speed no training step waits for it.

    Subclasses define `apply_batch` on arrays of shape (N, ...); one image is a batch of one.
    """

    def apply(self, image):
        return self.apply_batch(image[None])[0]

    def apply_batch(self, images: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} does not define apply_batch()")


def batched(transform: Callable, images):
    """Apply any function of one image to a batch of them, by its `batch` if it has one.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.transforms import batched
    >>> batched(lambda image: image.sum(), ag.ones(2, 3))
    tensor([3., 3.])
    """
    if isinstance(transform, Transform):
        return transform.batch(images)
    return ag.stack([transform(image) for image in images])


class Compose(Transform):
    """Apply several transforms in turn.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> both = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    >>> both(np.array([[0, 255]], dtype=np.uint8))
    tensor([[[-1.,  1.]]], shape=(1, 1, 2))
    """

    def __init__(self, transforms: Sequence[Callable]):
        self.transforms = list(transforms)

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image

    def batch(self, images):
        for transform in self.transforms:
            images = batched(transform, images)
        return images


class Lambda(Transform):
    """Apply any function.

    Examples
    --------
    >>> from models import transforms
    >>> transforms.Lambda(lambda image: image + 1)(1)
    2
    """

    def __init__(self, lambd: Callable[[Any], Any]):
        self.lambd = lambd

    def __call__(self, image):
        return self.lambd(image)

    def batch(self, images):
        return batched(self.lambd, images)


class ToTensor(Transform):
    """Make a float tensor of shape (channels, height, width); bytes become numbers from 0 to 1.

    An array is taken as height x width (x channels), a tensor as (channels x) height x width.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.ToTensor()(np.zeros((5, 4, 3), np.uint8)).shape
    (3, 5, 4)
    """

    def __call__(self, image) -> ag.Tensor:
        array = image.array if isinstance(image, ag.Tensor) else np.asarray(image)
        if array.ndim not in (2, 3):
            raise ValueError(f"ToTensor expected an image of 2 or 3 axes, got shape {array.shape}")
        if array.ndim == 2:
            array = array[None]
        elif not isinstance(image, ag.Tensor):
            array = array.transpose(2, 0, 1)
        dtype = ag.get_default_dtype()
        scale = 255 if array.dtype == np.uint8 else 1
        return ag.from_numpy(np.ascontiguousarray(array, dtype) / dtype.type(scale))

    def batch(self, images) -> ag.Tensor:
        return ag.stack([self(image) for image in images])


class Normalize(Transform):
    """Subtract `mean` and divide by `std`: one number, or one for each channel.

    Examples
    --------
    >>> import autograd as ag
    >>> from models import transforms
    >>> transforms.Normalize((0.0, 1.0), (1.0, 2.0))(ag.ones(2, 1, 1)).reshape(-1)
    tensor([1., 0.])
    """

    def __init__(self, mean, std):
        self.mean, self.std = mean, std
        if not np.all(np.asarray(std) > 0):
            raise ValueError(f"Normalize expected standard deviations above 0, got {std}")

    def apply(self, image):
        mean = np.asarray(self.mean, image.dtype).reshape(-1, 1, 1)
        std = np.asarray(self.std, image.dtype).reshape(-1, 1, 1)
        return (image - mean) / std

    apply_batch = apply
