"""Sound measures: faults that were put into a file are read off it."""

import numpy as np
import pytest
import soundfile

from nmsynth_lib.errors import AudioFileError
from nmsynth_lib.sound_measures import sound_figures

RATE = 44100


def room(seconds, dbfs=-70.0, channels=1, seed=0):
    shape = (round(seconds * RATE), channels)
    return 10 ** (dbfs / 20) * np.random.default_rng(seed).standard_normal(shape)


def tone(seconds, hz, amplitude):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def figures(tmp_path, sound, rate=RATE, subtype="FLOAT"):
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype)
    return sound_figures(tmp_path / "a.wav")


def test_length_rate_and_channels(tmp_path):
    found = figures(tmp_path, room(33.3, channels=2))
    assert found.seconds == pytest.approx(33.3, abs=1e-3)
    assert (found.sample_rate, found.channels) == (RATE, 2)


def test_peak_is_that_of_any_channel(tmp_path):
    sound = room(12, channels=2)
    sound[11 * RATE, 1] = -0.5
    assert figures(tmp_path, sound).peak_dbfs == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("dbfs", [-90.0, -60.0, -35.0])
def test_floor_is_that_of_the_rests(tmp_path, dbfs):
    sound = room(20, dbfs)[:, 0]
    sound[: 10 * RATE] += tone(10, 440, 0.3)
    assert figures(tmp_path, sound).floor_dbfs == pytest.approx(dbfs, abs=1.5)


def test_clipping_counts_runs_and_no_single_peaks(tmp_path):
    sound = np.clip(2.0 * tone(1.0, 100, 1.0), -1, 1)
    share = 1 - 2 * np.arcsin(0.5) / np.pi  # of the time that 2 sin x is beyond 1
    assert figures(tmp_path, sound, subtype="PCM_16").clipped == pytest.approx(
        share * RATE, rel=0.01
    )
    single = room(2.0)
    single[::1000] = 1.0
    assert figures(tmp_path, single).clipped == 0


def test_an_offset_is_its_mean(tmp_path):
    assert figures(tmp_path, room(25.0) + 0.02).dc == pytest.approx(0.02, abs=1e-4)


@pytest.mark.parametrize(("mix", "lost_db"), [(1.0, 0.0), (0.0, 6.02), (-0.8, 19.1)])
def test_what_is_lost_in_mono(tmp_path, mix, lost_db):
    """L = x, R = mix x: the mean has power ((1 + mix) / 2)^2, the channels (1 + mix^2) / 2."""
    left = room(3.0, -20)[:, 0]
    found = figures(tmp_path, np.stack([left, mix * left], axis=1))
    expected = 10 * np.log10((1 + mix**2) / 2 / ((1 + mix) / 2) ** 2)
    assert found.cancelled_db == pytest.approx(expected, abs=0.01)
    assert expected == pytest.approx(lost_db if mix else 3.01, abs=0.1)


@pytest.mark.parametrize("hz", [50.0, 60.0])
@pytest.mark.parametrize(("start", "end"), [(3.0, 6.0), (8.5, 12.0)])  # also over a block's border
def test_hum_is_found_where_it_is(tmp_path, hz, start, end):
    sound = room(20)[:, 0]
    sound[round(start * RATE) : round(end * RATE)] += tone(end - start, hz, 10 ** (-45 / 20))
    found = figures(tmp_path, sound)
    assert found.hum == ((pytest.approx(start, abs=0.5), pytest.approx(end, abs=0.5)),)
    assert found.hum_hz == hz
    assert found.hum_seconds == pytest.approx(end - start, abs=0.6)


def test_low_strings_do_not_hum(tmp_path):
    """A C2 (65 Hz), the lowest that is played here, and the thump of a palm."""
    sound = room(8)[:, 0] + tone(8, 65.41, 0.3) + tone(8, 130.8, 0.2)
    thump = 0.2 * tone(0.1, 95, 1.0) * np.exp(-np.arange(round(0.1 * RATE)) / (0.016 * RATE))
    for second in range(1, 7):
        sound[second * RATE : second * RATE + len(thump)] += thump
    found = figures(tmp_path, sound)
    assert found.hum == ()
    assert np.isnan(found.hum_hz)


def test_a_file_without_sound_says_so(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF....WAVE")
    with pytest.raises(AudioFileError, match=r"a\.wav"):
        sound_figures(tmp_path / "a.wav")
