"""ELMo: what its language models know at a word, and what may not change what it says."""

from dataclasses import replace

import numpy as np
import pytest

import autograd as ag
import models
from models import elmo, elmo_pydoc
from models.training.loop import train

TEXT = "one two three four five six seven eight one two three four five six seven eight"


@pytest.fixture
def words():
    ag.manual_seed(0)
    return elmo.Words(TEXT)


def lines(words, *texts):
    return ag.from_numpy(elmo.table([words.encode(text) for text in texts]))


def test_words_are_numbers_and_letters(words):
    tokens = words.encode("Two, two casefoldingofstringsisfun")
    assert tokens[:, 0].tolist() == [words.numbers["two"], 1, words.numbers["two"], 1]
    assert bytes(tokens[0, 1:6].tolist()) == b"\x02two\x03" and not tokens[0, 6:].any()
    assert bytes(tokens[3, 1:].tolist()) == b"\x02casefoldingofstr\x03"


def test_a_word_is_spelt_alike_wherever_it_stands(words):
    spelling = elmo.Spelling(5)
    letters = lines(words, "two one two", "one")[..., 1:]
    vectors = spelling(letters).array
    assert (vectors[0, 0] == vectors[0, 2]).all() and (vectors[0, 1] == vectors[1, 0]).all()
    alone = spelling(letters[0, :1]).array[0]
    np.testing.assert_allclose(vectors[0, 0], alone, rtol=1e-5, atol=1e-6)
    assert abs(vectors[0, 0] - vectors[0, 1]).max() > 1e-3


def test_spelling_is_the_largest_of_each_convolution(words):
    spelling = elmo.Spelling(5, channels=3)
    letters = words.encode("two")[0, 1:]
    read = spelling.embedding.weight.array[letters]
    found = []
    for convolution in spelling.convolutions:
        weight, bias = convolution.weight.array, convolution.bias.array
        width = weight.shape[2]
        places = [read[i : i + width].T for i in range(elmo.LETTERS - width + 1)]
        products = np.array([(weight * place).sum((1, 2)) + bias for place in places])
        found.append(np.maximum(products, 0).max(0))
    expected = spelling.output(ag.from_numpy(np.concatenate(found))).array
    np.testing.assert_allclose(
        spelling(ag.from_numpy(letters)).array, expected, rtol=1e-4, atol=1e-5
    )


def test_words_that_nobody_met_differ_by_their_letters(words):
    model = models.ElmoClassifier(len(words), 6, 5).eval()
    first, second = model(lines(words, "one casefolding", "one ambiguities")).array
    assert abs(first - second).max() > 1e-6
    plain = models.ElmoClassifier(len(words), 6, 5, elmo=False).eval()
    first, second = plain(lines(words, "one casefolding", "one ambiguities")).array
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)


def test_forward_states_know_the_past_and_backward_states_the_future(words):
    model = models.BiLM(len(words), 6).eval()
    line = words.encode("one two three four five")
    states = model(ag.from_numpy(line[None])).array
    for place in range(5):
        other = line.copy()
        other[place] = words.encode("eight")
        changed = abs(model(ag.from_numpy(other[None])).array - states)[1:].max(0)[0]  # not layer 0
        ahead, behind = changed[:, :6].max(1) > 0, changed[:, 6:].max(1) > 0
        assert ahead.tolist() == [k >= place for k in range(5)]
        assert behind.tolist() == [k <= place for k in range(5)]


def test_the_loss_is_of_next_words_and_of_those_before(words):
    model = models.BiLM(len(words), 6).eval()
    tokens = lines(words, "one two three four", "five six seven eight")
    states, numbers = model(tokens).array[-1], tokens.array[..., 0]
    weight, bias = model.embedding.weight.array, model.output.bias.array  # tied
    nats = []
    for half, here, there in ((states[..., :6], slice(-1), slice(1, None)),
                              (states[..., 6:], slice(1, None), slice(-1))):  # fmt: skip
        scores = (half[:, here] @ weight.T + bias).astype(np.float64)
        chosen = np.take_along_axis(scores, numbers[:, there, None], -1)[..., 0]
        nats.append((np.log(np.exp(scores).sum(-1)) - chosen).mean())
    assert abs(model.loss(tokens).item() - np.mean(nats)) < 1e-5


