"""Metrics against signals whose answer is known in closed form, and against the string's law."""

from dataclasses import replace

import numpy as np
import pytest

from nmsynth_lib import control_sweep, metrics
from nmsynth_lib.guitars.string import string_audio, string_partial_decay
from nmsynth_lib.level_measures import level_db, level_slope, running_energy
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.onset_measures import attack_time
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.pitch_measures import partial_decay, tracked_f0
from nmsynth_lib.spectrum_measures import brightness_hz

RATE = 16000
NOISE = 10 ** (-84 / 20)  # rms of the guitars' noise floor


def hz(pitch: float) -> float:
    return 440.0 * 2 ** ((pitch - 69) / 12)


def tone(
    seconds: float,
    notes: list[tuple[float, float, float]],
    decay: float = 20.0,
    partials: int = 8,
    attack: float = 0.0,
    gain: float = 0.3,
    seed: int = 0,
) -> np.ndarray:
    """Plucked tones (pitch, onset, offset) over the noise floor, shape [seconds * RATE].

    Partials 1/k of random phase fall by `decay` dB/s from the onset, up to 600 more from the
    offset; a swell follows 1 - exp(-t / attack).
    """
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    audio = NOISE * rng.standard_normal(len(time))
    for pitch, onset, offset in notes:
        age = time - onset
        wave = sum(
            np.sin(2 * np.pi * k * hz(pitch) * age + rng.uniform(0, 2 * np.pi)) / k
            for k in range(1, partials + 1)
            if k * hz(pitch) < 0.45 * RATE
        )
        swell = 1 - np.exp(-np.maximum(age, 0) / attack) if attack else 1.0
        damped = np.maximum(time - offset, 0)  # a finger comes down, in 20 ms
        fallen = decay * np.maximum(age, 0) + 600 * damped**2 / (damped + 0.02)
        audio += gain * wave * 10 ** (-fallen / 20) * swell * (age >= 0)
    return audio.astype(np.float32)


def line(*notes: tuple[int, float, float], velocity: int = 90) -> Performance:
    return Performance.from_notes([Note(p, velocity, start, end) for p, start, end in notes])


MELODY = line((40, 0.20, 0.90), (52, 0.90, 1.50), (64, 1.80, 2.30), (47, 2.50, 3.20))
HEARD = [(note.pitch, note.onset, note.offset) for note in MELODY.notes]


# --- pitch


@pytest.mark.parametrize("pitch", [36, 43, 52, 60, 69, 76])
@pytest.mark.parametrize("cents", [-20.0, 0.0, 8.0])
def test_detuning_is_read_to_half_a_cent(pitch, cents):
    audio = tone(1.4, [(pitch + cents / 100, 0.2, 1.2)])
    row = note_table(audio, RATE, line((pitch, 0.2, 1.2)))[0]
    assert row.cents == pytest.approx(cents, abs=0.5)


def test_a_wrong_note_is_told_as_a_wrong_note():
    """The tracker hears blindly: nothing pulls the answer toward the score."""
    audio = tone(1.4, [(47, 0.2, 1.2)])
    assert note_table(audio, RATE, line((45, 0.2, 1.2)))[0].cents == pytest.approx(200, abs=1)


def test_pitch_bend_is_part_of_what_should_be_heard():
    performance = Performance.from_notes([Note(52, 90, 0.2, 1.2)], bend=[(0.0, 0.5)])
    audio = tone(1.4, [(52.5, 0.2, 1.2)])
    assert note_table(audio, RATE, performance)[0].cents == pytest.approx(0, abs=0.5)


def test_f0_does_not_depend_on_level_and_silence_has_none():
    audio = tone(1.4, [(52, 0.2, 1.2)])
    loud, quiet = (tracked_f0(gain * audio, RATE)[1] for gain in (1.0, 1e-3))
    np.testing.assert_allclose(loud, quiet, rtol=1e-4)
    assert tracked_f0(np.zeros(RATE), RATE)[1].size == 0


