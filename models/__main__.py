"""``python -m models``: see `models.training.cli`."""

import os
import sys

BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
THREADS = (*BLAS, "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


def wanted(threads: int | None) -> dict[str, str]:
    """The thread counts that the environment should hold.

    Unless something else is asked for, BLAS gets one thread: the products of a small network are
    over before a second thread has woken up, and then results do not depend on the number of cores.
    """
    if threads is not None:
        return dict.fromkeys(THREADS, str(threads))
    return {} if any(name in os.environ for name in THREADS) else dict.fromkeys(BLAS, "1")


def main() -> int:
    from models.training import cli

    arguments = cli.parse(sys.argv[1:])
    threads = wanted(arguments.threads)
    if any(os.environ.get(name) != count for name, count in threads.items()):
        # NumPy reads these once, when it is imported, and by now it has been. Start over with them.
        try:
            os.execve(sys.executable, sys.orig_argv, {**os.environ, **threads})
        except OSError as error:
            print(f"the number of threads stays as it is: {error}", file=sys.stderr)
    return cli.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
