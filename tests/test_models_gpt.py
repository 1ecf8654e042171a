"""GPT and its tokens: names and shapes, the cache, what it writes, and what it refuses."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchvision_layers import leave_undrawn

import autograd as ag
import models
import nn
from autograd import serialize
from models.datasets import Alphabet, BytePairs, Pieces
from models.datasets.bpe import words
from models.gpt import attention_maps
from models.training import cli
from models.training.language import next_piece, write, write_text
from models.training.loop import train

# A block of GPT-2 small in the order of transformers' GPT2LMHeadModel.state_dict().
BLOCK = {
    "ln_1.weight": (768,), "ln_1.bias": (768,),
    "attn.c_attn.weight": (768, 2304), "attn.c_attn.bias": (2304,),
    "attn.c_proj.weight": (768, 768), "attn.c_proj.bias": (768,),
    "ln_2.weight": (768,), "ln_2.bias": (768,),
    "mlp.c_fc.weight": (768, 3072), "mlp.c_fc.bias": (3072,),
    "mlp.c_proj.weight": (3072, 768), "mlp.c_proj.bias": (768,),
}  # fmt: skip
GPT2 = {
    "transformer.wte.weight": (50257, 768),
    "transformer.wpe.weight": (1024, 768),
    **{f"transformer.h.{i}.{name}": shape for i in range(12) for name, shape in BLOCK.items()},
    "transformer.ln_f.weight": (768,),
    "transformer.ln_f.bias": (768,),
    "lm_head.weight": (50257, 768),
}


def small(positions=8, **options):
    """A GPT with weights large enough that its scores differ, in float64."""
    ag.manual_seed(1)
    sizes = {"vocabulary": 11, "width": 12, "layers": 2, "heads": 3, **options}
    model = models.GPT(positions=positions, **sizes).to(ag.float64).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.array[...] *= 20
    return model


def text_of(count, seed=0):
    return ag.from_numpy(np.random.default_rng(seed).integers(0, 11, (2, count)))


def arrays(model):
    return {name: value.array for name, value in model.state_dict().items()}


# -- the model -------------------------------------------------------------------------------------


def test_names_shapes_and_number_are_those_of_gpt2(monkeypatch):
    leave_undrawn(monkeypatch)
    model = models.gpt2()
    assert [(n, tuple(v.shape)) for n, v in model.state_dict().items()] == list(GPT2.items())
    assert sum(p.numel() for p in model.parameters()) == 124_439_808
    assert model.lm_head.weight is model.transformer.wte.weight


def test_initial_weights():
    model = models.GPT(vocabulary=500, width=64, layers=8)
    block = model.transformer.h[3]
    for weight, deviation in (
        (model.transformer.wte.weight, 0.02), (model.transformer.wpe.weight, 0.02),
        (block.attn.c_attn.weight, 0.02), (block.mlp.c_fc.weight, 0.02),
        (block.attn.c_proj.weight, 0.005), (block.mlp.c_proj.weight, 0.005),
    ):  # fmt: skip
        assert abs(weight.array.std() / deviation - 1) < 0.05
    assert not block.attn.c_attn.bias.array.any()


def test_the_future_is_not_seen():
    model, tokens = small(), text_of(8)
    changed = tokens.array.copy()
    changed[:, 5] = (changed[:, 5] + 1) % 11
    before, after = model(tokens).array, model(ag.from_numpy(changed)).array
    assert (before[:, :5] == after[:, :5]).all()
    assert (abs(before[:, 5:] - after[:, 5:]).max((0, 2)) > 1e-3).all()


@pytest.mark.parametrize("positions", [1, 2, 7, 8, 40])
def test_reading_step_by_step_or_at_once_gives_the_same_scores(positions):
    model, tokens = small(positions), text_of(27)
    whole, _ = model.read(tokens)
    state, parts = None, []
    for piece in tokens.split([1, 1, 5, 12, 1, 1, 6], 1):
        scores, state = model.read(piece, state)
        parts.append(scores)
    np.testing.assert_allclose(ag.cat(parts, 1).array, whole.array, rtol=1e-9, atol=1e-12)
    start = whole[:, :positions]
    np.testing.assert_allclose(start.array, model(tokens[:, :positions]).array, rtol=1e-9)


def test_past_the_last_position_the_later_half_is_read_again():
    model, tokens = small(positions=8), text_of(13)
    whole, _ = model.read(tokens)
    np.testing.assert_allclose(whole[:, 8:12].array, model(tokens[:, 4:12])[:, 4:].array)
    np.testing.assert_allclose(whole[:, 12:].array, model(tokens[:, 8:13])[:, 4:].array)


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_writing_with_the_cache_gives_the_tokens_of_writing_without(temperature):
    model, prompt = small(positions=16), np.array([3, 1, 4])

    def cached(tokens, state):
        scores, state = model.read(ag.from_numpy(tokens[None]), state)
        return scores[0, -1], state

    def uncached(tokens, state):
        seen = tokens if state is None else np.concatenate([state, tokens])
        return model.read(ag.from_numpy(seen[None]))[0][0, -1], seen

    written = [
        list(write(step, prompt, 60, temperature=temperature,
                   generator=ag.Generator().manual_seed(5)))
        for step in (cached, uncached)
    ]  # fmt: skip
    assert written[0] == written[1] and len(set(written[0])) > 3


def test_a_cached_step_looks_at_the_new_token_only(monkeypatch):
    model, widths = small(), []
    _, state = model.read(text_of(5))
    model.transformer.h[0].mlp.register_forward_hook(lambda m, a, out: widths.append(out.shape[1]))
    _, state = model.read(text_of(1), state)
    assert widths == [1] and state.tokens.shape == (2, 6)
    assert state.kept[1][0].shape == (2, 3, 6, 4)


def test_dropout_acts_in_training_only():
    model, tokens = small(dropout=0.5), text_of(8)
    assert (model(tokens).array == model(tokens).array).all()
    model.train()
    assert (model(tokens).array != model(tokens).array).any()


def test_attention_maps_are_what_attention_uses():
    model, tokens = small(), text_of(8)
    maps = attention_maps(model, tokens)
    assert [m.shape for m in maps] == [(2, 3, 8, 8)] * 2
    first = model.transformer.h[0]
    x = model.transformer.wte(tokens) + model.transformer.wpe(ag.arange(8))
    *_, value = first.attn.project(first.ln_1(x))
    mixed = ag.tensor(maps[0]) @ value
    found = first.attn.c_proj(mixed.transpose(1, 2).flatten(2))
    np.testing.assert_allclose(found.array, first.attn(first.ln_1(x))[0].array, rtol=1e-9)


def test_what_the_model_refuses():
    model = small()
    with pytest.raises(ValueError, match="width that 5 heads can share, got 12"):
        models.GPT(vocabulary=3, width=12, heads=5)
    for shape in ((2, 9), (2, 0), (8,)):
        with pytest.raises(ValueError, match=r"GPT expected tokens .* with 1 to 8 steps, got \["):
            model(ag.zeros(*shape, dtype=ag.int64))
    with pytest.raises(ValueError, match="at least one step"):
        model.read(ag.zeros(2, 0, dtype=ag.int64))
    with pytest.raises(IndexError):
        model(ag.tensor([[11]]))


# -- published files -------------------------------------------------------------------------------


def published(model, bare):
    """A file's content as Hugging Face publishes it, with the masks of older versions."""
    content = {name: value for name, value in arrays(model).items() if name != "lm_head.weight"}
    for i in range(2):
        content[f"transformer.h.{i}.attn.bias"] = np.tri(8, dtype="f4")[None, None]
        content[f"transformer.h.{i}.attn.masked_bias"] = np.float32(-1e4)
    return {n.removeprefix("transformer.") if bare else n: v for n, v in content.items()}


