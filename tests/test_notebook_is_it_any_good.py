"""Notebook 05 says what is true: each "Listen for" and each number holds in what its cells made."""

import numpy as np
import pytest
from notebook_cells import Cells, assert_cells_are_short, assert_skeleton, right_answer, run
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.listening import OPENNESS_STEPS
from nmsynth_lib.metrics import attack_ms_median, rest_floor_db
from nmsynth_lib.note_measures import note_table
from nmsynth_lib.pitch_measures import TUNED_BY, tracked_f0
from nmsynth_lib.published import ORIGINAL

NOTEBOOK = Cells.of("05_is_it_any_good")
TEXT = NOTEBOOK.text
RATE = 16000


def level_db(audio, start, end):
    piece = audio[round(start * RATE) : round(end * RATE)].astype(float)
    return 10 * np.log10(max(np.square(piece).mean(), 1e-12))


def sentences(verdicts):
    return " ".join(verdict.sentence for verdict in verdicts)


# --- Its form -------------------------------------------------------------------------------------


def test_it_has_the_fixed_skeleton():
    assert_skeleton(NOTEBOOK, "Is it any good?", n_sections=9, n_exercises=3)


def test_cells_are_short():
    assert_cells_are_short(NOTEBOOK)


def test_sound_comes_first():
    assert "listen(" in NOTEBOOK.code[0]


def test_every_section_says_what_to_listen_for():
    assert TEXT.count("**Listen for**") >= 6


def test_every_picture_has_alt_text_and_every_sound_a_name(made):
    from nmsynth_lib.plots import Picture

    pictures = [value for value in made["values"] if isinstance(value, Picture)]
    assert len(pictures) == 4
    assert all(len(picture.alt) > 60 and 'alt="' in html_of(picture) for picture in pictures)
    players = "".join(html_of(one) for shown in made["shown"] for one in shown)
    assert players.count("<audio ") == players.count("aria-label=") == len(played_in(players)) > 10


# --- 1. How long does it ring? --------------------------------------------------------------------


def test_the_muted_note_is_no_longer_there_before_its_note_off(names):
    open_note, muted_note = names["open_note"], names["muted_note"]
    assert level_db(muted_note, 0.1, 0.2) - level_db(muted_note, 1.9, 2.0) > 35
    assert level_db(open_note, 1.9, 2.0) - level_db(muted_note, 1.9, 2.0) > 15


def test_by_hand_it_is_another_rate_than_the_line_through_all(names):
    """It falls faster at first: two points of the beginning tell more than the line."""
    assert "not fall in a straight line" in TEXT
    assert names["by_hand"] == pytest.approx(32, abs=3)
    rows = names["rows"]
    assert names["by_hand"] > 1.3 * rows[1].decay_db_per_s > 1.3 * 2 * rows[0].decay_db_per_s
    half_a_second = [level_db(names["muted_note"], t, t + 0.1) for t in (0.6, 1.1)]
    assert names["by_hand"] > 1.3 * (half_a_second[0] - half_a_second[1]) / 0.5


def test_t20_is_when_the_level_is_20_db_lower(names):
    t20 = names["rows"][1].t20_s
    start = level_db(names["muted_note"], 0.1, 0.125)
    after = level_db(names["muted_note"], 0.1 + t20, 0.125 + t20)
    assert start - after == pytest.approx(20, abs=2.5)


def test_each_partial_decays_by_the_law_within_a_tenth(names):
    np.testing.assert_allclose(names["measured"], names["law"], rtol=0.1)
    assert len(names["law"]) == 5


# --- 2. and 3. Tuning, attack ---------------------------------------------------------------------


def test_eight_cents_are_measured_as_eight(made):
    right, wrong = NOTEBOOK.value_of(made, "sharp(guitar)")
    assert abs(right) < 1
    assert wrong - right == pytest.approx(8, abs=0.5)
    assert TUNED_BY == 4  # "the first four partials"


def test_the_second_one_has_lost_its_bite(names):
    """ "The bite at the beginning": the first 10 ms, against the loudest moment of the note."""
    onsets = [note.onset for note in names["phrase"].notes if note.offset - note.onset > 0.15]
    bites = {
        key: np.median(
            [level_db(names[key], t, t + 0.01) - level_db(names[key], t, t + 0.15) for t in onsets]
        )
        for key in ("right", "swelling")
    }
    assert bites["right"] - bites["swelling"] > 6


def test_the_attacks_are_those_of_the_text(made):
    plucked, swelling = NOTEBOOK.value_of(made, "smeared_attack(guitar)")
    assert plucked < 5 and swelling > 2.5 * plucked
    assert "needs 22 ms for its muted note and 23 ms for its open one" in TEXT
    assert [round(ORIGINAL[f"attack_{which}"]) for which in ("muted", "open")] == [22, 23]
    assert "loudest after 150 ms" in TEXT
    assert all(145 < ORIGINAL[f"peak_{which}"] < 160 for which in ("muted", "open"))


# --- 4. The CC55 map ------------------------------------------------------------------------------


def test_cc55_does_what_it_says(names):
    figures = names["control_figures"](names["network"], names["truth"])
    assert figures["cc55_decay_spearman"] > 0.98
    assert 0.8 < figures["cc55_span"] < 1.25
    assert figures["cc55_leak_cents"] < 3
    assert 0.9 < figures["velocity_level_slope"] < 1.1


def test_nothing_leaks(names):
    assert names["leaks"].sentences() == []
    assert "Nothing by more than one can hear" in names["plot_leakage"](names["leaks"]).alt


# --- 5. Compared with what? -----------------------------------------------------------------------


