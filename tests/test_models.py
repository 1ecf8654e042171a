"""Models and recipes: they learn, repeat themselves to the bit, and resume as if never stopped."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest

import autograd as ag
import models
import nn
import optim
from autograd import serialize
from models.perceptron import truth_table
from models.training import catalogue, cli
from models.training.interrupt import Interrupted
from models.training.loop import Diverged, Trainer, resume, train
from models.training.recipe import UsageError, classify, cosine
from models.training.run import LAST, METRICS, Run

SMALL = replace(models.RECIPES["mlp"], epochs=3, batch_size=128, options={
    **models.RECIPES["mlp"].options, "model.hidden": 16,
})  # fmt: skip


def weights(result) -> dict[str, list]:
    return {name: t.tolist() for name, t in result.model.state_dict().items()}


# -- architectures ---------------------------------------------------------------------------------


def test_lenet5_has_the_papers_number_of_parameters():
    model = models.lenet5()
    assert sum(p.numel() for p in model.parameters()) == 61_706
    assert list(model.state_dict())[:2] == ["conv1.weight", "conv1.bias"]
    assert model(ag.zeros(1, 1, 32, 32)).shape == (1, 10)


def test_lenet5_learns_a_few_digits():
    ag.manual_seed(0)
    images, labels = models.datasets.digits(size=32).tensors
    images, labels = images[:32], labels[:32]
    model, before = models.lenet5(), None
    optimizer = optim.Adam(model.parameters(), 2e-3)
    for _ in range(15):
        loss = nn.functional.cross_entropy(model(images), labels)
        before = before or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3 * before


def test_mlp_counts_its_parameters_as_the_formula_does():
    d, q, l = 7, 5, 3  # noqa: E741 - the formula's letters
    assert sum(p.numel() for p in models.mlp(inputs=d, hidden=q, outputs=l).parameters()) == (
        d * q + q * l + q + l
    )


@pytest.mark.parametrize("gate", ["and", "or", "nand"])
def test_the_perceptron_learns_the_gates(gate):
    unit, table = models.Perceptron(2), truth_table(gate)
    mistakes = unit.fit(table, epochs=50)
    assert mistakes[-1] == 0 and len(mistakes) < 50
    assert unit(table.data).tolist() == table.targets.tolist()


def test_the_perceptron_never_learns_xor():
    unit, table = models.Perceptron(2), truth_table("xor")
    assert min(unit.fit(table, epochs=200)) > 0
    assert unit(table.data).tolist() != table.targets.tolist()


def test_xor_by_hand_and_by_learning(tmp_path):
    inputs, targets = truth_table("xor").tensors
    assert models.StepXor()(inputs).tolist() == targets.tolist()
    for seed in range(3):
        result = train(models.RECIPES["xor"], seed=seed, folder=tmp_path / str(seed))
        assert result.test["accuracy"] == 1.0 and result.test["by_hand"] == 1.0
        assert result.model(inputs).array.round().tolist() == targets.tolist()


def test_xor_starts_again_when_it_is_stuck(tmp_path):
    settings = {"patience": 1, "epochs": 3}
    assert train(models.RECIPES["xor"], settings, folder=tmp_path).test["starts"] == 3


def test_the_perceptron_recipe_keeps_what_it_learned(tmp_path):
    result = train(models.RECIPES["perceptron"], folder=tmp_path)
    assert (result.test["and"], result.test["xor"] < 1) == (1.0, True)
    assert result.run.history[-1]["mistakes"] == 0 and result.test["accuracy"] >= 0.98
    saved = serialize.load(tmp_path / "best.safetensors")
    assert (saved["weight"].array == result.model.weight.array).all()


def test_every_recipe_is_complete():
    for name, recipe in models.RECIPES.items():
        assert recipe.name == name and recipe.summary and recipe.documents and recipe.paper
        assert recipe.bar is not None and recipe.quick_bar is not None
        settings = recipe.settings()
        assert settings.keys() == recipe.defaults.keys()
        assert recipe.complete or settings == recipe.defaults
        assert recipe.data is None or len(recipe.examples(True, settings)) > 0


# -- settings --------------------------------------------------------------------------------------


def test_settings_are_found_typed_and_checked():
    recipe = models.RECIPES["lenet5"]
    settings = recipe.settings({"epochs": "3", "lr": "1e-3", "data.root": "x"}, {"epochs": 5.0})
    assert settings["epochs"] == 5 and settings["optim.lr"] == 1e-3 and settings["data.root"] == "x"
    assert isinstance(settings["epochs"], int)
    assert recipe.settings({"optim.lr": "1"})["optim.lr"] == 1.0
    with pytest.raises(
        UsageError, match=r"no setting 'epoch'; did you mean 'epochs'\?.*batch_size"
    ):
        recipe.settings({"epoch": 1})
    with pytest.raises(UsageError, match="epochs expected int, got 'many'"):
        recipe.settings({"epochs": "many"})
    with pytest.raises(UsageError, match="epochs expected int, got True"):
        recipe.settings({"epochs": True})


# -- training --------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits(tmp_path):
    first = train(SMALL, {"epochs": 1}, seed=3, folder=tmp_path / "a")
    second = train(SMALL, {"epochs": 1}, seed=3, folder=tmp_path / "b")
    other = train(SMALL, {"epochs": 1}, seed=4, folder=tmp_path / "c")
    assert weights(first) == weights(second) != weights(other)
    assert first.test == second.test


def test_a_run_leaves_its_files_and_the_best_weights(tmp_path):
    result = train(SMALL, folder=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3] and lines == result.run.history
    assert {"train_loss", "train_accuracy", "valid_loss", "valid_accuracy"} <= set(lines[0])
    best = serialize.load(tmp_path / "best.safetensors")
    assert {k: v.tolist() for k, v in best.items()} == weights(result)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (
        config["model"] == "mlp"
        and config["settings"]["epochs"] == 3
        and "numpy" in config["versions"]
    )
    with pytest.raises(UsageError, match="holds a run already"):
        train(SMALL, folder=tmp_path)


def augmented(recipe):
    noise = models.transforms.GaussianNoise(sigma=0.3)
    return replace(recipe, augment=noise, build=lambda **kw: nn.Sequential(
        models.MLP(**kw), nn.Dropout(0.2)
    ))  # fmt: skip


class StopAt:
    """Requests an interruption at the n-th batch, as a signal would."""

    def __init__(self, monkeypatch, batch: int):
        learn, self.count = Trainer.learn, 0

        def counted(trainer, data):
            self.count += 1
            if self.count == batch:
                signal.raise_signal(signal.SIGINT)
            return learn(trainer, data)

        monkeypatch.setattr(Trainer, "learn", counted)


@pytest.mark.parametrize("batch", [1, 5, 11, 22, 33])  # there are 11 in each of 3 epochs
def test_an_interrupted_run_ends_as_the_unbroken_one(tmp_path, monkeypatch, batch):
    recipe = augmented(SMALL)
    whole = train(recipe, seed=1, folder=tmp_path / "whole")
    with monkeypatch.context() as patch:
        StopAt(patch, batch)
        with pytest.raises(Interrupted):
            train(recipe, seed=1, folder=tmp_path / "parts")
    ag.rand(17)  # whatever else used random numbers in between
    state = serialize.load_checkpoint(tmp_path / "parts" / LAST)
    assert 11 * state["epoch"] + state["step"] == batch
    rest = resume(Run(recipe, recipe.settings(), 1, tmp_path / "parts"), state)
    assert weights(rest) == weights(whole) and rest.test == whole.test

    def untimed(run):
        lines = [json.loads(line) for line in (run.folder / METRICS).read_text().splitlines()]
        return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]

    assert untimed(rest.run) == untimed(whole.run)


def test_a_run_that_was_killed_goes_on_from_its_last_epoch(tmp_path, monkeypatch):
    recipe = augmented(SMALL)
    whole = train(recipe, seed=1, folder=tmp_path / "whole")
    learn = Trainer.learn

    def die(trainer, batch):
        if (trainer.epoch, trainer.step) == (2, 4):
            raise MemoryError
        return learn(trainer, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "learn", die)
        with pytest.raises(MemoryError):
            train(recipe, seed=1, folder=tmp_path / "parts")
    state = serialize.load_checkpoint(tmp_path / "parts" / LAST)
    assert (state["epoch"], state["step"]) == (2, 0)
    rest = resume(Run(recipe, recipe.settings(), 1, tmp_path / "parts"), state)
    assert weights(rest) == weights(whole) and rest.test == whole.test


def test_a_finished_run_resumes_to_its_result(tmp_path):
    result = train(SMALL, {"epochs": 1}, folder=tmp_path)
    state = serialize.load_checkpoint(tmp_path / LAST)
    again = resume(Run(SMALL, result.run.settings, 0, tmp_path), state)
    assert again.test == result.test and weights(again) == weights(result)


def test_patience_stops_early_and_keeps_the_best(tmp_path, monkeypatch):
    scores = iter([0.5, 0.7, 0.6, 0.7, 0.9])
    evaluate = Trainer.evaluate

    def scripted(trainer, dataset):
        if dataset is trainer.validation:
            return {"loss": 1.0, "accuracy": next(scores)}
        return evaluate(trainer, dataset)

    monkeypatch.setattr(Trainer, "evaluate", scripted)
    result = train(SMALL, {"epochs": 5, "patience": 2}, folder=tmp_path)
    assert len(result.run.history) == 4
    state = serialize.load_checkpoint(tmp_path / LAST)
    assert state["best"]["epoch"] == 1
    assert {k: v.tolist() for k, v in state["best"]["model"].items()} == weights(result)


def test_without_validation_the_last_weights_are_kept(tmp_path):
    result = train(SMALL, {"epochs": 2, "validation": 0}, folder=tmp_path)
    assert "valid_loss" not in result.run.history[0]
    state = serialize.load_checkpoint(tmp_path / LAST)
    assert state["best"]["epoch"] == 1
    with pytest.raises(UsageError, match="below 1"):
        train(SMALL, {"validation": 1.0}, folder=tmp_path / "x")


def test_a_diverging_loss_ends_the_run(tmp_path):
    def explode(model, batch):
        loss, metrics = classify(model, batch)
        return loss * float("inf"), metrics

    with pytest.raises(Diverged, match=r"epoch 1, batch 1: try a smaller.*0\.0003"):
        train(replace(SMALL, objective=explode), folder=tmp_path)


def test_test_data_are_looked_at_once(tmp_path):
    looked = []

    def data(train, size):
        whole = models.datasets.digits(train, size)
        if not train:
            looked.append(whole)
            whole.transform = lambda image: looked.append("image") or image
        return whole

    train(replace(SMALL, data=data), folder=tmp_path)
    assert looked.count("image") == 360 + 1  # and one example for the picture


def test_validation_is_taken_from_the_training_part():
    trainer = Trainer(Run(SMALL, SMALL.settings()))
    assert (len(trainer.training), len(trainer.validation), len(trainer.test)) == (1293, 144, 360)
    assert not set(trainer.training.indices) & set(trainer.validation.indices)


def test_augmentation_leaves_validation_alone():
    recipe = replace(SMALL, augment=models.transforms.Lambda(lambda image: image * 0))
    trainer = Trainer(Run(recipe, recipe.settings()))
    inputs, _ = next(iter(trainer.loader))
    assert not inputs.array.any() and trainer.validation[0][0].array.any()


def test_gradients_can_be_clipped(monkeypatch, tmp_path):
    norms = []
    trainer = Trainer(Run(SMALL, SMALL.settings({"clip": 1e-3, "epochs": 1})))
    step = trainer.optimizer.step

    def watched():
        norms.append(np.sqrt(sum((p.grad.array**2).sum() for p in trainer.model.parameters())))
        return step()

    monkeypatch.setattr(trainer.optimizer, "step", watched)
    trainer.learn(next(iter(trainer.loader)))
    assert norms[0] <= 1.001e-3


def test_cosine_ends_at_zero():
    parameter = nn.Parameter(ag.zeros(1))
    optimizer = optim.SGD([parameter], lr=1.0)
    schedule, rates = cosine(optimizer, 4), []
    for _ in range(4):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == sorted(rates, reverse=True) and abs(rates[-1]) < 1e-12


# -- the catalogue ---------------------------------------------------------------------------------


def test_the_catalogue_tells_of_the_newest_finished_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert catalogue.last_result("xor") is None
    assert cli.run(cli.parse(["report", "perceptron", "--quick", "--out", "all"])) == cli.DONE
    page = (tmp_path / "all" / "index.html").read_text()
    assert "Rosenblatt 1958" in page and "reached" in page
    assert cli.run(cli.parse(["train", "xor"])) == cli.DONE
    capsys.readouterr()
    assert cli.run(cli.parse(["list", "--json"])) == cli.DONE
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert listed["xor"]["last"]["test"]["accuracy"] == 1.0 and listed["lenet5"]["last"] is None
    assert listed["lenet5"]["parameters"] == 61_706


def test_a_report_names_what_missed_its_goal(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["report", "mlp", "--out", "all"]
    monkeypatch.setitem(models.RECIPES, "mlp", replace(models.RECIPES["mlp"], quick={"epochs": 1}))
    assert cli.run(cli.parse([*command, "--quick"])) == cli.FAILED
    assert "1 of 1 missed their goal: mlp" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(models.RECIPES))
def test_quick_settings_survive_the_command_line_of_a_report(name):
    recipe = models.RECIPES[name]
    arguments = cli.parse(["train", name, *catalogue.as_arguments(recipe.quick)])
    assert recipe.settings(*cli.changes(arguments)) == recipe.settings(recipe.quick)


@pytest.mark.parametrize("name", list(models.RECIPES))
def test_every_recipe_learns_in_seconds(name, tmp_path):
    recipe = models.RECIPES[name]
    result = train(recipe, recipe.quick, folder=tmp_path)
    assert recipe.reached(result.test, recipe.quick_bar), result.test
