"""``python -m models`` as a user meets it: exit codes, messages, files, signals."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from autograd import serialize
from models.training import cli, run

ROOT = Path(__file__).resolve().parent.parent
QUICK = ["--set", "epochs=2", "--set", "hidden=8", "--set", "batch_size=256"]


def start(*arguments, cwd, **environment) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "models", *arguments],
        cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **environment},
    )  # fmt: skip


def shell(*arguments, cwd, **environment) -> tuple[int, str, str]:
    process = start(*arguments, cwd=cwd, **environment)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def call(*arguments, capsys) -> tuple[int, str, str]:
    """The same without a new process, for what needs none."""
    try:
        code = cli.run(cli.parse(list(arguments)))
    except SystemExit as exit:
        code = exit.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# -- what is asked for -----------------------------------------------------------------------------


def test_list_and_help_from_another_folder(tmp_path):
    code, out, err = shell("list", cwd=tmp_path)
    assert code == 0 and err == ""
    assert all(name in out for name in ("lenet5", "mlp", "perceptron", "xor"))


def test_list_as_json(capsys):
    code, out, _ = call("list", "--json", capsys=capsys)
    assert code == 0 and {row["name"] for row in json.loads(out)} >= {"lenet5", "mlp"}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["train", "lenet"], "did you mean 'lenet5'"),
        (["train", "zzz"], "The models are"),
        (["train", "mlp", "--set", "epoch=3"], "did you mean 'epochs'"),
        (["train", "mlp", "--set", "epochs=x"], "expected int"),
        (["train", "mlp", "--set", "epochs"], "KEY=VALUE"),
        (["train", "mlp", "--config", "none.toml"], "none.toml"),
        (["train", "mlp", "--data", "mnist"], "no setting 'data.name'"),
        (["train", "mlp", "--threads", "0"], "--threads"),
        (["train"], "NAME"),
        (["bake"], "invalid choice"),
        (["eval", "mlp"], "train it first"),
        (["graph", "mlp", "--out", "x.bmp"], ".svg or .dot"),
        (["train", "perceptron", "--dry-run"], "no dry run"),
    ],
)
def test_misuse_is_code_2_with_a_hint(arguments, message, capsys, tmp_path):
    code, out, err = call(*arguments, capsys=capsys)
    assert code == 2 and message in err and out == ""
    assert not list(tmp_path.iterdir())


def test_failures_are_code_1_in_one_line_or_with_a_traceback(capsys):
    command = ["train", "lenet5", "--data", "mnist", "--data-root", "nowhere"]
    code, out, err = call(*command, capsys=capsys)
    assert code == 1 and out == "" and "Traceback" not in err
    assert err.startswith("error: FileNotFoundError: MNIST was not found in nowhere/MNIST/raw")
    code, _, err = call(*command, "--debug", capsys=capsys)
    assert code == 1 and "Traceback" in err


def test_a_shape_error_says_what_was_expected_and_where(capsys):
    code, _, err = call("train", "lenet5", "--set", "size=28", capsys=capsys)
    said = [line for line in err.splitlines() if not line.startswith("compiling ")]
    assert code == 1 and "in LeNet5" in err and len(said) < 8
    assert "(batch, 1, 32, 32), got [64, 1, 28, 28]" in err


def test_summary_counts_parameters(capsys):
    code, out, _ = call("summary", "lenet5", capsys=capsys)
    assert code == 0 and "61,706" in out and "conv2" in out
    code, out, _ = call("summary", "mlp", "--set", "hidden=3", "--json", capsys=capsys)
    assert json.loads(out)["parameters"] == 64 * 3 + 3 + 3 * 10 + 10


def test_graph_with_and_without_graphviz(capsys, tmp_path, monkeypatch):
    code, out, _ = call("graph", "mlp", "--out", "a.dot", capsys=capsys)
    assert code == 0 and out.strip() == "a.dot" and "digraph" in (tmp_path / "a.dot").read_text()
    monkeypatch.setenv("PATH", "")
    code, out, _ = call("graph", "mlp", capsys=capsys)
    assert code == 0 and out.startswith("mlp.dot (no picture") and (tmp_path / "mlp.dot").exists()
    code, out, _ = call("graph", "perceptron", capsys=capsys)
    assert code == 0 and "not drawn" in out


def test_graph_as_a_page(capsys, tmp_path):
    code, out, _ = call("graph", "lenet5", "--html", capsys=capsys)
    text = (tmp_path / "lenet5.html").read_text(encoding="utf-8")
    assert code == 0 and out.strip() == "lenet5.html"
    assert "conv1.weight" in text and '"backward": true' in text  # with gradients
    code, out, _ = call("graph", "mlp", "--out", "b.html", capsys=capsys)
    assert code == 0 and "<svg" in (tmp_path / "b.html").read_text(encoding="utf-8")
    code, out, _ = call("graph", "perceptron", "--html", capsys=capsys)
    assert code == 0 and "not drawn" in out


def test_find_a_learning_rate(capsys, tmp_path):
    asked = ["find-lr", "mlp", "--steps", "30", *QUICK, "--json"]
    code, out, _ = call(*asked, capsys=capsys)
    value = json.loads(out)
    assert code == 0 and 1e-5 < value["lr"] < 1
    assert (tmp_path / "mlp-lr.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads(call(*asked, capsys=capsys)[1]) == value
    code, _, err = call("find-lr", "perceptron", capsys=capsys)
    assert code == 2 and "own training loop" in err


def test_live_curves_in_place_of_lines(capsys):
    code, _, err = call("train", "mlp", *QUICK, "--live", capsys=capsys)
    lines = [line for line in err.splitlines() if not line.startswith("compiling ")]
    assert code == 0 and re.match(r"train_loss +█▁ [\d.]+$", lines[0])
    assert "epoch" not in err and any(line.startswith("valid_accuracy") for line in lines)


def test_dry_run_writes_nothing(capsys, tmp_path):
    code, out, _ = call("train", "mlp", "--dry-run", *QUICK, capsys=capsys)
    assert code == 0 and "Total parameters" in out and re.search(r"6 batches .* 2 epochs", out)
    assert not list(tmp_path.iterdir())


# -- training --------------------------------------------------------------------------------------


def test_train_then_eval(tmp_path, capsys):
    code, out, err = shell("train", "mlp", *QUICK, "--threads", "1", cwd=tmp_path, NO_COLOR="1")
    assert code == 0, err
    assert re.match(
        r"mlp: test loss [\d.]+, accuracy [\d.]+ in [\d.]+ s \(goal 0.97: missed\)\n", out
    )
    assert "\x1b" not in out + err and "epoch 2" in err and "\r" not in err
    (folder,) = (tmp_path / "runs").iterdir()
    files = {path.name for path in folder.iterdir()}
    assert {"config.json", "metrics.jsonl", "best.safetensors", "last.safetensors"} <= files
    assert files & {"graph.svg", "graph.dot"} and not [f for f in files if f.startswith(".")]
    config = json.loads((folder / "config.json").read_text())
    assert config["settings"]["model.hidden"] == 8 and config["versions"]["threads"] == "1"
    accuracy = re.search(r"accuracy [\d.]+", out).group()
    for what in ("mlp", str(folder), str(folder / "best.safetensors")):
        code, out, _ = call("eval", what, capsys=capsys)
        assert code == 0 and accuracy in out


def test_settings_come_from_a_file_and_flags_win(tmp_path, capsys):
    (tmp_path / "run.toml").write_text("epochs = 5\n[optim]\nlr = 1e-3\n[model]\nhidden = 4\n")
    command = ["train", "mlp", "--config", "run.toml", *QUICK[:2], "--run-dir", "here", "--json"]
    code, out, _ = call(*command, capsys=capsys)
    assert code == 0 and json.loads(out)["epochs"] == 2
    settings = run.read_config(Path("here"))["settings"]
    assert (settings["optim.lr"], settings["model.hidden"], settings["epochs"]) == (1e-3, 4, 2)
    code, _, err = call(*command, capsys=capsys)
    assert code == 2 and "holds a run already" in err


def test_divergence_is_code_3(capsys):
    with_fire = ["train", "mlp", *QUICK, "--set", "lr=1e30", "--run-dir", "x"]
    with pytest.warns(RuntimeWarning):
        code, out, err = call(*with_fire, capsys=capsys)
    assert code == 3 and out == "" and "smaller learning rate" in err


def test_a_folder_that_cannot_be_written_is_replaced(monkeypatch, capsys, tmp_path):
    def refuse(*args, **keywords):
        raise PermissionError("read-only")

    monkeypatch.setattr(run.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write anywhere, so pretend
    folder = run.new_folder("mlp")
    assert folder.parent == tmp_path and "cannot be written" in capsys.readouterr().err


def test_training_without_matplotlib(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, out, _ = call("train", "mlp", *QUICK, capsys=capsys)
    assert code == 0 and "matplotlib is not installed" in out


def test_threads_are_one_for_blas_unless_somebody_said_otherwise(monkeypatch):
    from models.__main__ import THREADS, wanted

    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    assert wanted(None) == {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    assert wanted(2) == dict.fromkeys(THREADS, "2")
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert wanted(None) == {}


# -- stopping and going on -------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on_as_if_unbroken(tmp_path, capsys, number):
    long = ["--set", "epochs=30", "--set", "hidden=8"]
    process = start("train", "mlp", *long, cwd=tmp_path)
    for line in process.stderr:  # wait until it is well under way
        if line.startswith("epoch 2 "):
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and out == ""
    (folder,) = (tmp_path / "runs").iterdir()
    line = f"python -m models train mlp --resume runs/{folder.name}"
    assert line in err
    state = serialize.load_checkpoint(folder / "last.safetensors")
    assert 2 <= state["epoch"] < 30
    code, out, err = call(*line.split()[3:], "--json", capsys=capsys)
    assert code == 0 and "resuming" in err
    resumed = json.loads(out)
    code, out, _ = call("train", "mlp", *long, "--run-dir", "whole", "--json", capsys=capsys)
    whole = json.loads(out)
    assert resumed["test"] == whole["test"] and resumed["epochs"] == whole["epochs"] == 30
    best = [Path(r["files"]["weights"]).read_bytes() for r in (resumed, whole)]
    assert best[0] == best[1]


def test_the_second_signal_quits_at_once(tmp_path):
    code = """
        import signal, time
        from models.training.interrupt import Interrupt
        with Interrupt():
            signal.raise_signal(signal.SIGINT)
            print("still here", flush=True)
            signal.raise_signal(signal.SIGTERM)
            print("not here")
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert result.returncode == 130 and result.stdout == "still here\n"


