"""Losses of sequences and of several labels, adaptive softmax and bags of embeddings."""

import numpy as np
import pytest

import autograd as ag
import nn
from nn import functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def both(array):
    """The same leaf for us and for PyTorch."""
    return ag.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)


def compare(ours, theirs, *leaves):
    """Equal values, and equal gradients of pairs of leaves."""
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), **CLOSE)
    seed = np.random.default_rng(1).normal(size=ours.shape)
    ours.backward(ag.tensor(seed))
    theirs.backward(torch.tensor(seed))
    for a, b in leaves:
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), **CLOSE)


PADDED = np.array([[1, 1, 2], [2, 0, 0], [3, 4, 3]])
CTC = [
    (PADDED, (6, 5, 6), (3, 1, 3), {}),
    (np.array([1, 1, 2, 2, 3, 4, 3]), (6, 5, 6), (3, 1, 3), {}),
    (PADDED, (6, 5, 6), (3, 0, 3), {"reduction": "sum"}),
    (PADDED, (6, 5, 6), (3, 0, 3), {"reduction": "none"}),
    (PADDED, (2, 5, 6), (3, 0, 3), {"reduction": "none", "zero_infinity": True}),
    (PADDED, (2, 5, 6), (3, 0, 3), {"reduction": "mean", "zero_infinity": True}),
    (PADDED, (2, 5, 6), (3, 0, 3), {"reduction": "none"}),  # impossible: infinite, gradient NaN
    (np.array([[1, 1, 2], [2, 0, 0], [3, 0, 3]]), (6, 5, 6), (3, 2, 3), {"blank": 4}),
]


@pytest.mark.parametrize("case", CTC)
def test_ctc(case):
    targets, times, lengths, keywords = case
    x, tx = both(np.random.default_rng(0).normal(size=(6, 3, 5)))
    ours = nn.CTCLoss(**keywords)(x.log_softmax(-1), ag.tensor(targets), times, lengths)
    theirs = torch.nn.CTCLoss(**keywords)(
        tx.log_softmax(-1), torch.tensor(targets), torch.tensor(times), torch.tensor(lengths)
    )
    compare(ours, theirs, (x, tx))


def test_ctc_without_batch():
    x, tx = both(np.random.default_rng(0).normal(size=(6, 5)))
    ours = F.ctc_loss(x.log_softmax(-1), ag.tensor([1, 2]), ag.tensor(6), ag.tensor(2))
    theirs = TF.ctc_loss(tx.log_softmax(-1), torch.tensor([1, 2]), torch.tensor(6), torch.tensor(2))
    compare(ours, theirs, (x, tx))


@pytest.mark.parametrize(
    ("targets", "times", "lengths", "keywords", "message"),
    [
        ([[1, 9]], [4], [2], {}, "label 9 is out of range"),
        ([[1, 2]], [5], [2], {}, "input_lengths expected at most 4"),
        ([[1, 2]], [4], [3], {}, "padded targets"),
        ([1, 2], [4], [1], {}, "sum of target_lengths"),
        ([[1, 2]], [4, 4], [2], {}, "input_lengths of shape"),
        ([[1, 2]], [4], [2], {"blank": 3}, "blank=3"),
        ([[1.0, 2.0]], [4], [2], {}, "integers"),
    ],
)
def test_ctc_refuses(targets, times, lengths, keywords, message):
    with pytest.raises((ValueError, IndexError, TypeError), match=message):
        F.ctc_loss(ag.zeros(4, 1, 3), ag.tensor(targets), times, lengths, **keywords)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_of_several_labels(reduction):
    rng = np.random.default_rng(0)
    x, tx = both(rng.normal(size=(3, 4)))
    labels = np.array([[3, 0, -1, 1], [1, 1, 2, 3], [-1, 2, 0, 1]])
    ours = nn.MultiLabelMarginLoss(reduction=reduction)(x, ag.tensor(labels))
    theirs = torch.nn.MultiLabelMarginLoss(reduction=reduction)(tx, torch.tensor(labels))
    compare(ours, theirs, (x, tx))
    x, tx = both(rng.normal(size=(2, 3, 4)))
    y, weight = rng.uniform(size=(2, 3, 4)), rng.uniform(size=4)
    ours = nn.MultiLabelSoftMarginLoss(ag.tensor(weight), reduction=reduction)(x, ag.tensor(y))
    theirs = torch.nn.MultiLabelSoftMarginLoss(torch.tensor(weight), reduction=reduction)(
        tx, torch.tensor(y)
    )
    compare(ours, theirs, (x, tx))


@pytest.mark.parametrize("swap", [False, True])
def test_triplets_under_any_distance(swap):
    rng = np.random.default_rng(0)
    triple = [both(rng.normal(size=(3, 4))) for _ in range(3)]
    for distance in (None, lambda a, b: ((a - b) ** 2).sum(-1)):
        keywords = {"distance_function": distance, "margin": 3.0, "swap": swap}
        ours = nn.TripletMarginWithDistanceLoss(**keywords)(*(a for a, _ in triple))
        theirs = torch.nn.TripletMarginWithDistanceLoss(**keywords)(*(b for _, b in triple))
        compare(ours, theirs, *triple)


