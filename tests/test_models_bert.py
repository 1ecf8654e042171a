"""BERT: names and shapes of the published weights, masks, padding."""

import numpy as np
import pytest

import autograd as ag
import models
import nn
import optim
from autograd import serialize
from models import datasets
from models.bert import named_as_here
from models.bert_pydoc import RECIPE, Counts, fill_masks, hide, mask, small_bert, waves
from models.training.recipe import UsageError

SMALL = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 12,
    "dropout": 0.0,
}

# Hugging Face's names for bert-base-uncased: those of one layer, and those around the layers.
LAYER = {
    **{f"attention.self.{name}.weight": (768, 768) for name in ("query", "key", "value")},
    **{f"attention.self.{name}.bias": (768,) for name in ("query", "key", "value")},
    "attention.output.dense.weight": (768, 768),
    "attention.output.dense.bias": (768,),
    "attention.output.LayerNorm.weight": (768,),
    "attention.output.LayerNorm.bias": (768,),
    "intermediate.dense.weight": (3072, 768),
    "intermediate.dense.bias": (3072,),
    "output.dense.weight": (768, 3072),
    "output.dense.bias": (768,),
    "output.LayerNorm.weight": (768,),
    "output.LayerNorm.bias": (768,),
}
BERT = {
    "embeddings.word_embeddings.weight": (30522, 768),
    "embeddings.position_embeddings.weight": (512, 768),
    "embeddings.token_type_embeddings.weight": (2, 768),
    "embeddings.LayerNorm.weight": (768,),
    "embeddings.LayerNorm.bias": (768,),
    **{f"encoder.layer.{i}.{name}": shape for i in range(12) for name, shape in LAYER.items()},
    "pooler.dense.weight": (768, 768),
    "pooler.dense.bias": (768,),
}
HEADS = {
    "cls.predictions.bias": (30522,),
    "cls.predictions.transform.dense.weight": (768, 768),
    "cls.predictions.transform.dense.bias": (768,),
    "cls.predictions.transform.LayerNorm.weight": (768,),
    "cls.predictions.transform.LayerNorm.bias": (768,),
    "cls.predictions.decoder.weight": (30522, 768),
    "cls.predictions.decoder.bias": (30522,),
    "cls.seq_relationship.weight": (2, 768),
    "cls.seq_relationship.bias": (2,),
}


@pytest.fixture
def masked_lm():
    ag.manual_seed(0)
    return models.BertForMaskedLM(**SMALL).eval()


# -- names -----------------------------------------------------------------------------------------


def test_bert_base_has_the_published_names_shapes_and_number_of_parameters():
    model = models.bert_base()
    shapes = {name: weight.shape for name, weight in model.state_dict().items()}
    assert shapes == {**{f"bert.{name}": shape for name, shape in BERT.items()}, **HEADS}
    assert sum(p.numel() for p in model.bert.parameters()) == 109_482_240
    assert sum(p.numel() for p in model.parameters()) == 110_106_428


def test_a_published_file_loads_by_name(tmp_path):
    ag.manual_seed(1)
    source, target = models.BertForPreTraining(**SMALL), models.BertForPreTraining(**SMALL)
    old = {}
    for name, weight in source.state_dict().items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        old[name.replace("LayerNorm.bias", "LayerNorm.beta")] = weight
    del old["cls.predictions.decoder.bias"], old["cls.predictions.decoder.weight"]
    old["bert.embeddings.position_ids"] = ag.arange(12)[None]
    serialize.save(old, tmp_path / "model.safetensors")
    keys = models.load_weights(target, tmp_path / "model.safetensors")
    assert keys.missing_keys == keys.unexpected_keys == []
    for name, weight in source.state_dict().items():
        assert (target.state_dict()[name].array == weight.array).all(), name


def test_its_own_file_loads_and_what_is_shared_stays_shared(masked_lm, tmp_path):
    serialize.save(masked_lm.state_dict(), tmp_path / "own.safetensors")
    model = models.BertForMaskedLM(**SMALL)
    model.load_state_dict(serialize.load(tmp_path / "own.safetensors"), assign=True)
    predictions = model.cls.predictions
    assert predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    assert predictions.decoder.bias is predictions.bias
    tokens = ag.tensor([[1, 5, 3, 2]])
    assert (model.eval()(tokens).array == masked_lm(tokens).array).all()