@pytest.fixture
def trained(capsys) -> Path:
    assert call("train", "mlp", *QUICK, "--run-dir", "runs/a", capsys=capsys)[0] == 0
    return Path("runs/a")


def test_resume_refuses_another_configuration(trained, capsys):
    code, _, err = call("train", "mlp", "--resume", "runs/a", "--set", "lr=0.5", capsys=capsys)
    assert code == 2 and "optim.lr" in err and "--force" in err
    code, _, err = call("train", "mlp", "--resume", "runs/a", "--seed", "7", capsys=capsys)
    assert code == 2 and "seed" in err
    code, _, err = call("train", "lenet5", "--resume", "runs/a", capsys=capsys)
    assert code == 2 and "a run of mlp" in err
    more = ["--set", "epochs=3", "--force", "--json"]
    code, out, _ = call("train", "mlp", "--resume", "runs/a", *more, capsys=capsys)
    assert code == 0 and json.loads(out)["epochs"] == 3


def test_resume_auto_takes_the_newest_sound_checkpoint(trained, capsys):
    later = Path("runs/b")
    assert call("train", "mlp", *QUICK, "--run-dir", str(later), capsys=capsys)[0] == 0
    os.utime(later / "last.safetensors", (time.time() + 9, time.time() + 9))
    code, _, err = call("train", "mlp", "--resume", "auto", capsys=capsys)
    assert code == 0 and "resuming runs/b" in err
    whole = (later / "last.safetensors").read_bytes()
    (later / "last.safetensors").write_bytes(whole[:-100])
    os.utime(later / "last.safetensors", (time.time() + 99, time.time() + 99))
    code, _, err = call("train", "mlp", "--resume", "auto", capsys=capsys)
    assert code == 0 and "passed over: corrupt checkpoint" in err and "resuming runs/a" in err
    code, _, err = call("train", "mlp", "--resume", str(later), capsys=capsys)
    assert code == 1 and "corrupt checkpoint" in err


def test_resume_auto_without_a_run_starts_one(capsys):
    code, _, err = call("train", "mlp", "--resume", "auto", *QUICK, capsys=capsys)
    assert code == 0 and "starting from the beginning" in err


def test_resume_of_what_is_no_checkpoint(trained, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = call("train", "mlp", "--resume", "empty", capsys=capsys)
    assert code == 2 and "no checkpoint" in err
    code, _, err = call("train", "mlp", "--resume", "runs/a/best.safetensors", capsys=capsys)
    assert code == 1 and "bare weights" in err
    serialize.save_checkpoint({"a": 1}, "other.safetensors")
    code, _, err = call("train", "mlp", "--resume", "other.safetensors", capsys=capsys)
    assert code == 1 and "not one of a training run" in err
