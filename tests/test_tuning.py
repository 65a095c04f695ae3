"""Tuning: stiffness and mistuning of tones whose B and cents are known are found again."""

import numpy as np
import pytest

from nmsynth_lib.performance import Performance
from nmsynth_lib.takes import Take
from nmsynth_lib.tuning import measured_stiffness, note_stiffness

RATE = 16000


def tone(pitch, cents, stiffness, seconds, noise_db=-80.0, seed=0, velocity=100, decay=2.0):
    """A decaying stiff string, f_k = k f0 sqrt(1 + B k^2), random phases, in a little noise."""
    rng = np.random.default_rng(seed)
    f0 = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
    t, sound = np.arange(round(seconds * RATE)) / RATE, 0.0
    for k in range(1, 60):
        frequency = k * f0 * np.sqrt(1 + stiffness * k**2)
        if frequency > 0.48 * RATE:
            break
        level = velocity / 127 * 0.3 / k
        phase = rng.uniform(0, 2 * np.pi)
        sound = sound + level * np.exp(-decay * (1 + 0.05 * k) * t) * np.sin(
            2 * np.pi * frequency * t + phase
        )
    return sound + 10 ** (noise_db / 20) * rng.normal(size=len(t))


@pytest.mark.parametrize("pitch", [36, 40, 45, 52, 60, 67, 76])
@pytest.mark.parametrize("cents", [-15.0, 0.0, 7.0])
@pytest.mark.parametrize("stiffness", [0.0, 3e-5, 3e-4, 1e-3])
def test_a_steady_tone_is_measured(pitch, cents, stiffness):
    """Cents within 0.5; B within 10 % where it moves the partials that fit by a few cents."""
    sound = tone(pitch, cents, stiffness, 1.0)
    got_cents, got_b, found = note_stiffness(sound, RATE, pitch)
    assert found >= 5
    assert got_cents == pytest.approx(cents, abs=0.5)
    assert got_b == pytest.approx(stiffness, rel=0.1, abs=1e-5)


def test_noise_alone_shows_no_partials():
    noise = np.random.default_rng(1).normal(0, 0.1, RATE)
    assert note_stiffness(noise, RATE, 45)[2] <= 4


def test_silence_shows_no_partials():
    assert note_stiffness(np.zeros(RATE), RATE, 45) == (pytest.approx(0.0), 0.0, 0)


def guitar_take(cents_of, stiffness_of, pitches, seconds=0.6, bend=()):
    """One note after another, each with its own mistuning and stiffness."""
    notes, audio, now = [], [], 0.0
    for i, pitch in enumerate(pitches):
        notes.append((pitch, 100, now, now + seconds))
        sound = tone(pitch, cents_of(pitch), stiffness_of(pitch), seconds, seed=i)
        audio += [sound, np.zeros(round(0.1 * RATE))]
        now = sum(map(len, audio)) / RATE
    performance = Performance.from_notes(notes, bend=bend)
    return Take("guitar", np.concatenate(audio).astype(np.float32), performance, RATE)


def b_law(pitch):
    """Stiffness that doubles every six semitones, from 3e-5 at E2."""
    return 3e-5 * 2 ** ((pitch - 40) / 6)


def cents_law(pitch):
    return (pitch % 5) * 2.0 - 4.0


def test_a_guitars_curves_are_recovered():
    """B within 15 % at every pitch played, log-linear between breakpoints; cents within 1."""
    pitches = list(range(40, 72, 2))
    take = guitar_take(cents_law, b_law, pitches * 2)
    stiffness, tuning = measured_stiffness([take])
    points, b = np.array(stiffness).T
    for pitch in pitches[2:-2]:
        got = np.exp(np.interp(pitch, points, np.log(b)))
        assert got == pytest.approx(b_law(pitch), rel=0.15)
    assert [pitch for pitch, _ in tuning] == pitches
    for pitch, cents in tuning:
        assert cents == pytest.approx(cents_law(pitch), abs=1.0)


def test_the_curves_fit_the_schema():
    """What is measured can be written to instrument.yaml: finite, rising pitches, even for one."""
    from nmsynth_lib.schema import Architecture

    for pitches in ([45] * 6, list(range(40, 60, 3)), [40, 41] * 3):
        stiffness, tuning = measured_stiffness([guitar_take(cents_law, b_law, pitches)])
        made = Architecture.model_validate({"inharmonicity": stiffness, "tuning_cents": tuning})
        assert len(made.inharmonicity) >= 1


def test_an_ideal_string_gets_no_stiffness():
    stiffness, tuning = measured_stiffness(
        [guitar_take(lambda _: 3.0, lambda _: 0.0, range(40, 70, 3))]
    )
    assert all(b < 1e-5 for _, b in stiffness)
    assert all(cents == pytest.approx(3.0, abs=0.5) for _, cents in tuning)


def test_short_and_bent_notes_are_left_out():
    """Notes of 0.2 s tell nothing; and a take with nothing else gives zeros, not an error."""
    short = guitar_take(cents_law, b_law, range(40, 60), seconds=0.2)
    assert measured_stiffness([short]) == ([(40.0, 0.0)], [(40.0, 0.0)])
    pitches = [45] * 5 + [50] * 5
    straight = guitar_take(lambda _: 2.0, b_law, pitches)
    whole = [note[0] for note in measured_stiffness([straight])[1]]
    assert whole == [45, 50]
    # The wheel leaves its rest in the last 45 and stays a semitone up: no 50 can be trusted.
    bent = guitar_take(lambda _: 2.0, b_law, pitches, bend=[(3.0, 1.0)])
    assert [pitch for pitch, _ in measured_stiffness([bent])[1]] == [45]


def test_a_slight_bend_throughout_is_the_pitch_that_was_meant():
    """As in a take that is out of tune as a whole: what is left is 2 - 10 cents."""
    tuning = dict(
        measured_stiffness([guitar_take(lambda _: 2.0, b_law, [45, 50] * 4, bend=[(0.0, 0.1)])])[1]
    )
    assert tuning == pytest.approx({45: -8.0, 50: -8.0}, abs=0.5)


def test_no_takes_give_zeros():
    assert measured_stiffness([]) == ([(40.0, 0.0)], [(40.0, 0.0)])
