"""Models that write a sequence: dates, decoding, encoder-decoder, captions and the transformer."""

import datetime
import itertools
import re

import numpy as np
import pytest

import autograd as ag
import models
import optim
from models import captioning, datasets
from models.datasets import DATE_CHARACTERS, END, PAD, Alphabet, framed, unframed
from models.datasets.dates import MONTHS, ORDINALS, WEEKDAYS, date_pairs
from models.seq2seq import DECODERS
from models.training.recipe import UsageError
from models.training.translation import beam_search, dictated, greedy, opening, translate
from models.transformer import Attention, adam, attention_maps, rate, schedule, waves

SOURCE = framed(["May 3, 1998", "the 3rd of May 1998"], DATE_CHARACTERS)
TARGET = framed(["1998-05-03", "2001-12-31"], DATE_CHARACTERS)
TRANSLATORS = [*DECODERS, "transformer"]
MODELS = [*TRANSLATORS, "captioner"]


def build(kind):
    """A small model with random weights in float64, and something for it to read."""
    ag.manual_seed(4)
    source = ag.tensor(SOURCE)
    if kind == "transformer":
        model = models.Transformer(width=16, heads=2, inner=24, layers=2)
    elif kind == "captioner":
        model, source = models.Captioner(channels=4, hidden=16), ag.rand(2, 1, 8, 8).double()
    else:
        model = models.Seq2Seq(embedding=8, hidden=12, attention=kind)
    return model.to(ag.float64).eval(), source


def target_of(kind):
    return framed(["six", "seven"], captioning.LETTERS) if kind == "captioner" else TARGET


# -- dates -----------------------------------------------------------------------------------------


def understood(text):
    """The day that a written date means, by rules; a day of the week has to be the right one."""
    words = re.findall(r"[a-z]+(?:-[a-z]+)*|\d+", text.lower())
    numbers = [int(word) for word in words if word.isdigit()]
    named = [MONTHS.index(m) + 1 for m in MONTHS for w in words if w in (m.lower(), m[:3].lower())]
    counted = [ORDINALS.index(word) + 1 for word in words if word in ORDINALS]
    [year] = [n for n in numbers if n > 31]
    small = [n for n in numbers if n <= 31]
    if not named:
        assert numbers[0] == year
        named, small = small[:1], small[1:]
    [month], [day] = named, small + counted
    date = datetime.date(year, month, day)
    weekday = WEEKDAYS[date.weekday()].lower()
    assert all(
        w in (weekday, weekday[:3]) for d in WEEKDAYS for w in words if w.startswith(d[:3].lower())
    )
    return date


def test_every_date_can_be_understood():
    pairs = date_pairs(True, 3000)
    assert all(understood(text).isoformat() == iso for text, iso in pairs)
    assert len({re.sub(r"\w", "x", text) for text, _ in pairs}) > 15  # they are not all alike


def test_no_day_is_learned_and_tested():
    learned = {iso for _, iso in date_pairs(True, 65744)}
    tested = {iso for _, iso in date_pairs(False, 7305)}
    assert not learned & tested and len(learned | tested) == 73049


def test_dates_go_there_and_back():
    for (iso, words), (_, same) in zip(
        date_pairs(False, 500, "words"), date_pairs(False, 500), strict=True
    ):
        assert understood(words).isoformat() == iso == same


def test_dates_come_as_padded_numbers():
    sources, targets = (part.array for part in datasets.dates(True, count=50).tensors)
    for pair, source, target in zip(date_pairs(True, 50), sources, targets, strict=True):
        assert tuple(unframed(t, DATE_CHARACTERS) for t in (source, target)) == pair
        assert source[len(pair[0]) + 1] == END and not source[len(pair[0]) + 2 :].any()
    again = datasets.dates(True, count=50).tensors[0].array
    assert (again == sources).all() and sources.dtype == np.int64


def test_complaints_about_dates():
    with pytest.raises(ValueError, match="to 'iso' or to 'words', got 'roman'"):
        datasets.dates(to="roman")
    with pytest.raises(ValueError, match=r"1 to 65744 dates to train on, got data\.count=70000"):
        datasets.dates(count=70000)


# -- decoding --------------------------------------------------------------------------------------


def chain(probabilities):
    """A step whose scores follow from the last two tokens alone: (tokens, tokens, tokens)."""
    table = ag.tensor(np.log(probabilities))

    def step(tokens, state):
        return table[state, tokens], tokens

    return step, ag.tensor([0])


