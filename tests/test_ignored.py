"""Ignored controls, on instruments of which it is known what they listen to."""

from itertools import pairwise

import numpy as np
import pytest

from nmsynth_lib.controls import control_curves, n_frames_for
from nmsynth_lib.ignored import (
    LEAST_RISE,
    LOOK_SECONDS,
    NOISE_TIMES,
    ignored,
    ignored_alarm,
    ignored_controls,
)
from nmsynth_lib.losses import SpectrogramLoss
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.schema import ControlSpec, InstrumentSpec, guitar_controls

SPEC = InstrumentSpec(
    controls=(
        *guitar_controls(),
        ControlSpec(name="vibrato", source="cc", cc=20, low=0, high=127),
    )
)
NAMES = [control.name for control in SPEC.controls]


def phrase(n_notes: int = 8) -> Performance:
    """Notes of all pitches, velocities, lengths, distances and controllers."""
    starts = 0.1 + np.cumsum(0.44 + 0.15 * (np.arange(n_notes) % 4))
    notes = [
        Note(45 + 2 * (i % 8), 40 + 9 * (i % 8), t, t + 0.2 + 0.03 * (i % 8))
        for i, t in enumerate(starts)
    ]
    steps = {
        55: [(t - 0.02, 15 * (i % 8)) for i, t in enumerate(starts)],
        20: [(t - 0.02, 120 - 15 * (i % 8)) for i, t in enumerate(starts)],
    }
    return Performance.from_notes(notes, cc=steps)


class Listener:
    """A sine of the oscillators' F0 whose level follows some of the controls, and keeps notes."""

    spec, sample_rate = SPEC, SPEC.rates.sample_rate

    def __init__(self, *heeded: str, noise: float = 0.0):
        self.columns = [NAMES.index(name) for name in heeded]
        self.noise = noise
        self.shown = []

    def curves(self, performance, n_frames, first_frame=0):
        return control_curves(performance, self.spec, n_frames, first_frame)

    def render(self, performance, seed=0, tail=1.0, curves=None):
        n_samples = round((performance.duration + tail) * self.sample_rate)
        if curves is None:
            curves = self.curves(performance, n_frames_for(n_samples, SPEC.rates))
        self.shown.append(curves)
        gain = 0.1 * np.prod(0.2 + curves.values[:, self.columns].astype(float), axis=1)
        turn = 2 * np.pi * np.cumsum(np.repeat(curves.f0_hz.astype(float), SPEC.rates.hop))
        audio = np.repeat(gain, SPEC.rates.hop) * np.sin(turn / self.sample_rate)
        audio += self.noise * np.random.default_rng(seed).standard_normal(len(audio))
        return audio[:n_samples].astype(np.float32)


def shuffled_curves(listener: Listener, music: Performance, seed: int = 0) -> list[np.ndarray]:
    """Values [n_frames, n_controls] of every render that had something shuffled."""
    target = listener.render(music)
    true = listener.shown[-1]
    listener.shown.clear()
    ignored_controls(listener, target, music, seed)
    return [c.values for c in listener.shown if not np.array_equal(c.values, true.values)]


@pytest.mark.parametrize("name", NAMES)
def test_only_what_an_instrument_listens_to_costs(name):
    music, listener = phrase(), Listener(name)
    rises, noise = ignored_controls(listener, listener.render(music), music)
    key = f"ignored_{name}"
    assert list(rises) == [f"ignored_{each}" for each in NAMES]
    # Time since the onset is the same in all notes but for where it is cut off or held.
    assert rises.pop(key) > (0.003 if name == "since_onset" else 0.05)
    assert all(rise == pytest.approx(0, abs=1e-6) for rise in rises.values())
    assert set(ignored({key: 0.1, **rises}, noise)) == set(rises)


def test_an_alarm_names_each_ignored_control_and_no_other():
    music, listener = phrase(), Listener("pitch", "openness")
    alarms = ignored_alarm(*ignored_controls(listener, listener.render(music), music))
    told = [line.removeprefix("The network ignores ").split(":")[0] for line in alarms]
    assert told == [name for name in NAMES if name not in ("pitch", "openness")]


def test_shuffling_moves_one_control_and_never_the_oscillators():
    music, listener = phrase(), Listener("velocity")
    listener.render(music)
    true = listener.shown[-1]
    for values in shuffled_curves(listener, music):
        assert np.any(values != true.values, axis=0).sum() == 1
    assert all(np.array_equal(shown.f0_hz, true.f0_hz) for shown in listener.shown)


