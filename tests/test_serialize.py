"""Files: what is written comes back; what is damaged or foreign is refused with advice."""

import os
import pickle
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autograd as ag
import nn
from autograd import serialize
from autograd.serialize import CheckpointError


def same(a, b) -> bool:
    """Deep equality that distinguishes types, and NaN from nothing."""
    if type(a) is not type(b):
        return False
    if isinstance(a, ag.Tensor):
        a, b = a.array, b.array
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


dtypes = st.sampled_from(["bool", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8"])
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
tensors = arrays.map(ag.from_numpy)
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
keys = st.text(max_size=4) | st.integers(-3, 3) | st.sampled_from(["__array__", "__tuple__", "a/b"])
states = st.recursive(
    plain | tensors | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(state=states)
def test_a_checkpoint_comes_back_as_it_was(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "last.safetensors"
    serialize.save_checkpoint(state, path)
    assert same(serialize.load_checkpoint(path), state)


def test_no_length_of_the_header_is_taken_for_a_pickle(tmp_path):
    # A file begins with the header's length, a multiple of 8; a pickle begins with the byte 0x80.
    first = set()
    for length in range(0, 264, 8):
        path = tmp_path / f"{length}.safetensors"
        serialize.save_checkpoint({"x": ag.ones(1), "text": "x" * length}, path)
        assert same(serialize.load_checkpoint(path)["text"], "x" * length)
        first.add(path.read_bytes()[0])
    assert 0x80 in first


def test_colliding_places_do_not_overwrite_each_other(tmp_path):
    state = {"a/b": ag.zeros(1), "a": {"b": ag.ones(1)}}
    serialize.save_checkpoint(state, tmp_path / "c")
    assert same(serialize.load_checkpoint(tmp_path / "c"), state)


def test_weights_come_back_and_are_plain_safetensors(tmp_path):
    from safetensors import safe_open

    path = tmp_path / "model.safetensors"
    state = {"w": ag.randn(3, 2), "steps": ag.tensor(7), "empty": ag.zeros(0, 2)}
    serialize.save(state, path)
    back = serialize.load(path)  # in an order of its own
    assert same({name: back[name] for name in state}, state)
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}


def test_arrays_that_are_not_in_c_order_are_written_in_it(tmp_path):
    array = np.arange(6.0).reshape(2, 3)
    serialize.save({"t": array.T, "s": array[:, ::2]}, tmp_path / "x")
    back = serialize.load(tmp_path / "x")
    assert (back["t"].array == array.T).all() and (back["s"].array == array[:, ::2]).all()


def test_loaded_tensors_can_be_written_to(tmp_path):
    serialize.save({"w": ag.zeros(2)}, tmp_path / "x")
    back = serialize.load(tmp_path / "x")["w"]
    back += 1
    assert back.tolist() == [1.0, 1.0]


def test_every_cut_and_every_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "last.safetensors"
    state = {"w": ag.ones(4), "epoch": 3}
    serialize.save_checkpoint(state, path)
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"corrupt checkpoint.*earlier checkpoint"):
            serialize.load_checkpoint(path)
    for place in range(8, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        try:
            back = serialize.load_checkpoint(path)
        except CheckpointError:
            continue
        assert same(back, state)  # a byte that means nothing here, such as padding


def test_foreign_files_are_refused_with_a_reason(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(pickle.dumps({"w": 1}))
    with pytest.raises(CheckpointError, match="pickle"):
        serialize.load(path)
    path.write_bytes(b"PK\x03\x04 what torch.save writes")
    with pytest.raises(CheckpointError, match=r"models\.load_weights"):
        serialize.load(path)
    path.write_text("not at all a tensor file, but long enough to have a header\n")
    with pytest.raises(CheckpointError, match="corrupt checkpoint"):
        serialize.load(path)
    serialize.save({"w": ag.ones(1)}, path)
    with pytest.raises(CheckpointError, match="bare weights"):
        serialize.load_checkpoint(path)
    serialize.save({}, path, {"checkpoint": "numbagrad-checkpoint-99"})
    with pytest.raises(CheckpointError, match="99"):
        serialize.load_checkpoint(path)
    with pytest.raises(FileNotFoundError):
        serialize.load(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        serialize.load(tmp_path)


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"optimizer/hook.*function|function.*optimizer/hook"):
        serialize.save_checkpoint({"optimizer": {"hook": same}}, tmp_path / "x")
    with pytest.raises(TypeError, match="state_dict"):
        serialize.save(nn.Linear(1, 1), tmp_path / "x")
    with pytest.raises(TypeError, match="save_checkpoint"):
        serialize.save({"a": {"b": 1}}, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "x"
    serialize.save({"w": ag.ones(1)}, path)

    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        serialize.save({"w": ag.zeros(1)}, path)
    assert serialize.load(path)["w"].tolist() == [1.0]
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_files_get_the_permissions_of_ordinary_files(tmp_path):
    serialize.save({}, tmp_path / "x")
    (tmp_path / "y").write_text("")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "xy"]
    assert modes[0] == modes[1]


def test_arguments_of_pytorch_that_say_what_is_so(tmp_path):
    path = tmp_path / "weights.safetensors"
    serialize.save({"w": ag.ones(2)}, f=path)
    found = serialize.load(f=path, map_location="cpu", weights_only=True, mmap=False)
    assert found["w"].tolist() == [1.0, 1.0]
    wrong = {"map_location": "cuda", "weights_only": False, "pickle_module": pickle, "mmap": True}
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=r"CPU only|unpickles|mmap"):
            serialize.load(path, **{name: value})