def best_of_all(probabilities, longest):
    """The likeliest text of at most so many tokens, by trying them all."""
    size, found = len(probabilities), (-np.inf, ())
    for length in range(1, longest + 1):
        for body in itertools.product([t for t in range(size) if t != END], repeat=length - 1):
            text, score, before = (*body, END), 0.0, (0, datasets.BEGIN)
            for token in text:
                score += np.log(probabilities[(*before, token)])
                before = (before[1], token)
            found = max(found, (score, text))
    return found


def score_of(step, state, tokens):
    """The logarithm of the probability of a text, token by token."""
    total, last = 0.0, datasets.BEGIN
    for token in tokens:
        scores, state = step(ag.tensor([last]), state)
        total += scores.log_softmax(-1).array[0, token]
        last = token
    return total


@pytest.mark.parametrize("seed", range(5))
def test_beam_search_finds_the_best_of_all(seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.full(5, 0.3), size=(5, 5)) + 1e-9
    probabilities /= probabilities.sum(-1, keepdims=True)
    score, tokens = best_of_all(probabilities, longest=4)
    found = beam_search(*chain(probabilities), width=4**4, longest=4)
    assert found.tokens == tokens
    np.testing.assert_allclose(found.score, score)


def test_a_wider_beam_is_never_worse_than_greedy():
    better = 0
    for seed in range(60):
        probabilities = np.random.default_rng(seed).dirichlet(np.full(6, 0.5), size=(6, 6))
        step, state = chain(probabilities)
        [plain] = greedy(step, state, 1, 12)
        for width in (1, 2, 3, 8):
            found = beam_search(step, state, width, 12)
            np.testing.assert_allclose(found.score, score_of(step, state, found.tokens))
            assert found.score >= plain.score or not plain.ended
            assert width > 1 or found == plain
        better += found.score > plain.score + 1e-9
    assert better > 10


def test_decoding_stops():
    endless = np.full((4, 4, 4), 1e-12)
    endless[..., END], endless[..., 3] = 1e-6, 1.0
    for text in (
        greedy(*chain(endless), 1, 7)[0],
        beam_search(*chain(endless), width=1, longest=7),
    ):
        assert text.tokens == (3,) * 7 and not text.ended
    assert beam_search(*chain(endless), width=2, longest=7).ended  # what has an end is preferred
    with pytest.raises(UsageError, match="at least 1 wide, got 0"):
        beam_search(*chain(endless), width=0, longest=7)


@pytest.mark.parametrize("kind", MODELS)
def test_step_by_step_is_as_dictated(kind):
    model, source = build(kind)
    target = target_of(kind)
    with ag.no_grad():
        at_once, state = model(source, ag.tensor(target)).array, model.begin(source)
        for place, tokens in enumerate(target.T[:-1]):
            scores, state = model.step(ag.tensor(tokens), state)
            np.testing.assert_allclose(scores.array, at_once[:, place], atol=1e-10)
        first = model(source).array
    np.testing.assert_allclose(first, at_once[:, :1], atol=1e-10)


@pytest.mark.parametrize("kind", MODELS)
def test_beams_of_models_score_what_they_say(kind):
    model, source = build(kind)
    source = source[:1]
    with ag.no_grad():
        state = model.begin(source)
        [plain] = greedy(model.step, state, 1, 8)
        found = beam_search(model.step, state, 4, 8)
        np.testing.assert_allclose(found.score, score_of(model.step, state, found.tokens))
        assert found.score >= plain.score or not plain.ended


def test_dictation_tells_what_greedy_decoding_would_get_right():
    model, source = build("luong")
    with ag.no_grad():
        texts = greedy(model.step, model.begin(source), 2, 6)
        wrong = np.array(texts[1].tokens) + (np.arange(len(texts[1].tokens)) == 1)
        width = 1 + max(len(t.tokens) for t in texts)
        target = np.full((2, width), PAD)
        for line, tokens in zip(target, (texts[0].tokens, wrong), strict=True):
            line[: len(tokens) + 1] = [datasets.BEGIN, *tokens]
        _, metrics = dictated(model, (source, ag.tensor(target)))
    assert metrics["exact"] == 0.5 and 0.5 < metrics["tokens"] < 1


