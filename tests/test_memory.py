"""How much memory is left: read from files as Linux writes them, and in a real control group."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nmsynth_lib.memory import MemoryShortage, memory_left, shortage, warn_if_short

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from memory_group import NotAllowed, group_of  # noqa: E402

MB = 10**6
MEMINFO = "MemTotal:       24684096 kB\nMemFree:  17005280 kB\nMemAvailable:   20571716 kB\n"
AVAILABLE = 20571716 * 1024
V1_LINES = "9:name=systemd:/a\n4:cpu,memory:/docker/1f3\n0::/a\n"
V2_LINE = "0::/kubepods.slice/pod7/box\n"


def a_machine(root, cgroup, **files):
    """A root with /proc and the files of groups, `file="folder=text"`."""
    groups = {f"sys/fs/cgroup/{folder}": text for folder, text in files.pop("groups", {}).items()}
    for name, text in {"proc/meminfo": MEMINFO, "proc/self/cgroup": cgroup, **groups}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def v1(folder, limit, used, active=0, inactive=0, mapped=0):
    stat = f"cache 1\nactive_file 0\ninactive_file 7\ntotal_active_file {active}\n"
    stat += f"total_inactive_file {inactive}\ntotal_mapped_file {mapped}\n"
    return {
        f"{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"{folder}/memory.usage_in_bytes": f"{used}\n",
        f"{folder}/memory.stat": stat,
    }


def v2(folder, limit, used, active=0, inactive=0, mapped=0):
    stat = f"anon 5\nfile_mapped {mapped}\nactive_file {active}\ninactive_file {inactive}\n"
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": stat,
    }


def test_a_machine_without_groups_has_what_the_machine_has(tmp_path):
    assert memory_left(a_machine(tmp_path, "")) == AVAILABLE


def test_where_nothing_can_be_read_nothing_is_said(tmp_path):
    assert memory_left(tmp_path) is None
    assert shortage("training", 1e9, tmp_path) == ""


def test_files_in_the_cache_can_go_unless_somebody_has_mapped_them(tmp_path):
    used = {"used": 1700 * MB, "active": 300 * MB, "inactive": 500 * MB, "mapped": 200 * MB}
    (tmp_path / "1").mkdir()
    root = a_machine(
        tmp_path / "1", V1_LINES, groups=v1("memory/docker/1f3", limit=2000 * MB, **used)
    )
    assert memory_left(root) == (2000 - 1700 + 600) * MB
    (tmp_path / "2").mkdir()
    box = "kubepods.slice/pod7/box"
    root = a_machine(tmp_path / "2", V2_LINE, groups=v2(box, limit=2000 * MB, **used))
    assert memory_left(root) == (2000 - 1700 + 600) * MB


def test_the_group_around_ours_may_be_the_smaller_one(tmp_path):
    groups = v2("kubepods.slice/pod7/box", "max", 100 * MB)
    groups |= v2("kubepods.slice/pod7", 1000 * MB, 900 * MB)
    groups |= v2("kubepods.slice", 9000 * MB, 900 * MB)
    assert memory_left(a_machine(tmp_path, V2_LINE, groups=groups)) == 100 * MB


def test_in_a_container_the_mounted_folder_is_its_own_group(tmp_path):
    """Docker with version 1 shows the path that the group has outside."""
    groups = v1("memory", 800 * MB, 700 * MB)
    assert memory_left(a_machine(tmp_path, V1_LINES, groups=groups)) == 100 * MB


def test_no_limit_is_no_limit_and_more_than_all_is_nothing_left(tmp_path):
    groups = v1("memory", 9223372036854771712, 700 * MB)
    assert memory_left(a_machine(tmp_path, V1_LINES, groups=groups)) == AVAILABLE
    groups = v1("memory", 700 * MB, 701 * MB)
    assert memory_left(a_machine(tmp_path, V1_LINES, groups=groups)) == 0


def test_the_warning_is_one_line_with_what_where_and_the_way_out(tmp_path):
    root = a_machine(tmp_path, V1_LINES, groups=v1("memory", 800 * MB, 590 * MB))
    with pytest.warns(MemoryShortage) as said:
        warn_if_short("training", 450, root)
        warn_if_short("training", 450, root)
        warn_if_short("training", 200, root)
    lines = [str(one.message) for one in said]
    assert len(lines) == 2 and "\n" not in lines[0]
    assert lines[0].startswith("Only 210 MB of memory are left, and training takes about 450: shut")
    assert "Kernel → Shut Down Kernel" in lines[0]


INSIDE = """
    from nmsynth_lib.memory import memory_left, warn_if_short
    before = memory_left()
    kept = bytearray(b"x" * 100_000_000)
    print(before, memory_left())
    warn_if_short("training", 450)
"""


@pytest.fixture
def small_group():
    try:
        with group_of(400 * MB) as group:
            yield group
    except NotAllowed as why:
        pytest.skip(str(why))


def in_group(group, code):
    command = group.joining(sys.executable, "-c", textwrap.dedent(code))
    path = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | path)


def test_in_a_real_group_what_is_left_goes_with_what_is_taken(small_group):
    done = in_group(small_group, INSIDE)
    before, after = map(int, done.stdout.split())
    assert 300 * MB < before < 400 * MB
    assert before - after == pytest.approx(100 * MB, rel=0.1)
    (line,) = done.stderr.splitlines()
    assert "MemoryShortage: Only " in line and small_group.kills() == 0


@pytest.mark.nightly
def test_a_kernel_is_warned_before_tensorflow_comes_and_before_it_trains(tmp_path):
    code = f"""
        from nmsynth_lib.class_runs import class_recipe, class_spec
        from nmsynth_lib.guitars import make_recording
        from nmsynth_lib.training import train
        make_recording("string", {str(tmp_path / "takes")!r}, minutes=1)
        kept = bytearray(b"x" * 150_000_000)
        train({str(tmp_path / "takes")!r}, {str(tmp_path / "out")!r}, steps=1, quiet=True,
              spec=class_spec(), recipe=class_recipe())
    """
    try:
        with group_of(420 * MB) as group:
            done = in_group(group, "from nmsynth_lib.engines import tf; print(tf.constant(1))")
            assert done.stderr.count("MemoryShortage: Only ") == 1, done.stderr
        with group_of(750 * MB) as group:
            done = in_group(group, code)
    except NotAllowed as why:
        pytest.skip(str(why))
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "MemoryShortage" in line]
    assert "and training takes about" in line
