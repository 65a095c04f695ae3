"""Notebook 00 says what is true: each "Listen for" and each number holds in what its cells made."""

import itertools

import numpy as np
import pytest
from notebook_cells import Cells, assert_cells_are_short, assert_skeleton, right_answer, run
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.note_measures import note_table
from nmsynth_lib.pitch_measures import partial_decay, partial_levels
from nmsynth_lib.widgets.words import note_sound

NOTEBOOK = Cells.of("00_hear_it")
TEXT, CODE = NOTEBOOK.text, NOTEBOOK.code


def measured(made, audio, performance=None):
    performance = performance or made["names"]["pluck"]
    return note_table(audio, 16000, performance, pitch=False)[0]


def level_db(audio, start, end):
    piece = audio[round(start * 16000) : round(end * 16000)]
    return 10 * np.log10(max(np.square(piece).mean(), 1e-12))


# --- Its form -------------------------------------------------------------------------------------


def test_it_has_the_fixed_skeleton():
    assert_skeleton(NOTEBOOK, "Hear it", n_sections=4, n_exercises=3)


def test_cells_are_short():
    assert_cells_are_short(NOTEBOOK)


def test_sound_comes_first():
    """The first sound is in the second cell, the panel in the third."""
    assert "listen(" in CODE[1]
    assert "hear_it(" in CODE[2]


def test_every_section_says_what_to_listen_for():
    assert TEXT.count("**Listen for**") >= 6


# --- Its prose ------------------------------------------------------------------------------------


def test_the_muted_note_is_over_and_dull_while_the_open_one_rings(made):
    names = made["names"]
    open_note, muted_note = names["open_note"], names["muted_note"]
    assert measured(made, muted_note).t20_s < 0.9 < 1.8 < measured(made, open_note).t20_s
    late = (0.2, 0.3)  # a tenth of a second after the onset
    muted_high, open_high = (
        partial_levels(names["rising"][which], 16000, 82.41, range(8, 20), *late)[1].max(axis=0)
        for which in (0, -1)
    )
    assert open_high.mean() - muted_high.mean() > 15


def test_the_muted_note_is_not_just_quieter(made):
    """ "Not the loudness": peaks lie within 6 dB of each other."""
    names = made["names"]
    peaks = [measured(made, names[key]).peak_db for key in ("open_note", "muted_note")]
    assert abs(peaks[0] - peaks[1]) < 6


def test_the_panel_speaks_of_a_muted_and_an_open_note(made):
    panel = made["values"][2]
    assert panel.problem == ""
    muted, open_note = panel.heard["words"]
    assert muted.startswith("Muted C2")
    assert open_note.startswith("Open C2")
    assert panel.menus["instruments"] == ["string", "sampled"]


def test_the_example_has_four_groups_of_three_open_and_muted_in_turn(made):
    example, sound = made["names"]["example"], made["names"]["sound"]
    rows = note_table(sound, 16000, example, pitch=False)
    assert [row.cc55 for row in rows] == [127] * 3 + [0] * 3 + [127] * 3 + [0] * 3
    assert [row.pitch for row in rows[:3]] == [row.pitch for row in rows[3:6]]
    decays = np.array([row.decay_db_per_s for row in rows]).reshape(4, 3).mean(axis=1)
    assert decays[0] < decays[1]
    assert decays[2] < decays[3]


def test_the_higher_the_partial_the_sooner_it_dies(made):
    """Of the muted note, partials 1, 4, 8; and the open note's partial 8 outlives the muted one."""
    levels = {
        key: partial_levels(made["names"][key], 16000, 82.41, (1, 4, 8), 0.1, 3.0)[1]
        for key in ("open_note", "muted_note")
    }

    def fall(level):
        below = np.flatnonzero(level <= level.max() - 20)
        below = below[below > level.argmax()]
        return below[0] / 1000 if len(below) else np.inf

    muted = [fall(level) for level in levels["muted_note"]]
    assert muted[0] > muted[1] > muted[2]
    assert fall(levels["open_note"][2]) > 2 * muted[2]


def test_the_ring_grows_from_one_step_to_the_next(made):
    rings = [measured(made, audio).t20_s for audio in made["names"]["rising"]]
    assert rings == sorted(rings)
    assert all(later > 1.1 * earlier for earlier, later in itertools.pairwise(rings))


def test_the_hard_pluck_is_louder_and_brighter_and_rings_equally_long(made):
    names = made["names"]
    (note,) = names["pluck"].notes
    soft, hard = (note_sound(names[key], names["pluck"], note, 16000) for key in ("soft", "hard"))
    assert hard.measures.peak_db > soft.measures.peak_db + 3
    attack = slice(1600, 1600 + 1600)
    spectra = [np.abs(np.fft.rfft(names[key][attack])) ** 2 for key in ("soft", "hard")]
    centroids = [(power * np.arange(len(power))).sum() / power.sum() for power in spectra]
    assert centroids[1] > 1.05 * centroids[0]
    assert hard.measures.decay_db_per_s == pytest.approx(soft.measures.decay_db_per_s, rel=0.3)