def test_padding_of_the_target_is_not_counted():
    model, source = build("none")
    longer = np.pad(TARGET, ((0, 0), (0, 3)))
    found, padded = (
        dictated(model, (source, ag.tensor(t)), smoothing=0.1) for t in (TARGET, longer)
    )
    np.testing.assert_allclose(found[0].item(), padded[0].item(), rtol=1e-12)
    assert found[1] == padded[1] and opening(source).tolist() == [[1, 2], [1, 2]]


def test_complaints_of_translators():
    model, _ = build("luong")
    with pytest.raises(UsageError, match=r"character '\.' \(place 1 of the text\)"):
        translate(model, "3.5.1998", DATE_CHARACTERS, 2, 12)
    with pytest.raises(UsageError, match="nothing to translate"):
        translate(model, "  ", DATE_CHARACTERS, 2, 12)
    with pytest.raises(ValueError, match="one of none, luong, bahdanau, got 'self'"):
        models.Seq2Seq(attention="self")
    with pytest.raises(ValueError, match="an even number, half a direction, got 5"):
        models.Seq2Seq(hidden=5)
    with pytest.raises(ValueError, match="a multiple of the 3 heads, got 8"):
        models.Transformer(width=8, heads=3)


# -- what all of them keep -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODELS)
def test_what_comes_later_changes_nothing_before(kind):
    model, source = build(kind)
    target = target_of(kind)
    changed = target.copy()
    changed[:, 3:] = 5
    with ag.no_grad():
        found, other = (model(source, ag.tensor(t)).array for t in (target, changed))
    np.testing.assert_array_equal(found[:, :3], other[:, :3])
    assert abs(found[:, 3] - other[:, 3]).max() > 1e-3


@pytest.mark.parametrize("kind", TRANSLATORS)
def test_padding_of_the_source_changes_nothing(kind):
    model, source = build(kind)
    longer = ag.tensor(np.pad(SOURCE, ((0, 0), (0, 5))))
    alone = source[:1, : int((SOURCE[0] != PAD).sum())]
    with ag.no_grad():
        found = model(source, ag.tensor(TARGET)).array
        np.testing.assert_allclose(model(longer, ag.tensor(TARGET)).array, found, atol=1e-12)
        np.testing.assert_allclose(model(alone, ag.tensor(TARGET[:1])).array, found[:1], atol=1e-12)


@pytest.mark.parametrize("kind", ["luong", "bahdanau"])
def test_attention_looks_at_what_was_read_only(kind):
    model, source = build(kind)
    with ag.no_grad():
        _, _, weights = model.decoder(ag.tensor(TARGET), *model.begin(source))
    assert weights.shape == (*TARGET.shape, SOURCE.shape[1])
    np.testing.assert_allclose(weights.array.sum(-1), 1)
    assert (weights.array[0][:, SOURCE[0] == PAD] == 0).all()
    assert (weights.array[0][:, SOURCE[0] != PAD] > 0).all()


@pytest.mark.parametrize("kind", MODELS)
def test_all_parameters_learn(kind):
    model, source = build(kind)
    loss, _ = dictated(model, (source, ag.tensor(target_of(kind))))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        if not name.endswith("key.bias"):  # the same for all keys, so it cancels in the softmax
            assert abs(parameter.grad.array).max() > 0, name


# -- the transformer -------------------------------------------------------------------------------


def test_waves_are_the_papers_formula():
    table = waves(50, 10)
    for place, i in ((0, 0), (7, 1), (49, 4)):
        angle = place / 10000 ** (2 * i / 10)
        np.testing.assert_allclose(table[place, 2 * i], np.sin(angle), atol=1e-6)
        np.testing.assert_allclose(table[place, 2 * i + 1], np.cos(angle), atol=1e-6)
    np.testing.assert_array_equal(waves(5, 10, first=3), table[3:8])


def test_the_rate_is_the_papers_formula():
    assert rate(1, 512, 4000) == pytest.approx(512**-0.5 * 4000**-1.5)
    assert rate(4000, 512, 4000) == pytest.approx((512 * 4000) ** -0.5)
    assert rate(16000, 512, 4000) == pytest.approx(rate(4000, 512, 4000) / 2)
    parameter = ag.zeros(1, requires_grad=True)
    optimizer = adam([parameter], width=64, warmup=10)
    rates, turning = [], schedule(optimizer, steps=0)
    for _ in range(30):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        turning.step()
    np.testing.assert_allclose(rates, [rate(step, 64, 10) for step in range(1, 31)])
    assert isinstance(optimizer, optim.Adam) and optimizer.param_groups[0]["betas"] == (0.9, 0.98)
    settings = models.RECIPES["transformer"].settings({"model.width": 128})
    assert settings["optim.width"] == 128


