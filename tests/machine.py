"""The machine that tests run on: how busy it is, and a disk that is full."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager


def slowness(seconds: float = 0.3) -> float:
    """How many times longer work takes than on a free machine, >= 1.

    Args:
      seconds: Of processor time to be worked.

    Returns:
      Time on the clock for each second of processor time that this thread was given.
    """
    began, worked = time.perf_counter(), time.thread_time()
    while time.thread_time() - worked < seconds:
        pass
    return max(1.0, (time.perf_counter() - began) / (time.thread_time() - worked))


@contextmanager
def disk_with_room_for(n_bytes: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: what a full disk does, without being root."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
