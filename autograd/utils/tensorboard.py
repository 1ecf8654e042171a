"""Event files for TensorBoard, written without it: numbers, histograms, images, texts, graphs.

An event file is a row of records: the length, the bytes of a protocol-buffer message, and a
checksum of each. The few messages needed are put together here by hand; the formats are those of
tensorboard/compat/proto (event.proto, summary.proto, tensor.proto, graph.proto), of Protocol
Buffers' wire encoding, and of TFRecord, whose checksum is CRC-32C "masked" by a rotation and a
constant.
"""

from __future__ import annotations

import os
import socket
import struct
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autograd.graph_reading import origin, read
from autograd.mode import enable_grad
from autograd.tensor import Tensor

POLYNOMIAL = 0x82F63B78  # of CRC-32C, Castagnoli's, its bits reversed
FLOAT, STRING = 1, 7  # DT_FLOAT and DT_STRING of types.proto


class SummaryWriter:
    """Write what TensorBoard shows, with PyTorch's names; a context manager.

    Parameters
    ----------
    log_dir : path, optional
        Where the file goes; default: ``runs/<time>_<machine>``. ``tensorboard --logdir runs``
        shows what lies there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from autograd.utils.tensorboard import SummaryWriter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with SummaryWriter(folder) as writer:
    ...         for step in range(3):
    ...             writer.add_scalar("loss", 1 / (step + 1), step)
    ...     [file.name.split(".")[2] for file in Path(folder).iterdir()]
    ['tfevents']
    """

    made = 0  # writers, so that two of one second have different files

    def __init__(self, log_dir: str | os.PathLike | None = None):
        stamp = time.strftime("%b%d_%H-%M-%S")
        self.log_dir = Path(log_dir or f"runs/{stamp}_{socket.gethostname()}")
        self.log_dir.mkdir(parents=True, exist_ok=True)
        SummaryWriter.made += 1
        place = f"{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{SummaryWriter.made}"
        self.file = open(self.log_dir / f"events.out.tfevents.{place}", "wb")  # noqa: SIM115
        self._write(_bytes(3, b"brain.Event:2"), None, None)

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int | None = None,
                   walltime: float | None = None) -> None:  # fmt: skip
        """Add a point to the curve of this name."""
        self._add(tag, _float(2, _number(scalar_value)), global_step, walltime)

    def add_scalars(self, main_tag: str, tag_scalar_dict: Mapping[str, Any],
                    global_step: int | None = None,
                    walltime: float | None = None) -> None:  # fmt: skip
        """Add a point to each of several curves, named ``main_tag/key``."""
        for key, value in tag_scalar_dict.items():
            self.add_scalar(f"{main_tag}/{key}", value, global_step, walltime)

    def add_histogram(self, tag: str, values: Any, global_step: int | None = None,
                      bins: Any = 64, walltime: float | None = None) -> None:  # fmt: skip
        """Add the distribution of an array's values; `bins` are those of ``np.histogram``.

        Raises
        ------
        ValueError
            If there are no values, or one of them is not finite.
        """
        values = np.asarray(_array(values), np.float64).ravel()
        if not values.size or not np.isfinite(values).all():
            raise ValueError(f"add_histogram expected finite values for {tag!r}, got {values}")
        counts, edges = np.histogram(values, bins)
        message = b"".join(
            [_double(1, values.min()), _double(2, values.max()), _double(3, values.size),
             _double(4, values.sum()), _double(5, values @ values),
             _bytes(6, edges[1:].astype("<f8").tobytes()),
             _bytes(7, counts.astype("<f8").tobytes())]
        )  # fmt: skip
        self._add(tag, _bytes(5, message), global_step, walltime)

    def add_image(self, tag: str, img_tensor: Any, global_step: int | None = None,
                  walltime: float | None = None, dataformats: str = "CHW") -> None:  # fmt: skip
        """Add a picture of 1, 3 or 4 channels: uint8, or floats from 0 to 1.

        Raises
        ------
        ValueError
            If the shape does not fit `dataformats`: "CHW", "HWC" or "HW".
        """
        image = _array(img_tensor)
        if dataformats not in ("CHW", "HWC", "HW") or image.ndim != len(dataformats):
            raise ValueError(f"add_image got shape {image.shape} for dataformats={dataformats!r}")
        image = image.transpose(1, 2, 0) if dataformats == "CHW" else image
        image = image[..., None] if dataformats == "HW" else image
        if image.dtype != np.uint8:
            image = (image.clip(0, 1) * 255 + 0.5).astype(np.uint8)
        height, width, channels = image.shape
        message = b"".join(
            [_int(1, height), _int(2, width), _int(3, channels), _bytes(4, png(image))]
        )
        self._add(tag, _bytes(4, message), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: int | None = None,
                 walltime: float | None = None) -> None:  # fmt: skip
        """Add a text, shown as Markdown."""
        tensor = (
            _int(1, STRING) + _bytes(2, _bytes(2, _int(1, 1))) + _bytes(8, text_string.encode())
        )
        plugin = _bytes(9, _bytes(1, _bytes(1, b"text")))
        self._add(f"{tag}/text_summary", plugin + _bytes(8, tensor), global_step, walltime)

    def add_figure(self, tag: str, figure: Any, global_step: int | None = None,
                   walltime: float | None = None) -> None:  # fmt: skip
        """Add a matplotlib figure, such as those of `nn.utils.plots`, as a picture."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        self.add_image(tag, pixels, global_step, walltime, dataformats="HWC")

    def add_graph(self, model: Any, input_to_model: Any = None) -> None:
        """Add how a model computes its output, grouped by layer: the tab "Graphs".

        The model is called once. Of the graph that this records, operations and parameters become
        nodes; only what leads to the output by way of gradients is seen.

        Parameters
        ----------
        model : Module
        input_to_model : Tensor or tuple of Tensor

        Raises
        ------
        ValueError
            If the output does not require grad, so that there is no graph.

        Examples
        --------
        >>> import tempfile
        >>> import autograd as ag, nn
        >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
        ...     writer.add_graph(nn.Linear(3, 2), ag.ones(1, 3))
        """
        given = input_to_model if isinstance(input_to_model, (tuple, list)) else (input_to_model,)
        with enable_grad():
            made = model(*given)
        outputs = [t for t in _tensors(made) if t.node is not None]
        if not outputs:
            raise ValueError(
                "add_graph expected a model whose output requires grad: it has no graph"
            )
        self._write(_bytes(4, _graph(outputs, dict(model.named_parameters()))), None, None)

    def flush(self) -> None:
        """See to it that all is on the disk."""
        self.file.flush()

    def close(self) -> None:
        """Finish the file."""
        self.file.close()

    def _add(self, tag: str, content: bytes, step, walltime) -> None:
        """Write an event with a summary of one value."""
        self._write(_bytes(5, _bytes(1, _bytes(1, tag.encode()) + content)), step, walltime)

    def _write(self, what: bytes, step: int | None, walltime: float | None) -> None:
        event = (
            _double(1, time.time() if walltime is None else walltime) + _int(2, step or 0) + what
        )
        length = struct.pack("<Q", len(event))
        self.file.write(length + _check(length) + event + _check(event))


def _array(value: Any) -> np.ndarray:
    """A Tensor, or what NumPy takes, as an array."""
    return np.asarray(getattr(value, "array", value))


def _number(value: Any) -> float:
    return float(_array(value).item())


# -- protocol buffers: a field is its number and kind, and then the value --------------------------


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more are to come."""
    number &= 2**64 - 1  # negative numbers as two's complement
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + np.float32(value).tobytes()


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


