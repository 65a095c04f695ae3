"""Notebook 04 says what is true: each "Listen for" and each number holds in what its cells made."""

import re
from dataclasses import replace

import numpy as np
import pytest
from notebook_cells import Cells, assert_cells_are_short, assert_skeleton, right_answer, run
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.alignment import measured_alignment
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.performance import held, midi_to_hz
from nmsynth_lib.pick_measures import comb_correlation, pick_sweep
from nmsynth_lib.pitch_measures import partial_levels
from nmsynth_lib.plots import Picture
from nmsynth_lib.style_plots import level_over_time, way_to_open
from nmsynth_lib.widgets.compare_widget import Compare
from nmsynth_lib.widgets.explorer import Explorer
from nmsynth_lib.widgets.keyboard_widget import Keyboard
from nmsynth_lib.widgets.mixer_widget import Mixer
from nmsynth_lib.widgets.piano_roll_widget import PianoRoll

NOTEBOOK = Cells.of("04_style_control")
TEXT, CODE = NOTEBOOK.text, NOTEBOOK.code
RATE = 16000


def sounds(made, part):
    """What the cell that holds this text plays."""
    (shown,) = [s for code, s in zip(CODE, made["shown"], strict=True) if part in code]
    return played_in("".join(html_of(one) for one in shown))


def rows_of(audio, performance, pitch=False):
    return note_table(audio, RATE, performance, pitch=pitch)


def slope(audio, start, end):
    """dB a second, positive for a falling level."""
    times, levels = level_over_time(audio, RATE)
    inside = (times > start) & (times < end)
    return -np.polyfit(times[inside], levels[inside], 1)[0]


# --- Its form -------------------------------------------------------------------------------------


def test_it_has_the_fixed_skeleton():
    assert_skeleton(NOTEBOOK, "Style control", n_sections=9, n_exercises=3)


def test_cells_are_short():
    assert_cells_are_short(NOTEBOOK)
    assert "def " not in "".join(CODE)


def test_sound_comes_first_and_every_section_says_what_to_listen_or_look_for():
    assert "listen(" in CODE[0]
    for section in TEXT.split("\n## ")[1:10]:
        assert re.search(r"\*\*(Listen for|Look for|Guess first)", section), section[:40]


def test_every_picture_has_alt_text_and_every_sound_a_name(made):
    pictures = [value for value in made["values"] if isinstance(value, Picture)]
    assert len(pictures) == 5
    assert all(len(picture.alt) > 60 and 'alt="' in html_of(picture) for picture in pictures)
    players = "".join(html_of(one) for shown in made["shown"] for one in shown)
    assert players.count("<audio ") == players.count("aria-label=") == len(played_in(players)) > 15


def test_every_widget_is_there_and_without_a_fault(made):
    for kind, n in ((Explorer, 1), (PianoRoll, 4), (Compare, 1), (Mixer, 1), (Keyboard, 1)):
        assert sum(isinstance(value, kind) for value in made["values"]) == n
    assert not any(getattr(value, "problem", "") for value in made["values"])


# --- 1. and 2. One note ---------------------------------------------------------------------------


def test_the_ring_grows_and_the_pluck_stays_as_loud(made, names):
    rows = [rows_of(one, names["pluck"])[0] for one in sounds(made, "steps = (1, 32")]
    rings = [row.t20_s for row in rows]
    assert rings == sorted(rings) and rings[-1] > 3 * rings[0]
    assert np.ptp([row.peak_db for row in rows]) < 2


def test_from_open_to_muted_the_high_partials_go_first(made):
    """Of partials 1, 4 and 12, the share of its ring that half a mute takes grows with number."""
    played = sounds(made, "steps = (1, 32")
    falls = []
    for sound in (played[4], played[2]):
        _, levels = partial_levels(sound, RATE, float(midi_to_hz(40)), (1, 4, 12), 0.15, 0.55)
        falls.append(levels[:, 0] - levels[:, -1])
    more = falls[1] - falls[0]
    assert more[0] < more[1] < more[2]


def test_predicted_a_lifted_palm_brings_nothing_back(made, names):
    """The string goes on from where it was, more slowly; the network is a few dB beside it."""
    assert right_answer("palm lifted").startswith("It goes on from where it is")
    muted, lifted, laid, string = sounds(made, "listen(*moved.values()")
    opened = names["guitar"].render(names["pluck"], cc={55: 127})
    times, _ = level_over_time(string, RATE)

    def level(sound, at):
        return np.interp(at, times, level_over_time(sound, RATE)[1])

    assert level(string, 0.7) < level(string, 0.58)  # nothing comes back
    assert slope(string, 0.75, 1.4) < slope(muted, 0.75, 1.4) - 5
    assert slope(laid, 0.62, 0.75) > slope(laid, 0.3, 0.58) + 20  # choked
    assert all(level(one, 0.9) < level(opened, 0.9) - 6 for one in (string, lifted))
    # "it stumbles at the change, and then lies a few dB too high"
    beside = [level(lifted, at) - level(string, at) for at in (0.58, 0.61, 0.8)]
    assert abs(beside[0]) < 1 and beside[1] < -1.5 and 1 < beside[2] < 5
    assert slope(lifted, 0.75, 1.4) < slope(muted, 0.75, 1.4) - 5


