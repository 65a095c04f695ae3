"""A machine with little memory: the tool counts what is taken, and whom the system ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lab_server import write_notebook

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from memory_group import NotAllowed, group_of  # noqa: E402

HOARD_MB = 300
HOARD = f"n = {HOARD_MB * 10**6}; kept = b'x' * n"


def needs_groups():
    try:
        with group_of(10**9):
            pass
    except NotAllowed as why:
        pytest.skip(str(why))


def on_small_machine(folder, *options, cells=("1", HOARD)):
    """Output, exit status and figures of the tool; the first notebook is left open."""
    left = write_notebook(folder / "first.ipynb", HOARD)
    then = write_notebook(folder / "then.ipynb", *cells)
    tool = [sys.executable, ROOT / "tools" / "small_machine.py", then, "--forgotten", left]
    figures = folder / "figures.json"
    done = subprocess.run([*tool, *options, "--json", figures], capture_output=True, text=True)
    assert figures.is_file(), done.stdout + done.stderr
    return done, json.loads(figures.read_text())


@pytest.mark.nightly
def test_the_kernel_left_open_counts_and_both_together_may_be_too_much(tmp_path):
    needs_groups()
    done, (left, then) = on_small_machine(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert left["own"] - left["before"] > HOARD_MB
    assert then["before"] > left["before"] + HOARD_MB
    assert then["own"] - then["before"] > HOARD_MB
    assert then["own"] <= then["in_use"] <= 1.02 * then["all"] < 2040
    done, (left, then) = on_small_machine(tmp_path, "--megabytes", str(HOARD_MB + 350))
    assert done.returncode == 1
    assert not left["error"] and not left["kills"]
    assert then["kills"] >= 1


def test_where_memory_cannot_be_limited_that_is_told(tmp_path):
    with pytest.raises(NotAllowed, match="cannot be limited"), group_of(10**9, mount=tmp_path):
        pass