@pytest.mark.parametrize("bare", [True, False])
def test_published_weights_load(tmp_path, bare):
    source, path = small(), tmp_path / "model.safetensors"
    serialize.save(published(source, bare), path)
    ag.manual_seed(9)
    model = models.GPT(vocabulary=11, positions=8, width=12, layers=2, heads=3).eval()
    found = models.load_weights(model, path)
    assert not found.missing_keys and not found.unexpected_keys
    assert model.lm_head.weight is model.transformer.wte.weight
    tokens = text_of(8)
    np.testing.assert_allclose(model(tokens).array, source(tokens).array, rtol=1e-3, atol=1e-3)


def test_taking_weights_as_they_are_keeps_both_tables_one():
    source, model = small(), models.GPT(vocabulary=11, positions=8, width=12, layers=2, heads=3)
    model.load_state_dict(source.state_dict(), assign=True)
    assert model.lm_head.weight is model.transformer.wte.weight
    assert model.lm_head.weight.dtype == ag.float64


def test_weights_that_do_not_fit_are_refused():
    model = small()
    content = published(model, bare=True)
    with pytest.raises(ValueError, match=r"lm_head\.weight differs from transformer\.wte\.weight"):
        model.load_state_dict({**content, "lm_head.weight": content["wte.weight"] + 1})
    del content["h.1.mlp.c_fc.bias"]
    with pytest.raises(RuntimeError, match=r"transformer\.h\.1\.mlp\.c_fc\.bias"):
        model.load_state_dict(content)
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load_state_dict({**content, "wte.weight": np.zeros((50257, 12))})


