"""Leakage: what moves besides what should, on tones whose movements are known."""

import numpy as np
import pytest

from nmsynth_lib.leakage import COLUMNS, leakage
from nmsynth_lib.performance import held

RATE = 16000


def guitar(performance, cents=0.0, quieter=0.0, late=0.0):
    """Tones that fall by 20 dB/s open and 40 muted; what CC55 leaks is told by the arguments.

    `cents` sharp, `quieter` dB and `late` seconds are those of CC55 = 127 against 1.
    """
    time = np.arange(round((performance.duration + 1) * RATE)) / RATE
    audio = 10 ** (-84 / 20) * np.random.default_rng(0).standard_normal(len(time))
    onsets = [note.onset for note in performance.notes]
    openness = held(performance.controllers[55], onsets, 0) / 127
    for note, o in zip(performance.notes, openness, strict=True):
        age = time - note.onset - o * late
        f0 = 440 * 2 ** ((note.pitch - 69 + o * cents / 100) / 12)
        wave = sum(np.sin(2 * np.pi * k * f0 * age + k * k) / k for k in range(1, 7))
        let_go = np.maximum(time - note.offset, 0)
        fallen = (40 - 20 * o) * age + 600 * let_go**2 / (let_go + 0.02) + o * quieter
        fallen = np.where(age < 0, 0, fallen) - 20 * np.log10(note.velocity / 127)
        audio += 0.2 * wave * 10 ** (-fallen / 20) * (age >= 0)
    return audio.astype(np.float32)


def row(leaks, control):
    values = leaks.instrument[leaks.controls.index(control)]
    return dict(zip([name for name, *_ in COLUMNS], values, strict=True))


def test_movements_are_read_at_their_size():
    leaks = leakage(lambda music: guitar(music, cents=9.0, quieter=2.0, late=0.012))
    moved = row(leaks, "openness")
    assert moved["tuning"] == pytest.approx(9.0, abs=0.5)
    assert moved["level"] == pytest.approx(-2.0, abs=0.3)
    assert moved["onset"] == pytest.approx(12.0, abs=0.6)
    assert moved["ring (T20)"] == pytest.approx(100.0, abs=5.0)
    assert row(leaks, "velocity")["level"] == pytest.approx(20 * np.log10(110 / 50), abs=0.2)
    assert abs(row(leaks, "velocity")["tuning"]) < 0.5


def test_what_the_guitar_does_too_is_no_leak():
    leaks = leakage(guitar, guitar)
    np.testing.assert_allclose(np.nan_to_num(leaks.excess()), 0)
    assert leaks.sentences() == []


def test_leaks_are_told_the_largest_first():
    leaks = leakage(lambda music: guitar(music, cents=20.0, late=0.015), guitar)
    tuning, onset = leaks.sentences()
    assert tuning.startswith("openness from 1 to 127 moves the tuning by +")
    assert float(tuning.split(" by +")[1].split(" cents")[0]) == pytest.approx(20, abs=0.5)
    assert onset.startswith("openness from 1 to 127 moves the onset by +1")


def test_what_a_control_is_there_to_move_is_not_a_leak():
    leaks = leakage(lambda music: guitar(music, quieter=3.0), guitar)
    assert abs(row(leaks, "openness")["level"] + 3.0) < 0.3
    assert leaks.sentences() == []
