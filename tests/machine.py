"""How busy the machine is, for tests that promise seconds: the promise is for a free machine."""

import time


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
