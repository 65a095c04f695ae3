"""Mel spectrograms and onsets are librosa's, without its compiler."""

import subprocess
import sys

import librosa
import numpy as np
import pytest

from nmsynth_lib.mel import heard_onsets, mel_filters, mel_power

RATE = 16000


def plucks(times, seconds=3.0, rate=RATE, seed=0):
    """Falling tones of seven partials, over a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    sound = 1e-4 * rng.standard_normal(len(t))
    for start in times:
        age, f0 = t - start, rng.uniform(80, 600)
        tone = sum(np.sin(2 * np.pi * k * f0 * age) / k for k in range(1, 8))
        sound += np.where(age >= 0, rng.uniform(0.1, 0.4) * tone * np.exp(-5 * age), 0.0)
    return sound.astype(np.float32)


@pytest.mark.parametrize(
    "rate, n_fft, n_bands",
    [(16000, 1024, 64), (16000, 2048, 128), (44100, 2048, 40), (1600, 256, 8)],
)
def test_filters_are_librosas(rate, n_fft, n_bands):
    truth = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_bands)
    np.testing.assert_allclose(mel_filters(rate, n_fft, n_bands), truth, atol=1e-7)


@pytest.mark.parametrize("n_samples", [1, 127, 128, 5000, 48000])
def test_power_is_librosas(n_samples):
    sound = plucks([0.1, 1.0])[:n_samples]
    truth = librosa.feature.melspectrogram(
        y=sound, sr=RATE, n_fft=1024, hop_length=128, n_mels=64, power=2.0
    )
    found = mel_power(sound, RATE, 1024, 128, 64)
    assert found.shape == truth.shape
    np.testing.assert_allclose(found, truth, rtol=1e-3, atol=1e-6 * truth.max())


@pytest.mark.parametrize("seed", range(5))
def test_onsets_are_heard_where_librosa_hears_them(seed):
    times = np.cumsum(np.random.default_rng(seed).uniform(0.06, 0.5, 12))
    sound = plucks(times, times[-1] + 1, seed=seed)
    truth = librosa.onset.onset_detect(y=sound, sr=RATE, hop_length=128, units="time")
    found = heard_onsets(sound, RATE)
    np.testing.assert_allclose(found, truth, atol=1e-9)


def test_onsets_are_heard_where_they_are():
    times = [0.3, 0.8, 1.3, 2.1]
    found = heard_onsets(plucks(times), RATE)
    np.testing.assert_allclose(found, times, atol=0.025)


@pytest.mark.parametrize("sound", [np.zeros(16000), np.zeros(0)])
def test_where_nothing_begins_nothing_is_heard(sound):
    assert len(heard_onsets(sound, RATE)) == 0


def test_no_compiler_is_loaded():
    code = (
        "import sys, numpy as np; from nmsynth_lib.guitars import play; from nmsynth_lib import *;"
        "from nmsynth_lib.metrics import log_mel_db, onset_f1;"
        "music = Performance.from_notes([Note(40, 100, 0.1, 0.5)]); sound = play('string', music);"
        "print(log_mel_db(sound, sound, 16000), onset_f1(sound, 16000, music));"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "0.0 1.0\nFalse\n", done.stderr[-500:]
