"""Older names, layers folded into one, layouts in memory, and a last layer with its loss."""

import numpy as np
import pytest
from sides import agree, as_array, same

import autograd as ag
import nn
import optim

torch = pytest.importorskip("torch")
from torch.nn.utils import parametrizations, parametrize  # noqa: E402

BOTH = [(ag, nn), (torch, torch.nn)]


# -- older names -----------------------------------------------------------------------------------


LEGACY = {
    "uniform": (), "normal": (), "constant": (3.0,), "eye": (), "dirac": (), "xavier_uniform": (),
    "xavier_normal": (), "kaiming_uniform": (), "kaiming_normal": (), "orthogonal": (),
    "sparse": (0.5,),
}  # fmt: skip


@pytest.mark.parametrize("name", LEGACY)
def test_older_names_of_init_warn_and_do_the_same(name):
    for lib, layers in BOTH:
        tensor = lib.full((3, 3, 3) if name == "dirac" else (3, 3), 7.0)
        with pytest.warns(FutureWarning, match=name):
            assert getattr(layers.init, name)(tensor, *LEGACY[name]) is tensor
        assert not (as_array(tensor) == 7.0).all()
        assert name in getattr(layers.init, name).__name__
    ag.manual_seed(0)
    first = getattr(nn.init, name + "_")(ag.empty(3, 3, 3) if name == "dirac" else ag.empty(3, 3),
                                         *LEGACY[name])  # fmt: skip
    ag.manual_seed(0)
    with pytest.warns(FutureWarning):
        second = getattr(nn.init, name)(ag.empty(*first.shape), *LEGACY[name])
    assert (first.numpy() == second.numpy()).all()


@pytest.mark.parametrize("name", [n + "_" for n in LEGACY] + ["trunc_normal_"])
def test_init_draws_from_a_generator(name):
    if name in ("constant_", "eye_", "dirac_"):
        return
    draws = []
    for seed in (1, 1, 2):
        generator = ag.Generator().manual_seed(seed)
        state = ag.get_rng_state()
        tensor = ag.empty(6, 6)
        getattr(nn.init, name)(tensor, *LEGACY.get(name[:-1], ()), generator=generator)
        assert ag.get_rng_state() == state
        draws.append(tensor.numpy())
    assert (draws[0] == draws[1]).all() and not (draws[0] == draws[2]).all()


@pytest.mark.parametrize("limits", [(-2.0, 2.0), (0.5, 3.0), (-1.0, -0.2)])
def test_trunc_normal_has_their_distribution(limits):
    drawn = []
    for lib, layers in BOTH:
        lib.manual_seed(0)
        tensor = layers.init.trunc_normal_(lib.empty(200_000), 0.3, 1.5, *limits)
        drawn.append(as_array(tensor))
        assert limits[0] <= drawn[-1].min() and drawn[-1].max() <= limits[1]
    for power in (1, 2, 3):
        ours, theirs = ((d.astype(float) ** power).mean() for d in drawn)
        assert abs(ours - theirs) < 0.02 * max(map(abs, limits)) ** power


def test_hardtanh_with_older_names():
    for lib, layers in BOTH:
        with pytest.warns(FutureWarning, match="min_val"):
            layer = layers.Hardtanh(min_value=-0.5)
        with pytest.warns(FutureWarning, match="max_val"):
            layer = layers.Hardtanh(-3.0, max_value=2.0)
        assert repr(layer) == "Hardtanh(min_val=-3.0, max_val=2.0)"
        assert as_array(layer(lib.tensor([-4.0, 4.0]))).tolist() == [-3.0, 2.0]


def test_other_older_names():
    for lib, layers in BOTH:
        with pytest.warns(FutureWarning, match="NLLLoss2d"):
            loss = layers.NLLLoss2d(reduction="sum")
        assert as_array(loss(lib.full((1, 2, 1, 1), -3.0), lib.tensor([[[1]]]))) == 3.0
        x = lib.tensor([3.0, 4.0], requires_grad=True)
        (x * x / 2).sum().backward()
        with pytest.warns(FutureWarning, match="clip_grad_norm_"):
            assert layers.utils.clip_grad_norm(x, 1.0).item() == 5.0
        same(ag.tensor(as_array(x.grad)), torch.tensor([0.6, 0.8]), 1e-5)
        invert = layers.utils.rnn.invert_permutation
        assert invert(None) is None
        assert as_array(invert(lib.tensor([2, 0, 3, 1]))).tolist() == [1, 3, 0, 2]


# -- one layer made of two -------------------------------------------------------------------------


CONVS = [(1, False), (2, False), (3, False), (1, True), (2, True), (3, True)]


