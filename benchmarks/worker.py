"""One side of a comparison: builds a workload, then runs as many steps as each line of stdin says.

Answers with a line of JSON: the seconds of each step and the peak memory so far.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
import warnings

from workloads import WORKLOADS, Lib

SIDES = ("ours", "recorded", "eager", "channels_last", "fused", "compile", "jax")


def ours(threads: int, recorded: bool = False) -> Lib:
    import autograd as ag
    import nn
    import optim
    from nn import functional

    if hasattr(ag, "set_num_threads"):
        ag.set_num_threads(threads)
    ag.manual_seed(0)
    how = {"compile": ag.compile} if recorded else {}
    return Lib("ours", ag.tensor, nn, functional, optim, **how)


def pytorch(threads: int, fused: bool, channels_last: bool, compiled: bool = False) -> Lib:
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    how = {"compile": torch.compile} if compiled else {}
    return Lib(
        "PyTorch", torch.tensor, torch.nn, torch.nn.functional, torch.optim,
        fused, channels_last, **how,
    )  # fmt: skip


def jax_step(workload: str, threads: int):
    """The step in JAX, which is compiled for as many cores as the process may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import workloads_jax

    return workloads_jax.find(workload)()


def flops(step) -> int:
    """The multiplications and additions of one step, as PyTorch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload")
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    side, threads = arguments.side, arguments.threads
    if side == "jax":
        step = jax_step(arguments.workload, threads)
    else:
        mode = side == "fused", side == "channels_last", side == "compile"
        own = side in ("ours", "recorded")
        lib = ours(threads, side == "recorded") if own else pytorch(threads, *mode)
        step = WORKLOADS[arguments.workload].build(lib)
    count = flops(step) if side == "eager" else None
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            value = step()
            seconds.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        answer = {"seconds": seconds, "peak": peak, "loss": float(value.item()), "flops": count}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
