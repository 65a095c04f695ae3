"""The sound store: the same sound, decoded once, whoever kills, fills or moves what."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
import soxr

from nmsynth_lib.errors import AudioFileError
from nmsynth_lib.sound_store import decoded_sound, store_folder, stored

RATE = 16000
PLUCK = np.exp(-4 * np.arange(RATE) / RATE) * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    folder = tmp_path / "store"
    monkeypatch.setenv("NMSYNTH_CACHE", str(folder))
    return folder


def noise(n_samples, dbfs, seed=0):
    return 10 ** (dbfs / 20) * np.random.default_rng(seed).standard_normal(n_samples)


def kept(store):
    return sorted(path.name for path in store.glob("*.f32"))


@pytest.mark.parametrize(
    ("suffix", "rate", "channels"),
    [
        (".wav", 44100, 2),
        (".flac", 48000, 1),
        (".ogg", 22050, 2),
        (".mp3", 44100, 2),
        (".wav", RATE, 3),
    ],
)
def test_it_is_the_sound_of_the_file_at_another_rate(tmp_path, suffix, rate, channels):
    """Against soundfile and soxr in one go; blocks of ten seconds leave no seam."""
    sound = 0.2 * np.random.default_rng(1).standard_normal((23 * rate, channels))
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, np.clip(sound, -1, 1), rate, format=suffix[1:].upper())
    read, _ = soundfile.read(path, dtype="float32", always_2d=True)
    expected = soxr.resample(read.mean(axis=1), rate, RATE)
    found = decoded_sound(path, RATE)
    assert found.dtype == np.float32
    assert len(found) == pytest.approx(len(expected), abs=1)
    n_samples = min(len(found), len(expected))
    assert np.abs(found[:n_samples] - expected[:n_samples]).max() < 1e-4


def test_what_decides_is_the_content_not_the_place(tmp_path, store):
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.5 * PLUCK + noise(RATE, -70), RATE)
    first = np.array(decoded_sound(path, RATE))
    moved = shutil.copy(path, tmp_path / "b.wav")
    assert np.array_equal(decoded_sound(moved, RATE), first)
    assert len(kept(store)) == 1
    # The same path with other samples, and even with the old time stamp, is another sound.
    times = path.stat()
    soundfile.write(path, 0.25 * PLUCK + noise(RATE, -70), RATE)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert np.abs(decoded_sound(path, RATE)).max() == pytest.approx(
        np.abs(first).max() / 2, rel=0.02
    )
    assert len(kept(store)) == 2
    assert len(decoded_sound(path, 8000)) == RATE // 2


def test_the_second_time_nothing_is_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.5 * PLUCK, RATE)
    first = np.array(decoded_sound(path, RATE))
    monkeypatch.setattr("nmsynth_lib.sound_store.mono_blocks", lambda *_: pytest.fail("decoded"))
    assert np.array_equal(decoded_sound(path, RATE), first)


def test_the_store_keeps_its_limit_and_what_was_used_last(store, monkeypatch):
    monkeypatch.setenv("NMSYNTH_CACHE_GB", str(3.5e-6))  # three sounds of 1,000 bytes, not four

    def sound(name):
        return stored(name, lambda file: file.write(np.full(250, 0.5, np.float32).tobytes()))

    for name in "abc":
        sound(name)
        time.sleep(0.02)
    sound("a")  # used again: b is the oldest now
    time.sleep(0.02)
    sound("d")
    assert kept(store) == ["a.f32", "c.f32", "d.f32"]


def test_a_sound_larger_than_the_limit_is_there_all_the_same(store, monkeypatch):
    monkeypatch.setenv("NMSYNTH_CACHE_GB", "0")
    found = stored("a", lambda file: file.write(np.ones(9, np.float32).tobytes()))
    assert found.sum() == 9


def test_a_killed_run_leaves_nothing_that_looks_whole(tmp_path, store):
    """SIGKILL in the middle of writing; an hour later the rest is swept away."""
    code = (
        "import numpy as np, sys, time\n"
        "from nmsynth_lib.sound_store import stored\n"
        "def write(file):\n"
        "    file.write(np.ones(1000, np.float32).tobytes()); file.flush()\n"
        "    print('half', flush=True); time.sleep(60)\n"
        "stored('a', write)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert kept(store) == []
    (part,) = store.glob(".*.part")
    found = stored("a", lambda file: file.write(np.full(7, 2.0, np.float32).tobytes()))
    assert found.tolist() == [2.0] * 7
    assert part.exists()  # it might belong to a run that still goes on
    os.utime(part, (time.time() - 7200,) * 2)
    stored("b", lambda file: file.write(np.ones(1, np.float32).tobytes()))
    assert not part.exists()


def test_without_a_store_it_works_and_says_so(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.5 * PLUCK, RATE)
    expected = np.array(decoded_sound(path, RATE))
    monkeypatch.setenv("NMSYNTH_CACHE", str(path / "no folder"))
    with pytest.warns(UserWarning, match=r"in memory.*a\.wav"):
        found = decoded_sound(path, RATE)
    assert np.array_equal(found, expected)


def test_the_users_own_folder_is_used_without_a_variable(monkeypatch):
    monkeypatch.delenv("NMSYNTH_CACHE")
    assert store_folder().name == "nmsynth"


# Digital silence ------------------------------------------------------------------------------


def level_db(sound):
    return 10 * np.log10(np.square(sound, dtype=float).mean())


def test_digital_silence_becomes_noise_of_minus_80_dbfs(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.concatenate([0.5 * PLUCK, np.zeros(30 * RATE)]), RATE)
    filled = decoded_sound(path, RATE)
    assert level_db(filled[2 * RATE :]) == pytest.approx(-80, abs=0.1)
    assert np.array_equal(filled, decoded_sound(shutil.copy(path, tmp_path / "b.wav"), RATE))
    plain = decoded_sound(path, RATE, floor=False)
    assert not plain[2 * RATE :].any()
    rest = filled - plain
    assert abs(np.corrcoef(rest[:-1], rest[1:])[0, 1]) < 0.01  # white
    assert np.abs(rest[: 10 * RATE] - rest[10 * RATE : 20 * RATE]).max() > 0  # never repeated


def test_a_room_is_left_as_it_is(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.pad(0.5 * PLUCK, (0, RATE)) + noise(2 * RATE, -82), RATE, "FLOAT")
    assert np.array_equal(decoded_sound(path, RATE), decoded_sound(path, RATE, floor=False))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a sound at all"])
def test_what_is_no_sound_says_so_and_leaves_nothing(tmp_path, store, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFileError, match=r"a\.wav"):
        decoded_sound(path, RATE)
    assert not store.exists() or not list(store.iterdir())


# Memory ---------------------------------------------------------------------------------------

MEASURE = """
import re, sys, threading, time
from nmsynth_lib.sound_store import decoded_sound
peak = 0
def watch():
    global peak
    while True:
        text = open("/proc/self/status").read()
        peak = max(peak, int(re.search(r"RssAnon:\\s+(\\d+)", text)[1]))
        time.sleep(0.002)
import numpy, soxr, soundfile
threading.Thread(target=watch, daemon=True).start()
time.sleep(0.05)
before = peak
sound = decoded_sound(sys.argv[1], 16000)
total = sum(float(sound[i:i + 100000].sum()) for i in range(0, len(sound), 100000))
print((peak - before) / 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_take(tmp_path):
    """24 minutes (decoded: 92 MB) take no more than 6, and both less than 40 MB."""
    grown = {}
    for minutes in (6, 24):
        path = tmp_path / f"{minutes}.flac"
        with soundfile.SoundFile(path, "w", 24000, 2) as file:
            for second in range(60 * minutes):
                file.write(0.1 * np.random.default_rng(second).standard_normal((24000, 2)))
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True
        )
        grown[minutes] = float(done.stdout)
    assert grown[24] < 40, grown
    assert grown[24] < grown[6] + 12, grown
