"""Take checks: every fault that a take was given is named with its figure, and put right."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from nmsynth_lib.mending import BEFORE_FILE, write_corrections
from nmsynth_lib.performance import Performance
from nmsynth_lib.score import training_score
from nmsynth_lib.spoiled_takes import NO_FAULTS, Faults, write_spoiled_take
from nmsynth_lib.take_checks import checked_take
from nmsynth_lib.take_findings import corrections, findings, verdict
from nmsynth_lib.take_plots import plot_check
from nmsynth_lib.take_table import check_text
from nmsynth_lib.takes import find_takes, load_recording

RATE = 16000
SCORES = {  # two minutes, and half of one
    "string": training_score(2, seed=3, levels="continuous", low=40, high=64),
    "sampled": training_score(2, seed=3, low=40, high=64),
}
SHORT = training_score(0.6, seed=5, low=45, high=58)


def check(folder):
    (files,) = find_takes(folder)
    return checked_take(files)


def keys(found, *grades):
    return {one.key for one in found if one.grade in grades}


@pytest.fixture(scope="module", params=["string", "sampled"])
def badly(request, tmp_path_factory):
    """A bad evening: 44.1 kHz stereo mp3, 35 ms late, 80 ppm, -12 cents, 64s, overlap, hum."""
    folder = tmp_path_factory.mktemp(request.param)
    write_spoiled_take(folder, request.param, SCORES[request.param], Faults(), seed=3)
    return folder


@pytest.fixture(scope="module")
def checked(badly):
    return check(badly)


@pytest.fixture(scope="module")
def well(tmp_path_factory):
    return write_spoiled_take(tmp_path_factory.mktemp("well"), "string", SHORT, NO_FAULTS)


def test_every_fault_of_a_bad_take_is_named_with_its_figure(checked):
    assert checked.alignment.lag_ms == pytest.approx(35, abs=3)
    assert checked.alignment.drift_ppm == pytest.approx(80, abs=15)
    assert checked.tuning_cents == pytest.approx(-12, abs=2)
    assert checked.velocities == 1
    assert len(checked.overlaps) == 1
    assert checked.sound.hum == ((pytest.approx(20, abs=0.5), pytest.approx(23, abs=0.5)),)
    assert (checked.sound.sample_rate, checked.sound.channels) == (44100, 2)
    found = findings(checked)
    assert keys(found, "warning", "unfit") == {
        "hum_seconds", "overlaps", "lag_ms", "tuning_cents", "velocity_rank",
    }  # fmt: skip
    assert verdict(found) == (1, "usable, with warnings")
    words = " ".join(one.sentence for one in found)
    for figure in ("late and the clocks drift by +", "cents flat", "at 50 Hz for 3.0 s", " at "):
        assert figure in words


def test_reading_it_another_way_puts_all_of_it_right(badly, checked):
    files = {path: path.read_bytes() for path in badly.iterdir() if path.suffix != ".yaml"}
    write_corrections(badly, {"take": corrections(findings(checked))})
    assert all(path.read_bytes() == content for path, content in files.items())
    again = check(badly)
    assert verdict(findings(again))[1] == "fit"
    assert abs(again.alignment.lag_ms) < 0.5
    assert abs(again.alignment.drift_ppm) < 3
    assert abs(again.tuning_cents) < 0.5
    # As loaded for training: notes where they sound, velocities read off, no hum.
    (take,) = load_recording(badly)
    assert len({note.velocity for note in take.performance.notes}) > 20
    assert any(a <= 20 and b >= 23 for a, b in take.left_out())
    # Deleting the entries takes it back.
    (badly / "meta.yaml").write_text("guitar: string\n")
    assert check(badly).alignment.lag_ms == pytest.approx(checked.alignment.lag_ms, abs=0.01)


def test_a_good_take_is_fit_and_says_why_it_could_be_longer(well):
    found = findings(check(well))
    assert keys(found, "warning", "unfit") == set()
    assert verdict(found) == (0, "fit")
    assert "minutes_usable" in keys(found, "note")


# One fault at a time, and only that one is named ------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"lag_ms": 8.0}, "lag_ms"),
        ({"lag_ms": -60.0}, "lag_ms"),
        ({"drift_ppm": 400.0}, "lag_ms"),
        ({"cents": 20.0}, "tuning_cents"),
        ({"cents": -100.0}, "tuning_cents"),
        ({"velocity": 64}, "velocity_rank"),
        ({"overlaps": True}, "overlaps"),
        ({"hum": (4.0, 6.0)}, "hum_seconds"),
        ({"gain_db": -45.0}, "peak_dbfs"),
        ({"sample_rate": 11025}, "sample_rate"),
    ],
)
def test_a_single_fault_is_named_and_no_other(tmp_path, fault, named):
    write_spoiled_take(tmp_path, "string", SHORT, replace(NO_FAULTS, **fault))
    found = findings(check(tmp_path))
    assert keys(found, "warning", "unfit") == {named}
    value = next(iter(fault.values()))
    if named == "tuning_cents":
        assert corrections(found)["tuning_cents"] == pytest.approx(value, abs=2)
    if "lag_ms" in fault:
        assert corrections(found)["onset_shift_ms"] == pytest.approx(value, abs=1)


@pytest.fixture
def sound(well, tmp_path):
    """The good take's sound, and a place to put another of it."""
    audio, _ = soundfile.read(well / "take.flac", dtype="float32")
    (tmp_path / "take.mid").write_bytes((well / "take.mid").read_bytes())
    return audio