def normed(lib, layers, layer, features, **options):
    """`layer` and a batch norm with averages other than at the start, in evaluation mode."""
    rng = np.random.default_rng(3)
    dims = options.pop("dims", 1)
    norm = getattr(layers, f"BatchNorm{dims}d")(features, eps=0.1, **options)
    for module in (layer, norm):
        module.double().eval()
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.ndim:
                tensor.data = lib.tensor(rng.uniform(0.5, 1.5, size=tuple(tensor.shape)))
    return layer, norm


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("dims", "transposed"), CONVS)
def test_fuse_conv_and_norm(dims, transposed, bias, affine):
    x = np.random.default_rng(0).normal(size=(2, 3) + (5,) * dims)
    fused = []
    for lib, layers in BOTH:
        conv = getattr(layers, f"Conv{'Transpose' * transposed}{dims}d")(3, 4, 2, bias=bias)
        conv, norm = normed(lib, layers, conv, 4, dims=dims, affine=affine)
        conv.weight.requires_grad_(False)
        one = layers.utils.fuse_conv_bn_eval(conv, norm, transposed)
        same(one(lib.tensor(x)), torch.tensor(as_array(norm(conv(lib.tensor(x))))), 1e-9)
        fused.append([one.weight, one.bias])
        assert [p.requires_grad for p in fused[-1]] == [False, bias]
    for mine, theirs in zip(*fused, strict=True):
        same(mine, theirs)


@pytest.mark.parametrize("bias", [True, False])
def test_fuse_linear_and_norm(bias):
    fused = []
    for lib, layers in BOTH:
        linear, norm = normed(lib, layers, layers.Linear(3, 4, bias=bias), 4)
        one = layers.utils.fuse_linear_bn_eval(linear, norm)
        fused.append([one.weight, one.bias])
        with pytest.raises((ValueError, AssertionError)):
            layers.utils.fuse_linear_bn_eval(linear.train(), norm)
        with pytest.raises((ValueError, AssertionError)):
            layers.utils.fuse_linear_bn_eval(layers.Linear(3, 5).eval(), norm)
        with pytest.raises((ValueError, AssertionError)):
            bare = layers.BatchNorm1d(4, track_running_stats=False).eval()
            layers.utils.fuse_linear_bn_eval(linear.eval(), bare)
    for mine, theirs in zip(*fused, strict=True):
        same(mine, theirs)


# -- layouts in memory -----------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [2, 3])
def test_weights_with_channels_last(dims):
    rng = np.random.default_rng(0)
    x, start = rng.normal(size=(2, 3) + (5,) * dims), rng.normal(size=(4, 3) + (2,) * dims)
    name = "channels_last" + "_3d" * (dims == 3)
    ran = []
    for lib, layers in BOTH:
        conv = getattr(layers, f"Conv{dims}d")(3, 4, 2, bias=False).double()
        conv.weight.data = lib.tensor(start.copy())
        net = layers.Sequential(conv, layers.Tanh())
        convert = getattr(layers.utils, f"convert_conv{dims}d_weight_memory_format")
        layout = getattr(torch, name) if lib is torch else name
        assert convert(net, layout) is net
        memory = conv.weight.detach().numpy()
        strides = memory.strides
        assert (memory == start).all()
        step = (optim if lib is ag else torch.optim).Adam(conv.parameters(), lr=0.1)
        for _ in range(3):  # an optimiser writes into that memory
            step.zero_grad()
            net(lib.tensor(x)).sum().backward()
            step.step()
        assert conv.weight.detach().numpy().strides == strides
        ran.append([conv.weight, net(lib.tensor(x)), strides])
    assert ran[0].pop() == ran[1].pop()
    for mine, theirs in zip(*ran, strict=True):
        same(mine, theirs)
    nn.utils.convert_conv2d_weight_memory_format(nn.Conv2d(1, 1, 1), "contiguous_format")
    with pytest.raises(ValueError, match="memory_format expected"):
        nn.utils.convert_conv2d_weight_memory_format(nn.Conv2d(1, 1, 1), "channels_first")


# -- parametrizations of another module ------------------------------------------------------------


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm", "orthogonal"])
def test_transfer_of_parametrizations(kind):
    keys = []
    for layers, wrappers, module in (
        (nn, nn.utils.parametrizations, nn.utils.parametrize),
        (torch.nn, parametrizations, parametrize),
    ):
        first = getattr(wrappers, kind)(layers.Linear(3, 3))
        for second in (layers.Linear(3, 3), layers.Module(), layers.Linear(3, 3)):
            if kind == "spectral_norm" and not hasattr(second, "weight"):
                continue
            assert module.transfer_parametrizations_and_params(first, second) is second
            # A second forward of the power iteration moves on.
            first.eval(), second.eval()
            assert (as_array(first.weight) == as_array(second.weight)).all()
            keys.append((layers, list(second.state_dict())))
        plain = layers.Linear(3, 3)
        assert module.transfer_parametrizations_and_params(layers.Linear(3, 3), plain) is plain
        assert not module.is_parametrized(plain)
    assert [k for side, k in keys if side is nn] == [k for side, k in keys if side is not nn]


# -- the last layer and its loss -------------------------------------------------------------------