# -- byte pairs ------------------------------------------------------------------------------------


@given(st.text(), st.text(), st.integers(0, 30))
def test_byte_pairs_write_every_text_back(learned, text, merges):
    pieces = BytePairs.learn(learned, merges)
    for given_text in (learned, text):
        tokens = pieces.encode(given_text)
        assert tokens.dtype == np.int64 and pieces.decode(tokens) == given_text
    again = BytePairs(json.loads(json.dumps(pieces.pairs)))
    assert (again.encode(learned) == pieces.encode(learned)).all() and len(again) == len(pieces)
    assert 256 <= len(pieces) <= 256 + merges


def test_bytes_are_numbered_as_in_gpt2():
    pieces = BytePairs()
    assert pieces.encode("!A\n \x00\u00e9").tolist() == [0, 32, 198, 220, 188, 127, 102]
    assert sorted(pieces.bytes_of(i)[0] for i in range(256)) == list(range(256))


def test_pairs_are_learned_by_frequency_and_applied_in_order():
    pieces = BytePairs.learn("aaab" * 4 + "!" + "aa" * 3 + "!ab", 3)
    assert pieces.pairs.splitlines()[0] == "a a"
    pieces = BytePairs("b c\na b\na bc")
    assert [pieces.decode([t]) for t in pieces.encode("abcab")] == ["abc", "ab"]
    assert len(BytePairs.learn("abc", 100)) == 256  # nothing occurs twice


def test_two_pairs_that_make_the_same_token():
    pieces = BytePairs("a b\nb c\nab c\na bc")
    assert len(pieces) == 259 and pieces.decode(pieces.encode("abc abc")) == "abc abc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'll  go, it's 12x2!", ["I", "'ll", " ", " go", ",", " it", "'s", " 12", "x", "2", "!"]),
        ("a_b \t\n c", ["a", "_", "b", " \t\n", " c"]),
        ("x\u00b2 \u4e2d\u6587 ", ["x", "\u00b2", " \u4e2d\u6587", " "]),
    ],
)
def test_words_are_cut_by_gpt2s_rule(text, expected):
    assert words(text) == expected


def test_gpt2s_file_of_pairs(tmp_path):
    path = tmp_path / "merges.txt"
    path.write_text("#version: 0.2\n\u0120 t\nh e\n\u0120t he\n# #\n", encoding="utf-8")
    pieces = BytePairs.read(path)
    assert pieces.encode(" the##").tolist() == [258, 259]
    assert len(pieces) == 261 and pieces.decode([258, 260]) == " the<|endoftext|>"
    with pytest.raises(ValueError, match=r"pair 2 of the tokens, 'abx x', expected two tokens"):
        BytePairs("a b\nabx x")