def written(folder, audio, rate=RATE):
    soundfile.write(folder / "take.wav", audio, rate, "FLOAT")
    return findings(check(folder))


def test_clipping(sound, tmp_path):
    assert "clipped" in keys(written(tmp_path, np.clip(4 * sound, -1, 1)), "warning")


def test_an_offset(sound, tmp_path):
    assert "dc" in keys(written(tmp_path, 0.5 * sound + 0.05), "warning")


def test_noise(sound, tmp_path):
    hiss = 0.01 * np.random.default_rng(0).standard_normal(len(sound))
    assert "floor_dbfs" in keys(written(tmp_path, sound + hiss), "warning")


def test_channels_that_cancel(sound, tmp_path):
    stereo = np.stack([sound, -0.97 * sound], axis=1)
    assert "cancelled_db" in keys(written(tmp_path, stereo), "unfit")
    assert "cancelled_db" in keys(written(tmp_path, stereo * [1.0, 0.5]), "warning")


def test_a_sound_that_is_cut_short(sound, tmp_path):
    found = written(tmp_path, sound[: round(0.7 * len(sound))])
    assert "past_the_end" in keys(found, "warning")


def test_notes_that_nobody_hears(sound, tmp_path):
    """A fifth of the take is muted by the recorder."""
    quiet = sound.copy()
    quiet[5 * RATE : 12 * RATE] *= 1e-5
    found = written(tmp_path, quiet)
    assert keys(found, "warning", "unfit") & {"silent_notes", "heard"}


def test_sound_and_midi_that_do_not_belong_together(sound, tmp_path):
    other = training_score(0.6, seed=77, low=45, high=58)
    other.write_midi(tmp_path / "take.mid")
    status, words = verdict(written(tmp_path, sound))
    assert (status, words) != (0, "fit")
    silent = written(tmp_path, np.zeros_like(sound))
    assert verdict(silent) == (2, "unfit")
    assert "belong together" in silent[0].sentence


def test_velocities_that_say_nothing(well, tmp_path):
    """Drawn by lot: the loudness is right, the annotation is not."""
    (tmp_path / "take.flac").write_bytes((well / "take.flac").read_bytes())
    performance = Performance.from_midi(well / "take.mid")
    rng = np.random.default_rng(1)
    notes = [replace(note, velocity=int(rng.integers(20, 127))) for note in performance.notes]
    replace(performance, notes=tuple(notes)).write_midi(tmp_path / "take.mid")
    checked = check(tmp_path)
    assert abs(checked.velocity_rank) < 0.5
    assert corrections(findings(checked)) == {"measured_velocity": 1.0}