def scores(lib, x, w, b, options, rows=None):
    """The loss of a linear layer with five classes."""
    layers = nn if lib is ag else torch.nn
    target = np.array([0, 4, 2, 1, options.get("ignore_index", -100), 3, 2])
    given = dict(options)
    if "weight" in given:
        given["weight"] = lib.tensor(np.linspace(0.5, 2, 5))
    if rows is not None and lib is ag:
        given["options"] = layers.LinearCrossEntropyOptions(batch_chunk_size=rows)
    return layers.functional.linear_cross_entropy(x, w, lib.tensor(target), linear_bias=b, **given)


def drawn():
    rng = np.random.default_rng(1)
    return rng.normal(size=(7, 3)), rng.normal(size=(5, 3)), rng.normal(size=5)


@pytest.mark.parametrize("rows", [None, 3])
@pytest.mark.parametrize("options", [
    {}, {"reduction": "sum"}, {"reduction": "none"}, {"weight": True}, {"label_smoothing": 0.2},
    {"ignore_index": 2, "reduction": "sum"}, {"weight": True, "label_smoothing": 0.3},
], ids=str)  # fmt: skip
def test_linear_cross_entropy(options, rows):
    """Also second derivatives, which PyTorch has for all rows at once only."""
    agree(lambda lib, x, w, b: scores(lib, x, w, b, options, rows), *drawn())


def test_scores_are_never_in_memory_together(monkeypatch):
    seen = []
    from autograd.kernels import loss

    before = loss.cross_entropy
    monkeypatch.setattr(loss, "cross_entropy", lambda s, *a: seen.append(s.shape) or before(s, *a))
    scores(ag, *(ag.tensor(a) for a in drawn()), {}, rows=3)
    assert seen == [(3, 5), (3, 5), (1, 5)]


@pytest.mark.parametrize("method", ["auto", "aspect_ratio", "aspect_ratio:2", "aspect_ratio:64",
                                    None])  # fmt: skip
@pytest.mark.parametrize("size", [None, 1, 5, 10**6])
def test_rows_at_a_time_are_theirs(method, size):
    options = {"chunking_method": method, "batch_chunk_size": size}
    mine = nn.LinearCrossEntropyOptions(**options)
    theirs = torch.nn.LinearCrossEntropyOptions(**options)
    for shape in ((1, 1, 1), (8, 5, 4), (1000, 10, 50), (64, 3, 10_000), (1025, 7, 8), (3, 9, 2)):
        try:
            expected = theirs._adjust(*shape, torch.float64, torch.device("cpu")).batch_chunk_size
        except ValueError:
            with pytest.raises(ValueError, match="disagree"):
                mine.rows(*shape)
        else:
            assert mine.rows(*shape) == expected


@pytest.mark.parametrize("options", [
    {"acc_policy": "fast"}, {"chunking_method": "rows"}, {"chunking_method": "aspect_ratio:0"},
    {"batch_chunk_size": 0}, {"batch_chunk_size": 2.5}, {"acc_dtype": "complex"},
], ids=str)  # fmt: skip
def test_options_that_are_refused(options):
    for _, layers in BOTH:
        with pytest.raises((ValueError, TypeError)):
            made = layers.LinearCrossEntropyOptions(**options)
            made.check_dtype(np.dtype("float64"))  # ours knows only then


def test_options_without_use_warn():
    for lib, layers in BOTH:
        loss = layers.LinearCrossEntropyLoss(
            3, 2, out_features=(2,), options=layers.LinearCrossEntropyOptions()
        )
        with pytest.warns(UserWarning, match="options"):
            loss(lib.ones(1, 3), lib.zeros(1, 2).long())


def test_shapes_that_do_not_fit():
    good = {"input": (4, 3), "linear_weight": (5, 3), "target": (4,), "linear_bias": (5,)}
    for wrong in (
        {"input": ()}, {"input": (2, 4, 3)}, {"linear_weight": (3,)}, {"linear_weight": (5, 2)},
        {"linear_bias": (4,)}, {"input": (3,), "linear_weight": (5, 2, 3), "linear_bias": (5, 2)},
        {"target": (3,)},
    ):  # fmt: skip
        for lib, layers in BOTH:
            shapes = {**good, **wrong}
            given = {name: lib.ones(shape) for name, shape in shapes.items()}
            given["target"] = given["target"].long()
            with pytest.raises((RuntimeError, ValueError)):
                layers.functional.linear_cross_entropy(**given)


def test_half_of_a_label():
    """What the options do not change: labels out of range, and probabilities with ignore_index."""
    options = nn.LinearCrossEntropyOptions()
    with pytest.raises(IndexError, match="label 9 at position 1"):
        nn.functional.linear_cross_entropy(
            ag.ones(2, 3), ag.ones(4, 3), ag.tensor([0, 9]), options=options
        )
    for lib, layers in BOTH:
        with pytest.raises(RuntimeError, match="ignore_index"):
            layers.functional.linear_cross_entropy(
                lib.ones(2, 3), lib.ones(4, 3), lib.ones(2, 4), ignore_index=1
            )
