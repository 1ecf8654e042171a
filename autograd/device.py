"""The one device, the CPU. It has a type so that programs which ask for it run unchanged."""

from __future__ import annotations


class device(str):
    """A device by name; anything but the CPU is refused where the name is written.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.device("cuda" if ag.cuda.is_available() else "cpu")
    device(type='cpu')
    """

    __slots__ = ()
    index = None  # type: ignore[assignment]  # PyTorch's meaning, not that of str

    def __new__(cls, type: str = "cpu", index: int = 0):
        if str(type).split(":")[0] != "cpu":
            raise ValueError(
                f"expected device 'cpu', got {str(type)!r}: this library runs on the CPU only"
            )
        return super().__new__(cls, "cpu")

    @property
    def type(self) -> str:
        """Always ``"cpu"``."""
        return "cpu"

    def __repr__(self) -> str:
        return "device(type='cpu')"


CPU = device()


def check_device(value) -> None:
    """Raise unless `value` (None, a name, a device) stands for the CPU."""
    if value is not None:
        device(value)
