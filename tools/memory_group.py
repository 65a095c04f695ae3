"""A group of processes that may not take more than so much memory: Linux' control groups.

Both layouts are known, version 1 (`/sys/fs/cgroup/memory`) and 2 (`/sys/fs/cgroup`); either needs
the right to make a folder there, which root has on a machine of its own and rarely in a container.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
JOIN = 'echo $$ > "$0" && exec "$@"'  # the shell joins and becomes the program


class NotAllowed(Exception):
    """This system does not let us limit memory; why, in one line."""


class Group:
    """A control group with a limit, and what its processes hold.

    Attributes:
      folder: Of the group.
      version: Of the layout, 1 or 2.
    """

    def __init__(self, folder: Path, version: int, limit: int):
        self.folder, self.version = folder, version
        self._write("memory.limit_in_bytes" if version == 1 else "memory.max", limit)
        with suppress(OSError):  # there may be no swap, or no counting of it
            swap = {1: ("memory.memsw.limit_in_bytes", limit), 2: ("memory.swap.max", 0)}
            self._write(*swap[version])

    def joining(self, *command: object) -> list[str]:
        """A command line that runs the command inside the group."""
        return ["sh", "-c", JOIN, str(self.folder / "cgroup.procs"), *map(str, command)]

    def own_bytes(self) -> int:
        """Memory that is the programs' own: not the files in the page cache, which can go."""
        return self._stat()["total_rss" if self.version == 1 else "anon"]

    def mapped_bytes(self) -> int:
        """Files that programs have mapped, libraries above all: they can go, and are missed then.

        Only what the group was the first to read; libraries that others use as well are theirs.
        """
        return self._stat()["total_mapped_file" if self.version == 1 else "file_mapped"]

    def all_bytes(self) -> int:
        """Memory with all that is charged to the group: page cache and the kernel's own as well."""
        return self._read("memory.usage_in_bytes" if self.version == 1 else "memory.current")

    def kills(self) -> int:
        """How many processes the system has ended for want of memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return self._stat(name)["oom_kill"]

    def _read(self, name: str) -> int:
        return int((self.folder / name).read_text())

    def _stat(self, name: str = "memory.stat") -> dict[str, int]:
        lines = (self.folder / name).read_text().splitlines()
        return {key: int(value) for key, value in (line.split() for line in lines)}

    def _write(self, name: str, value: int) -> None:
        (self.folder / name).write_text(str(value))


def forget_files(folder: Path) -> None:
    """Throws a folder's files out of the page cache, so that whoever reads them next is charged.

    What a program has mapped at the time stays where it is.
    """
    for path in folder.rglob("*"):
        with suppress(OSError):
            file = os.open(path, os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


@contextmanager
def group_of(limit: int, mount: Path = MOUNT) -> Iterator[Group]:
    """A new group, gone afterwards; its processes have to be ended before.

    Args:
      limit: Bytes.
      mount: Where control groups are.

    Raises:
      NotAllowed: They are not, or not ours to make.
    """
    version = 1 if (mount / "memory" / "memory.limit_in_bytes").exists() else 2
    if version == 2 and not (mount / "cgroup.controllers").exists():
        raise NotAllowed(f"{mount}: no control groups of memory here, so it cannot be limited")
    folder = mount / ("memory" if version == 1 else "") / f"nmsynth-{os.getpid()}"
    try:
        if version == 2:
            (mount / "cgroup.subtree_control").write_text("+memory")
        folder.mkdir()
    except OSError as refused:
        raise NotAllowed(f"{folder}: {refused.strerror}; memory cannot be limited here") from None
    try:
        yield Group(folder, version, limit)
    finally:
        for _ in range(100):  # a process that was ended stays for a moment
            with suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.1)