def test_padding_changes_nothing_in_elmo(words):
    model = models.ElmoClassifier(len(words), 6, 5).eval()
    alone = model(lines(words, "three four five")).array[0]
    beside = model(lines(words, "three four five", "six seven eight one two")).array[0]
    np.testing.assert_allclose(beside, alone, rtol=1e-5, atol=1e-6)


def test_the_mix_is_the_papers_formula():
    mix = elmo.Mix(3)
    with ag.no_grad():
        mix.w[:] = ag.tensor([0.0, 1.0, 2.0])
        mix.gamma.fill_(0.5)
    h = np.random.default_rng(0).normal(2, 3, (3, 2, 4)).astype(np.float32)
    normed = (h - h.mean(-1, keepdims=True)) / np.sqrt(h.var(-1, keepdims=True) + 1e-5)
    s = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    expected = 0.5 * np.tensordot(s, normed, 1)
    np.testing.assert_allclose(mix(ag.tensor(h)).array, expected, rtol=1e-4, atol=1e-5)


def test_attention_leaves_out_padding_and_sums_to_one():
    pool = elmo.AttentionPool(4)
    there = ag.tensor([[True, True, False]])
    weights = pool.weights(ag.randn(1, 3, 4), there).array
    assert weights[0, 2] == 0 and abs(weights.sum() - 1) < 1e-6


def test_a_settled_language_model_stays_as_it_is(words):
    model = models.ElmoClassifier(len(words), 6, 5)
    model.settle()
    model.train()
    assert not model.lm.training and model.lstm.training
    model(lines(words, "one two three")).sum().backward()
    assert all(p.grad is None for p in model.lm.parameters())
    assert model.mix.gamma.grad is not None and model.embedding.weight.grad is not None


def test_words_are_forgotten_in_training_only(words):
    model = models.ElmoClassifier(len(words), 6, 5, forget=0.5)
    numbers = ag.full((100, 100), 3, dtype=ag.int64)
    rare, known = (model.embedding.weight.array[number] for number in (1, 3))
    drawn = model.train().own(numbers).array
    forgotten = (drawn == rare).all(-1)
    assert (drawn[~forgotten] == known).all() and abs(forgotten.mean() - 0.5) < 0.03
    assert (model.eval().own(numbers).array == known).all()


def test_bags_get_the_better_penalty():
    tokens = np.zeros((40, 3, 1 + elmo.LETTERS), np.int64)
    tokens[:, 0, 0] = 2 + np.arange(40) % 4  # the word tells the class
    tokens[:, 1, 0] = 7
    pairs = ag.from_numpy(tokens), ag.from_numpy(np.arange(40) % 4)
    assert elmo_pydoc.best_of_bags(pairs, pairs, 8) == 1.0


def test_the_recipe_compares_with_a_network_without_elmo(tmp_path, monkeypatch):
    short = {part: models.datasets.Lines([f"{name} {TEXT}" for name in "abcdefgh" * 6],
                                         np.tile(np.arange(8), 6), list("abcdefgh"))
             for part in (True, False)}  # fmt: skip
    monkeypatch.setattr(elmo_pydoc.datasets, "topic_lines", short.get)
    monkeypatch.setattr(
        elmo_pydoc.datasets, "unlabelled_text", lambda: "\n".join(short[True].lines)
    )
    recipe = replace(elmo_pydoc.RECIPE, options={**elmo_pydoc.RECIPE.options, "lm_epochs": 1})
    found = train(recipe, {"model.size": 8, "epochs": 1}, folder=tmp_path).test
    assert found["gain"] == found["accuracy"] - found["bag_of_words"]
    assert found["loss"] != found["loss_without_elmo"]
    assert abs(sum(found[f"layer_{j}"] for j in range(3)) - 1) < 1e-6