# --- onset, attack


@pytest.mark.parametrize("pitch", [36, 45, 57, 69, 76])
@pytest.mark.parametrize("late", [-0.020, -0.003, 0.0, 0.0077, 0.015, 0.040])
def test_onset_of_a_pluck_is_found_within_a_millisecond(pitch, late):
    audio = tone(1.0, [(pitch, 0.3 + late, 0.8)], seed=pitch)
    row = note_table(audio, RATE, line((pitch, 0.3, 0.8)), pitch=False)[0]
    assert row.onset_ms == pytest.approx(1000 * late, abs=1.0)


@pytest.mark.parametrize("first, second", [(40, 40), (40, 41), (64, 40), (45, 57)])
@pytest.mark.parametrize("gain_db", [0, -12, -20])
def test_a_softer_note_is_found_over_one_that_rings_on(first, second, gain_db):
    ringing = tone(2.0, [(first, 0.2, 2.0)], decay=4, gain=0.3, seed=1)
    plucked = tone(2.0, [(second, 1.005, 1.6)], gain=0.3 * 10 ** (gain_db / 20), seed=2)
    rows = note_table(ringing + plucked, RATE, line((first, 0.2, 1.0), (second, 1.0, 1.6)), False)
    assert rows[1].onset_ms == pytest.approx(5.0, abs=1.0)


def test_a_soft_note_after_a_hissing_ring_is_found_by_its_steepest_rise():
    """It is less than 6 dB above what the hiss was: no level tells it, only its rise does."""
    time = np.arange(round(1.4 * RATE)) / RATE
    hiss = 0.02 * np.random.default_rng(1).standard_normal(len(time))
    hiss *= 10 ** (-np.clip((time - 0.66) * 400, 0, 12) / 20)  # the note before lets go
    audio = hiss + tone(1.4, [(55, 0.7, 1.2)], gain=0.02)
    rows = note_table(audio, RATE, line((50, 0.2, 0.66), (55, 0.7, 1.2)), pitch=False)
    assert abs(rows[1].onset_ms) < 5


def test_notes_beyond_the_end_of_the_sound_are_measured_as_missing():
    rows = note_table(tone(1.0, HEARD[:1]), RATE, line((40, 0.2, 0.9), (50, 1.4, 1.8)))
    assert rows[0].cents == pytest.approx(0, abs=0.5)
    assert np.isnan([rows[1].onset_ms, rows[1].attack_ms, rows[1].t20_s, rows[1].cents]).all()


def test_a_note_that_is_not_played_has_no_onset():
    audio = tone(2.0, [(45, 0.2, 0.9)])
    rows = note_table(np.where(np.arange(len(audio)) < RATE, audio, 0), RATE,
                      line((45, 0.2, 0.9), (50, 1.4, 1.8)), pitch=False)  # fmt: skip
    assert np.isnan(rows[1].onset_ms) and np.isnan(rows[1].attack_ms)
    assert metrics.onset_ms_median(rows[1:]) == 100.0


def test_onset_at_the_very_first_sample_is_heard():
    row = note_table(tone(0.6, [(52, 0.0, 0.5)]), RATE, line((52, 0.0, 0.5)), pitch=False)[0]
    assert abs(row.onset_ms) < 1.0


@pytest.mark.parametrize("rise_ms", [10.0, 20.0, 40.0])
@pytest.mark.parametrize("pitch", [52, 64])
def test_exponential_attack_takes_as_long_as_it_should(pitch, rise_ms):
    """1 - exp(-t / T) is 3 dB below its end at 1.228 T; found within half a period."""
    swell = {"attack": rise_ms / 1000, "decay": 0.0, "partials": 1}
    audio = tone(1.4, [(pitch, 0.2, 1.2)], **swell)
    expected = -np.log(1 - 10 ** (-3 / 20)) * rise_ms
    measured = 1000 * attack_time(audio, RATE, 0.2, 1.2)
    assert measured == pytest.approx(expected, abs=500 / hz(pitch))