def test_the_short_note_is_stopped_at_its_offset_without_a_click(made):
    short = made["names"]["short"]
    assert level_db(short, 0.36, 0.46) - level_db(short, 0.7, 0.8) > 20
    assert level_db(made["names"]["open_note"], 0.7, 0.8) > level_db(short, 0.7, 0.8) + 20
    around_end = np.abs(np.diff(short[round(0.44 * 16000) : round(0.5 * 16000)])).max()
    while_held = np.abs(np.diff(short[round(0.2 * 16000) : round(0.44 * 16000)])).max()
    assert around_end < 1.5 * while_held


def test_two_octaves_higher_dies_sooner(made):
    names = made["names"]
    low = measured(made, names["open_note"]).decay_db_per_s
    assert measured(made, names["high"], names["pluck"].transposed(24)).decay_db_per_s > 1.5 * low


def test_every_picture_has_alt_text_and_every_sound_a_name(made):
    from nmsynth_lib.plots import Picture

    pictures = [value for value in made["values"] if isinstance(value, Picture)]
    assert len(pictures) == 3
    assert all(len(picture.alt) > 60 and 'alt="' in html_of(picture) for picture in pictures)
    players = "".join(html_of(one) for shown in made["shown"] for one in shown)
    assert players.count("<audio ") == players.count("aria-label=") == len(played_in(players)) > 10


# --- Its predictions ------------------------------------------------------------------------------


def test_predicted_the_palm_takes_most_from_the_high_partials(made):
    """Muted against open, partials 1, 4 and 8: what the palm adds to their decay grows."""
    assert right_answer("which partials") == "The high ones most"
    falls = {
        key: partial_decay(made["names"][key], 16000, 82.41, (1, 4, 8), start=0.14, end=1.8)
        for key in ("open_note", "muted_note")
    }
    added = falls["muted_note"] - falls["open_note"]
    assert 0 < 3 * added[0] < added[1] < added[2]


def test_predicted_a_hard_pluck_is_louder_and_brighter_and_falls_as_fast(made):
    """Brighter: of its power, a larger share lies above the tenth partial in the first 0.1 s."""
    assert right_answer("plucked harder") == "The loudness and the brightness"
    names = made["names"]
    soft, hard = (names[key][1600:3200].astype(float) for key in ("soft", "hard"))
    assert 10 * np.log10(np.square(hard).mean() / np.square(soft).mean()) > 3
    shares = []
    for piece in (soft, hard):
        power = np.square(np.abs(np.fft.rfft(piece * np.hanning(len(piece)))))
        shares.append(power[82:].sum() / power.sum())  # bins of 10 Hz: from 820 Hz on
    assert shares[1] > 1.2 * shares[0]
    falls = [measured(made, names[key]).decay_db_per_s for key in ("soft", "hard")]
    assert falls[1] == pytest.approx(falls[0], rel=0.3)


def test_predicted_a_higher_string_rings_for_a_shorter_time(made):
    assert right_answer("two octaves higher") == "Shorter than E2"
    names = made["names"]
    low = measured(made, names["open_note"]).t20_s
    assert measured(made, names["high"], names["pluck"].transposed(24)).t20_s < 0.7 * low


# --- Its exercises --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", NOTEBOOK.answers())
def test_exercise(made, answer, monkeypatch):
    displayed(monkeypatch)
    NOTEBOOK.assert_answered(made, answer)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("check_one_second_ring(guitar, 300)", "300 is not a MIDI value"),
        ("check_muted_then_open(guitar, None)", "is not a performance"),
        ("check_muted_then_open(guitar, pluck)", "1 notes; two are asked for"),
        ("check_first_to_die(guitar, 'the high one')", "choose 1, 4 or 8"),
    ],
)
def test_what_is_no_answer_is_told_so(made, code, says, monkeypatch):
    displayed(monkeypatch)
    assert says in run(code, dict(made["names"]))


def test_the_solution_tells_the_limits_of_the_ring(made):
    """ "The muted string needs about half a second, the open one about four times as long." """
    from nmsynth_lib.checks.hear_it import _LONG_E2

    guitar = made["names"]["guitar"]
    muted, open_note = (
        measured(made, guitar.render(_LONG_E2, cc={55: value}), _LONG_E2).t20_s
        for value in (1, 127)
    )
    assert 0.35 < muted < 0.7
    assert 3 < open_note / muted < 6


# --- Without a front end --------------------------------------------------------------------------


def test_a_page_made_of_it_without_widgets_still_plays(made, tmp_path):
    """As nbconvert makes it when no widget state is stored: two players in the panel's place."""
    import nbformat
    from nbconvert import HTMLExporter

    data, metadata = made["values"][2]._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert page.count("<audio ") == 2
