"""``python -m autograd``: facts for bug reports, compiling ahead, reference, site, stubs."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from importlib import metadata


def info() -> int:
    """Print versions and what this machine offers."""
    import autograd

    rows = {
        "numbagrad": autograd.__version__,
        "location": os.path.dirname(autograd.__file__),
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        **{
            name: _version(name)
            for name in ("numpy", "numba", "llvmlite", "graphviz", "safetensors")
        },
        "matplotlib": _version("matplotlib"),
        "cores": os.cpu_count(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set"),
        "dot program": shutil.which("dot") or "not found: pictures are written as DOT text",
        "operations": len(autograd.OPS),
        **_kernels(),
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")
    return 0


def _kernels() -> dict[str, object]:
    """What compiled kernels are made for, and where they are kept."""
    from autograd.kernels import choose, threads

    try:
        from autograd.kernels.compiled.jit import CACHE
        from autograd.kernels.compiled.target import TARGET
    except ImportError:
        return {"kernels": "NumPy's alone: numba is not installed"}
    files = list(CACHE.rglob("*.nbc")) if CACHE else []
    size = sum(file.stat().st_size for file in files)
    rows, vectors = TARGET.tile
    return {
        "kernels": next(k for k, v in choose.LEAST.items() if v == choose.least),
        "vectors": f"{TARGET.bits} bits, {TARGET.registers} registers",
        "tile": f"{rows} rows of {vectors} vectors",
        "threads": f"{threads.get_num_threads()} of {threads.MOST}, OpenMP",
        "compiled": f"{len(files)} kernels, {size / 2**20:.1f} MiB in {CACHE or 'memory only'}",
    }


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m autograd", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("info", help="versions and machine facts (the default)")
    stubs = commands.add_parser("stubs", help="write the type stubs from the op table")
    stubs.add_argument("--check", action="store_true", help="only tell whether they are up to date")
    reference = commands.add_parser("reference", help="print the reference as Markdown")
    reference.add_argument("name", nargs="?", help="one op, or one family (default: all)")
    reference.add_argument("--out", metavar="DIR", help="write a page for each family instead")
    commands.add_parser("coverage", help="compare names and signatures with an installed PyTorch")
    warmup = commands.add_parser("warmup", help="compile all kernels ahead of their first use")
    warmup.add_argument("--all", action="store_true", help="for float64 too")
    docs = commands.add_parser("docs", help="build the documentation of a checkout with Sphinx")
    docs.add_argument("--out", metavar="DIR", help="where to (default: build/docs)")
    docs.add_argument("--run-notebooks", action="store_true", help="show what they print, too")
    arguments = parser.parse_args(argv)
    if arguments.command == "warmup":
        from autograd import warmup as compiler

        return compiler.main(arguments.all)
    if arguments.command == "stubs":
        from autograd import stubs as writer

        return writer.main(arguments.check)
    if arguments.command == "reference":
        from autograd import reference as printer

        return printer.main(arguments.name, arguments.out)
    if arguments.command == "docs":
        from autograd import docs as site

        return site.main(arguments.out, arguments.run_notebooks)
    if arguments.command == "coverage":
        from autograd import coverage

        return coverage.main()
    return info()


if __name__ == "__main__":
    sys.exit(main())
