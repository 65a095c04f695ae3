"""Memory that nobody needs any more goes back to the system.

Road: beside it, under everything.
A learner's machine has one gigabyte for a notebook; Python and malloc keep what was freed, in case.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def give_memory_back() -> None:
    """Frees what a finished network held: graphs are cycles, and malloc keeps what was freed."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)