def test_the_references_stand_in_the_order_that_the_text_gives_them(names):
    distances = names["distances"]
    assert 0.2 < distances["copy"] < distances["network"] < distances["sampler"]
    assert distances["sampler"] < 0.5 * distances["silence"]
    assert distances["network"] == pytest.approx(1, abs=0.3)  # "is 1 dB good?"


def test_the_baseline_is_noise(names):
    baseline, example = names["baseline"], names["example"]
    _, f0_hz = tracked_f0(baseline, RATE)
    assert np.isfinite(f0_hz).mean() < 0.1
    assert rest_floor_db(baseline, RATE, example) > -20
    assert names["distances"]["baseline"] > 0.9 * names["distances"]["silence"]


def test_the_baseline_s_minutes_are_those_of_its_provenance(repository):
    said = (repository / "assets" / "baseline" / "string" / "baseline.yaml").read_text()
    minutes = float(said.split("cpu_minutes:")[1].split()[0])
    assert f"for {minutes:.0f} minutes of one core" in TEXT


# --- 6. and 7. The report, the published examples -------------------------------------------------


def test_the_report_says_what_the_text_reads_in_it(names):
    report = names["report"]
    assert {note.velocity for note in names["example"].notes} == {100}
    assert np.isnan(report.figures["ignored_velocity"])
    assert [verdict.key for verdict in report.missed()] == ["ignored_to_offset"]
    assert "ignores to_offset" in names["report_text"](report)


def test_the_original_fades_in_and_lets_go_and_ours_do_not(names):
    ours = names["ours"]
    assert ORIGINAL["plucked_anew"] < 0 < 10 < ours["string"]["plucked_anew"]
    assert ORIGINAL["lost_before_off"] > 10 > 2 > ours["string"]["lost_before_off"]


# --- 8. Break it on purpose -----------------------------------------------------------------------


def test_the_squeezed_one_is_even_and_is_caught_by_shuffling(made, names):
    spreads = [
        np.ptp([row.peak_db for row in note_table(sound, RATE, names["music"], pitch=False)])
        for sound in names["heard"][:2]
    ]
    assert spreads[1] < 0.6 * spreads[0]
    assert "It ignores velocity" in " ".join(NOTEBOOK.value_of(made, "squeezed_card.missed()"))


def test_the_shuffled_one_listens_and_is_caught_by_the_spectra(made):
    said = " ".join(NOTEBOOK.value_of(made, "shuffled_card.missed()"))
    assert "It ignores openness" not in said
    assert "The two spectrograms differ" in said
    assert "above the tenth partial" in said


# --- 9. Can you hear it? --------------------------------------------------------------------------


def test_the_listening_test_has_its_pairs_and_trials(names):
    test = names["test"]
    assert test.problem == ""
    assert test.trials == 12
    steps = {f"CC55 = {high} or {low}" for high, low in OPENNESS_STEPS}
    assert set(test.labels) == {"guitar or network", "seed-sized baseline or network", *steps}


def test_one_of_twenty_is_significant_by_chance():
    from nmsynth_lib.listening import HEARD, p_value

    assert HEARD == 1 / 20
    assert f"{100 * p_value(9, 12):.1f} %" == "7.3 %"
    assert "Nine of twelve look like a lot; guessing gets there in 7.3 % of tests." in TEXT


# --- Its predictions ------------------------------------------------------------------------------


def test_predicted_the_partials_keep_the_law_within_a_tenth(names):
    assert right_answer("by the law") == "By a tenth at most"
    assert np.abs(names["measured"] / names["law"] - 1).max() <= 0.1


def test_predicted_the_network_is_nearer_than_the_sampler(names):
    """ "The figures are far apart", and its notes decay more nearly as the guitar's."""
    assert right_answer("cut and paste") == "The network"
    assert names["distances"]["network"] < 0.8 * names["distances"]["sampler"]
    decays = {
        name: np.array([row.decay_db_per_s for row in note_table(sound, RATE, names["example"])])
        for name, sound in (("guitar", names["target"]), *names["sounds"].items())
        if name in ("guitar", "network", "sampler")
    }
    missed = {
        name: np.nanmedian(np.abs(np.log(decays[name] / decays["guitar"])))
        for name in ("network", "sampler")
    }
    assert missed["network"] < missed["sampler"]


def test_predicted_the_squeezed_one_plays_all_notes_alike(names):
    """Its levels follow the velocities no more: a tenth of the network's slope at most."""
    assert right_answer("squeezed") == "Even: all notes about as loud"
    velocities = np.array([note.velocity for note in names["music"].notes])
    assert np.ptp(velocities) > 40  # "soft and hard notes"
    slopes = []
    for sound in names["heard"][:2]:
        rows = note_table(sound, RATE, names["music"], pitch=False)
        levels = np.array([row.peak_db for row in rows])
        slopes.append(np.polyfit(velocities, levels, 1)[0])
    assert abs(slopes[1]) < 0.25 * slopes[0]


# --- Its exercises --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", NOTEBOOK.answers())
def test_exercise(made, answer, monkeypatch):
    displayed(monkeypatch)
    NOTEBOOK.assert_answered(made, answer)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("check_decay(guitar, 'fast')", "not a number"),
        ("check_mystery(1, 'drifting_phase')", "With drifting_phase another figure"),
        ("check_score(13)", "take 0 to 12"),
    ],
)
def test_what_is_no_answer_is_told_so(names, code, says, monkeypatch):
    displayed(monkeypatch)
    answer = run(code, dict(names))
    assert answer.startswith("Not yet. ")
    assert says in answer


def test_the_attack_of_the_patient_stands_out(names):
    example = names["example"]
    render, ill = names["render"], names["patient"].render(example)
    attacks = [attack_ms_median(note_table(one, RATE, example, False)) for one in (render, ill)]
    assert attacks[0] < 5 < 20 < attacks[1]
