"""Single ops here and in PyTorch: forward and each gradient, time, ratio, share of the roof.

Every side runs all cases in a process of its own; both are asked for each case in turn (A B A B
...), so that a machine whose speed drifts treats both alike. Printed are medians; a ratio below 1
means that this library is faster. The column `best` is the ratio to the faster layout of PyTorch.

    python benchmarks/ops.py [--only conv2d,LSTM] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

import worker
from op_cases import CASES, EVERYTHING
from train_steps import roof

HERE = Path(__file__).resolve().parent
SIDES = ("ours", "eager", "channels_last")
FORWARD = "forward"


# -- in the process of a side ----------------------------------------------------------------------


def timer(side: str, threads: int):
    """A function of a case, a part and seconds: runs the part again and again, gives the times."""
    if side == "ours":
        lib = worker.ours(threads)
    else:
        lib = worker.pytorch(threads, fused=False, channels_last=side == "channels_last")
    last, built = None, None

    def run(name: str, part: str, budget: float) -> list[float]:
        nonlocal last, built
        if (name, part) != last:
            built, last = None, (name, part)
            built = CASES[name].build(lib)
            for leaf, tensor in built[1].items():
                tensor.requires_grad_(part in (FORWARD, EVERYTHING, leaf))
        call, leaves = built
        gradient, seconds, end = None, [], time.perf_counter() + budget
        while len(seconds) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            value = call()
            if part != FORWARD:
                if gradient is None:
                    gradient = (value * 0.5).detach()
                start = time.perf_counter()
                value.backward(gradient)
            seconds.append(time.perf_counter() - start)
            for tensor in leaves.values():
                tensor.grad = None
        return seconds

    return run


def serve(side: str, threads: int) -> None:
    """Answer each line of stdin, (case, part, seconds), with the median time of a run."""
    warnings.simplefilter("ignore")
    run = timer(side, threads)
    for line in sys.stdin:
        try:
            answer = {"seconds": statistics.median(run(*json.loads(line)))}
        except Exception as error:  # one side may lack what a case asks for: the others go on
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


# -- in the process that asks ----------------------------------------------------------------------


class Side:
    """A process that times cases with one library."""

    def __init__(self, name: str, threads: int) -> None:
        command = [sys.executable, __file__, f"--side={name}", f"--threads={threads}"]
        path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip

    def run(self, case: str, part: str, budget: float) -> float:
        """Seconds of a run; NaN, and a line on stderr, if it failed."""
        print(json.dumps([case, part, budget]), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.name} ended; its error is above")
        answer = json.loads(line)
        if "error" in answer:
            print(f"{self.name}, {case}, {part}: {answer['error']}", file=sys.stderr)
        return answer.get("seconds", math.nan)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(sides: dict[str, Side], name: str, part: str, rounds: int, budget: float) -> dict:
    """Time one part of a case on all sides in turn."""
    case = CASES[name]
    asked = [side for side in sides.values() if case.image or side.name != "channels_last"]
    for side in asked:
        side.run(name, part, budget)  # to warm up
    times: dict[str, list] = {side.name: [] for side in asked}
    for _ in range(rounds):
        for side in asked:
            times[side.name].append(side.run(name, part, budget))
    share = 1 if part != EVERYTHING else case.backward
    ms = {side: 1e3 * statistics.median(found) for side, found in times.items()}
    ms = {side: None if math.isnan(found) else found for side, found in ms.items()}  # for JSON
    return {"case": name, "part": part, "flops": case.flops and case.flops * share, "ms": ms}


def milliseconds(row: dict, side: str) -> float:
    return row["ms"].get(side) or math.nan


def ratio(row: dict, side: str = "eager") -> float:
    return milliseconds(row, "ours") / milliseconds(row, side)


def worst(row: dict) -> float:
    """The ratio to PyTorch at its best, in one layout of images or the other."""
    known = [ratio(row, side) for side in row["ms"] if side != "ours"]
    return max((r for r in known if not math.isnan(r)), default=math.nan)


def cell(number: float, form: str, width: int) -> str:
    return f"{'' if math.isnan(number) else format(number, form):>{width}}"


def line(row: dict, peak_flops: float) -> str:
    ours, eager = milliseconds(row, "ours"), milliseconds(row, "eager")
    speed = (row["flops"] or math.nan) / (ours / 1e3)
    return (
        f"{row['case']:<46}{row['part']:<8}{cell(ours, '.3f', 10)}"
        f"{cell(eager, '.3f', 12)}{cell(ratio(row), '.2f', 7)}"
        f"{cell(ratio(row, 'channels_last'), '.2f', 15)}{cell(worst(row), '.2f', 6)}"
        f"{cell(speed / 1e9, '.1f', 9)}"
        f"{cell(speed / peak_flops, '.0%', 6)}"
    )


HEADING = (
    f"{'case':<46}{'part':<8}{'ours ms':>10}{'PyTorch ms':>12}{'ratio':>7}{'channels_last':>15}"
    f"{'best':>6}{'GFLOP/s':>9}{'roof':>6}"
)


def compare(arguments) -> int:
    wanted = (arguments.only or "").lower().split(",")
    names = [n for n in CASES if any(part in n.lower() for part in wanted)]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5:
        print(f"load average {load:.1f}: with others at work, parallel times mean little")
    peak_flops = roof()
    print(f"{platform.processor() or platform.machine()}, {arguments.threads} threads, measured "
          f"roof {peak_flops / 1e9:.0f} GFLOP/s\n{HEADING}")  # fmt: skip
    sides = {name: Side(name, arguments.threads) for name in SIDES}
    rows = []
    try:
        for name in names:
            for part in (FORWARD, *CASES[name].gradients):
                row = measure(sides, name, part, arguments.rounds, arguments.budget)
                rows.append(row)
                print(line(row, peak_flops), flush=True)
    finally:
        for side in sides.values():
            side.close()
    known = [worst(row) for row in rows if not math.isnan(worst(row))]
    mean = math.exp(statistics.fmean(map(math.log, known))) if known else math.nan
    print(f"geometric mean of the ratios to PyTorch at its best: {mean:.3f}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = {"machine": platform.platform(), "roof": peak_flops, "mean": mean, "rows": rows}
    (arguments.out / "ops.json").write_text(json.dumps(report, indent=1))
    print(f"written: {arguments.out}/ops.json")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", type=float, default=0.1, help="seconds of a case in a round")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the JSON")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        serve(arguments.side, arguments.threads)
        return 0
    return compare(arguments)


if __name__ == "__main__":
    sys.exit(main())