# -- graphs ----------------------------------------------------------------------------------------


def _tensors(value: Any) -> list[Tensor]:
    """The tensors in what a model returned."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value
    inside = isinstance(value, (Mapping, tuple, list))
    return [tensor for part in parts for tensor in _tensors(part)] if inside else []


def _graph(outputs: list[Tensor], named: Mapping[str, Tensor]) -> bytes:
    """A GraphDef (graph.proto): TensorBoard draws what names have in common as one box."""
    reading = read(outputs, named)
    names = {}
    for number, node in enumerate(reading.order):
        title = reading.names.get(node, node.name()).rpartition(".")[2]
        title = title if node in reading.names else f"{title}_{number}"
        names[node] = "/".join([*reading.paths[node], title])
    inputs: dict[Any, list[str]] = {node: [] for node in reading.order}
    for source, target in reading.arrows:
        inputs[target].append(names[source])
    nodes = [
        (names[node], "Parameter" if node in reading.names else node.name(), inputs[node], like)
        for node in reading.order
        for like in [sorted(reading.values[node].items())]
    ]
    nodes += [
        (f"output_{i}", "Output", [names[origin(t.node)[0]]], [(0, (t.shape, t.dtype))])
        for i, t in enumerate(outputs)
    ]
    return b"".join(_bytes(1, _node(*node)) for node in nodes)


def _node(name: str, op: str, inputs: list[str], values: list) -> bytes:
    """A NodeDef (node_def.proto), with the shapes of its outputs."""
    shapes = b"".join(
        _bytes(7, b"".join(_bytes(2, _int(1, size)) for size in shape)) for _, (shape, _) in values
    )
    attribute = _bytes(1, b"_output_shapes") + _bytes(2, _bytes(1, shapes))
    sources = b"".join(_bytes(3, source.encode()) for source in inputs)
    return _bytes(1, name.encode()) + _bytes(2, op.encode()) + sources + _bytes(5, attribute)


# -- checksums and pictures ------------------------------------------------------------------------


def _table() -> list[int]:
    """What each byte does to the checksum."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = _table()


def crc32c(data: bytes) -> int:
    """The CRC-32C of some bytes.

    Examples
    --------
    >>> from autograd.utils.tensorboard import crc32c
    >>> hex(crc32c(b"123456789"))  # the check value of RFC 3720's polynomial
    '0xe3069283'
    """
    crc, table = 0xFFFFFFFF, TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _check(data: bytes) -> bytes:
    """The masked checksum that follows data in a record."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def png(image: np.ndarray) -> bytes:
    """A PNG file of an image of shape (height, width, 1, 3 or 4), uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd.utils.tensorboard import png
    >>> png(np.zeros((2, 2, 3), np.uint8))[1:4]
    b'PNG'
    """
    kinds = {1: 0, 3: 2, 4: 6}  # grey, colours, colours with opacity
    height, width, channels = image.shape
    if channels not in kinds:
        raise ValueError(f"a picture has 1, 3 or 4 channels, got {channels}")

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, kinds[channels], 0, 0, 0)
    lines = b"".join(b"\0" + line.tobytes() for line in image)  # 0: pixels as they are
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
