"""Files appear whole or not at all, and what the system refuses is named with its remedy."""

import errno
import os
import resource
import signal
from contextlib import contextmanager

import pytest

from nmsynth_lib.errors import OutputError
from nmsynth_lib.files import all_appearing, appearing, output_error
from nmsynth_lib.guitars import make_recording


@contextmanager
def disk_with_room_for(n_bytes):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("older")
    with appearing(path) as part:
        part.write_text("newer")
        assert path.read_text() == "older"
        assert part.parent == tmp_path and part.name.startswith(".")
    assert path.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failure", [ValueError("mine"), KeyboardInterrupt()])
def test_a_block_that_fails_leaves_the_older_file(tmp_path, failure):
    path = tmp_path / "a.txt"
    path.write_text("older")
    with pytest.raises(type(failure)), appearing(path) as part:
        part.write_text("newer")
        raise failure
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_umask_decides_who_may_read(tmp_path, mask):
    before = os.umask(mask)
    try:
        with appearing(tmp_path / "a.txt") as part:
            part.write_text("text")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~mask


def test_several_files_appear_together_or_none_does(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    with disk_with_room_for(1000):
        with pytest.raises(OutputError, match="free some"), all_appearing(paths) as (a, b):
            a.write_bytes(b"x" * 10)
            b.write_bytes(b"x" * 2000)
        assert list(tmp_path.iterdir()) == []
        with all_appearing(paths) as (a, b):
            a.write_bytes(b"x" * 10)
            b.write_bytes(b"x" * 20)
    assert [path.stat().st_size for path in paths] == [10, 20]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "a folder that you may write in"),
        (errno.EROFS, "a folder that you may write in"),
        (errno.ENOENT, "create its folder"),
        (errno.EIO, "another folder"),
    ],
)
def test_the_remedy_fits_the_cause(number, remedy):
    said = str(output_error("song.wav", OSError(number, os.strerror(number))))
    assert said.startswith(f"song.wav: not written: {os.strerror(number).lower()}; ")
    assert remedy in said and "\n" not in said


def test_no_folder_and_a_folder_in_the_way_are_named(tmp_path):
    with pytest.raises(OutputError, match="no such file"), appearing(tmp_path / "no" / "a"):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="is a directory"), appearing(tmp_path / "folder"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_take_on_a_full_disk_names_the_cause_and_leaves_nothing(tmp_path):
    says = "takes: not written: file too large; free some"
    with disk_with_room_for(4096), pytest.raises(OutputError, match=says):
        make_recording("string", tmp_path / "takes", minutes=0.1)
    assert list((tmp_path / "takes").iterdir()) == []


def test_a_take_at_another_rate(tmp_path):
    import soundfile

    folder = make_recording("string", tmp_path / "takes", minutes=0.1, sample_rate=22050)
    assert soundfile.info(folder / "string.flac").samplerate == 22050
