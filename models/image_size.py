"""What a network says about images that are too small for it, or of another size or shape."""

from __future__ import annotations

from autograd.errors import ShapeError


def expect_images(x, channels: int, smallest: int, hint: str = "") -> None:
    """Refuse what is not a batch of images of at least `smallest` pixels each way.

    Raises
    ------
    ShapeError
        A ValueError that names the shape expected and the one that came.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.image_size import expect_images
    >>> expect_images(ag.zeros(1, 3, 32, 32), 3, 63, "enlarge them")
    Traceback (most recent call last):
    ...
    autograd.errors.ShapeError: expected images (batch, 3, height, width) of at least 63 x 63 \
pixels, got [1, 3, 32, 32]: enlarge them
    """
    if x.ndim != 4 or x.shape[1] != channels or min(x.shape[2:]) < smallest:
        raise ShapeError(
            f"expected images (batch, {channels}, height, width) of at least {smallest} x "
            f"{smallest} pixels, got {list(x.shape)}" + (f": {hint}" if hint else "")
        )


def expect_side(x, channels: int, side: int) -> None:
    """Refuse what is not a batch of square images of just that size.

    Raises
    ------
    ShapeError
        A ValueError that names the shape expected and the one that came.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.image_size import expect_side
    >>> expect_side(ag.zeros(1, 1, 28, 28), 1, 32)
    Traceback (most recent call last):
    ...
    autograd.errors.ShapeError: expected images (batch, 1, 32, 32), got [1, 1, 28, 28]: pad or \
resize them
    """
    if x.ndim != 4 or x.shape[1:] != (channels, side, side):
        raise ShapeError(
            f"expected images (batch, {channels}, {side}, {side}), got {list(x.shape)}: pad or "
            "resize them"
        )
