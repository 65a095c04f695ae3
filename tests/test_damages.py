"""Each of twelve damages changes the figure that names it, beyond its noise, and is said in words.

The instrument is the shipped string on a melody that it never heard; noise is what the figure does
over five seeds of noise and of the guitar's jitter.
"""

from functools import cache

import numpy as np
import pytest

from nmsynth_lib import metrics
from nmsynth_lib.checks.is_it_any_good import SHOWN_BY
from nmsynth_lib.control_sweep import cc55_sweep, control_figures
from nmsynth_lib.damages import DAMAGES, cc55_shuffled, velocity_squeezed
from nmsynth_lib.guitars import play
from nmsynth_lib.ignored import ignored, ignored_alarm, ignored_controls
from nmsynth_lib.instrument import shared_instrument
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.phase_measures import oscillator_snr_db
from nmsynth_lib.score import melody
from nmsynth_lib.verdicts import verdict

RATE = 16000
SEEDS = range(5)
# Damage: the key that names it, and what the report says.
NAMED = {
    "late": ("onset_ms_median", "ms late"),
    "sharp": ("f0_cents_median", "mostly sharp"),
    "cc55_ignored": ("cc55_span", "does not reach as far"),
    "velocity_ignored": ("velocity_level_slope", "Velocity does not move the level"),
    "smeared_attack": ("attack_ms_median", "swell instead of being plucked"),
    "quiet": ("level_db_median", "too quiet"),
    "noisy_rests": ("rest_floor_db", "Rests are not silent"),
    "cut_release": ("release_ms_error", "are cut off"),
    "dull": ("high_partials_db_median", "too dull"),
    "wrong_note": ("wrong_pitches", "at another pitch"),
    "drifting_phase": ("oscillator_snr_db", "phases drift"),
    "swapped_cc55": ("cc55_decay_spearman", "CC55 does not order the ring"),
}
SWEEP = {"pitches": (45, 57), "velocities": (50, 110), "values": (1, 48, 127), "seconds": 1.0}


@cache
def piece() -> tuple[Performance, np.ndarray]:
    """Twelve seconds that nobody was trained on, with one note long enough to be wrong."""
    music = melody(12.0, seed=21, levels="continuous")
    end = music.duration + 0.4
    notes = (*music.notes, Note(50, 90, end, end + 1.0))
    music = Performance.from_notes(notes, cc=dict(music.controllers), name="test melody")
    return music, play("string", music, RATE, 99)


@cache
def guitar_sweep():
    return cc55_sweep(lambda music: play("string", music, RATE, 99), **SWEEP)


def judged(instrument, key: str, seed: int = 0) -> tuple[float, dict[str, float]]:
    """The figure of one key, and the directions."""
    music, target = piece()
    if key.startswith(("cc55_", "velocity_")):
        sweep = cc55_sweep(lambda performance: instrument.render(performance, seed=seed), **SWEEP)
        return control_figures(sweep, guitar_sweep())[key], {}
    if key == "oscillator_snr_db":
        return oscillator_snr_db(instrument, music), {}
    if seed:
        target = play("string", music, RATE, 99 + seed)
    render = metrics.same_length(instrument.render(music, seed=seed), len(target))
    tables = note_table(target, RATE, music), note_table(render, RATE, music)
    figures = metrics.evaluate_render(target, render, music, RATE, tables)
    return figures[key], metrics.signed_medians(*tables)


@cache
def sound_noise() -> dict[str, float]:
    """Largest minus smallest figure of the undamaged instrument over the seeds."""
    music, _ = piece()
    string, rows = shared_instrument("string"), []
    for seed in SEEDS:
        target = play("string", music, RATE, 99 + seed)
        render = metrics.same_length(string.render(music, seed=seed), len(target))
        rows.append(metrics.evaluate_render(target, render, music, RATE))
    return {key: float(np.ptp([row[key] for row in rows])) for key in rows[0]}


@cache
def control_noise() -> dict[str, float]:
    string, rows = shared_instrument("string"), []
    for seed in (0, 1):
        sweep = cc55_sweep(lambda music, seed=seed: string.render(music, seed=seed), **SWEEP)
        rows.append(control_figures(sweep, guitar_sweep()))
    return {key: float(np.ptp([row[key] for row in rows])) for key in rows[0]}