def test_at_first_the_layers_near_the_output_have_the_larger_gradients():
    """What the rise of the rate is for."""
    ag.manual_seed(0)
    model = models.Transformer(dropout=0.0)
    loss, _ = dictated(model, datasets.dates(count=16).tensors)
    loss.backward()
    sizes = [np.linalg.norm(layer.feed_forward[2].weight.grad.array) for layer in model.decoder]
    assert sizes[5] > 2 * sizes[0] and sizes[5] == max(sizes)


def test_the_formula_of_attention():
    ag.manual_seed(1)
    attention = Attention(6, heads=3).double()
    x, memory = ag.randn(2, 4, 6).double(), ag.randn(2, 5, 6).double()
    mask = ag.tensor(np.random.default_rng(0).random((2, 1, 4, 5)) < 0.6) | ag.tensor(
        np.eye(4, 5) > 0
    )
    read = attention.read(memory)
    weights = attention.weights(x, read, mask).array
    np.testing.assert_allclose(weights.sum(-1), 1)
    assert (weights[~np.broadcast_to(mask.array, weights.shape)] == 0).all()
    q, k, v = (
        part.weight.array.reshape(3, 2, 6) @ seen.array[:, None].swapaxes(-1, -2)
        + part.bias.array.reshape(3, 2, 1)
        for part, seen in ((attention.query, x), (attention.key, memory), (attention.value, memory))
    )  # (batch, heads, 2, time)
    scores = np.where(mask.array, q.swapaxes(-1, -2) @ k / np.sqrt(2), -np.inf)
    expected = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(weights, expected, atol=1e-12)
    mixed = np.moveaxis(expected @ v.swapaxes(-1, -2), 1, 2).reshape(2, 4, 6)
    found = attention(x, read, mask).array
    np.testing.assert_allclose(found, attention.out(ag.tensor(mixed)).array, atol=1e-12)


def test_the_maps_show_the_masks():
    model, source = build("transformer")
    maps = attention_maps(model, source, ag.tensor(TARGET))
    assert {kind: len(layers) for kind, layers in maps.items()} == dict.fromkeys(maps, 2)
    time, places = TARGET.shape[1] - 1, SOURCE.shape[1]
    for kind, shape in {
        "encoder": (places, places),
        "decoder": (time, time),
        "cross": (time, places),
    }.items():
        for weights in maps[kind]:
            assert weights.shape == (2, 2, *shape)
            np.testing.assert_allclose(weights.sum(-1), 1)
            if kind == "decoder":
                assert (np.triu(weights, 1) == 0).all()
            else:
                assert (weights[0][..., SOURCE[0] == PAD] == 0).all()
    attention_maps(model, source, ag.tensor(TARGET))
    assert len(maps["encoder"]) == 2  # nobody is watching any more


# -- captions --------------------------------------------------------------------------------------


def test_captions_are_the_names_of_the_digits():
    _, names = captioning.captioned(train=False).tensors
    _, labels = datasets.digits(train=False).tensors
    for name, label in zip(names.array, labels.array, strict=True):
        assert unframed(name, captioning.LETTERS) == captioning.NAMES[label]


def test_pictures_are_told_in_characters():
    model, _ = build("captioner")
    model.to(ag.float32)
    generator = ag.Generator().manual_seed(1)
    told = captioning.sample(model, {"data.size": 8}, generator, count=2).split("\n\n")
    assert len(told) == 2
    for text in told:
        *picture, caption = text.split("\n")
        assert len(picture) == 8 and set("".join(picture)) <= set(" .:+#")
        assert set(caption) <= set(captioning.LETTERS.characters)


# -- marks -----------------------------------------------------------------------------------------


def test_texts_are_framed():
    letters = Alphabet("xyz")
    page = framed(["", "zyx", "x"], letters)
    assert [unframed(line, letters) for line in page] == ["", "zyx", "x"]
    assert unframed(page[1, 1:3], letters) == "zy"  # not come to its end
    assert framed([], letters).shape == (0, 2)
    with pytest.raises(ValueError, match="does not know the character 'a'"):
        framed(["xa"], letters)
