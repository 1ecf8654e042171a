"""Training steps here and in PyTorch: time, share of the machine's roof, and memory.

Every side runs in a process of its own; all are asked for a few steps in turn (A B A B ...), so
that a machine whose speed drifts treats all alike. Printed are medians of rounds, and of the ratios
that each round gives by itself: below 1 this library is faster, as it runs by itself, and
`recorded`, with the step through `compile`.

    python benchmarks/train_steps.py [--only LeNet,GRU] [--rounds 5] [--sides compile,jax]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from worker import SIDES
from workloads import WORKLOADS

HERE = Path(__file__).resolve().parent
WARM_UP = 3  # rounds before those that count


class Side:
    """A process that trains one workload with one library."""

    def __init__(self, workload: str, side: str, threads: int) -> None:
        command = [sys.executable, str(HERE / "worker.py"), workload, side, f"--threads={threads}"]
        path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        self.name, self.seconds, self.last = side, [], {}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip

    def run(self, steps: int) -> list[float]:
        """Let it train some steps; the seconds that each took."""
        print(steps, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.name} ended; its error is above")
        self.last = json.loads(line)
        return self.last["seconds"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def can_build(side: str, workload: str) -> bool:
    """Whether a side has that workload: in JAX not all are written."""
    if side != "jax":
        return True
    import workloads_jax

    return workloads_jax.find(workload) is not None


def measure(name: str, sides: list[str], rounds: int, threads: int) -> dict:
    """Train one workload on all sides in turn."""
    steps = WORKLOADS[name].steps
    running = [Side(name, side, threads) for side in sides if can_build(side, name)]
    try:
        for side in running:
            for _ in range(WARM_UP):
                side.run(max(1, steps // 2))
        for _ in range(rounds):
            for side in running:
                side.seconds.append(statistics.median(side.run(steps)))
    finally:
        for side in running:
            side.close()
    return {
        "workload": name,
        "target": WORKLOADS[name].target,
        "flops": next((s.last["flops"] for s in running if s.last.get("flops")), None),
        **{
            side.name: {
                "ms": 1e3 * statistics.median(side.seconds),
                "rounds": side.seconds,
                "peak": side.last["peak"],
                "loss": side.last["loss"],
            }
            for side in running
        },
    }


def ratio(row: dict, side: str = "eager", own: str = "ours") -> float:
    """The median of what the rounds give: each takes its times within seconds."""
    pairs = zip(row[own]["rounds"], row[side]["rounds"], strict=True)
    return statistics.median(mine / other for mine, other in pairs)


def mean_ratio(rows: list[dict], own: str = "ours") -> float:
    """The geometric mean of the ratios."""
    return math.exp(statistics.fmean(math.log(ratio(row, own=own)) for row in rows))


def cell(row: dict, side: str) -> str:
    return f"{ratio(row, side):.2f}" if side in row else "n/a"


def roof() -> float:
    """The multiply-adds that all cores reach in the innermost loop, as operations a second."""
    command = [sys.executable, str(HERE / "roof.py")]
    env = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    return float(subprocess.run(command, env=env, capture_output=True, text=True).stdout or "nan")


def heading(sides: list[str]) -> str:
    others = "".join(f"{'vs ' + side:>16}" for side in sides[3:])
    return (
        f"{'workload':<47}{'ours ms':>9}{'recorded':>9}{'PyTorch ms':>12}{'ratio':>7}"
        f"{'recorded':>9}{'target':>8}"
        f"{'roof':>6}{'MiB':>7}{'PyTorch':>9}{others}"
    )


def line(row: dict, sides: list[str], peak_flops: float) -> str:
    share = (row["flops"] or math.nan) / (row["ours"]["ms"] / 1e3) / peak_flops
    others = "".join(f"{cell(row, side):>16}" for side in sides[3:])
    return (
        f"{row['workload']:<47}{row['ours']['ms']:>9.2f}{row['recorded']['ms']:>9.2f}"
        f"{row['eager']['ms']:>12.2f}{ratio(row):>7.2f}{ratio(row, own='recorded'):>9.2f}"
        f"{row['target']:>8.2f}{share:>6.0%}{row['ours']['peak'] >> 20:>7}"
        f"{row['eager']['peak'] >> 20:>9}{others}"
    )


def draw(rows: list[dict], path: Path) -> None:
    """A bar for each workload: our time as a share of PyTorch's, with its target."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 0.4 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    names = [row["workload"] for row in rows]
    axes.barh(names, [ratio(row) for row in rows], color="#a0cbe8", label="as it runs")
    recorded = [ratio(row, own="recorded") for row in rows]
    axes.barh(names, recorded, height=0.4, color="#4c78a8", label="recorded")
    axes.plot([row["target"] for row in rows], names, "|", color="black", ms=14, label="target")
    axes.axvline(1, color="gray", lw=1)
    axes.invert_yaxis()
    axes.set_xlabel("time of a training step / PyTorch's")
    axes.legend()
    figure.savefig(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--sides",
        default="",
        help=f"columns more, separated by commas: {', '.join(SIDES[3:])}",
    )
    parser.add_argument(
        "--out", type=Path, default=HERE / "results", help="folder of JSON and chart"
    )
    arguments = parser.parse_args()
    wanted = (arguments.only or "").lower().split(",")
    names = [n for n in WORKLOADS if any(part in n.lower() for part in wanted)]
    sides = ["ours", "recorded", "eager", *filter(None, arguments.sides.split(","))]
    if unknown := set(sides) - {*SIDES}:
        parser.error(f"--sides knows {', '.join(SIDES[3:])}, not {', '.join(sorted(unknown))}")
    if "jax" in sides and not importlib.util.find_spec("jax"):
        parser.error("--sides jax needs JAX, which this library does not: pip install jax")
    peak_flops = roof()
    print(f"{platform.processor() or platform.machine()}, {arguments.threads} threads, measured "
          f"roof {peak_flops / 1e9:.0f} GFLOP/s")  # fmt: skip
    print(heading(sides))
    rows = []
    for name in names:
        rows.append(measure(name, sides, arguments.rounds, arguments.threads))
        print(line(rows[-1], sides, peak_flops), flush=True)
    mean, recorded = mean_ratio(rows), mean_ratio(rows, "recorded")
    print(f"geometric mean of the ratios: {mean:.3f}, recorded {recorded:.3f}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = {
        "machine": platform.platform(), "roof": peak_flops, "mean": mean, "recorded": recorded,
        "rows": rows,
    }  # fmt: skip
    (arguments.out / "train_steps.json").write_text(json.dumps(report, indent=1))
    draw(rows, arguments.out / "train_steps.png")
    print(f"written: {arguments.out}/train_steps.json, train_steps.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