def test_a_drawn_ramp_closes_the_note_step_by_step(made):
    (roll,) = [v for c, v in zip(CODE, made["values"], strict=True) if "ramp = " in c]
    values = held(roll.performance.controllers[55], np.arange(0.05, 1.95, 0.1), 0)
    assert np.all(np.diff(values) < 0) and values[0] > 120 and values[-1] < 15
    assert slope(roll.audio, 1.2, 1.6) > slope(roll.audio, 0.2, 0.6)


def test_the_open_moments_of_a_wave_bring_nothing_back(names):
    """Open for 0.3 s, muted for 0.1: each open moment is softer, and ever further from all open."""
    wave = [(0.4 * i + t, value) for i in range(5) for t, value in ((0.0, 127), (0.3, 1))]
    guitar, pluck = names["guitar"], names["pluck"]
    levels = [
        np.interp((0.2, 0.6, 1.0, 1.4, 1.8), *level_over_time(guitar.render(music), RATE))
        for music in (pluck.with_cc(55, wave), pluck.with_cc(55, 127))
    ]
    assert np.all(np.diff(levels[0]) < -2)
    apart = levels[1] - levels[0]
    assert abs(apart[0]) < 1 and np.all(np.diff(apart) > 0.5) and apart[-1] > 8


# --- 3. Verse and chorus --------------------------------------------------------------------------


def test_the_verse_has_space_between_its_notes_and_the_chorus_has_not(made, names):
    (roll,) = [v for c, v in zip(CODE, made["values"], strict=True) if "song = " in c]
    song = names["song"]
    assert roll.performance.notes == song.notes
    times, levels = level_over_time(roll.audio, RATE)
    fallen = []
    for note in song.notes:
        peak = levels[(times > note.onset) & (times < note.onset + 0.1)].max()
        fallen.append(peak - np.interp(note.offset - 0.03, times, levels))
    verse, chorus = np.array(fallen).reshape(2, 4)
    assert verse.min() > chorus.max() + 5
    assert [n.pitch for n in song.notes[:4]] == [n.pitch for n in song.notes[4:]]
    assert [value for _, value in song.controllers[55]] == [10, 120]


def test_every_published_example_can_be_put_into_the_roll(names):
    for label in names["EXAMPLES"]:
        assert f"{label}" and names["phrases"]()[label].notes
    assert 'phrases()["Open and muted in turn"]' in "".join(CODE)
    assert names["roll"].performance.notes == names["phrases"]()["Open and muted in turn"].notes


# --- 4. Velocity against openness -----------------------------------------------------------------


def test_predicted_openness_rings_and_velocity_does_not(names):
    assert right_answer("which one rings") == "Lifting the palm"
    ring = np.median(names["both"].t20_s, axis=0)  # [velocity, CC55]
    assert np.all(ring[:, 2] > 3 * ring[:, 0])
    assert np.all(ring.max(axis=0) < 1.5 * ring.min(axis=0))  # "the lines are nearly flat"
    assert ring[-1, 0] < ring[0, 0]  # "is done a little sooner"


def test_level_goes_with_velocity_and_the_three_lines_are_one(names):
    level = np.median(names["both"].peak_db, axis=0)
    assert np.all(np.ptp(level, axis=0) > 15)
    assert np.ptp(level, axis=1).max() < 3


def test_in_brightness_both_have_their_say(names):
    bright = np.median(names["both"].brightness_hz, axis=0)
    assert np.all(bright[-1] > 1.1 * bright[0])
    assert np.all(bright[:, 2] > bright[:, 0])


def test_compared_equally_loud_two_share_a_ring_and_two_a_pluck(made, names):
    """A and B, as the text names them, have one ring; A and C one pluck."""
    (widget,) = [v for v in made["values"] if isinstance(v, Compare)]
    assert widget.matched and len(widget.takes) == 4
    assert list(names["corners"])[:3] == [
        "soft pluck, open",
        "hard pluck, open",
        "soft pluck, muted",
    ]
    song = names["song"]
    performances = [
        song.with_cc(55, one["controls"]["openness"]).with_velocity(one["velocity"])
        for one in names["corners"].values()
    ]
    rows = [
        rows_of(sound, music)
        for sound, music in zip(widget.sounds.values(), performances, strict=True)
    ]
    rings = [np.median([row.t20_s for row in one]) for one in rows]
    assert rings[0] == pytest.approx(rings[1], rel=0.25)
    assert rings[0] > 2 * rings[2]


# --- 5. What did the network invent? --------------------------------------------------------------