@pytest.mark.parametrize("keywords", [{}, {"head_bias": True, "div_value": 2.0}])
def test_adaptive_softmax(keywords):
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 30, [6, 12], **keywords).double()
    ours = nn.AdaptiveLogSoftmaxWithLoss(16, 30, [6, 12], **keywords).double()
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({k: v.numpy().copy() for k, v in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    x, tx = both(rng.normal(size=(9, 16)))
    for labels in (np.arange(3, 30, 3), rng.integers(0, 6, 9), rng.integers(12, 30, 9)):
        got, expected = ours(x, ag.tensor(labels)), theirs(tx, torch.tensor(labels))
        np.testing.assert_allclose(
            got.output.detach().numpy(), expected.output.detach().numpy(), **CLOSE
        )
        compare(got.loss, expected.loss, (x, tx))
    np.testing.assert_allclose(
        ours.log_prob(x).detach().numpy(), theirs.log_prob(tx).detach().numpy(), **CLOSE
    )
    assert ours.predict(x).tolist() == theirs.predict(tx).tolist()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **CLOSE, err_msg=name)
    one = ours(x[0], ag.tensor(20)).output
    np.testing.assert_allclose(
        one.detach().numpy(), theirs(tx[0], torch.tensor(20)).output.detach().numpy(), **CLOSE
    )


BAGS = [
    ({"mode": mode, **extra}, offsets)
    for mode in ("sum", "mean", "max")
    for offsets in (None, [0, 2, 2, 5])
    for extra in ({}, {"padding_idx": 2}, {"max_norm": 1.0})
]


@pytest.mark.parametrize(("keywords", "offsets"), BAGS)
def test_embedding_bag(keywords, offsets):
    rng = np.random.default_rng(0)
    theirs = torch.nn.EmbeddingBag(5, 3, **keywords).double()
    ours = nn.EmbeddingBag(5, 3, **keywords).double()
    assert repr(ours).replace("'", "") == repr(theirs).replace("'", "")
    ours.load_state_dict({k: v.numpy().copy() for k, v in theirs.state_dict().items()})
    numbers = rng.integers(0, 5, 8 if offsets else (4, 3))
    more, more_of_theirs = (), ()
    if offsets:
        more, more_of_theirs = (ag.tensor(offsets),), (torch.tensor(offsets),)
    got = ours(ag.tensor(numbers), *more)
    expected = theirs(torch.tensor(numbers), *more_of_theirs)
    compare(got, expected, (ours.weight, theirs.weight))
    np.testing.assert_allclose(
        ours.weight.detach().numpy(), theirs.weight.detach().numpy(), **CLOSE
    )


def test_embedding_bag_scaled_by_frequency():
    """Compared with PyTorch's embedding: its embedding_bag looks up frequencies at wrong places."""
    table, their_table = both(np.random.default_rng(0).normal(size=(5, 3)))
    numbers = np.array([[0, 2, 2], [4, 2, 0]])
    got = F.embedding_bag(ag.tensor(numbers), table, mode="sum", scale_grad_by_freq=True)
    rows = TF.embedding(torch.tensor(numbers), their_table, scale_grad_by_freq=True)
    compare(got, rows.sum(1), (table, their_table))


def test_embedding_bag_with_weights():
    rng = np.random.default_rng(0)
    table, their_table = both(rng.normal(size=(5, 3)))
    factors, their_factors = both(rng.normal(size=7))
    numbers, offsets = rng.integers(0, 5, 7), np.array([0, 3, 3, 7])
    keywords = {"mode": "sum", "include_last_offset": True, "padding_idx": -1}
    got = F.embedding_bag(
        ag.tensor(numbers), table, ag.tensor(offsets), per_sample_weights=factors, **keywords
    )
    expected = TF.embedding_bag(
        torch.tensor(numbers), their_table, torch.tensor(offsets),
        per_sample_weights=their_factors, **keywords,
    )  # fmt: skip
    compare(got, expected, (table, their_table), (factors, their_factors))


@pytest.mark.parametrize(
    ("numbers", "offsets", "keywords", "message"),
    [
        ([[0, 1]], [0], {}, "leave offsets None"),
        ([0, 1], None, {}, "needs offsets"),
        ([0, 1], [1], {}, "begin at 0"),
        ([0, 1], [0, 3], {}, "at most 2"),
        ([0, 1], [0], {"mode": "median"}, "mode expected"),
        ([0, 1], [0], {"mode": "max", "scale_grad_by_freq": True}, "does not go with"),
        ([0, 1], [0], {"per_sample_weights": ag.ones(2)}, "mode='sum' only"),
        ([0, 1], [0], {"sparse": True}, "sparse"),
        ([0, 9], [0], {}, "out of range"),
    ],
)
def test_embedding_bag_refuses(numbers, offsets, keywords, message):
    offsets = None if offsets is None else ag.tensor(offsets)
    with pytest.raises((ValueError, IndexError, NotImplementedError), match=message):
        F.embedding_bag(ag.tensor(numbers), ag.ones(5, 3), offsets, **keywords)
