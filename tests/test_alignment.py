"""Alignment: a lag and a drift that were put in are read off again."""

import numpy as np
import pytest

from nmsynth_lib import alignment
from nmsynth_lib.alignment import measured_alignment, retimed
from nmsynth_lib.errors import RecordingError
from nmsynth_lib.performance import Performance, midi_to_hz

RATE = 16000


def score(n_notes, seed=0, regular=False):
    """Notes of 0.12 to 0.5 s with rests and some without, or as a metronome."""
    rng = np.random.default_rng(seed)
    now, notes = 0.3, []
    for _ in range(n_notes):
        length = 0.25 if regular else rng.uniform(0.12, 0.5)
        notes.append((int(rng.integers(40, 70)), int(rng.integers(40, 127)), now, now + length))
        now += length + (0.25 if regular else max(0.0, rng.uniform(-0.1, 0.5)))
    return Performance.from_notes(notes, cc={55: [(0.0, 0), (now / 2, 127)]}, bend=[(1.0, 0.1)])


def played(performance, lag_s=0.0, drift=0.0, jitter_s=0.0, seed=0):
    """Decaying partials at `lag + (1 + drift) t`, in a little noise; no code of ours."""
    rng = np.random.default_rng(seed)
    n_samples = round(((1 + drift) * performance.duration + max(lag_s, 0) + 1.5) * RATE)
    sound = 10 ** (-80 / 20) * rng.standard_normal(n_samples)
    for note in performance.notes:
        start = lag_s + (1 + drift) * note.onset + rng.normal(0, jitter_s)
        first = int(np.ceil(start * RATE))
        age = np.arange(first, min(first + RATE // 2, n_samples)) / RATE - start
        tone = sum(
            np.sin(2 * np.pi * k * midi_to_hz(note.pitch) * age + k) / k
            for k in range(1, 9)
            if k * midi_to_hz(note.pitch) < 7000
        )
        keep = first >= 0
        gain = 0.2 * (note.velocity / 127) ** 2
        sound[max(first, 0) : first + len(age)] += keep * gain * tone * np.exp(-6 * age)
    return sound.astype(np.float32)


@pytest.mark.parametrize("lag_ms", [-150.0, 0.0, 3.0, 35.0, 480.0, 1500.0])
def test_a_lag_is_found(lag_ms):
    performance = retimed(score(60), 0.2)
    found = measured_alignment(played(performance, lag_ms / 1000), RATE, performance)
    assert found.lag_ms == pytest.approx(lag_ms, abs=1.0)
    assert abs(found.drift_ppm) < 15
    assert found.heard > 0.98
    assert found.spread_ms < 1


@pytest.mark.parametrize("drift_ppm", [-300.0, 15.0, 80.0])
def test_a_drift_is_found(drift_ppm):
    performance = score(240)  # 2 minutes
    sound = played(performance, 0.035, drift_ppm / 1e6)
    found = measured_alignment(sound, RATE, performance)
    assert found.lag_ms == pytest.approx(35, abs=1.0)
    assert found.drift_ppm == pytest.approx(drift_ppm, abs=10)


def test_a_long_take_that_drifts_by_more_than_a_note_is_found(monkeypatch):
    """0.45 s over the take: as 125 ppm over an hour. One vote for all would smear it out."""
    monkeypatch.setattr(alignment, "LONG_S", 60.0)
    monkeypatch.setattr(alignment, "PIECE_S", 12.0)
    performance = score(300)
    found = measured_alignment(played(performance, 0.05, 3e-3), RATE, performance)
    assert found.drift_ppm == pytest.approx(3000, abs=15)
    assert found.lag_ms == pytest.approx(50, abs=1.5)


def test_a_metronome_is_not_taken_for_the_note_beside():
    performance = score(80, regular=True)
    found = measured_alignment(played(performance, 0.06), RATE, performance)
    assert found.lag_ms == pytest.approx(60, abs=1.0)


def test_a_hand_that_is_not_exact_is_told_by_the_spread():
    performance = score(200, seed=3)
    found = measured_alignment(played(performance, jitter_s=0.010), RATE, performance)
    assert found.spread_ms == pytest.approx(10, rel=0.25)
    assert abs(found.lag_ms) < 3


@pytest.mark.parametrize("of", ["silence", "noise", "another take"])
def test_sound_that_does_not_belong_to_it_is_refused_or_shows(of):
    performance = score(60)
    sound = {
        "silence": np.zeros(30 * RATE, np.float32),
        "noise": 0.01 * np.random.default_rng(0).standard_normal(30 * RATE).astype(np.float32),
        "another take": played(score(60, seed=9)),
    }[of]
    try:
        found = measured_alignment(sound, RATE, performance)
    except RecordingError as error:
        assert "\n" not in str(error)
        assert "belong together" in str(error)
    else:
        assert found.spread_ms > 12 or found.heard < 0.5


def test_retiming_moves_everything():
    before = score(20)
    after = retimed(before, 0.5, 0.01)
    for old, new in zip(before.notes, after.notes, strict=True):
        assert new.onset == pytest.approx(0.5 + 1.01 * old.onset)
        assert new.offset == pytest.approx(0.5 + 1.01 * old.offset)
    assert after.controllers[55][1][0] == pytest.approx(0.5 + 1.01 * before.controllers[55][1][0])
    assert after.bend == ((pytest.approx(1.51), 0.1),)
    # What would lie before second 0 begins there, or is gone.
    early = retimed(before, -before.notes[3].onset)
    assert early.notes[0].onset == 0.0
    assert len(early.notes) <= 17
