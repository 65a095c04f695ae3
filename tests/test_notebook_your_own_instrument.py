"""Notebook 06 says what is true: each "Listen for" and each number holds in what its cells made."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from notebook_cells import Cells, assert_cells_are_short, assert_skeleton, right_answer, run
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.alignment import measured_alignment
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.note_ons import at_marks
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.plots import Picture
from nmsynth_lib.sharing import unpack_instrument
from nmsynth_lib.take_findings import findings, verdict
from nmsynth_lib.takes import find_takes
from nmsynth_lib.widgets.explorer import Explorer
from nmsynth_lib.widgets.instrument_upload import SharedUpload
from nmsynth_lib.widgets.keyboard_widget import Keyboard
from nmsynth_lib.widgets.piano_roll_widget import PianoRoll
from nmsynth_lib.widgets.upload import UploadCheck

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = Cells.of("06_your_own_instrument")
TEXT, CODE = NOTEBOOK.text, NOTEBOOK.code
RATE = 16000

pytestmark = pytest.mark.slow


def sounds(made, part):
    """What the cell that holds this text plays."""
    (shown,) = [s for code, s in zip(CODE, made["shown"], strict=True) if part in code]
    return played_in("".join(html_of(one) for one in shown))


def hum_db(audio):
    """Level at 50 Hz, which no note of this guitar has."""
    turn = np.exp(-2j * np.pi * 50 * np.arange(len(audio)) / RATE)
    return 20 * np.log10(np.abs(np.mean(audio * turn)) + 1e-9)


# --- Its form -------------------------------------------------------------------------------------


def test_it_has_the_fixed_skeleton():
    assert_skeleton(NOTEBOOK, "Your own instrument", n_sections=8, n_exercises=3)


def test_cells_are_short():
    assert_cells_are_short(NOTEBOOK)
    functions = re.findall(r"^def .*\n((?: {4}.*\n)+)", "\n".join(CODE), flags=re.MULTILINE)
    assert [body for body in functions if body.count("\n") > 5] == []
    assert not re.search(r"import (os|sys)\b", "\n".join(CODE))


def test_every_section_says_what_to_listen_or_look_for():
    sections = re.split(r"^## \d\. ", TEXT.partition("## Your turn")[0], flags=re.MULTILINE)[1:]
    assert len(sections) == 8
    for section in sections:
        assert re.search(r"\*\*(?i:listen for|look for|guess first)\*\*", section), section[:40]


def test_every_picture_is_described_in_words(made):
    pictures = [one for one in made["values"] if isinstance(one, Picture)]
    assert len(pictures) == 2
    assert all(len(one.alt) > 60 for one in pictures)


def test_every_cell_that_should_gives_a_widget(made):
    for kind in (UploadCheck, PianoRoll, SharedUpload, Explorer, Keyboard):
        assert sum(isinstance(value, kind) for value in made["values"]) == 1, kind


# --- 1. A recording -------------------------------------------------------------------------------


def test_it_begins_with_two_takes_of_which_one_hums_at_20_s(made, names):
    assert [files.name for files in find_takes(names["folder"])] == ["encore", "evening"]
    assert (names["exam"].name, names["lesson"].name) == ("encore", "evening")
    encore, evening = names["mended"]
    assert evening.sound.seconds / 60 == pytest.approx(2.5, abs=0.1)
    assert encore.sound.seconds == pytest.approx(36, abs=3)  # "half a minute of a tune"
    assert (evening.lowest, evening.highest) == (40, 52)  # "thirteen lowest notes"
    (played,) = sounds(made, "bad_evening()")
    assert len(played) == 24 * RATE
    levels = [hum_db(played[t * RATE : (t + 1) * RATE]) for t in (17, 18, 20, 21, 22, 23)]
    assert min(levels[2:5]) > max(*levels[:2], levels[5]) + 15


# --- 2. Draw it over the sound --------------------------------------------------------------------


def test_the_hurried_notes_stray_and_the_marks_put_them_right(made, names):
    before, after = names["found"]
    assert before > 15 and after < 1
    assert len(names["hurried"].notes) == 60 and "sixty notes" in TEXT
    said = NOTEBOOK.value_of(made, "measured_alignment")
    assert f"{before:.1f} ms" in said["as it was drawn"]
    on_disk = Performance.from_midi(names["exam"].midi)
    assert measured_alignment(names["recorded"], RATE, on_disk).spread_ms < 1
    stray, right = sounds(made, "at_marks(")
    assert len(stray) == len(right) == 8 * RATE and not np.array_equal(stray, right)


def test_at_marks_keeps_notes_apart_and_leaves_alone_what_is_far():
    notes = [Note(40, 90, 0.10, 0.40), Note(42, 90, 0.42, 0.80), Note(43, 90, 1.50, 2.0)]
    moved = at_marks(Performance.from_notes(notes, cc={55: 9}), [0.13, 0.395, 1.9]).notes
    assert [note.onset for note in moved] == pytest.approx([0.13, 0.395, 1.5])
    assert moved[0].offset == pytest.approx(0.395)  # the string is needed for the next note
    one_mark = at_marks(Performance.from_notes(notes[:2]), [0.41]).notes
    assert one_mark[0].onset == pytest.approx(0.10) and one_mark[1].onset == pytest.approx(0.41)


# --- 3. What is wrong -----------------------------------------------------------------------------


def test_every_fault_of_the_evening_is_found(names):
    encore, evening = (
        {one.key for one in findings(check) if one.grade == "warning"} for check in names["checks"]
    )
    wanted = {"hum_seconds", "overlaps", "lag_ms", "tuning_cents", "velocity_rank"}
    assert evening == wanted
    assert encore == {"lowest", "tuning_cents", "velocity_rank"}
    record = [
        one.key for check in names["checks"] for one in findings(check) if "ecord" in one.remedy
    ]
    assert set(record) == {"lowest", "minutes_usable"}  # "none of them is urgent"
    alignment = names["checks"][1].alignment
    assert alignment.drift_ppm == pytest.approx(80, abs=5)  # "on a line that rises"


def test_predicted_nothing_must_be_recorded_again(made, names):
    assert right_answer("record again") == "Nothing"
    assert NOTEBOOK.value_of(made, "verdict(findings(")["evening"] == "fit"
    left = {one.key for one in findings(names["mended"][0]) if one.grade == "warning"}
    assert left == {"lowest"} and verdict(findings(names["mended"][1])) == (0, "fit")
    before, after = (check.alignment.lag_ms for check in (names["checks"][1], names["mended"][1]))
    assert before == pytest.approx(35, abs=1) and "35 ms ahead" in TEXT
    assert abs(after) < 0.5
    assert len(sounds(made, "verdict(findings(")) == 2


# --- 4. and 5. Training, and whether it is yours --------------------------------------------------


def test_a_minute_of_training_leaves_silence_behind(made, names):
    history = names["history"]
    assert history[-1]["step"] == 500 and not history[-1]["warning"]
    assert history[-1]["held_out_loss"] < 0.45 * names["view"].references.silence
    assert "Silence would have" in NOTEBOOK.value_of(made, "view.words")
    weights = sum(int(one.numpy().size) for one in names["own"].model.weights)
    assert weights == pytest.approx(43_000, rel=0.02) and "43,000 weights" in TEXT
    (validation,) = [t for t in find_takes(names["folder"]) if t.meta.split == "validation"]
    assert validation.name == "encore"


def test_predicted_it_is_in_tune_though_its_teacher_was_flat(made):
    assert right_answer("flat teacher") == "In tune, as the MIDI asks"
    table = NOTEBOOK.value_of(made, "medians(sound) for")
    assert table["the recording"]["cents"] == pytest.approx(-12, abs=0.5)
    assert all(abs(table[name]["cents"]) < 1 for name in ("yours", "shipped"))
    assert table["the recording"]["attack_ms"] < 1  # "under a millisecond"
    assert all(2 <= table[name]["attack_ms"] <= 5 for name in ("yours", "shipped"))
    assert all(abs(row["onset_ms"]) < 2 for row in table.values())  # "no note is late"
    assert len(sounds(made, 'shipped": string.render(tune)')) == 3


def test_cc55_does_what_it_did_on_that_evening(made, names):
    figures = NOTEBOOK.value_of(made, "control_figures(yours")
    assert figures["yours"]["cc55_decay_spearman"] > 0.98
    assert 0.7 < figures["yours"]["cc55_span"] < 1.2
    assert figures["yours"]["cc55_leak_cents"] < 1
    rings = np.median(names["yours"].t20_s, axis=(0, 1))
    assert np.all(np.diff(rings) > 0)  # "lines that rise at every step"
    truth = np.median(names["truth"].t20_s, axis=(0, 1))
    np.testing.assert_allclose(rings, truth, rtol=0.35)


# --- 6. and 7. Hand it over, and take it in -------------------------------------------------------


def test_predicted_a_zip_is_a_twentieth_of_the_takes(made, names):
    assert right_answer("how heavy") == "A twentieth of them, or less"
    size = names["parcel"].stat().st_size
    takes = sum(path.stat().st_size for path in names["folder"].glob("*.mp3"))
    assert takes == pytest.approx(4.5e6, rel=0.02) and size < takes / 20
    assert 8 * size > 1_000_000  # "one bit, of more than a million"
    listed = NOTEBOOK.value_of(made, "ZipFile(parcel).infolist()")
    sizes = {Path(name).name: float(text.split()[0]) for name, text in listed.items()}
    assert sorted(sizes) == ["LICENCE.txt", "SHA256SUMS", "instrument.yaml", "model.weights.h5"]
    assert max(sizes, key=sizes.get) == "model.weights.h5"
    link = html_of(NOTEBOOK.value_of(made, "download_link(parcel)"))
    assert f'download="{names["parcel"].name}"' in link


def test_the_page_shows_who_made_it_and_under_which_licence(names):
    friend = names["friend"]
    for words in ("a learner, 2026", "E2 to E3"):
        assert words in friend.shown
    assert friend.shown.count("CC0-1.0") == 2  # the learner's, and the recording's from meta.yaml
    assert len(played_in(friend.shown)) == 1 and friend.problem == ""


def test_predicted_it_is_the_same_to_the_last_bit(made, names):
    assert right_answer("to the last bit") == "Equal to the last bit"
    assert NOTEBOOK.value_of(made, "np.array_equal(") is True
    here, there = sounds(made, "np.array_equal(")
    np.testing.assert_array_equal(here, there)
    again = Instrument.load(names["mine"]).render(names["tune"])
    np.testing.assert_array_equal(again, names["there"])


def test_a_bit_that_turns_is_noticed_wherever_it_lies(names, tmp_path):
    """The cell turns one; here fifty in turn: refused, or one that no content hangs on."""
    data = names["parcel"].read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        good = {Path(name).name: archive.read(name) for name in archive.namelist()}
    refused = 0
    for place in np.linspace(0, len(data) - 1, 50).astype(int):
        damaged = bytearray(data)
        damaged[place] ^= 1
        target = tmp_path / f"{place}"
        try:
            there = unpack_instrument(io.BytesIO(bytes(damaged)), target, called="broken.zip")
        except Exception as error:
            assert str(error).startswith("broken.zip: "), error
            assert not target.exists() or not list(target.iterdir())
            refused += 1
        else:
            assert {name: (there / name).read_bytes() for name in good} == good
    assert refused >= 45


def test_the_broken_zip_left_nothing(names):
    assert [path.name for path in names["friend"].folder.parent.iterdir()] == [names["mine"].name]


# --- Its exercises --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", NOTEBOOK.answers())
def test_exercise(made, answer, monkeypatch):
    """And each check lets hear what it speaks of."""
    shown = displayed(monkeypatch)
    NOTEBOOK.assert_answered(made, answer)
    if answer.is_right:
        assert len(played_in("".join(html_of(one) for one in shown))) >= 1


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("check_meta(None)", "Give entries by name"),
        ("check_meta({'skip': [[0, 1]]})", "Nothing has to be left out"),
        ("check_meta({'overlaps': 'first'})", "cannot be read so: overlaps"),
        ("check_extra([(60, 1)])", "lies outside of 40 to 52"),
        ("check_extra([(40, 200)])", "is no (pitch, CC55)"),
        ("check_extra(None)", "Missing: no note at G2; no muted note at B2 to E3"),
    ],
)
def test_nonsense_is_told_what_it_is(made, code, says, monkeypatch):
    displayed(monkeypatch)
    said = run(code, dict(made["names"]))
    assert said.startswith("Not yet. ") and says in said
