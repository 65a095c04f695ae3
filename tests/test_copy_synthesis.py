"""Copy synthesis: what the synthesiser can say it copies; nothing comes nearer than the bound."""

import numpy as np
import pytest

from nmsynth_lib.copy_synthesis import copy_synthesis
from nmsynth_lib.guitars import play
from nmsynth_lib.instrument import shared_instrument
from nmsynth_lib.metrics import log_mel_db, mss, same_length
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.pitch_measures import partial_decay

RATE = 16000
PHRASE = Performance.from_notes(
    [Note(45, 100, 0.1, 0.9), Note(52, 70, 0.9, 1.6)], cc={55: [(0.0, 127), (0.85, 40)]}
)


@pytest.fixture(scope="module")
def string():
    return shared_instrument("string")


@pytest.fixture(scope="module")
def copied(string):
    target = play("string", PHRASE, RATE, 5)
    return target, {steps: copy_synthesis(string, target, PHRASE, steps) for steps in (0, 20, 100)}


def test_it_is_a_bound(string, copied):
    """Nearer than the trained network on a phrase that the network plays well."""
    target, sounds = copied
    network = same_length(string.render(PHRASE), len(target))
    assert log_mel_db(target, sounds[100], RATE) < log_mel_db(target, network, RATE)
    assert mss(target, sounds[100]) < mss(target, network)


def test_every_step_brings_it_nearer(copied):
    target, sounds = copied
    distances = [mss(target, sounds[steps]) for steps in (0, 20, 100)]
    assert distances == sorted(distances, reverse=True)


def test_partials_of_known_decay_are_copied(string):
    """Three exponentials of 10, 30 and 60 dB/s, in tune with the instrument's pitch."""
    music = Performance.from_notes([Note(52, 90, 0.1, 1.1)])
    curves = string.curves(music, 10)
    f0 = float(curves.f0_hz[-1])
    age = np.arange(round(1.4 * RATE)) / RATE - 0.1
    wanted = (10.0, 30.0, 60.0)
    target = sum(
        0.2 * np.sin(2 * np.pi * k * f0 * age) * 10 ** (-rate * age / 20)
        for k, rate in enumerate(wanted, 1)
    )
    target = np.where((age >= 0) & (age < 1.0), target, 0)
    target += 1e-5 * np.random.default_rng(0).standard_normal(len(target))
    copy = copy_synthesis(string, target.astype(np.float32), music)
    found = partial_decay(copy, RATE, f0, (1, 2, 3), 0.13, 1.0)
    np.testing.assert_allclose(found, wanted, rtol=0.05, atol=1.0)


def test_silence_is_copied_as_silence(string):
    copy = copy_synthesis(string, np.zeros(8000, np.float32), PHRASE, 20)
    assert 10 * np.log10(np.mean(copy**2) + 1e-20) < -80


@pytest.mark.parametrize("n_samples", [4000, 16001, 70000])
def test_any_length_and_always_the_same(string, n_samples):
    rng = np.random.default_rng(1)
    target = (0.01 * rng.standard_normal(n_samples)).astype(np.float32)
    first, second = (copy_synthesis(string, target, PHRASE, 3) for _ in range(2))
    assert first.shape == (n_samples,)
    np.testing.assert_allclose(first, second, atol=1e-6)