def test_predicted_two_styles_are_joined_by_a_smooth_step(names):
    assert right_answer("never taught") == "Slowly, then fast, then slowly"
    sweep = names["ways"]["network taught with two"]
    steps = np.diff(way_to_open(sweep)) / np.diff(sweep.values)
    between = np.convolve(sweep.values, [0.5, 0.5], "valid")
    assert steps[(between > 40) & (between < 80)].max() > 2 * max(steps[0], steps[-1])
    assert np.all(steps > -0.001)


def test_one_line_follows_the_law_and_the_sampler_jumps(names):
    ways = {name: way_to_open(sweep) for name, sweep in names["ways"].items()}
    law = ways["the string's law"]
    assert np.abs(ways["network taught with all"] - law).max() < 0.12
    sampler = ways["sampler with two"]
    np.testing.assert_allclose(sampler, [0, 0, 0, 0, 1, 1, 1], atol=0.1)
    two, values = ways["network taught with two"], next(iter(names["ways"].values())).values
    assert two[values.index(74)] - two[values.index(40)] > 0.5  # "most of the way"
    at = values.index(40)
    assert law[at] == pytest.approx(1 / 3, abs=0.08)
    assert two[at] < 0.2


# --- 6. and 7. Mixer and keyboard -----------------------------------------------------------------


def test_the_verse_lives_in_the_low_partials_and_the_noise_is_a_tick(made, names):
    (mixer,) = [v for v in made["values"] if isinstance(v, Mixer)]
    verse, chorus = slice(0, 2 * RATE), slice(2 * RATE, 4 * RATE)

    def alone(*labels):
        mixer.mix = {"soloed": list(labels)}
        heard = mixer.audio
        mixer.mix = {}
        return np.square(heard, dtype=float)

    whole = np.square(mixer.audio, dtype=float)
    low = alone("partial 1", "partial 2", "partial 3")
    shares = [low[half].sum() / whole[half].sum() for half in (verse, chorus)]
    assert shares[0] > 0.6 and shares[0] > shares[1]
    noise = alone("noise")
    at = [round(note.onset * RATE) for note in names["song"].notes]
    ticks = np.mean([noise[i : i + 800].mean() for i in at])
    between = np.mean([noise[i + 2400 : i + 7000].mean() for i in at])
    assert ticks > 4 * between


# --- 8. A style channel of your own ---------------------------------------------------------------


def test_ten_lines_bring_a_channel_from_schema_to_sound():
    (code,) = [one for one in CODE if "ControlSpec(" in one]
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 15
    assert len([line for line in lines if not line.startswith("from ")]) <= 10


def test_the_colour_comes_within_a_minute_and_the_comb_takes_longer(made, names):
    bright = NOTEBOOK.value_of(made, "centroid_hz(")
    yours, string = bright[:2], bright[2:]
    assert yours[0] > 1.4 * yours[1] and string[0] > 1.4 * string[1]
    assert yours == pytest.approx(string, rel=0.2)
    players = (names["own"], names["shipped"])
    own, shipped = (comb_correlation(pick_sweep(one.render, (43,))) for one in players)
    assert own < shipped - 0.2 and shipped > 0.7


# --- 9. Annotate a recording ----------------------------------------------------------------------


def test_the_hurried_annotation_strays_and_a_careful_one_does_not(made, names, tmp_path):
    """What the learner does by hand, done: each note at its mark is within 5 ms, and saved so."""
    assert names["at"].spread_ms > 15
    assert NOTEBOOK.value_of(made, "measured_alignment") == ["evening.flac", "evening.mid"]
    annotation, raw = names["annotation"], names["recorded"][: 8 * RATE]
    hurried, marks = annotation.performance, np.array(annotation.setup["recording"]["onsets"])
    assert len(hurried.notes) == 10
    moved = [marks[np.abs(marks - note.onset).argmin()] for note in hurried.notes]
    careful = [
        replace(note, onset=float(mark)) for note, mark in zip(hurried.notes, moved, strict=True)
    ]
    at = measured_alignment(raw, RATE, replace(hurried, notes=careful))
    assert at.spread_ms < 5 and "Below 5 ms" in TEXT


# --- Its exercises --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", NOTEBOOK.answers())
def test_exercise(made, answer, monkeypatch):
    displayed(monkeypatch)
    NOTEBOOK.assert_answered(made, answer)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("check_metal_and_ballad(guitar, riff.between(0, 2), riff)", "has 4 notes; the riff has 8"),
        ("check_metal_and_ballad(guitar, None, riff)", "`metal` is not a performance"),
        ("check_falling_palm(guitar, [])", "Give steps"),
        ("check_falling_palm(guitar, [(0.0, 127), (1.8, 0)])", "later than that"),
        ("check_falling_palm(guitar, [(0.0, 300)])", "no (seconds, value) steps"),
        ("check_silent_partial(shipped, 300)", "not a MIDI value"),
    ],
)
def test_what_is_no_answer_is_told_so(names, code, says, monkeypatch):
    displayed(monkeypatch)
    said = run(code, dict(names))
    assert said.startswith("Not yet. ")
    assert says in said
