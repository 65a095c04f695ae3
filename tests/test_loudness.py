"""Loudness against the table of the standard, and sounds made equally loud."""

import numpy as np
import pytest

from nmsynth_lib.loudness import a_weighted_level_db, loudness_matched

RATE = 48000
# IEC 61672-1, table 3: nominal frequency, A weighting in dB.
STANDARD = {
    31.5: -39.4, 63: -26.2, 125: -16.1, 250: -8.6, 500: -3.2, 1000: 0.0, 2000: 1.2, 4000: 1.0,
    8000: -1.1,
}  # fmt: skip


def sine(hz, amplitude=0.5, seconds=1.0, rate=RATE):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("hz", STANDARD)
def test_a_weighting_is_that_of_the_standard(hz):
    exact = 1000 * 10 ** (round(10 * np.log10(hz / 1000)) / 10)  # base-ten band centres
    whole_periods = sine(exact, seconds=round(2 * exact) / exact)  # a cut one would click
    level = a_weighted_level_db(whole_periods, RATE) - 20 * np.log10(0.5) + 10 * np.log10(2)
    assert level == pytest.approx(STANDARD[hz], abs=0.1)


def test_rests_do_not_make_a_sound_quieter():
    sound = sine(1000)
    with_rest = np.concatenate([sound, np.zeros(5 * RATE)])
    levels = [a_weighted_level_db(one, RATE) for one in (sound, with_rest)]
    assert levels[0] == pytest.approx(levels[1], abs=0.05)


@pytest.mark.parametrize("gain", [0.01, 0.3, 1.9])
def test_matched_sounds_are_equally_loud_and_none_is_turned_up(gain):
    first, second = sine(1000), gain * sine(300, seconds=0.7)
    one, other = loudness_matched(first, second, RATE)
    gap = a_weighted_level_db(one, RATE) - a_weighted_level_db(other, RATE)
    assert abs(gap) < 0.01
    assert np.abs(one).max() <= np.abs(first).max() + 1e-6
    assert np.abs(other).max() <= max(0.99, np.abs(second).max()) + 1e-6
    assert max(np.abs(one).max(), np.abs(other).max()) <= 0.99


def test_silence_stays_silence():
    one, other = loudness_matched(np.zeros(RATE), sine(1000), RATE)
    assert not one.any()
    np.testing.assert_allclose(other, sine(1000), atol=1e-6)
    assert a_weighted_level_db(np.zeros(RATE), RATE) == -np.inf