def test_attack_of_a_pluck_is_a_millisecond_or_so():
    row = note_table(tone(1.0, [(40, 0.2, 0.9)]), RATE, line((40, 0.2, 0.9)), pitch=False)[0]
    assert 0 <= row.attack_ms < 4


def test_onset_f1_counts_missing_and_additional_notes():
    assert metrics.onset_f1(tone(3.6, HEARD), RATE, MELODY) == 1.0
    assert metrics.onset_f1(tone(3.6, HEARD[:2]), RATE, MELODY) == pytest.approx(2 * 0.5 / 1.5)
    assert metrics.onset_f1(np.zeros(3 * RATE), RATE, MELODY) == 0.0


# --- level, decay, release, rests


def test_level_of_a_sine_is_exact():
    sine = 0.5 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    level = level_db(running_energy(sine), RATE, np.linspace(0.1, 0.9, 50), 0.01)
    np.testing.assert_allclose(level, 20 * np.log10(0.5) - 10 * np.log10(2), atol=0.02)


@pytest.mark.parametrize("gain_db", [-3.0, 2.0])
def test_level_difference_is_exact(gain_db):
    audio = tone(3.6, HEARD)
    truth, table = (note_table(g * audio, RATE, MELODY, False) for g in (1, 10 ** (gain_db / 20)))
    assert metrics.level_db_median(truth, table) == pytest.approx(abs(gain_db), abs=1e-3)


@pytest.mark.parametrize("decay", [4.0, 13.4, 60.0, 200.0])
@pytest.mark.parametrize("pitch", [36, 52, 76])
def test_decay_and_t20_of_an_exponential(decay, pitch):
    audio = tone(1.6, [(pitch, 0.2, 1.4)], decay=decay)
    row = note_table(audio, RATE, line((pitch, 0.2, 1.4)), pitch=False)[0]
    assert row.decay_db_per_s == pytest.approx(decay, rel=0.02)
    assert row.t20_s == pytest.approx(20 / decay, rel=0.02, abs=0.002)
    assert level_slope(audio, RATE, 0.21, 0.36) == pytest.approx(decay, rel=0.10, abs=0.5)


def test_decay_error_is_relative_and_skips_short_notes():
    performance = line((40, 0.2, 1.0), (52, 1.2, 2.0), (64, 2.2, 2.3))
    heard = [(n.pitch, n.onset, n.offset) for n in performance.notes]
    truth, table = (
        note_table(tone(2.6, heard, decay=d), RATE, performance, False) for d in (20, 25)
    )
    assert metrics.decay_error_median(truth, table) == pytest.approx(0.25, abs=0.02)


def released(fall: float) -> np.ndarray:
    """A steady tone from 0.2 s that falls `fall` dB/s from 0.7 s."""
    time = np.arange(round(1.6 * RATE)) / RATE
    audio = tone(1.6, [(52, 0.2, 1.6)], decay=0)
    return audio * 10 ** (-fall * np.maximum(time - 0.7, 0) / 20).astype(np.float32)


def test_release_is_the_time_to_fall_30_db():
    performance = line((52, 0.2, 0.7))
    truth, table = (note_table(released(f), RATE, performance, False) for f in (300, 200))
    assert truth[0].release_ms == pytest.approx(100, abs=4)
    assert table[0].release_ms == pytest.approx(150, abs=4)
    assert metrics.release_ms_error(truth, table) == pytest.approx(50, abs=2)


def test_a_note_that_never_lets_go_counts_with_all_the_time_there_was():
    performance = line((52, 0.2, 0.7))
    truth, table = (note_table(released(f), RATE, performance, False) for f in (300, 0))
    assert np.isnan(table[0].release_ms)
    assert metrics.release_ms_error(truth, table) == pytest.approx(600 - 100, abs=5)