def test_every_note_gets_the_value_of_another_and_none_is_lost():
    """Velocity is one value a note: the values change places, and none keeps its own."""
    music = phrase()
    middle = [round((note.onset + 0.1) * SPEC.rates.frame_rate) for note in music.notes]
    column = NAMES.index("velocity")
    velocities = np.array([note.velocity for note in music.notes]) / 127
    shuffles = [
        values[middle, column]
        for values in shuffled_curves(Listener(), music)
        if not np.allclose(values[middle, column], velocities)
    ]
    assert len(shuffles) == 3
    for found in shuffles:
        assert np.sort(found) == pytest.approx(velocities)
        assert np.all(np.abs(found - velocities) > 1e-3)
    assert len({tuple(found) for found in shuffles}) > 1


def test_a_curve_in_another_note_is_cut_off_or_held_at_its_end():
    """Time until the note-off begins at the other note's length and falls with time."""
    music = phrase()
    listener, column = Listener(), NAMES.index("to_offset")
    shuffles = shuffled_curves(listener, music)
    true = next(c.values[:, column] for c in listener.shown)
    rate = SPEC.rates.frame_rate
    starts = [int(np.ceil(round(n.onset * rate, 6))) - 1 for n in music.notes] + [len(true)]
    own = [true[first:end] for first, end in pairwise(starts)]
    moved = [v[:, column] for v in shuffles if not np.array_equal(v[:, column], true)]
    assert len(moved) == 3
    for values in moved:
        assert np.array_equal(values[: starts[0]], true[: starts[0]])
        for (first, end), curve in zip(pairwise(starts), own, strict=True):
            others = [np.pad(c, (0, end), mode="edge") for c in own if c is not curve]
            assert any(np.array_equal(values[first:end], c[: end - first]) for c in others)


def test_the_same_seed_shuffles_alike_and_another_does_not():
    music, listener = phrase(), Listener("openness")
    target = listener.render(music)
    first, again, other = (
        ignored_controls(listener, target, music, seed)[0]["ignored_openness"] for seed in (0, 0, 1)
    )
    assert first == again != other


def test_what_chance_does_is_no_heeding():
    """The limit is three times the noise, and at least 1 % of the true loss."""
    music = phrase()
    target = Listener("openness").render(music)
    _, noise = ignored_controls(Listener("openness", noise=0.003), target, music)
    limit = NOISE_TIMES * noise
    assert ignored({"ignored_a": 1.01 * limit, "ignored_b": 0.99 * limit}, noise) == ["ignored_b"]
    assert ignored({"ignored_a": -1.0}, noise) == ["ignored_a"]
    loss = SpectrogramLoss(SPEC.rates.sample_rate)
    heard = Listener("openness", noise=0.003).render(music)
    size = len(target) // 64000 * 64000
    pair = (np.float32(sound[:size]).reshape(-1, 64000) for sound in (target, heard))
    assert limit >= LEAST_RISE * float(np.mean(loss(*pair))) * 0.999


@pytest.mark.parametrize("n_notes", [1, 2])
def test_too_few_notes_tell_nothing_and_raise_no_alarm(n_notes):
    music, listener = phrase(n_notes), Listener("velocity")
    rises, noise = ignored_controls(listener, listener.render(music), music)
    assert np.isnan(list(rises.values())).all()
    assert ignored_alarm(rises, noise) == []


def test_a_control_that_never_moves_tells_nothing_and_raises_no_alarm():
    music, listener = phrase().with_cc(20, 64), Listener("velocity")
    rises, noise = ignored_controls(listener, listener.render(music), music)
    assert np.isnan(rises["ignored_vibrato"])
    assert "ignored_vibrato" not in ignored(rises, noise)
    assert np.isfinite(rises["ignored_openness"])


def test_of_a_long_piece_only_the_beginning_is_played():
    class Simple(Listener):
        spec = InstrumentSpec(controls=guitar_controls()[:2])

    listener, music = Simple("velocity"), phrase(64)
    target = listener.render(music)
    listener.shown.clear()
    rises, _ = ignored_controls(listener, target, music)
    assert rises["ignored_velocity"] > 0.1
    longest = max(len(curves.f0_hz) for curves in listener.shown)
    assert longest <= n_frames_for(round(LOOK_SECONDS * SPEC.rates.sample_rate), SPEC.rates)
