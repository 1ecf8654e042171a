"""The words that ``python -m models`` understands."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  python -m models train lenet5
  python -m models train mlp --set epochs=5 --set hidden=64 --seed 1
  python -m models train lenet5 --data mnist --data-root ~/data --run-dir runs/mnist
  python -m models train lenet5 --resume auto
  python -m models eval lenet5
  python -m models train gpt --data my-text.txt
  python -m models sample gpt --prompt "The " --length 500 --temperature 0.8
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; ends the program with code 2 if it cannot be understood."""
    parser = argparse.ArgumentParser(
        prog="python -m models",
        description="Train and inspect the architectures of this library.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument("--debug", action="store_true", help="show a traceback on failure")
    common.add_argument("--threads", type=_positive, help="threads of BLAS and the kernels")
    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="changes",
                        help="change a setting of the recipe; may be repeated")  # fmt: skip
    chosen.add_argument("--config", metavar="FILE", help="read settings from a TOML file")
    chosen.add_argument("--data", metavar="NAME", help="short for --set data.name=NAME")
    chosen.add_argument("--data-root", metavar="DIR", help="short for --set data.root=DIR")
    chosen.add_argument("--seed", type=int, help="seed of all random numbers (default: 0)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, *parents, help):
        return commands.add_parser(
            name, parents=[*parents, common], help=help, description=help, epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip

    command("list", help="list the recipes")
    train = command("train", chosen, help="train a recipe and test it")
    train.add_argument("name", metavar="NAME")
    train.add_argument("--run-dir", "--out", metavar="DIR", dest="folder",
                       help="where the files go (default: runs/NAME-TIME)")  # fmt: skip
    train.add_argument("--resume", nargs="?", const="auto", metavar="PATH",
                       help="continue a run (its folder), or 'auto': the newest")  # fmt: skip
    train.add_argument("--force", action="store_true", help="resume even with other settings")
    train.add_argument("--live", action="store_true",
                       help="draw curves in the terminal, not a line for each epoch")  # fmt: skip
    train.add_argument("--dry-run", action="store_true",
                       help="one batch only: estimate time and memory")  # fmt: skip
    evaluate = command("eval", chosen, help="test the best weights of a run")
    evaluate.add_argument("name", metavar="NAME|PATH", help="a recipe (its newest run) or a run")
    sample = command("sample", help="let a trained model write, or draw")
    sample.add_argument("name", metavar="NAME|PATH", help="a recipe (its newest run) or a run")
    sample.add_argument("--prompt", metavar="TEXT", help="what the text begins with")
    sample.add_argument("--length", type=_positive, help="tokens to write")
    sample.add_argument("--temperature", type=float, help="below 1: likelier; 0: the likeliest")
    sample.add_argument("--top-k", type=int, help="draw from the k likeliest tokens only")
    sample.add_argument("--top-p", type=float, help="draw from the likeliest, of this probability")
    sample.add_argument("--count", type=_positive, help="images to draw")
    sample.add_argument("--seed", type=int, default=0, help="seed of the draws (default: 0)")
    sample.add_argument("--out", metavar="FILE", help="where images go (default: NAME.png)")
    report = command("report", help="train all recipes (or some) and write a page of the results")
    report.add_argument("names", metavar="NAME", nargs="*")
    report.add_argument("--quick", action="store_true", help="runs of a few seconds each")
    report.add_argument("--seed", type=int, default=0, help="seed of all runs (default: 0)")
    report.add_argument("--run-dir", "--out", metavar="DIR", dest="folder",
                        help="where everything goes (default: runs/report-TIME)")  # fmt: skip
    summary = command("summary", chosen, help="list the layers of a model and count its parameters")
    summary.add_argument("name", metavar="NAME")
    graph = command("graph", chosen, help="draw the computation of a model")
    graph.add_argument("name", metavar="NAME")
    graph.add_argument("--html", action="store_true",
                       help="write a page to walk around in, with gradients, instead")  # fmt: skip
    graph.add_argument("--out", metavar="FILE", help=".svg, .dot or .html (default: NAME.svg)")
    rates = command("find-lr", chosen, help="try learning rates, and draw where the loss falls")
    rates.add_argument("name", metavar="NAME")
    rates.add_argument("--steps", type=_positive, default=100, help="rates to try (default: 100)")
    rates.add_argument("--out", metavar="FILE", help="the picture (default: NAME-lr.png)")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value
