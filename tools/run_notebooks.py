"""Execute notebooks as a learner would and print what each costs: seconds and peak memory.

    python tools/run_notebooks.py notebooks/*.ipynb [--cores 2 1] [--write] [--json FILE]

Exit status 1 when a cell fails or a notebook passes the limits. On Linux the whole process first
leaves the network: what a notebook needs must be in the repository. Each notebook runs on so many
cores, one count after the other. The files stay as they are, unless `--write` brings the clocks at
their tops up to date (`notebook_clocks.py`) with what two cores took; seconds only if those were
free.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from notebook_clocks import rewritten
from offline import leave_network

MAX_SECONDS = 120
MAX_MEGABYTES = 1000
STATED_CORES = 2  # what the clocks of the notebooks are about
FREE = 0.2  # cores that others may keep busy, and seconds are still worth writing down
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS",
           "OPENBLAS_NUM_THREADS")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One execution, kernel start included.

    Attributes:
      notebook: Its file's name.
      cores: How many it had.
      seconds: By the clock.
      processor_seconds: That the kernel and its children worked.
      megabytes: Their peak memory.
      others: Cores that all other processes of the machine kept busy meanwhile, on average.
      error: The first, if there was one.
    """

    notebook: str
    cores: int
    seconds: float
    processor_seconds: float
    megabytes: float
    others: float
    error: str = ""

    @property
    def verdict(self) -> str:
        """Whether it kept the limits: ok, or in words what is wrong."""
        if self.error:
            return self.error
        over = []
        if self.seconds > MAX_SECONDS:
            over.append(f"longer than {MAX_SECONDS} s")
        if self.megabytes > MAX_MEGABYTES:
            over.append(f"more than {MAX_MEGABYTES} MB")
        return " and ".join(over) or "ok"


def on_cores(n: int, allowed: set[int]) -> None:
    """Gives this process and the kernels that it will start so many cores and threads.

    Where the system knows no affinity (macOS), only the threads are so many.
    """
    if allowed:
        os.sched_setaffinity(0, sorted(allowed)[:n])
    os.environ.update(dict.fromkeys(THREADS, str(n)))


def busy_seconds() -> float:
    """Processor seconds that the whole machine has worked since it started."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # within user already
    return sum(times) - idle - guest


def executed(path: Path, cores: int) -> Run:
    """Runs all cells in the notebook's own folder, as JupyterLab does.

    Args:
      path: The notebook; it is read, not written.
      cores: How many `on_cores` gave.

    Returns:
      What it cost, and the first error if there was one.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=3 * MAX_SECONDS,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    watch = Watch(lambda: client.km.provisioner.pid)
    started, busy, error = time.monotonic(), busy_seconds(), ""
    own = time.process_time()
    with watch:
        try:
            client.execute()
        except CellTimeoutError:
            error = f"a cell took longer than {3 * MAX_SECONDS} s"
        except DeadKernelError:
            error = "the kernel died"
        except CellExecutionError as failure:
            error = f"{failure.ename}: {failure.evalue}\n{failure}"
    seconds = time.monotonic() - started
    worked = watch.processor_seconds + time.process_time() - own
    others = max(0.0, busy_seconds() - busy - worked) / seconds
    peak = watch.peak_bytes / 1e6
    return Run(path.name, cores, seconds, watch.processor_seconds, peak, others, error)


class Watch:
    """Watches memory and processor time of a process and all its children, 20 times a second."""

    def __init__(self, find_pid: Callable[[], int | None]):
        self.peak_bytes, self.processor_seconds = 0, 0.0
        self._find_pid = find_pid
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watch":
        """Starts to watch."""
        self._watcher.start()
        return self

    def __exit__(self, *_) -> None:
        """Ends the watch; its figures are final."""
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            try:
                root = psutil.Process(self._find_pid())
                tree = [root, *root.children(recursive=True)]
                total = sum(process.memory_info().rss for process in tree)
                worked = sum(sum(process.cpu_times()[:2]) for process in tree)
            except (AttributeError, TypeError, psutil.Error):
                continue  # no kernel yet, or a child just ended
            self.peak_bytes = max(self.peak_bytes, total)
            self.processor_seconds = max(self.processor_seconds, worked)


def main() -> int:
    """Runs the notebooks of the command line one after the other and prints a table."""
    parser = argparse.ArgumentParser(description="Execute notebooks; print seconds and memory.")
    parser.add_argument("notebooks", type=Path, nargs="+")
    parser.add_argument("--cores", type=int, nargs="+", metavar="N", help="default: 2")
    parser.add_argument(
        "--write", action="store_true", help="bring the notebooks' clocks up to date"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    for missing in (path for path in options.notebooks if not path.is_file()):
        print(f"{missing}: no such notebook", file=sys.stderr)
        return 2
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    n_cores = len(allowed) or os.cpu_count()
    options.cores = options.cores or [min(STATED_CORES, n_cores)]
    for impossible in (n for n in options.cores if not 1 <= n <= n_cores):
        print(f"--cores {impossible}: this machine lets us have 1 to {n_cores}", file=sys.stderr)
        return 2

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # inherited by the kernels
    is_offline = leave_network()
    print("network: off" if is_offline else "network: this system does not let it be switched off")
    print(f"{'notebook':32}{'cores':>6}{'seconds':>10}{'peak MB':>10}   verdict")
    runs = []
    for path in options.notebooks:
        for cores in options.cores:
            on_cores(cores, allowed)
            run = executed(path, cores)
            runs.append(run)
            print(
                f"{run.notebook:32}{cores:6}{run.seconds:10.1f}{run.megabytes:10.0f}   "
                f"{run.verdict}{written(path, run) if options.write else ''}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps([asdict(run) for run in runs], indent=1))
    return int(any(run.verdict != "ok" for run in runs))


def written(path: Path, run: Run) -> str:
    """Writes a run into the notebook's clocks, if they are about such a run; what was done."""
    if run.error or run.cores != STATED_CORES:
        return ""
    is_free = run.others < FREE
    changed = rewritten(path, run.seconds if is_free else None, run.megabytes)
    busy = "" if is_free else f"; seconds not written: others kept {run.others:.1f} cores busy"
    return (", clocks rewritten" if changed else "") + busy


if __name__ == "__main__":
    sys.exit(main())
