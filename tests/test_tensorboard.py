"""Event files: written here, taken apart again by a reader of its own, checksums and all."""

import struct
import zlib

import numpy as np
import pytest

import autograd as ag
import nn
from autograd.utils.tensorboard import SummaryWriter


def crc32c(data):
    """Bit by bit, from the definition."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF


def unmasked(data):
    rotated = struct.unpack("<I", data)[0] - 0xA282EAD8 & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        byte, at, shift = data[at], at + 1, shift + 7
        value |= (byte & 127) << shift - 7
        if byte < 128:
            return value, at


def fields(data):
    """A message's fields: number -> values."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            size, form = {1: (8, "<d"), 5: (4, "<f")}[kind]
            value, at = struct.unpack(form, data[at : at + size])[0], at + size
        found.setdefault(number, []).append(value)
    return found


def events(folder):
    """The (step, tag, value's fields) of all summaries in the only file of a folder."""
    (path,) = folder.iterdir()
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event = data[12 : 12 + length]
        assert unmasked(data[8:12]) == crc32c(data[:8])
        assert unmasked(data[12 + length : 16 + length]) == crc32c(event)
        found.append(fields(event))
        data = data[16 + length :]
    assert found[0][3] == [b"brain.Event:2"]
    values = [(e[2][0], fields(fields(e[5][0])[1][0])) for e in found[1:]]
    return [(step, value[1][0].decode(), value) for step, value in values]


def test_scalars(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", ag.tensor(0.25), 300)
        writer.add_scalars("all", {"a": 1, "b": np.float64(-2)}, 7)
    found = [(step, tag, value[2][0]) for step, tag, value in events(tmp_path)]
    assert found == [(300, "loss", 0.25), (7, "all/a", 1.0), (7, "all/b", -2.0)]


def test_a_scalar_has_one_element_and_may_be_nan(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", float("nan"))
        with pytest.raises(ValueError):
            writer.add_scalar("loss", ag.ones(2))
    [(_, _, value)] = events(tmp_path)
    assert np.isnan(value[2][0])


def test_histograms(tmp_path):
    values = np.random.default_rng(0).normal(size=(30, 7))
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("weights", ag.tensor(values), 2, bins=10)
        with pytest.raises(ValueError, match="finite values for 'bad'"):
            writer.add_histogram("bad", [1.0, np.inf])
        with pytest.raises(ValueError, match="finite"):
            writer.add_histogram("none", [])
    [(step, tag, value)] = events(tmp_path)
    found = fields(value[5][0])
    assert (step, tag) == (2, "weights") and found[3] == [210]
    assert [found[i][0] for i in (1, 2)] == [values.min(), values.max()]
    np.testing.assert_allclose([found[4][0], found[5][0]], [values.sum(), (values**2).sum()])
    limits, counts = (np.frombuffer(found[i][0], "<f8") for i in (6, 7))
    expected, edges = np.histogram(values, 10)
    assert (counts == expected).all() and (limits == edges[1:]).all()


def pixels(data):
    """The bytes of a PNG picture whose lines are not filtered."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            name + body
        )
        chunks[name], at = body, at + 12 + length
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    channels = {0: 1, 2: 3, 6: 4}[kind]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
    lines = lines.reshape(height, 1 + width * channels)
    assert depth == 8 and (lines[:, 0] == 0).all()
    return lines[:, 1:].reshape(height, width, channels)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 256, (channels, 5, 6), np.uint8)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("bytes", image, 1)
        writer.add_image("floats", ag.tensor(image / 255.0), 2)
        writer.add_image("last", image.transpose(1, 2, 0), 3, dataformats="HWC")
    found = events(tmp_path)
    assert [tag for _, tag, _ in found] == ["bytes", "floats", "last"]
    for _, _, value in found:
        message = fields(value[4][0])
        assert [message[i][0] for i in (1, 2, 3)] == [5, 6, channels]
        assert (pixels(message[4][0]) == image.transpose(1, 2, 0)).all()


def test_images_without_channels_and_of_wrong_shapes(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("grey", np.eye(3), dataformats="HW")
        with pytest.raises(ValueError, match=r"shape \(3, 3\) for dataformats='CHW'"):
            writer.add_image("grey", np.eye(3))
        with pytest.raises(ValueError, match="1, 3 or 4 channels, got 2"):
            writer.add_image("two", np.zeros((2, 3, 3)))
    [(_, _, value)] = events(tmp_path)
    assert (pixels(fields(value[4][0])[4][0])[..., 0] == 255 * np.eye(3)).all()


def test_texts_and_figures(tmp_path):
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(1, 0.5), dpi=40)
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("note", "**bold**", 4)
        writer.add_figure("figure", figure, 5)
    (_, note, text), (_, _, drawn) = events(tmp_path)
    assert note == "note/text_summary" and fields(text[8][0])[8] == [b"**bold**"]
    assert fields(fields(text[9][0])[1][0])[1] == [b"text"]
    assert pixels(fields(drawn[4][0])[4][0]).shape == (20, 40, 3)


def test_two_writers_of_one_folder_have_two_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SummaryWriter("here"), SummaryWriter("here"):
        pass
    assert len(list((tmp_path / "here").iterdir())) == 2
    with SummaryWriter() as writer:
        writer.flush()
    assert writer.log_dir.parent.name == "runs" and writer.log_dir.exists()


def test_graph(tmp_path):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            return {"answer": self.layer(self.layer(x).relu().repeat(1, 2)[:, :3])}

    net = Net()
    with SummaryWriter(tmp_path) as writer, ag.no_grad():
        writer.add_graph(net, ag.ones(4, 3))
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    (first,) = struct.unpack("<Q", data[:8])
    event = fields(data[16 + first + 12 : -4])  # what follows the version of the format
    nodes = [fields(node) for node in fields(event[4][0])[1]]
    names = [node[1][0].decode() for node in nodes]
    assert len(set(names)) == len(names)
    assert "Net/layer/weight" in names and names[-1] == "output_0"
    by_name = dict(zip(names, nodes, strict=True))
    assert by_name["Net/layer/weight"][2] == [b"Parameter"]
    linear = [node for node in nodes if node[2] == [b"linear"]]
    assert len(linear) == 2 and all(b"Net/layer/weight" in node[3] for node in linear)
    for node in nodes:
        assert all(source.decode() in names for source in node.get(3, []))
    attribute = fields(linear[0][5][0])
    shape = fields(fields(fields(attribute[2][0])[1][0])[7][0])
    assert attribute[1] == [b"_output_shapes"] and [fields(d)[1][0] for d in shape[2]] == [4, 2]
    with SummaryWriter(tmp_path) as writer, pytest.raises(ValueError, match="no graph"):
        writer.add_graph(nn.ReLU(), ag.ones(2))
