"""Velocity read off the sound: as the player meant it, muted or open, low or high."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from nmsynth_lib.errors import ControlRangeError
from nmsynth_lib.guitars.string import string_audio
from nmsynth_lib.performance import Performance
from nmsynth_lib.score import training_score
from nmsynth_lib.takes import load_recording
from nmsynth_lib.velocity_measures import (
    louder_than_its_kind_db,
    note_loudness_db,
    with_measured_velocity,
)

RATE = 16000


@pytest.fixture(scope="module")
def string_take():
    performance = training_score(4, seed=3, levels="two")
    return string_audio(performance, RATE, seed=3), performance


@pytest.fixture(scope="module")
def sampled_take(repository):
    (take,) = load_recording(repository / "assets" / "recordings" / "sampled")
    return np.asarray(take.audio), take.performance


def velocities(performance):
    return np.array([note.velocity for note in performance.notes])


@pytest.mark.parametrize("guitar", ["string", "sampled"])
def test_it_follows_the_true_velocity_pooled_over_open_and_muted(guitar, request):
    """Rank correlation at least 0.9, all notes together, where every annotation says 64."""
    audio, performance = request.getfixturevalue(f"{guitar}_take")
    blank = performance.with_velocity(64)
    measured = velocities(with_measured_velocity(audio, RATE, blank))
    true = velocities(performance)
    assert spearmanr(measured, true).statistic > 0.95
    # And by itself, without what pitch and openness do to the loudness, it is worse.
    plain = note_loudness_db(audio, RATE, performance)
    ours = louder_than_its_kind_db(plain, performance)
    assert spearmanr(ours, true).statistic > spearmanr(plain, true).statistic + 0.02


def test_it_has_the_scale_of_a_synthesiser(string_take):
    """The string's amplitude is the square of velocity: 20 log10 of it against ours, slope 1."""
    audio, performance = string_take
    measured = velocities(with_measured_velocity(audio, RATE, performance.with_velocity(64)))
    true = velocities(performance)
    slope = np.polyfit(np.log10(true), np.log10(measured), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.08)
    error_db = 40 * np.log10(measured / true)
    assert abs(np.median(error_db)) < 1.0
    assert np.median(np.abs(error_db)) < 1.5


def test_mutes_are_not_called_soft(string_take):
    """Mean of what is measured, muted against open: as the true ones within 6 of 127."""
    audio, performance = string_take
    measured = velocities(with_measured_velocity(audio, RATE, performance.with_velocity(64)))
    cc = np.array([performance.controllers[55][i + 1][1] for i in range(len(performance.notes))])
    for level in (1, 127):
        means = [velocities(performance)[cc == level].mean(), measured[cc == level].mean()]
        assert means[0] == pytest.approx(means[1], abs=6)


def test_a_share_blends_the_two(string_take):
    audio, performance = string_take
    blank = performance.with_velocity(64)
    whole = velocities(with_measured_velocity(audio, RATE, blank))
    half = velocities(with_measured_velocity(audio, RATE, blank, share=0.5))
    assert np.abs(half - (64 + whole) / 2).max() <= 1
    assert np.array_equal(velocities(with_measured_velocity(audio, RATE, blank, share=0.0)),
                          velocities(blank))  # fmt: skip
    with pytest.raises(ControlRangeError, match="share"):
        with_measured_velocity(audio, RATE, blank, share=1.5)


def test_loudness_of_a_tone_is_its_a_weighted_level():
    """A sine of amplitude 1 at 1 kHz has -3 dB; at 100 Hz 19.1 dB less (IEC 61672)."""
    performance = Performance.from_notes([(60, 64, 0.0, 0.2), (60, 64, 0.2, 0.4)])
    time = np.arange(round(0.2 * RATE)) / RATE
    tones = [np.sin(2 * np.pi * f * time) for f in (1000, 100)]
    found = note_loudness_db(np.concatenate(tones), RATE, performance)
    assert found[0] == pytest.approx(-3.0, abs=0.3)
    assert found[1] == pytest.approx(-3.0 - 19.1, abs=0.7)


def test_notes_beyond_the_sound_keep_their_velocity(string_take):
    audio, performance = string_take
    cut = audio[: len(audio) // 2]
    measured = with_measured_velocity(cut, RATE, performance.with_velocity(64))
    late = [note for note in measured.notes if note.onset * RATE >= len(cut)]
    assert late and all(note.velocity == 64 for note in late)


def test_silence_tells_nothing_and_is_no_error():
    performance = Performance.from_notes([(60, 70, 0.0, 0.2)])
    found = with_measured_velocity(np.zeros(0, np.float32), RATE, performance)
    assert found.notes == performance.notes
