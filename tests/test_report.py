"""The report: everything beside what it is compared with, in figures, words and on one page.

The instrument is the shipped string on eight seconds that it never heard; its guitar is asked.
"""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from nmsynth_lib import metrics
from nmsynth_lib.cli import main
from nmsynth_lib.damages import DAMAGES, wrong_note
from nmsynth_lib.errors import RecordingError
from nmsynth_lib.evaluation import evaluation
from nmsynth_lib.guitars import make_recording, play
from nmsynth_lib.instrument import shared_instrument
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.report import report_card
from nmsynth_lib.report_page import report_page
from nmsynth_lib.report_table import report_text
from nmsynth_lib.score import melody

RATE = 16000


@pytest.fixture(scope="module")
def piece():
    music = melody(8.0, seed=33, levels="continuous")
    return play("string", music, RATE, 99), music


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A minute of the guitar's training score, for the sampler."""
    folder = tmp_path_factory.mktemp("takes") / "string"
    return make_recording("string", folder, minutes=1, levels="continuous")


@pytest.fixture(scope="module")
def report(piece, training):
    from nmsynth_lib.takes import load_recording

    target, music = piece
    return report_card(
        shared_instrument("string"),
        target,
        music,
        guitar="string",
        takes=load_recording(training, RATE),
        baseline=0.5 * target,
        seeds=2,
    )


def test_every_key_has_a_figure_and_a_verdict(report):
    keys = set(report.figures)
    assert {
        "mss", "log_mel_db", "f0_cents_median", "onset_ms_median", "onset_f1", "attack_ms_median",
        "level_db_median", "decay_error_median", "release_ms_error", "rest_floor_db",
        "cc55_decay_spearman", "cc55_violations", "cc55_span", "cc55_interpolation_error",
        "cc55_leak_cents", "velocity_level_slope", "velocity_brightness_spearman",
        "ignored_openness", "ignored_velocity", "ignored_pitch", "wrong_pitches",
        "oscillator_snr_db", "high_partials_db_median",
    } <= keys  # fmt: skip
    assert [one.key for one in report.verdicts()] == list(report.figures)


def test_references_stand_in_the_order_that_they_must(report):
    """Copy synthesis is nearer than the network, which is nearer than pasting and silence."""
    references = dict(report.references)
    own = references.pop("guitar")
    assert own["cc55_decay_spearman"] == own["cc55_span"] == 1.0  # what the string itself does
    distance = {name: figures["log_mel_db"] for name, figures in references.items()}
    assert distance["copy"] < report.figures["log_mel_db"] < distance["silence"]
    assert distance["sampler"] < distance["silence"]
    assert report.references["baseline"]["level_db_median"] == pytest.approx(6.02, abs=0.01)


def test_the_shipped_string_reaches_its_goals(report):
    """But for `to_offset`, which tells a plucked string nothing."""
    assert {one.key for one in report.missed()} <= {"ignored_to_offset"}
    assert any("to_offset" in alarm for alarm in report.alarms)
    assert report.leaks.sentences() == []


def test_spreads_are_small_beside_the_figures_and_not_all_zero(report):
    assert set(report.spreads) >= {"log_mel_db", "cc55_span", "ignored_openness"}
    assert 0 < report.spreads["log_mel_db"] < 0.3 * report.figures["log_mel_db"]


def test_flat_is_numbers_only_and_json(report):
    flat = report.flat()
    assert all(type(value) is float for value in flat.values())
    assert json.loads(json.dumps(flat)) == flat
    assert {"log_mel_db", "copy_mss", "sampler_log_mel_db", "silence_mss", "spread_mss"} <= set(
        flat
    )
    assert "silence_attack_ms_median" not in flat  # silence has no attack


def test_figures_are_those_of_metrics(report, piece):
    target, music = piece
    render = report.sounds["render"]
    again = metrics.evaluate_render(target, render, music, RATE)
    for key, value in again.items():
        assert report.figures[key] == pytest.approx(value, nan_ok=True), key


def test_the_table_is_readable_and_says_what_is_compared(report):
    text = report_text(report)
    assert max(map(len, text.splitlines())) <= 120
    for words in ("goal", "copy", "sampler", "baseline", "silence", "±", "Listen first to:"):
        assert words in text
    assert "! The network ignores to_offset" in text


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_the_page_is_whole_in_itself(report):
    page = report_page(report)
    parsed = _Page()
    parsed.feed(page)
    outside = [
        value
        for _, attributes in parsed.tags
        for name, value in attributes.items()
        if name in ("src", "href") and not value.startswith("data:")
    ]
    assert outside == []
    assert "http" not in re.sub(r"data:[^\"]+", "", page)
    pictures = [a for tag, a in parsed.tags if tag == "img"]
    assert len(pictures) == 3 and all(len(a["alt"]) > 40 for a in pictures)
    players = [a for tag, a in parsed.tags if tag == "audio"]
    assert len(players) == 5 + 2 * len(report.worst)
    assert all(a["aria-label"] for a in players)
    assert page.count('<th scope="row"') == len(report.figures)