def test_holes_are_named(tmp_path):
    """No note at D3 and D#3, muted ones only up to C#3."""
    low = [(p, 90, cc) for p in range(40, 50) for cc in (0, 127)]
    high = [(p, 90, 127) for p in range(52, 60)]
    notes, cc, now = [], [], 0.5
    for pitch, velocity, value in low + high:
        cc.append((now - 0.01, value))
        notes.append((pitch, velocity, now, now + 0.4))
        now += 0.6
    music = Performance.from_notes(notes, cc={55: [(0.0, 0), *cc]})
    write_spoiled_take(tmp_path, "string", music, NO_FAULTS)
    assert check(tmp_path).holes == ("no note at D3 to D#3", "no muted note at E3 to B3")


@pytest.mark.parametrize(
    ("name", "content"), [("take.mid", b"MThd\0\0"), ("take.mid", b"hello"), ("take.wav", b"RIFF")]
)
def test_a_file_that_cannot_be_read_is_the_verdict_not_a_crash(sound, tmp_path, name, content):
    soundfile.write(tmp_path / "take.wav", sound, RATE)
    (tmp_path / name).write_bytes(content)
    checked = check(tmp_path)
    found = findings(checked)
    assert verdict(found) == (2, "unfit")
    assert name in found[0].sentence and "\n" not in found[0].sentence
    assert "unfit" in check_text(checked, found)
    assert plot_check(checked).alt


# What it looks like -----------------------------------------------------------------------------


def test_the_text_fits_a_terminal_and_the_picture_says_what_it_shows(checked):
    text = check_text(checked, findings(checked))
    assert max(map(len, text.splitlines())) <= 100
    assert "usable, with warnings" in text.splitlines()[0]
    picture = plot_check(checked)
    assert "late at the beginning" in picture.alt
    assert len(picture.png()) > 20000


def test_figures_are_flat_numbers(checked):
    figures = checked.figures()
    assert {"lag_ms", "drift_ppm", "tuning_cents", "hum_seconds", "seconds"} <= set(figures)
    assert all(isinstance(value, float) and np.isfinite(value) for value in figures.values())


# meta.yaml --------------------------------------------------------------------------------------


def test_corrections_leave_what_stands_there_and_keep_the_old_file_once(tmp_path):
    own = "# my attic\nlicence: CC0-1.0\ntakes: {Solo: {split: train, onset_shift_ms: 3}}\n"
    (tmp_path / "meta.yaml").write_text(own)
    write_corrections(tmp_path, {"solo": {"onset_shift_ms": 35.1}, "duo": {"tuning_cents": -4.0}})
    write_corrections(tmp_path, {"duo": {"overlaps": "last"}})
    import yaml

    entries = yaml.safe_load((tmp_path / "meta.yaml").read_text())
    assert entries == {
        "licence": "CC0-1.0",
        "takes": {
            "Solo": {"split": "train", "onset_shift_ms": 35.1},
            "duo": {"tuning_cents": -4.0, "overlaps": "last"},
        },
    }
    assert (tmp_path / BEFORE_FILE).read_text() == own


def test_corrections_add_up(tmp_path):
    """A take that is already moved by 20 of its 30 ms, and bent by 5 of its 12 cents."""
    faults = replace(NO_FAULTS, lag_ms=30.0, cents=12.0)
    write_spoiled_take(tmp_path, "string", SHORT, faults)
    (tmp_path / "meta.yaml").write_text("onset_shift_ms: 20\ntuning_cents: 5\n")
    checked = check(tmp_path)
    assert checked.alignment.lag_ms == pytest.approx(10, abs=1)
    entries = corrections(findings(checked))
    assert entries["onset_shift_ms"] == pytest.approx(30, abs=1)
    assert entries["tuning_cents"] == pytest.approx(12, abs=1)
