"""The cost of small operations: a chain of 200 of them, forward and backward, here and in PyTorch.

Each side runs in a process of its own, in turn (A B A B ...), so that a machine whose speed drifts
treats both alike. Printed are medians over rounds and the ratio of each round.

    python benchmarks/overhead.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
WORKER = """
import json, sys, time
if {ours}:
    sys.path.insert(0, {root!r})
    import autograd as lib
    import nn
else:
    import torch as lib
    from torch import nn
    lib.set_num_threads(1)

def chain(size):
    x, w = lib.ones(size, requires_grad=True), lib.ones(size, requires_grad=True)
    def step():
        y = x
        for _ in range(100):
            y = y * w
            y = y + x
        y.sum().backward()
        x.grad = w.grad = None
    return step

def mixed():
    x = lib.ones(8, requires_grad=True)
    def step():
        y = x
        for _ in range(25):
            y = y.exp(); y = y.neg(); y = y.tanh(); y = y * 0.5
            y = y - 1.0; y = y.reshape(2, 4); y = y.reshape(8); y = y.abs()
        y.sum().backward()
        x.grad = None
    return step

def xor():
    lib.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    x = lib.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    t = lib.tensor([[0.0], [1.0], [1.0], [0.0]])
    def step():
        loss = nn.functional.mse_loss(net(x), t)
        loss.backward()
        for p in net.parameters():
            p.grad = None
    return step

def median(step, repeats=150):
    for _ in range(30):
        step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2] * 1e6

print(json.dumps({{
    "200 small ops (mul, add), 8 elements": median(chain(8)),
    "200 small ops (mul, add), 64 elements": median(chain(64)),
    "200 mixed ops (exp, tanh, reshape, ...)": median(mixed()),
    "XOR net 2-8-1, forward and backward": median(xor()),
}}))
"""
IMPORT = "import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"


def worker(ours: bool) -> dict[str, float]:
    code = WORKER.format(ours=ours, root=ROOT)
    return json.loads(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
    )


def import_time(module: str) -> float:
    command = [sys.executable, "-c", IMPORT.format(module=module)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return float(out)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    try:
        import torch  # noqa: F401
    except ImportError:
        raise SystemExit("this benchmark compares with PyTorch: pip install torch first") from None
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(worker(True))
        theirs.append(worker(False))
    title = f"median of {rounds} rounds"
    print(f"{title:<42}{'here':>10}{'PyTorch':>10}{'ratio':>8}{'min..max':>14}")
    for name in ours[0]:
        a, b = [r[name] for r in ours], [r[name] for r in theirs]
        ratios = sorted(x / y for x, y in zip(a, b, strict=True))
        print(
            f"{name:<42}{statistics.median(a):>7.0f} us{statistics.median(b):>7.0f} us"
            f"{statistics.median(ratios):>8.2f}{f'{ratios[0]:.2f}..{ratios[-1]:.2f}':>14}"
        )
    numpy, own = ([import_time(m) for _ in range(rounds)] for m in ("numpy", "autograd"))
    base = statistics.median(numpy) * 1e3
    extra = statistics.median(own) * 1e3 - base
    print(f"import autograd: {extra:.0f} ms more than import numpy ({base:.0f} ms)")


if __name__ == "__main__":
    main()