def test_rest_floor_is_the_noise_re_the_loudest_moment():
    performance = line((52, 0.5, 1.0), (52, 2.0, 2.5))
    audio = tone(3.0, [(52, 0.5, 1.0), (52, 2.0, 2.5)], decay=0, partials=1)
    expected = -84 - (20 * np.log10(0.3) - 10 * np.log10(2))
    assert metrics.rest_floor_db(audio, RATE, performance) == pytest.approx(expected, abs=0.5)
    assert np.isnan(metrics.rest_floor_db(audio[: 2 * RATE], RATE, line((52, 0.0, 2.0))))


# --- spectral distances


def test_spectral_distances_of_equal_sounds_are_zero():
    audio = tone(1.5, HEARD[:2])
    assert metrics.mss(audio, audio) == 0
    assert metrics.log_mel_db(audio, audio, RATE) == 0


def test_log_mel_of_a_gain_is_that_gain_where_nothing_is_below_the_floor():
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.05
    assert metrics.log_mel_db(noise, 2 * noise, RATE) == pytest.approx(20 * np.log10(2), abs=1e-3)


def test_log_mel_does_not_depend_on_the_common_level():
    target, render = tone(1.5, HEARD[:2]), tone(1.5, HEARD[:2], decay=30)
    same = metrics.log_mel_db(0.1 * target, 0.1 * render, RATE)
    assert same == pytest.approx(metrics.log_mel_db(target, render, RATE), rel=1e-3)


def test_log_mel_ignores_what_is_80_db_below_the_loudest():
    target = tone(1.0, [(52, 0.0, 1.0)], decay=0)
    hiss = 1e-6 * np.random.default_rng(0).standard_normal(len(target)).astype(np.float32)
    assert metrics.log_mel_db(target, target + hiss, RATE) < 0.05


def test_log_mel_of_silence_is_the_mean_height_of_the_picture():
    """Silence is the floor everywhere, whatever is below it."""
    audio = tone(1.5, HEARD[:2])
    assert metrics.log_mel_db(audio, np.zeros_like(audio), RATE) == pytest.approx(
        metrics.log_mel_db(audio, 1e-9 * audio, RATE), abs=1e-6
    )