def test_weights_that_were_trained_apart_are_refused(masked_lm):
    weights = {name: weight.array.copy() for name, weight in masked_lm.state_dict().items()}
    weights["cls.predictions.decoder.weight"] += 1
    with pytest.raises(ValueError, match=r"decoder\.weight differs from bert\.embeddings\.word"):
        named_as_here(weights)


# -- masks and padding -----------------------------------------------------------------------------


def test_masks_are_15_percent_of_which_80_10_and_10():
    tokens = np.random.default_rng(0).integers(4, 98, (400, 500))
    shown, chosen = mask(tokens, 98, np.random.default_rng(1))
    assert abs(chosen.mean() - 0.15) < 0.003
    masked, kept = (shown == 3)[chosen].mean(), (shown == tokens)[chosen].mean()
    assert abs(masked - 0.8) < 0.01 and abs(kept - 0.1 * (1 + 1 / 94)) < 0.01
    assert (shown == tokens)[~chosen].all() and shown.min() == 3 and shown.max() == 97


def test_special_tokens_are_never_chosen():
    tokens = np.array([[1, 9, 2, 0, 0]] * 2000)
    chosen = mask(tokens, 20, np.random.default_rng(1))[1]
    assert not chosen[:, [0, 2, 3, 4]].any() and chosen[:, 1].any()


def test_only_masked_places_are_in_the_loss(masked_lm):
    tokens = ag.tensor([[1, 5, 3, 7, 2], [1, 3, 9, 8, 2]])
    chosen = np.zeros((2, 5), bool)
    chosen[0, 2] = chosen[1, 1] = True
    targets, others = np.full((2, 5), 11), np.full((2, 5), 12)
    others[chosen] = 11
    first, second = (
        masked_lm.loss(tokens, ag.from_numpy(t), ag.from_numpy(chosen)).item()
        for t in (targets, others)
    )
    scores = masked_lm(tokens).array[chosen].astype(np.float64)
    nats = np.log(np.exp(scores).sum(1)) - scores[:, 11]
    assert first == second and abs(first - nats.mean()) < 1e-5


def test_padding_changes_nothing(masked_lm):
    line = [1, 5, 3, 7, 2]
    alone = masked_lm(ag.tensor([line])).array[0]
    padded = masked_lm(ag.tensor([[*line, 0, 0, 0], [1, 8, 9, 10, 11, 12, 13, 2]])).array[0, :5]
    np.testing.assert_allclose(padded, alone, rtol=1e-5, atol=1e-6)
    seen = masked_lm(ag.tensor([[*line, 9]]), ag.tensor([[1, 1, 1, 1, 1, 0]])).array[0, :5]
    np.testing.assert_allclose(seen, alone, rtol=1e-5, atol=1e-6)


def test_it_looks_both_ways(masked_lm):
    line = np.array([1, 5, 6, 3, 7, 8, 2])
    before = masked_lm(ag.tensor(line[None])).array[0, 3]
    for place in (1, 5):
        other = line.copy()
        other[place] = 20
        assert abs(masked_lm(ag.tensor(other[None])).array[0, 3] - before).max() > 1e-6


