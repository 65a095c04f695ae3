"""Oscillators against the closed form, and single precision against what is known of it."""

import numpy as np
import pytest

from nmsynth_lib.instrument import shared_instrument
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.phase_measures import oscillator_snr_db, summed_partials
from nmsynth_lib.schema import Architecture, InstrumentSpec
from nmsynth_lib.synthesis import phase_spread

RATE = 16000


class Steady:
    """Two partials of constant level and pitch."""

    spec = InstrumentSpec(
        architecture=Architecture(n_harmonics=2, inharmonicity=[(40.0, 0.0)], phase_seed=3)
    )

    def parameters(self, performance, tail=1.0, curves=None):
        n_frames = 250 * round(performance.duration + tail)
        return {
            "amplitude": np.full(n_frames, 0.5),
            "distribution": np.tile([0.75, 0.25], (n_frames, 1)),
            "f0_hz": np.full(n_frames, 100.0, np.float32),
        }


def test_partials_of_constant_pitch_are_sines():
    audio = summed_partials(Steady(), Performance.from_notes([Note(40, 90, 0.0, 3.0)]))
    time = np.arange(len(audio)) / RATE
    phases = phase_spread(Steady.spec.architecture)
    expected = sum(
        0.5 * share * np.sin(2 * np.pi * (k * 100.0 * time + phases[k - 1]))
        for k, share in ((1, 0.75), (2, 0.25))
    )
    np.testing.assert_allclose(audio, expected, atol=1e-6)


@pytest.mark.parametrize("first_frame", [1, 250, 999])
def test_the_end_alone_is_the_end_of_the_whole(first_frame):
    music = Performance.from_notes([Note(40, 90, 0.0, 3.0)])
    whole = summed_partials(Steady(), music)
    end = summed_partials(Steady(), music, first_frame=first_frame)
    np.testing.assert_allclose(end, whole[first_frame * Steady.spec.rates.hop :], atol=1e-9)


def test_a_silent_instrument_has_no_snr():
    class Silent(Steady):
        sample_rate = RATE

        def parameters(self, performance, tail=1.0, curves=None):
            return {**super().parameters(performance, tail), "amplitude": np.zeros(1000)}

        def render_stems(self, performance, tail=1.0):
            return {"harmonic": np.zeros(4 * RATE)}

    assert np.isnan(oscillator_snr_db(Silent(), Performance.from_notes([Note(40, 90, 0.0, 3.0)])))


def test_the_shipped_oscillators_are_exact_and_single_precision_is_not():
    """Stock DDSP's sum of phases in float32 is 15 dB above its error after 4 s, and worse later."""
    string = shared_instrument("string")
    music = Performance.from_notes([Note(45, 100, 0.1, 7.0)], cc={55: 127})
    assert oscillator_snr_db(string, music) > 80
    exact, single = (summed_partials(string, music, dtype=t) for t in (np.float64, np.float32))
    error = np.sum((exact - single)[-4 * RATE :] ** 2) / np.sum(exact[-4 * RATE :] ** 2)
    assert 10 * np.log10(error) > -25


@pytest.mark.parametrize("shift", [1e-3, 1e-2])
def test_snr_of_a_known_error_is_that_error(shift):
    """A stem that is (1 + e) times the truth has an SNR of -20 log10 e."""

    class Off(Steady):
        sample_rate = RATE

        def render_stems(self, performance, tail=1.0):
            return {"harmonic": (1 + shift) * summed_partials(self, performance, tail)}

    music = Performance.from_notes([Note(40, 90, 0.0, 5.0)])
    assert oscillator_snr_db(Off(), music) == pytest.approx(-20 * np.log10(shift), abs=0.01)
