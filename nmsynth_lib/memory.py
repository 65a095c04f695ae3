"""Memory: how much is left for this process, a word before it runs out, and giving it back.

A kernel that runs out of memory ends without a word. What a process may have is limited by the
machine and, in a container such as Binder's, by every control group that it is in: the smallest
counts. Reads Linux' own files, both layouts of control groups; elsewhere nothing is known.

Road: beside it, under `engines` and `training`, which take the most.
"""

from __future__ import annotations

import ctypes
import gc
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

TENSORFLOW_MB = 450  # what a kernel grows by when it is imported and an instrument is loaded
TRAINING_MB = 400  # by a training, with the network that is trained in notebook 02
NO_LIMIT = 1 << 60  # version 1 writes a number near 2^63 for "none"


class MemoryShortage(UserWarning):
    """Less memory is left than what comes next is known to take."""


def memory_left(root: Path = Path("/")) -> int | None:
    """Bytes that this process may still take before the system ends somebody.

    Args:
      root: Of the file system whose /proc and /sys are read.

    Returns:
      The smallest of what the machine and each control group have left, not less than 0; files in
      the page cache that nobody has mapped count as left. None where nothing is known.
    """
    left = [*_left_on_machine(root), *_left_in_groups(root)]
    return max(0, min(left)) if left else None


def shortage(what: str, megabytes: float, root: Path = Path("/")) -> str:
    """One line on how much is left, what needs more, and what to do; empty when there is enough.

    Args:
      what: Comes next, as the sentence's subject: "Training".
      megabytes: That it takes.
      root: As for `memory_left`.
    """
    left = memory_left(root)
    if left is None or left >= 1e6 * megabytes:
        return ""
    return (
        f"Only {left / 1e6:.0f} MB of memory are left, and {what} takes about {megabytes:.0f}: "
        "shut down the kernels of other notebooks (menu Kernel → Shut Down Kernel, or the panel "
        "Running Terminals and Kernels at the left), or this one may end without a word."
    )


def warn_if_short(what: str, megabytes: float, root: Path = Path("/")) -> None:
    """Warns, as one line, when less is left than what comes next takes."""
    if line := shortage(what, megabytes, root):
        # Explicit, so that it is one line: no source line of ours below it, and said each time.
        warnings.warn_explicit(line, MemoryShortage, filename="nmsynth", lineno=1)


def give_memory_back() -> None:
    """Frees what a finished network held: graphs are cycles, and malloc keeps what was freed."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)


def _left_on_machine(root: Path) -> Iterator[int]:
    with suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield 1024 * int(line.split()[1])


def _left_in_groups(root: Path) -> Iterator[int]:
    """Of each group from the process's own up to the one that is mounted.

    In a container the path may be one of the machine outside, and not be there: then the mounted
    folder is the container's own group.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        mount = root / ("sys/fs/cgroup/memory" if controllers else "sys/fs/cgroup")
        inside = PurePosixPath(path.lstrip("/"))
        for folder in dict.fromkeys(mount / part for part in (inside, *inside.parents)):
            left = _left_in_group(folder, version=1 if controllers else 2)
            if left is not None:
                yield left


def _left_in_group(folder: Path, version: int) -> int | None:
    limit_file, used_file = (
        ("memory.limit_in_bytes", "memory.usage_in_bytes")
        if version == 1
        else ("memory.max", "memory.current")
    )
    # Version 1 counts a group's own under the plain names, and with its children under total_.
    names = ["active_file", "inactive_file", "mapped_file" if version == 1 else "file_mapped"]
    names = [f"total_{name}" for name in names] if version == 1 else names
    try:
        limit = (folder / limit_file).read_text().strip()
        if limit == "max" or int(limit) >= NO_LIMIT:
            return None
        used = int((folder / used_file).read_text())
        pairs = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
        stat = {key: int(value) for key, value in pairs}
    except (OSError, ValueError):
        return None
    active, inactive, mapped = (stat.get(name, 0) for name in names)
    return int(limit) - used + max(0, active + inactive - mapped)
