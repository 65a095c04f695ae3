"""Threads: how many TensorFlow gets, which is settled before it first computes.

Road: under training and rendering, beside engines: [threads] -> workers, bench.
Explained by `nmsynth bench --help`.
"""

from __future__ import annotations

import os

from nmsynth_lib.errors import NmsynthError


def thread_variables(threads: int) -> dict[str, str]:
    """Environment variables that give TensorFlow and NumPy so many threads."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS",
             "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # fmt: skip
    return dict.fromkeys(names, str(threads))


def use_threads(threads: int | None) -> int:
    """Gives TensorFlow so many threads, which has to happen before its first computation.

    Args:
      threads: At least 1; default: one a processor that this process may use.

    Raises:
      NmsynthError: TensorFlow already runs, with another number.
    """
    threads = threads or processors()
    os.environ.update(thread_variables(threads))
    from nmsynth_lib.engines import tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        raise NmsynthError(
            f"--threads {threads}: TensorFlow already runs here; start a new process."
        ) from None
    return threads


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