def test_mss_of_doubled_noise_is_its_definition():
    """Six log terms of ln 2, plus six mean magnitudes."""
    noise = np.random.default_rng(0).standard_normal(RATE * 4).astype(np.float32)
    magnitudes = 0.0
    for size in (2048, 1024, 512, 256, 128, 64):
        frames = np.lib.stride_tricks.sliding_window_view(noise, size)[:: size // 4]
        window = np.hanning(size + 1)[:-1]
        magnitudes += np.abs(np.fft.rfft(frames * window, axis=1)).mean()
    expected = 6 * np.log(2) + magnitudes
    assert metrics.mss(noise, 2 * noise) == pytest.approx(expected, rel=0.01)


# --- brightness


def test_brightness_of_two_sines_is_their_mean_weighted_by_magnitude():
    time = np.arange(RATE) / RATE
    audio = np.sin(2 * np.pi * 1000 * time) + 0.5 * np.sin(2 * np.pi * 4000 * time)
    assert brightness_hz(audio, RATE, 0.1) == pytest.approx(2000, rel=0.01)
    assert brightness_hz(np.zeros(RATE), RATE, 0.1) == 0


# --- the report


def test_a_perfect_render_gets_perfect_figures():
    audio = tone(3.6, HEARD)
    figures = metrics.evaluate_render(audio, audio, MELODY, RATE)
    assert figures["mss"] == figures["log_mel_db"] == figures["level_db_median"] == 0
    assert figures["decay_error_median"] == figures["release_ms_error"] == 0
    assert figures["onset_f1"] == 1 and figures["onset_ms_median"] < 1
    assert figures["attack_ms_median"] < 4 and figures["f0_cents_median"] < 0.5
    assert figures["rest_floor_db"] < -60


def test_each_damage_moves_the_figure_that_names_it():
    audio = tone(3.6, HEARD)
    late = np.roll(audio, round(0.015 * RATE))
    assert metrics.evaluate_render(audio, late, MELODY, RATE)["onset_ms_median"] == pytest.approx(
        15, abs=1
    )
    hiss = audio + 0.003 * np.random.default_rng(0).standard_normal(len(audio))
    assert metrics.evaluate_render(audio, hiss, MELODY, RATE)["rest_floor_db"] > -45
    sharp = tone(3.6, [(p + 0.08, a, b) for p, a, b in HEARD])
    assert metrics.evaluate_render(audio, sharp, MELODY, RATE)["f0_cents_median"] == pytest.approx(
        8, abs=0.5
    )


def test_silence_has_figures_and_they_are_bad():
    audio = tone(3.6, HEARD)
    figures = metrics.evaluate_render(audio, np.zeros(10), MELODY, RATE)
    assert figures["onset_f1"] == 0 and figures["onset_ms_median"] == 100
    assert figures["f0_cents_median"] == 100 and figures["decay_error_median"] == 1
    assert np.isnan(figures["attack_ms_median"]) and np.isnan(figures["rest_floor_db"])


@pytest.mark.parametrize("bad", [np.zeros((2, 100)), np.zeros(0), np.full(100, np.nan)])
def test_sound_that_cannot_be_judged_is_refused(bad):
    with pytest.raises(ValueError, match="render: shape"):
        metrics.evaluate_render(tone(3.6, HEARD), bad, MELODY, RATE)


def test_what_is_measured_before_is_not_measured_again():
    """Tables may be given; the figures are the same."""
    audio, other = tone(3.6, HEARD), tone(3.6, HEARD, decay=24)
    tables = tuple(note_table(sound, RATE, MELODY) for sound in (audio, other))
    figures = metrics.evaluate_render(audio, other, MELODY, RATE)
    assert metrics.evaluate_render(audio, other, MELODY, RATE, tables) == figures


def test_one_wrong_pitch_is_counted_though_the_median_does_not_see_it():
    audio = tone(3.6, HEARD)
    one_wrong = [(pitch + (index == 1), a, b) for index, (pitch, a, b) in enumerate(HEARD)]
    figures = metrics.evaluate_render(audio, tone(3.6, one_wrong), MELODY, RATE)
    assert figures["wrong_pitches"] == 1
    assert figures["f0_cents_median"] < 1
    assert metrics.evaluate_render(audio, np.zeros(10), MELODY, RATE)["wrong_pitches"] == 4


@pytest.mark.parametrize(
    ("decay", "heard", "wrong"),
    [
        (280.0, {"cents": np.nan}, 0),  # 20 dB down within 71 ms: nobody can be sure
        (280.0, {"cents": 100.0}, 1),
        (280.0, {"cents": np.nan, "onset_ms": np.nan}, 1),
        (20.0, {"cents": np.nan}, 1),
    ],
)
def test_an_unclear_pitch_is_wrong_only_where_the_target_rings(decay, heard, wrong):
    rows = note_table(tone(3.6, HEARD, decay=decay), RATE, MELODY)
    truth = [replace(row, cents=0.0) for row in rows]
    table = [replace(truth[0], **heard), *truth[1:]]
    assert metrics.wrong_pitches(truth, table) == wrong


@pytest.mark.parametrize("gain_db", [-6.0, 4.0])
def test_level_above_the_tenth_partial_is_that_of_a_sine_there(gain_db):
    """A steady tone of one partial and a sine at partial 12, which is turned up and down."""
    steady = {"decay": 0, "partials": 1}
    high = [(pitch + 12 * np.log2(12), a, b) for pitch, a, b in HEARD[:2]]
    performance = line((40, 0.20, 0.90), (52, 0.90, 1.50))
    low = tone(2.0, HEARD[:2], **steady)
    audio, other = (
        low + tone(2.0, high, gain=0.02 * gain, **steady) for gain in (1, 10 ** (gain_db / 20))
    )
    figures = metrics.evaluate_render(audio, other, performance, RATE)
    assert figures["high_partials_db_median"] == pytest.approx(abs(gain_db), abs=0.5)
    rows = note_table(audio, RATE, performance, pitch=False)
    assert rows[0].high_partials_db == pytest.approx(20 * np.log10(0.02) - 3.01, abs=0.5)


@pytest.mark.parametrize("sign", [1, -1])
def test_signed_medians_tell_the_direction(sign):
    audio = tone(3.6, HEARD)
    late = [(pitch + sign * 0.08, a + sign * 0.004, b) for pitch, a, b in HEARD]
    other = tone(3.6, late, decay=20 + 5 * sign, gain=0.3 * 10 ** (sign * 2 / 20))
    truth, table = (note_table(sound, RATE, MELODY) for sound in (audio, other))
    ways = metrics.signed_medians(truth, table)
    assert ways["onset_ms"] == pytest.approx(4 * sign, abs=0.6)
    assert ways["cents"] == pytest.approx(8 * sign, abs=0.5)
    assert ways["level_db"] == pytest.approx(2 * sign, abs=0.5)
    assert ways["decay_ratio"] == pytest.approx((20 + 5 * sign) / 20, rel=0.03)


# --- the string's law


@pytest.mark.parametrize("pitch", [40, 46, 52, 58, 64])
@pytest.mark.parametrize("cc55", [1, 127])
def test_partial_decay_reads_the_strings_law(pitch, cc55):
    """Partials 1 to 4 within 2 %, E2 to E4, muted and open."""
    audio = string_audio(Performance.from_notes([Note(pitch, 100, 0.2, 2.7)], cc={55: cc55}))
    partials = np.arange(1, 5)
    measured = partial_decay(audio, RATE, hz(pitch), partials, 0.2 + 2.6 / hz(pitch), 2.6)
    law = string_partial_decay(hz(pitch), cc55 / 127, partials)
    np.testing.assert_allclose(measured, law, rtol=0.02)


def test_control_figures_of_the_string_against_itself():
    sweeps = [
        control_sweep.cc55_sweep(
            lambda performance, seed=seed: string_audio(performance, seed=seed),
            pitches=(40, 64), velocities=(50, 80, 110), values=(1, 32, 64, 96, 127), seconds=1.0,
        )
        for seed in (0, 9)
    ]  # fmt: skip
    figures = control_sweep.control_figures(*sweeps)
    assert figures["cc55_decay_spearman"] > 0.999 and figures["cc55_violations"] == 0
    assert figures["cc55_span"] == pytest.approx(1, abs=0.03)
    assert figures["cc55_leak_cents"] < 1
    assert figures["velocity_level_slope"] == pytest.approx(1, abs=0.05)
    assert figures["velocity_brightness_spearman"] > 0.95
    assert control_sweep.cc55_interpolation_error(*sweeps) < 0.03


def test_a_control_that_does_nothing_is_seen_doing_nothing():
    def deaf(performance):
        heard = [(n.pitch, n.onset, n.offset) for n in performance.notes]
        return tone(performance.duration + 0.5, heard)

    sweep = control_sweep.cc55_sweep(deaf, (52,), (50, 110), (1, 64, 127), seconds=0.6)
    truth = control_sweep.cc55_sweep(string_audio, (52,), (50, 110), (1, 64, 127), seconds=0.6)
    figures = control_sweep.control_figures(sweep, truth)
    assert figures["cc55_span"] < 0.2
    assert abs(figures["velocity_level_slope"]) < 0.1
    assert control_sweep.cc55_interpolation_error(sweep, truth) > 0.3


def test_a_control_that_goes_backwards_is_a_violation_at_every_step():
    def backwards(performance):
        events = [(time, 127 - value) for time, value in performance.controllers[55]]
        return string_audio(performance.with_cc(55, events))

    sweep = control_sweep.cc55_sweep(backwards, (52,), (90,), (1, 64, 127), seconds=0.6)
    assert control_sweep.cc55_violations(sweep) == 1
    assert control_sweep.cc55_decay_spearman(sweep) == pytest.approx(-1)
