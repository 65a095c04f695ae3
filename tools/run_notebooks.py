"""Execute notebooks as a learner would and print what each costs: seconds and peak memory.

    python tools/run_notebooks.py notebooks/*.ipynb [--json FILE]

Exit status 1 when a cell fails or a notebook passes the limits. The files stay as they are. On
Linux the whole process first leaves the network: what a notebook needs must be in the repository.
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
from offline import leave_network

MAX_SECONDS = 120
MAX_MEGABYTES = 1000


@dataclass(frozen=True)
class Run:
    """One execution, kernel start included: seconds by the clock and of processors, peak memory."""

    notebook: str
    seconds: float
    processor_seconds: float
    megabytes: float
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


def executed(path: Path) -> Run:
    """Runs all cells in the notebook's own folder, as JupyterLab does.

    Args:
      path: The notebook; it is read, not written.

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
    started, error = time.monotonic(), ""
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
    return Run(path.name, seconds, watch.processor_seconds, watch.peak_bytes / 1e6, error)


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
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    for missing in (path for path in options.notebooks if not path.is_file()):
        print(f"{missing}: no such notebook", file=sys.stderr)
        return 2

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # inherited by the kernels
    is_offline = leave_network()
    print("network: off" if is_offline else "network: this system does not let it be switched off")
    print(f"{'notebook':32}{'seconds':>10}{'peak MB':>10}   verdict")
    runs = []
    for path in options.notebooks:
        run = executed(path)
        runs.append(run)
        print(
            f"{run.notebook:32}{run.seconds:10.1f}{run.megabytes:10.0f}   {run.verdict}", flush=True
        )
    if options.json:
        options.json.write_text(json.dumps([asdict(run) for run in runs], indent=1))
    return int(any(run.verdict != "ok" for run in runs))


if __name__ == "__main__":
    sys.exit(main())