def test_there_are_twelve():
    assert set(NAMED) == set(DAMAGES)
    assert SHOWN_BY.items() <= {name: key for name, (key, _) in NAMED.items()}.items()
    assert len(DAMAGES) == 12


@pytest.mark.parametrize("name", NAMED)
def test_the_report_notices(name):
    key, words = NAMED[name]
    string = shared_instrument("string")
    sound, _ = judged(string, key)
    broken, ways = judged(DAMAGES[name](string), key)
    noise = {**sound_noise(), **control_noise(), "oscillator_snr_db": 1.0}[key]
    assert abs(broken - sound) > 3 * noise + 1e-6, (sound, broken, noise)
    assert verdict(key, sound, "string").met is True
    told = verdict(key, broken, "string", ways)
    assert told.met is False
    assert words in told.sentence


@pytest.mark.parametrize(
    ("name", "key", "expected", "within"),
    [
        ("late", "onset_ms_median", 15.0, 1.5),
        ("sharp", "f0_cents_median", 8.0, 0.5),
        ("quiet", "level_db_median", 3.0, 0.7),
        ("noisy_rests", "rest_floor_db", -40.0, 1.0),
        ("wrong_note", "wrong_pitches", 1.0, 0.0),
    ],
)
def test_a_damage_of_known_size_is_read_at_that_size(name, key, expected, within):
    broken, _ = judged(DAMAGES[name](shared_instrument("string")), key)
    assert broken == pytest.approx(expected, abs=within)


@cache
def heeded_controls() -> tuple[dict[str, float], float]:
    """What the undamaged instrument loses when a control is shuffled, and the noise of that."""
    music, target = piece()
    return ignored_controls(shared_instrument("string"), target, music)


@pytest.mark.parametrize("control", ["openness", "velocity"])
def test_an_ignored_control_is_an_alarm(control):
    """A sound instrument heeds it; one that is deaf to it costs nothing when it is shuffled."""
    music, target = piece()
    string = shared_instrument("string")
    deaf = DAMAGES["cc55_ignored" if control == "openness" else "velocity_ignored"](string)
    heeded, noise = heeded_controls()
    rises, deaf_noise = ignored_controls(deaf, target, music)
    key = f"ignored_{control}"
    assert key not in ignored(heeded, noise)
    assert abs(rises[key]) < 0.01 * heeded[key]
    assert key in ignored(rises, deaf_noise)
    assert any(f"ignores {control}" in line for line in ignored_alarm(rises, deaf_noise))
    others = {"ignored_pitch", "ignored_velocity", "ignored_openness"} - {key}
    assert not others & set(ignored(rises, deaf_noise))


def test_velocity_squeezed_as_the_original_did_is_nearly_no_velocity():
    slope, _ = judged(velocity_squeezed(shared_instrument("string")), "velocity_level_slope")
    assert abs(slope) < 0.1


def test_shuffled_cc55_leaves_the_notes_alone_and_the_ring_wrong():
    string = shared_instrument("string")
    broken = cc55_shuffled(string)
    right, _ = judged(string, "decay_error_median")
    wrong, _ = judged(broken, "decay_error_median")
    assert wrong > right + 0.2
    assert judged(broken, "onset_ms_median")[0] < 4


def test_drifting_phases_still_follow_the_controls():
    """Curves of another CC55 sound as that CC55 does, so no ignored control is alarmed of."""
    broken = DAMAGES["drifting_phase"](shared_instrument("string"))
    open_note = Performance.from_notes([Note(45, 100, 0.1, 0.9)], cc={55: 127})
    muted_note = open_note.with_cc(55, 1)
    wanted, other = broken.render(muted_note), broken.render(open_note)
    found = broken.render(open_note, curves=broken.curves(muted_note, 475))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert np.abs(found - other).max() > 0.01


def test_an_undamaged_damage_plays_as_the_instrument_does():
    from nmsynth_lib.damages import Damaged

    music, _ = piece()
    string = shared_instrument("string")
    found, wanted = Damaged(string, "nothing").render(music), string.render(music)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
