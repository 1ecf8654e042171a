"""Drawing tokens from scores, and the command that lets a trained model write."""

from dataclasses import replace

import numpy as np
import pytest

import autograd as ag
import models
import nn
from models.datasets import Alphabet
from models.training import cli
from models.training.language import draw, next_token, with_alphabet, write
from models.training.loop import train
from models.training.recipe import Recipe, UsageError


def draws(scores, count=2000, **options):
    generator = ag.Generator().manual_seed(1)
    taken = [draw(ag.tensor(scores), generator=generator, **options) for _ in range(count)]
    return np.bincount(taken, minlength=len(scores)) / count


def test_draws_follow_the_softmax():
    scores = np.log([0.5, 0.3, 0.2])
    assert abs(draws(scores) - [0.5, 0.3, 0.2]).max() < 0.04
    hot = np.exp(scores / 2)
    assert abs(draws(scores, temperature=2.0) - hot / hot.sum()).max() < 0.04


def test_top_k_and_top_p_leave_out_the_unlikely():
    scores = np.log([0.1, 0.5, 0.15, 0.25])
    assert abs(draws(scores, top_k=2) - [0, 2 / 3, 0, 1 / 3]).max() < 0.04
    assert abs(draws(scores, top_p=0.75) - [0, 2 / 3, 0, 1 / 3]).max() < 0.04
    assert draws(scores, top_p=1e-9)[1] == 1
    assert draws(scores, temperature=0)[1] == 1
    assert draws([1e4, -1e4, np.float64(9.9e3)], count=20)[0] == 1


def test_ties_go_to_the_first():
    assert draw(ag.tensor([1.0, 3.0, 3.0]), temperature=0) == 1
    assert draw(ag.tensor([3.0, 3.0, 3.0]), top_k=1) == 0


@pytest.mark.parametrize("wish", [{"temperature": -1}, {"top_k": -1}, {"top_p": 0}, {"top_p": 2}])
def test_wishes_out_of_range(wish):
    with pytest.raises(UsageError, match="expected temperature >= 0"):
        draw(ag.tensor([0.0, 1.0]), **wish)


# -- the command -----------------------------------------------------------------------------------


class Bigram(nn.Module):
    """Scores of the next character from a table: counting, as a network."""

    def __init__(self, vocabulary=0):
        super().__init__()
        self.table = nn.Embedding(vocabulary, vocabulary)

    def forward(self, tokens):
        return self.table(tokens)


def tell(model, settings, generator, prompt="a", length=10, temperature=1.0):
    letters = Alphabet(settings["data.alphabet"])

    def step(tokens, state):
        return model(ag.tensor(tokens))[-1], None

    tokens = write(
        step, letters.encode(prompt), length, temperature=temperature, generator=generator
    )
    return prompt + letters.decode(tokens)


BIGRAM = Recipe(
    name="bigram",
    summary="counting pairs",
    build=Bigram,
    data=models.datasets.characters,
    objective=next_token,
    metric="nats",
    higher_is_better=False,
    epochs=30,
    batch_size=8,
    complete=with_alphabet,
    options={
        "optim.lr": 0.1,
        "model.vocabulary": 0,
        "data.name": "pydoc",
        "data.context": 16,
        "data.alphabet": "",
    },
    sample=tell,
)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(models.RECIPES, "bigram", BIGRAM)
    (tmp_path / "own.txt").write_text("abc" * 300)
    result = train(BIGRAM, {"data.name": "own.txt"}, folder=tmp_path / "runs" / "bigram")
    assert result.test["nats"] < 0.2
    (tmp_path / "own.txt").unlink()  # what a run needs to write is in the run
    return tmp_path / "runs" / "bigram"


def sample(*arguments):
    return cli.run(cli.parse(["sample", *map(str, arguments)]))


def test_a_trained_model_writes(trained, capsys):
    for name in ("bigram", trained, trained / "best.safetensors"):
        assert sample(name, "--prompt", "ca", "--length", 4, "--temperature", 0) == 0
        assert capsys.readouterr().out == "cabcab\n"


def test_writing_repeats_from_its_seed(trained, capsys):
    for seed in (0, 0, 3):
        assert sample("bigram", "--temperature", 3, "--length", 60, "--seed", seed) == 0
    first, again, other = capsys.readouterr().out.splitlines()
    assert first == again != other


def test_complaints_of_sample(trained, capsys):
    assert sample("bigram", "--prompt", "abx") == 1
    assert "does not know the character 'x'" in capsys.readouterr().err
    assert sample("bigram", "--count", 3) == 2
    assert "bigram has no use for --count" in capsys.readouterr().err
    assert sample("gram") == 2
    assert "there is no model 'gram'; did you mean 'bigram'?" in capsys.readouterr().err
    (trained / "best.safetensors").unlink()
    assert sample("bigram") == 2
    assert "has no run below runs/: train it first" in capsys.readouterr().err


def test_images_become_a_picture(trained, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    drawing = replace(
        BIGRAM, sample=lambda model, settings, generator, count=4: ag.rand(count, 1, 8, 8)
    )
    monkeypatch.setitem(models.RECIPES, "bigram", drawing)
    assert sample("bigram", "--count", 5, "--out", "five.png") == 0
    assert capsys.readouterr().out == "five.png\n"
    assert (trained.parent.parent / "five.png").stat().st_size > 200


def test_models_that_make_nothing_say_so(trained, monkeypatch, capsys):
    monkeypatch.setitem(models.RECIPES, "bigram", replace(BIGRAM, sample=None))
    assert sample("bigram") == 2
    assert "bigram makes nothing new" in capsys.readouterr().err
