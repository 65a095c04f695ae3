"""The load check counts what is really there: each learner's memory and work, and a fault."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lab_server import write_notebook

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).resolve().parents[1]
IDLE, ALLOCATED_MB, WORKED_S = 40, 300, 1.5  # a bare kernel has more than 40 MB
WORK = f"""import time
until = time.process_time() + {WORKED_S}
while time.process_time() < until:
    pass"""
HOARD = f"n = {ALLOCATED_MB * 10**6}; kept = b'x' * n"


def checked(folder, *cells, learners=2):
    """Output, exit status and figures of the tool on a notebook of these cells."""
    path, figures = write_notebook(folder / "small.ipynb", *cells), folder / "figures.json"
    tool = [sys.executable, ROOT / "tools" / "load_check.py", path, "--learners", str(learners)]
    done = subprocess.run([*tool, "--json", figures], capture_output=True, text=True)
    assert figures.is_file(), done.stdout + done.stderr
    return done, json.loads(figures.read_text())


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    return checked(tmp_path_factory.mktemp("busy"), WORK, HOARD, "import time; time.sleep(2)")


def test_it_counts_memory_and_work_of_each_learner(busy):
    done, figures = busy
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one["number"] for one in figures["learners"]] == [1, 2]
    for one in figures["learners"]:
        assert IDLE + ALLOCATED_MB < one["megabytes"] < 2 * ALLOCATED_MB
        assert WORKED_S < one["cpu_seconds"] < 6 * WORKED_S
        assert one["seconds"] > 2 + WORKED_S
    assert 40 < figures["server_megabytes"] < 400


def test_what_a_class_needs_is_so_many_times_one_learner(busy):
    done, figures = busy
    largest = max(one["megabytes"] for one in figures["learners"]) + figures["server_megabytes"]
    assert f"30 learners: {30 * largest / 1e3:.0f} GB" in done.stdout
    assert f"300 learners: {300 * largest / 1e3:.0f} GB" in done.stdout


def test_a_cell_that_fails_is_named_and_nothing_is_left_behind(tmp_path):
    import psutil

    done, figures = checked(tmp_path, "1 + 1", "1 / 0", "print('never')", learners=1)
    assert done.returncode == 1
    assert figures["learners"][0]["error"] == "cell 1: ZeroDivisionError: division by zero"
    lines = [str(one.info["cmdline"]) for one in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if "headless_lab" in line and "ServerApp.root_dir" in line] == []


def test_a_wrong_command_line_is_told_in_one_line(tmp_path):
    tool = [sys.executable, ROOT / "tools" / "load_check.py"]
    for given, says in (([tmp_path / "none.ipynb"], "no such"), (["--learners", "0"], "take one")):
        done = subprocess.run([*tool, *given], capture_output=True, text=True)
        assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1