def test_it_learns_to_fill_in():
    ag.manual_seed(0)
    model, random = models.BertForMaskedLM(**SMALL), np.random.default_rng(0)
    optimizer = optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(150):
        tokens = np.repeat(random.integers(4, 12, (32, 1)), 8, axis=1)  # one letter, eight times
        shown, chosen = mask(tokens, 12, random)
        loss = model.loss(*(ag.from_numpy(array) for array in (shown, tokens, chosen)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.3 * losses[0]


def test_what_does_not_fit_is_refused(masked_lm):
    with pytest.raises(ValueError, match="a text of at most 12 tokens, got 13"):
        masked_lm(ag.ones(1, 13, dtype=ag.int64))
    with pytest.raises(IndexError, match="30"):
        masked_lm(ag.tensor([[1, 30, 2]]))
    with pytest.raises(ValueError, match="num_attention_heads divides, got 16 and 3"):
        models.Bert(**{**SMALL, "num_attention_heads": 3})


def test_counts_are_chances_and_know_both_sides():
    random = np.random.default_rng(0)
    counts = Counts(random.integers(0, 5, 500), vocabulary=5)
    for chances in (counts.single, counts.after, counts.before, counts.both, counts.left):
        np.testing.assert_allclose(chances.sum(-1), 1)
    text = np.array([0, 1, 0, 2, 3, 2] * 100)  # what follows 0 is told by its other neighbour
    counts, places = Counts(text, vocabulary=5), np.array([7, 9])
    assert (counts.between(text, places) > 0.95).all()
    assert (counts.following(text, places) > 0.95).all()
    assert abs(counts.after[0, 1] - 0.5) < 0.03


def test_places_resemble_no_other():
    vectors = waves(82, 96)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(82), atol=1e-12)


def test_heads_of_the_first_layer_begin_with_the_neighbours():
    ag.manual_seed(0)
    model, lines = small_bert(), np.random.default_rng(0).integers(4, 98, (20, 82))
    tokens, attention = ag.from_numpy(lines), model.bert.encoder.layer[0].attention.self
    states = model.bert.embeddings(tokens, ag.zeros_like(tokens))
    query, key = (attention.split(f(states)).array for f in (attention.query, attention.key))
    scores = (query @ key.swapaxes(-1, -2)).mean(0)  # (heads, time, time)
    offsets = np.arange(-8, 9)
    by_offset = np.stack([np.diagonal(scores, k, 1, 2).mean(1) for k in offsets], 1)
    assert offsets[by_offset.argmax(1)].tolist() == [-1, 1, -2, 2]
    best, second = np.sort(by_offset, 1)[:, :-3:-1].T
    assert (best > second + 10).all()


def test_what_is_tested_is_masked_altogether_and_always_the_same():
    lines = np.random.default_rng(0).integers(4, 98, (50, 82))
    shown, chosen = hide(lines, 98)
    assert (shown[chosen] == 3).all() and (shown[~chosen] == lines[~chosen]).all()
    assert (hide(lines, 98)[1] == chosen).all() and abs(chosen.mean() - 0.15) < 0.02


class Alphabetic(nn.Module):
    """Says that behind each mask is what follows the token before, surely if that is no mask."""

    def forward(self, tokens):
        left = np.roll(tokens.array, 1, axis=1)
        scores = 9.0 * np.eye(98)[(left + 1) % 98] * (left != 3)[..., None]
        return ag.from_numpy(scores.astype(np.float32))


def test_masks_of_a_prompt_are_filled_in_where_it_is_surest_first():
    settings = {"alphabet": datasets.reading_alphabet().characters}
    generator = ag.Generator().manual_seed(0)
    assert fill_masks(Alphabetic(), settings, generator, "if a???, P?R") == "if abcd, PQR"
    drawn = {
        fill_masks(Alphabetic(), settings, generator, "if a?", temperature=9.0) for _ in range(9)
    }
    assert len(drawn) > 1
    with pytest.raises(UsageError, match=r"expected a prompt with a \? or more, got 'pass'"):
        fill_masks(Alphabetic(), settings, generator, "pass")


def test_settings_hold_the_alphabet_of_the_run():
    settings = RECIPE.settings()
    assert settings["alphabet"] == datasets.reading_alphabet().characters
    assert settings["model.vocabulary"] == len(settings["alphabet"])
    assert RECIPE.settings({"alphabet": "abcde"})["model.vocabulary"] == 5


# -- the lines of topics ---------------------------------------------------------------------------


def test_lines_are_split_without_overlap_and_hidden_from_pretraining():
    train, test = datasets.topic_lines(True), datasets.topic_lines(False)
    assert train.classes == test.classes and len(set(train.classes)) == 8
    everything = [*train.lines, *test.lines]
    assert len(set(everything)) == len(everything)
    assert all(40 <= len(line) <= 80 for line in everything)
    assert set(train.labels.tolist()) == set(test.labels.tolist()) == set(range(8))
    assert abs(len(test.lines) / len(everything) - 0.2) < 0.01
    text = set(datasets.unlabelled_text().split("\n"))
    assert not text & set(test.lines) and set(train.lines) <= text


def test_padded_lines_and_what_does_not_fit():
    alphabet = datasets.reading_alphabet()
    lines = datasets.topic_lines(False).lines[:3]
    tokens = datasets.padded(lines, alphabet)
    for row, line in zip(tokens, lines, strict=True):
        assert alphabet.decode(row).rstrip("\0") == f"\x02{line}\x03"
    with pytest.raises(ValueError, match=r"a line of 12 characters.*does not fit into 10 places"):
        datasets.padded(["x" * 12], alphabet, context=10)
    with pytest.raises(ValueError, match="does not know the character '\u00e9'"):
        datasets.padded(["caf\u00e9"], alphabet)