def test_nats_are_those_of_a_character():
    letters = BytePairs("\u00c3 \u00a9\na a")  # e with an accent is one character of two bytes
    text = "aa\u00e9a" * 6
    windows = Pieces(letters.encode(text), letters, context=4)
    assert len(letters.encode(text)) == 18 and len(windows) == 4
    counts = [int(characters) for _, _, characters in windows]
    assert counts == [len(letters.decode(targets.tolist())) for _, targets, _ in windows]
    batch = [ag.stack(part) for part in zip(*windows, strict=True)]
    _, metrics = next_piece(nn.Embedding(len(letters), len(letters)), batch)
    even = next_piece(lambda x: ag.zeros(*x.shape, len(letters)), batch)[1]["nats"]
    assert even == pytest.approx(np.log(len(letters)) * 16 / sum(counts)) and metrics["nats"] > 0
    plain = Alphabet("ab")
    assert [int(n) for _, _, n in Pieces(plain.encode("ab" * 9), plain, 5)] == [5, 5, 5]


# -- the recipe ------------------------------------------------------------------------------------

TINY = {
    "epochs": 2, "model.width": 16, "model.layers": 1, "model.heads": 2, "data.context": 16,
    "data.name": "own.txt", "optim.lr": 0.01,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.txt").write_text("the cat sat on the mat. " * 100)
    return tmp_path


def sample(*arguments):
    return cli.run(cli.parse(["sample", "gpt", *map(str, arguments)]))


@pytest.mark.parametrize("merges", [0, 12])
def test_a_run_holds_all_that_writing_needs(folder, capsys, merges):
    recipe = models.RECIPES["gpt"]
    result = train(recipe, {**TINY, "data.merges": merges}, folder=folder / "runs" / "gpt")
    settings = json.loads((folder / "runs" / "gpt" / "config.json").read_text())["settings"]
    assert settings["model.vocabulary"] == (268 if merges else 11)
    assert settings["model.positions"] == 16
    assert ("attention" in result.run.pictures) and result.test["nats"] < 3
    (folder / "own.txt").unlink()
    for seed in (3, 3, 4):
        assert sample("--prompt", "the ", "--length", 50, "--seed", seed) == 0
    first, again, other = capsys.readouterr().out.split("\nthe ")
    assert first.removeprefix("the ") == again != other.rstrip("\n")
    wishes = ("--temperature", 0.5, "--top-k", 5, "--top-p", 0.9, "--length", 5)
    assert sample("--prompt", "cat sat", *wishes) == 0
    assert capsys.readouterr().out.startswith("cat sat")
    assert sample("--prompt", "") == 2
    assert "the prompt is empty" in capsys.readouterr().err
    assert sample("--prompt", "QQ", "--length", 1) == (0 if merges else 1)
    assert ("does not know the character 'Q'" in capsys.readouterr().err) == (not merges)


def test_complaints_of_the_recipe(folder, capsys):
    assert sample() == 2
    assert "gpt has no run below runs/: train it first" in capsys.readouterr().err
    recipe = models.RECIPES["gpt"]
    with pytest.raises(ValueError, match="tokens here, too few for one piece of 4000"):
        train(recipe, {**TINY, "data.context": 4000})
    with pytest.raises(ValueError, match="merges expected 0, for characters, or more, got -1"):
        recipe.settings({**TINY, "data.merges": -1})
    with pytest.raises(ValueError, match=r"GPT expected tokens .* 1 to 8 steps"):
        train(recipe, {**TINY, "model.positions": 8})
    with pytest.raises(ValueError, match=r"none\.txt cannot be read"):
        recipe.settings({"data.name": "none.txt"})


def test_any_model_and_its_tokens_write():
    pieces = BytePairs("a b")
    model = models.GPT(vocabulary=len(pieces), positions=4, width=8, layers=1, heads=2).eval()
    text = write_text(model, pieces, ag.Generator().manual_seed(0), "abab", 6, temperature=0)
    assert text.startswith("abab")
    assert text == write_text(model, pieces, ag.Generator().manual_seed(1), "abab", 6, top_k=1)