def test_the_page_plays_the_very_sounds(report):
    sources = re.findall(r"data:audio/flac;base64,([^\"]+)", report_page(report))
    sounds = [soundfile.read(io.BytesIO(base64.b64decode(one)))[0] for one in sources]
    for found, name in zip(sounds, ("target", "render", "copy", "sampler"), strict=False):
        np.testing.assert_allclose(found, report.sounds[name], atol=1e-4)


def test_worst_notes_are_the_broken_ones(piece):
    """One note a semitone off stands first, and its sentence says so."""
    target, music = piece
    broken = report_card(wrong_note(shared_instrument("string")), target, music, quick=True)
    longest = max(music.notes, key=lambda note: note.offset - note.onset)
    assert music.notes[broken.worst[0].index] == longest
    assert "semitones too high" in broken.worst[0].sentence
    assert any("another pitch" in one.sentence for one in broken.missed())
    assert "another pitch" in report_text(broken)


def test_a_deaf_instrument_is_an_alarm_on_the_page(piece):
    target, music = piece
    deaf = DAMAGES["velocity_ignored"](shared_instrument("string"))
    page = report_page(report_card(deaf, target, music, quick=True))
    assert 'class="alarm">The network ignores velocity' in page


def test_equal_velocities_are_no_proof_of_deafness(piece):
    """Where all notes have one velocity nobody can tell who listens."""
    _, music = piece
    even = music.with_velocity(90)
    target = play("string", even, RATE, 99)
    card = report_card(shared_instrument("string"), target, even, quick=True)
    assert np.isnan(card.figures["ignored_velocity"])
    assert not any("velocity" in alarm for alarm in card.alarms)


def test_silence_is_no_recording(piece):
    _, music = piece
    with pytest.raises(RecordingError, match="silent or damaged"):
        report_card(shared_instrument("string"), np.zeros(RATE, np.float32), music)


def test_two_notes_are_judged_as_well():
    """What needs more notes has no answer; nothing breaks."""
    music = Performance.from_notes([Note(45, 90, 0.1, 0.5), Note(47, 90, 0.5, 0.9)])
    card = report_card(
        shared_instrument("string"), play("string", music, RATE, 1), music, quick=True
    )
    assert np.isnan(card.figures["ignored_pitch"])
    assert "nothing to measure" in " ".join(one.sentence for one in card.verdicts())


# --- from a shell


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "held out"
    assert main(["make-recording", "string", "--out", str(folder), "--melody", "--minutes", "0.1",
                 "--seed", "5", "--quiet"]) == 0  # fmt: skip
    return folder


def test_a_melody_to_judge_by_is_not_the_score_to_train_on(held_out, tmp_path):
    music = Performance.from_midi(held_out / "string.mid")
    assert main(["make-recording", "string", "--out", str(tmp_path), "--minutes", "0.1",
                 "--seed", "5", "--quiet"]) == 0  # fmt: skip
    assert music.notes != Performance.from_midi(tmp_path / "string.mid").notes


def test_evaluate_prints_writes_json_and_a_page(held_out, tmp_path, capsys):
    files = [tmp_path / "card.json", tmp_path / "card.html"]
    assert main(["evaluate", "--instrument", "string", "--recording", str(held_out), "--quick",
                 "--json", str(files[0]), "--html", str(files[1])]) == 0  # fmt: skip
    out, err = capsys.readouterr()
    assert "distance of the mel spectrograms" in out and "CC55 orders the ring" in out
    assert "sweeping its controls" in err
    figures = json.loads(files[0].read_text())
    assert figures["log_mel_db"] < 1.5 < figures["silence_log_mel_db"]
    assert figures["sampler_log_mel_db"] > 0  # the shipped instrument's takes are known
    assert files[1].read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--recording", "nowhere"], "nowhere"),
        (["--instrument", "nobody"], "nobody"),
        (["--seconds", "0"], "--seconds 0: give a number above 0"),
        (["--seconds", "nan"], "--seconds"),
        (["--seeds", "0"], "--seeds"),
        (["--json", "no/where.json"], "there is no folder"),
        (["--html", "."], "is a folder"),
        (["--json", "same", "--html", "same"], "name two files"),
        (["--guitar", "banjo"], "banjo"),
    ],
)
def test_what_is_wrong_is_said_before_the_work(arguments, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *arguments]) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert says in err[-1] and err[-1].startswith("Error: ")
    assert list(tmp_path.iterdir()) == []


def test_an_instrument_of_an_unknown_guitar_asks_for_a_recording():
    string = shared_instrument("string")
    own = type(string)(replace_provenance(string.spec), string.model)
    with pytest.raises(RecordingError, match="--recording DIR"):
        evaluation(own)


def replace_provenance(spec):
    return spec.model_copy(update={"provenance": {"recording": "my own takes"}})


def test_a_damaged_baseline_is_named(held_out, tmp_path, capsys):
    assert main(["evaluate", "--recording", str(held_out), "--baseline", str(tmp_path)]) == 2
    assert "holds no baseline" in capsys.readouterr().err


def test_reports_do_not_change(report):
    with pytest.raises(AttributeError):
        report.guitar = "sampled"
    assert replace(report, guitar="sampled").guitar == "sampled"
