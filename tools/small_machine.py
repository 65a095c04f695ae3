"""A machine of 2 GB, as Binder gives it: all notebooks on one server, and a kernel left open.

    python tools/small_machine.py [NOTEBOOK ...] [--megabytes 2000] [--cores 1] [--json FILE]

Starts a JupyterLab server inside a control group that may not take more than so much memory, runs
notebook 00 and leaves its kernel open, as learners do (`--forgotten none`: nothing is left), then
runs every notebook in a kernel of the same server, and shuts it down after. Prints the most that
all processes together held while each notebook ran, the server included. *own* is what cannot be
thrown out, and what the system ends a kernel for; *in use* has the libraries that they have loaded;
*all* has the page cache, which fills whatever is left and is no sign of need. (The environment's
files are thrown out of it before; those that other programs of this machine have loaded stay, and
are not counted.) Exit status 1 when a cell fails or a kernel was ended. Linux only, and only where
control groups may be made. `--pictures DIR` opens the notebooks in Chromium, outside of
the group as a learner's own machine is, and puts pictures of them there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from headless_lab import Server, code_cells, ran_cells, server_with
from lab_page import page_in_chromium, ran_in_page
from memory_group import Group, NotAllowed, forget_files, group_of
from run_notebooks import on_cores

ROOT = Path(__file__).resolve().parents[1]
FORGOTTEN = ROOT / "notebooks" / "00_hear_it.ipynb"


@dataclass
class Visit:
    """What one notebook took; memory is that of all processes together, in MB.

    Attributes:
      notebook: Its file's name.
      seconds: From opening the kernel to the last cell's end.
      before: What they held before it was opened.
      own: The most that they held of their own.
      in_use: The most of that and the libraries that they have loaded.
      all: The most with the page cache.
      kills: Processes that were ended for want of memory.
      error: The first cell that failed; empty when all went well.
    """

    notebook: str
    seconds: float
    before: float
    own: float
    in_use: float
    all: float
    kills: int
    error: str


class Watch:
    """Notes the most that a group holds, 20 times a second."""

    def __init__(self, group: Group):
        self.group, self.own, self.in_use, self.all = group, 0, 0, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watch:
        """Starts to watch."""
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        """Ends the watch."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            own = self.group.own_bytes()
            self.own = max(self.own, own)
            self.in_use = max(self.in_use, own + self.group.mapped_bytes())
            self.all = max(self.all, self.group.all_bytes())


def ran_without_a_page(server: Server, notebook: Path, name: str) -> str:
    """Runs a notebook's cells in a kernel of a session of this name; what failed, or nothing."""
    return ran_cells(server, code_cells(notebook), name)


def visited(
    server: Server,
    group: Group,
    notebook: Path,
    stays: bool = False,
    run: Callable[[Server, Path, str], str] = ran_without_a_page,
) -> Visit:
    """Opens a notebook, runs its cells one after the other, and shuts its kernel down.

    Args:
      server: That runs inside the group.
      group: Is watched meanwhile.
      notebook: Whose cells are run.
      stays: The kernel is left open instead.
      run: Does it, and says what failed.
    """
    before, killed, began = group.own_bytes(), group.kills(), time.monotonic()
    name = f"left-{notebook.name}" if stays else notebook.name
    with Watch(group) as watch:
        error = run(server, notebook, name)
        seconds = time.monotonic() - began
    if not stays:
        with suppress(OSError):
            for session in server.ask("sessions"):
                if session["path"] == name:
                    server.ask(f"sessions/{session['id']}", "DELETE")
    kills = group.kills() - killed
    memory = [amount / 1e6 for amount in (before, watch.own, watch.in_use, watch.all)]
    return Visit(name, seconds, *memory, kills, error)


def day_on(
    group: Group, notebooks: list[Path], forgotten: Path | None, run: Callable
) -> list[Visit]:
    """One learner's day on one server inside the group: the notebook left open, then each."""
    visits = []
    with server_with(*notebooks, *filter(None, [forgotten]), inside=group.joining) as server:
        print(f"{'the server alone':38}{'':9}{group.own_bytes() / 1e6:8.0f}", flush=True)
        for notebook in [*filter(None, [forgotten]), *notebooks]:
            stays = forgotten is not None and not visits
            visit = visited(server, group, notebook, stays, ran_without_a_page if stays else run)
            visits.append(visit)
            killed = f"{visit.kills} killed; " if visit.kills else ""
            print(
                f"{visit.notebook:30}{visit.seconds:8.0f}{visit.before:9.0f}{visit.own:8.0f}"
                f"{visit.in_use:8.0f}{visit.all:8.0f}   {killed}{visit.error or 'ok'}",
                flush=True,
            )
    return visits


def main() -> int:
    """Runs the day that the command line asks for and prints its table."""
    parser = argparse.ArgumentParser(description="All notebooks on a machine with little memory.")
    parser.add_argument("notebooks", type=Path, nargs="*")
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--cores", type=int, help="default: all")
    parser.add_argument("--forgotten", default=FORGOTTEN, help='a notebook, or "none"')
    parser.add_argument("--pictures", type=Path, help="a folder: run them in Chromium")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    notebooks = options.notebooks or sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    forgotten = None if options.forgotten == "none" else Path(options.forgotten)
    for missing in (one for one in [*notebooks, *filter(None, [forgotten])] if not one.is_file()):
        print(f"{missing}: no such notebook", file=sys.stderr)
        return 2
    if options.cores:
        on_cores(options.cores, os.sched_getaffinity(0))
    try:
        with group_of(options.megabytes * 10**6) as group:
            print(f"{options.megabytes} MB, control groups of version {group.version}")
            print(f"{'notebook':30}{'seconds':>8}{'before':>9}{'own':>8}{'in use':>8}{'all':>8}")
            forget_files(Path(sys.prefix))
            if options.pictures:
                with page_in_chromium() as page:
                    in_page = partial(ran_in_page, page=page, pictures=options.pictures)
                    visits = day_on(group, notebooks, forgotten, in_page)
            else:
                visits = day_on(group, notebooks, forgotten, ran_without_a_page)
    except NotAllowed as why:
        print(why, file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in visits], indent=1))
    return int(any(one.error or one.kills for one in visits))


if __name__ == "__main__":
    sys.exit(main())
