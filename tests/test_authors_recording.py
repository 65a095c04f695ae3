"""`nmsynth fetch original`: whole or not at all, going on after each break, one line an error.

Google Drive is a real HTTP server on this machine, see drive_server.py; gdown is gdown. The takes
are laid out as the authors' are: mp3 with .MID, CC55 and CC56, in folders, with a Reaper project.
"""

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath

import mido
import numpy as np
import pytest
import requests
import soundfile
import yaml
from drive_server import Drive, routed, served
from machine import disk_with_room_for

from nmsynth_lib.audio import resampled
from nmsynth_lib.authors_recording import (
    FOLDER_ID,
    LEFT_OUT,
    LICENCE,
    SCHEMA,
    STAGE,
    fetch_authors_recording,
)
from nmsynth_lib.cli import main
from nmsynth_lib.controls import control_curves
from nmsynth_lib.drive_folder import DriveFile
from nmsynth_lib.errors import (
    DownloadError,
    DriveQuotaError,
    NotFoundOnlineError,
    NotPublicError,
    OfflineError,
    OutputError,
)
from nmsynth_lib.guitars import play
from nmsynth_lib.pairing import paired
from nmsynth_lib.performance import Performance
from nmsynth_lib.schema import InstrumentSpec, guitar_controls
from nmsynth_lib.takes import load_recording

ROOT = Path(__file__).resolve().parents[1]
MP3_RATE = 44100
CHUNK = 512 * 1024  # gdown writes so many bytes at once
SINGLE = [(40, 100, 0.5, 1.5), (45, 80, 2.0, 2.4), (52, 90, 2.4, 3.2), (57, 60, 3.6, 4.4)]
POWER = [(40, 100, 0.5, 1.5), (43, 100, 2.0, 3.0), (45, 100, 3.2, 4.4)]
LONG = [(40 + number % 20, 60 + number, 0.1 + number, 0.9 + number) for number in range(40)]


def mp3(performance: Performance) -> bytes:
    """The string guitar in stereo, 44.1 kHz, at a constant 320 kbit/s: 40 kB a second."""
    audio = resampled(play("string", performance, 16000, tail=0.6), 16000, MP3_RATE)
    file = io.BytesIO()
    soundfile.write(
        file,
        np.stack([audio, audio], axis=1),
        MP3_RATE,
        format="MP3",
        compression_level=0,
        bitrate_mode="CONSTANT",
    )
    return file.getvalue()


def midi(performance: Performance, folder: Path) -> bytes:
    performance.write_midi(folder / "take.mid")
    return (folder / "take.mid").read_bytes()


@pytest.fixture(scope="module")
def performances() -> dict[str, Performance]:
    """What was played: openness moves in all, the power chords are told by CC56."""
    openness = [(0.0, 1), (1.9, 127)]
    return {
        "Muted and open": Performance.from_notes(SINGLE, cc={55: openness}),
        "power_chords": Performance.from_notes(
            POWER, cc={55: openness, 56: [(0.0, 127), (3.1, 0)]}
        ),
        "low": Performance.from_notes(LONG, cc={55: openness}),
    }


@pytest.fixture(scope="module")
def content(performances, tmp_path_factory) -> dict[str, bytes]:
    """Path -> content of the authors' folder."""
    folder = tmp_path_factory.mktemp("made")
    files = {}
    for name, place in (("Muted and open", ""), ("power_chords", "chords/"), ("low", "")):
        files[f"{place}{name}.mp3"] = mp3(performances[name])
        files[f"{place}{name}.MID"] = midi(performances[name], folder)
        files[f"{place}{name}.mp3.reapeaks"] = b"RPKN" + bytes(3000)
    assert len(files["low.mp3"]) > 3 * CHUNK
    return {**files, "guitar.RPP": b"<REAPER_PROJECT 0.1", "guitar.RPP-bak": b"<REAPER_PROJECT"}


@pytest.fixture
def drive(content, monkeypatch):
    """The stand-in, asked by whatever this process asks of the network."""
    with served(Drive(dict(content))) as drive:
        monkeypatch.setattr(requests.Session, "get_adapter", routed(drive.port))
        yield drive


@pytest.fixture
def here(tmp_path) -> Path:
    return tmp_path / "authors"


def fetch(folder: Path, **options):
    return fetch_authors_recording(folder, quiet=True, **options)


def lying(folder: Path) -> set[str]:
    """Names of all files; empty folders count, too."""
    paths = [path for path in folder.rglob("*") if path.is_file() or not any(path.iterdir())]
    return {path.relative_to(folder).as_posix() for path in paths}


def assert_whole(folder: Path, content: dict[str, bytes]) -> None:
    """All takes are there, byte by byte, and nothing that is half-done."""
    takes = {PurePosixPath(name).name: data for name, data in content.items() if takes_part(name)}
    assert lying(folder) == {*takes, "meta.yaml", "fetched.json"}
    for name, data in takes.items():
        assert (folder / name).read_bytes() == data, name


def takes_part(name: str) -> bool:
    return name.endswith((".mp3", ".MID"))


def assert_nothing_has_a_name(folder: Path) -> None:
    """What has come is in the stage only."""
    assert all(name.startswith(f"{STAGE}/") for name in lying(folder)), lying(folder)


def assert_one_line(error: pytest.ExceptionInfo | str, *words: str) -> None:
    said = error if isinstance(error, str) else str(error.value)
    assert "\n" not in said.strip() and len(said) < 400, said
    for word in words:
        assert word in said, said


# --- All is well ----------------------------------------------------------------------------------


def test_fetched_takes_are_what_the_authors_recorded(drive, here, content, performances):
    """Notes, CC55 and CC56 are those that were played, and the sound is in its place."""
    fetched = fetch(here)
    assert fetched.takes == tuple(sorted(performances)) and fetched.n_new == 6
    assert fetched.told == ()
    assert_whole(here, content)
    takes = {take.name: take for take in load_recording(here)}
    assert takes.keys() == performances.keys()
    for name, played in performances.items():
        take = takes[name]
        assert [note.pitch for note in take.performance.notes] == [n.pitch for n in played.notes]
        assert take.performance.controllers.keys() == played.controllers.keys()
        for number, events in played.controllers.items():
            np.testing.assert_allclose(take.performance.controllers[number], events, atol=1e-3)
        truth = play("string", played, 16000, tail=0.6)
        n = min(len(truth), len(take.audio))
        assert abs(len(truth) - len(take.audio)) < 0.1 * 16000
        assert np.corrcoef(truth[:n], take.audio[:n])[0, 1] > 0.9
        assert take.meta.licence == LICENCE and FOLDER_ID in take.meta.source
        assert take.meta.overlaps == "error"


def test_only_takes_are_fetched(drive, here, content):
    """Each file once; of the Reaper project and its peaks not a byte."""
    fetch(here)
    got = [one.id for one in drive.downloads()]
    assert len(got) == len(set(got)) == sum(map(takes_part, content))
    assert all(drive.sent(name) == takes_part(name) * len(data) for name, data in content.items())


def test_the_record_says_what_came_from_where(drive, here, content):
    fetch(here)
    record = json.loads((here / "fetched.json").read_text())
    about = record["files"]["power_chords.mp3"]
    data = content["chords/power_chords.mp3"]
    assert about["drive_path"] == "chords/power_chords.mp3" and about["bytes"] == len(data)
    assert about["sha256"] == hashlib.sha256(data).hexdigest()
    assert record["licence"] == LICENCE


def test_files_can_be_read_by_whom_the_umask_lets(drive, here):
    """gdown makes its temporary files for their owner alone."""
    fetch(here)
    mask = os.umask(0)
    os.umask(mask)
    assert {path.stat().st_mode & 0o777 for path in here.iterdir()} == {0o666 & ~mask}


def test_a_second_call_asks_for_nothing(drive, here):
    first = fetch(here)
    before = {path: path.stat().st_mtime_ns for path in here.iterdir()}
    drive.asked.clear()
    again = fetch(here)
    assert drive.asked == []
    assert again == replace(first, n_new=0)
    assert {path: path.stat().st_mtime_ns for path in here.iterdir()} == before


def test_only_what_is_missing_is_fetched_again(drive, here, content):
    """And what the user has written into meta.yaml stays."""
    fetch(here)
    (here / "low.MID").unlink()
    meta = (here / "meta.yaml").read_text() + "onset_shift_ms: 25.0\n"
    (here / "meta.yaml").write_text(meta)
    drive.asked.clear()
    assert fetch(here).n_new == 1
    assert [one.sent for one in drive.downloads()] == [len(content["low.MID"])]
    assert_whole(here, content)
    assert (here / "meta.yaml").read_text() == meta
    assert {take.meta.onset_shift_ms for take in load_recording(here)} == {25.0}


def test_a_large_file_is_confirmed(drive, here, content):
    """Google asks back when it has not looked for viruses."""
    drive.large = {"low.mp3"}
    fetch(here)
    assert_whole(here, content)
    asked = [one for one in drive.asked if one.id.startswith("1low-mp3")]
    assert len(asked) > 2, "the page and the file behind it"


# --- Breaks ---------------------------------------------------------------------------------------


def test_a_broken_connection_is_taken_up_in_the_same_call(drive, here, content):
    """From the byte that was written last, not from the beginning."""
    drive.breaks = {"low.mp3": [2 * CHUNK + 1000]}
    fetch(here)
    assert_whole(here, content)
    ranges = [one.range for one in drive.downloads() if one.range]
    assert ranges == [f"bytes={2 * CHUNK}-"]


def test_a_connection_that_always_breaks_is_an_error_that_keeps_what_came(drive, here, content):
    drive.breaks = {"low.mp3": [CHUNK + 1000, CHUNK // 2]}
    with pytest.raises(OfflineError) as error:
        fetch(here, retries=0)
    assert_one_line(error, "low.mp3", "broke off", "same command")
    assert_nothing_has_a_name(here)
    drive.breaks.clear()
    drive.asked.clear()
    fetch(here)
    assert_whole(here, content)
    assert f"bytes={CHUNK}-" in [one.range for one in drive.asked]
    assert drive.sent("Muted and open.mp3") == 0, "that one was whole already"


def killed_half_way(drive: Drive, folder: Path, number: int) -> subprocess.Popen:
    """`nmsynth fetch` as a program of its own, ended while the longest take is half there."""
    drive.pauses = {"low.mp3": 2 * CHUNK + 1000}
    program = subprocess.Popen(
        [sys.executable, "tests/drive_server.py", str(drive.port), "fetch", "original",
         "--out", folder, "--quiet"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    wait_for_part(folder, 2 * CHUNK)
    assert program.poll() is None, program.communicate()
    program.send_signal(number)
    return program


def wait_for_part(folder: Path, n_bytes: int) -> None:
    """Until so much of the longest take has come."""
    deadline = time.monotonic() + 120
    while not any(p.stat().st_size >= n_bytes for p in folder.rglob("low.mp3*.part")):
        assert time.monotonic() < deadline, lying(folder)
        time.sleep(0.01)


def test_a_killed_call_goes_on(drive, here, content):
    program = killed_half_way(drive, here, signal.SIGKILL)
    program.communicate(timeout=60)
    assert program.returncode == -signal.SIGKILL
    assert_nothing_has_a_name(here)
    drive.pauses.clear()
    drive.go_on.set()
    drive.asked.clear()
    fetch(here)
    assert_whole(here, content)
    assert f"bytes={2 * CHUNK}-" in [one.range for one in drive.asked]
    assert drive.sent("Muted and open.mp3") == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_stopped_call_says_that_it_goes_on(drive, here, content, number):
    program = killed_half_way(drive, here, number)
    out, err = program.communicate(timeout=60)
    assert (program.returncode, out) == (130, "")
    assert err == "Stopped; what has come is kept, the same command goes on.\n"
    assert_nothing_has_a_name(here)
    drive.pauses.clear()
    drive.go_on.set()
    assert main(["fetch", "original", "--out", str(here), "--quiet"]) == 0
    assert_whole(here, content)


def test_a_kill_between_the_renames_goes_on(drive, here, content):
    """Some takes have their names, the record is missing: that folder is still ours."""
    fetch(here)
    (here / STAGE).mkdir()
    for name in ("fetched.json", "meta.yaml", "low.mp3"):
        (here / name).unlink()
    (here / ".low.mp3.abcdefgh.part").write_bytes(b"half")
    fetch(here)
    assert_whole(here, content)


@pytest.mark.parametrize("trouble", ["no ranges", "all there", "two parts"])
def test_a_part_that_can_not_be_gone_on_with_is_fetched_anew(drive, here, content, trouble):
    """The server knows no ranges; or the call was killed after the last byte; or twice at once."""
    drive.breaks = {"low.mp3": [CHUNK + 1000]}
    with pytest.raises(OfflineError):
        fetch(here, retries=0)
    (part,) = here.rglob("low.mp3*.part")
    if trouble == "no ranges":
        drive.ranges = False
    elif trouble == "all there":
        part.write_bytes(content["low.mp3"])
    else:
        part.with_name("low.mp3abcdefgh.part").write_bytes(b"other")
    fetch(here)
    assert_whole(here, content)


def test_two_calls_do_not_write_into_one_file(drive, here, content):
    drive.pauses = {"low.mp3": CHUNK + 1000}
    first = threading.Thread(target=fetch, args=[here])
    first.start()
    wait_for_part(here, CHUNK)
    with pytest.raises(OutputError) as error:
        fetch(here)
    assert_one_line(error, "another fetch")
    drive.go_on.set()
    first.join()
    assert_whole(here, content)


# --- Errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "answer", "kind", "words"),
    [
        ("", 404, NotFoundOnlineError, ["not found"]),
        ("", 403, NotPublicError, ["no permission"]),
        ("", 429, DriveQuotaError, ["Wait some hours"]),
        ("", 500, DownloadError, ["status 500", "later"]),
        ("", "login", NotPublicError, ["no files", "browser"]),
        ("", "odd", DownloadError, ["gdown"]),
        ("chords", 404, NotFoundOnlineError, ["not found"]),
        ("Muted and open.mp3", "quota", DriveQuotaError, ["Muted and open.mp3", "Wait"]),
        ("low.mp3", 404, NotPublicError, ["low.mp3", "gone", "same command"]),
        ("low.mp3", 403, NotPublicError, ["low.mp3", "not open to everyone"]),
        ("low.mp3", "login", NotPublicError, ["low.mp3", "not open to everyone"]),
        ("low.mp3", "quota", DriveQuotaError, ["low.mp3", "too many people", "same command"]),
        ("low.mp3", "odd", DownloadError, ["low.mp3", "gdown"]),
    ],
)
def test_refusals_of_google_drive(drive, here, content, where, answer, kind, words):
    """Each is named; nothing gets a name; when all is well again the call goes on."""
    drive.answers = {where: answer}
    with pytest.raises(kind) as error:
        fetch(here)
    assert type(error.value) is kind
    assert_one_line(error, *words)
    if where == "low.mp3":
        assert_nothing_has_a_name(here)
    else:
        assert not here.exists(), "a folder that was made for nothing is gone again"
    drive.answers.clear()
    drive.asked.clear()
    fetch(here)
    assert_whole(here, content)
    if where == "low.mp3":
        assert drive.sent("Muted and open.mp3") == 0, "what had come is not fetched again"


@pytest.mark.parametrize("there_before", [False, True])
def test_nobody_answers(drive, here, monkeypatch, there_before):
    """The server is down: one line, and the folder is as it was."""
    if there_before:
        here.mkdir()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(requests.Session, "get_adapter", routed(closed.getsockname()[1]))
        with pytest.raises(OfflineError) as error:
            fetch(here)
    assert_one_line(error, "can not be reached (Connection refused)", "Check the connection")
    assert here.exists() == there_before and lying(here) == set()


def test_the_network_goes_away_within_a_file(drive, here, content):
    """The new attempts reach nobody; what had come by then is gone on with another day."""
    drive.breaks, drive.gone_after_break = {"low.mp3": [CHUNK + 1000]}, True
    with pytest.raises(OfflineError) as error:
        fetch(here, retries=1)
    assert_one_line(error, "low.mp3", "can not be reached", "same command")
    assert_nothing_has_a_name(here)
    drive.gone_after_break = drive.gone = False
    drive.asked.clear()
    fetch(here)
    assert_whole(here, content)
    assert f"bytes={CHUNK}-" in [one.range for one in drive.asked]


def test_offline_from_the_shell(here):
    """The real program, really unable to reach anything: status 2, one line, nothing left."""
    closed = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "nmsynth_lib.cli", "fetch", "original", "--out", here],
        cwd=ROOT,
        env={**os.environ, **closed, "NO_PROXY": "", "no_proxy": ""},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert_one_line(done.stderr, "Error: ", FOLDER_ID, "can not be reached", "Check the connection")
    assert not here.exists()


def test_a_full_disk(drive, here, content):
    with disk_with_room_for(CHUNK + 1000), pytest.raises(OutputError) as error:
        fetch(here)
    assert_one_line(error, "low.mp3", "free some space")
    assert_nothing_has_a_name(here)
    fetch(here)
    assert_whole(here, content)


@pytest.mark.parametrize("name", ["riff.wav", "notes.txt"])
def test_a_folder_with_other_files_is_left_alone(drive, here, name):
    here.mkdir()
    (here / name).write_text("mine")
    with pytest.raises(OutputError) as error:
        fetch(here)
    assert_one_line(error, name, "empty or a new folder")
    assert drive.asked == [] and lying(here) == {name}


# --- What does not fit ----------------------------------------------------------------------------


def test_what_has_no_partner_is_named_and_left_out(drive, here, content):
    drive.files |= {"hum.mp3": b"no matter what", "chords/idea.mid": b"MThd"}
    fetched = fetch(here)
    assert_whole(here, content)
    assert [line.partition(":")[0] for line in fetched.told] == ["chords/idea.mid", "hum.mp3"]
    assert "no sound file" in fetched.told[0] and "no MIDI file" in fetched.told[1]
    assert drive.sent("hum.mp3") == drive.sent("chords/idea.mid") == 0


def test_a_take_that_can_not_be_read_is_named_and_put_aside(drive, here, content):
    drive.files |= {"bad.mp3": content["low.mp3"], "bad.MID": b"E2 please"}
    fetched = fetch(here)
    assert "bad" not in fetched.takes and len(fetched.takes) == 3
    (line,) = fetched.told
    assert_one_line(line, "bad: left out", "bad.MID", "Standard MIDI File")
    assert STAGE not in line
    assert {name for name in lying(here) if "bad" in name} == {
        f"{LEFT_OUT}/bad.mp3",
        f"{LEFT_OUT}/bad.MID",
    }
    assert len(load_recording(here)) == 3
    drive.asked.clear()
    assert fetch(here).n_new == 0 and drive.asked == []
    for path in (here / LEFT_OUT).iterdir():  # mended by hand, and put beside the others
        path.rename(here / path.name)
    (here / "bad.MID").write_bytes(content["low.MID"])
    assert "bad" in fetch(here).takes and drive.asked == []
    assert len(load_recording(here)) == 4


@pytest.mark.parametrize("files", [{"readme.txt": b"soon"}, {"a.mp3": b"1", "b/a.RPP": b"2"}])
def test_a_folder_without_takes_is_an_error(drive, here, files):
    drive.files = files
    with pytest.raises(DownloadError) as error:
        fetch(here)
    assert_one_line(error, "no sound file with its MIDI file")
    assert not here.exists()


def test_not_one_take_that_can_be_read(drive, here):
    drive.files = {"a.mp3": b"<html>not here</html>", "a.MID": b"MThd"}
    for _ in range(2):
        with pytest.raises(DownloadError) as error:
            fetch(here)
        assert_one_line(error, "none of the takes", LEFT_OUT)


def test_notes_that_sound_together_do_not_keep_a_recording_from_training(drive, here, content):
    """A power chord written as two notes: told, and `overlaps: last` for this take alone."""
    file, track = mido.MidiFile(), mido.MidiTrack()
    for note in (40, 47):
        track.append(mido.Message("note_on", note=note, velocity=90, time=0))
    track.append(mido.Message("note_off", note=40, time=900))
    track.append(mido.Message("note_off", note=47, time=0))
    file.tracks.append(track)
    written = io.BytesIO()
    file.save(file=written)
    drive.files["chords/power_chords.MID"] = written.getvalue()
    (line,) = fetch(here).told
    assert_one_line(line, "power_chords", "overlaps: last")
    overlaps = {take.name: take.meta.overlaps for take in load_recording(here)}
    assert overlaps == {"Muted and open": "error", "low": "error", "power_chords": "last"}
    assert yaml.safe_load((here / "meta.yaml").read_text())["takes"].keys() == {"power_chords"}


@pytest.mark.parametrize(
    ("paths", "pairs", "alone"),
    [
        (["a.mp3", "a.MID", "b.mp3", "b.mid"], {"a": "a.mp3 a.MID", "b": "b.mp3 b.mid"}, []),
        (["A.MP3", "a.mid", "b.mp3", "b.MID"], {"A": "A.MP3 a.mid", "b": "b.mp3 b.MID"}, []),
        (
            ["x.mid.mp3", "x.mid", "y.mp3", "y.mid"],
            {"x": "x.mid.mp3 x.mid", "y": "y.mp3 y.mid"},
            [],
        ),
        (["audio/a.mp3", "midi/a.mid", "b.mp3"], {"a": "audio/a.mp3 midi/a.mid"}, ["b.mp3"]),
        (
            ["p/a.mp3", "p/a.mid", "q/a.mp3", "q/a.mid"],
            {"a": "p/a.mp3 p/a.mid", "q a": "q/a.mp3 q/a.mid"},
            [],
        ),
        (["a.mp3", "a.wav", "a.mid"], {"a": "a.wav a.mid"}, ["a.mp3"]),
        (["guitar.mp3", "annotation.mid", "p.RPP"], {"guitar": "guitar.mp3 annotation.mid"}, []),
        (["guitar.mp3", "annotation.mid", "b.mid"], {}, ["annotation.mid", "b.mid", "guitar.mp3"]),
        (["a.mp3", "._a.mp3", "a.mid", "a.mp3.reapeaks"], {"a": "a.mp3 a.mid"}, []),
    ],
)
def test_which_sound_goes_with_which_midi_file(paths, pairs, alone):
    """By name; in the same folder first; and if there is only one of each, whatever its name."""
    files = [DriveFile(f"id{number}", PurePosixPath(path)) for number, path in enumerate(paths)]
    for order in (files, files[::-1]):
        found, told = paired(order)
        assert {pair.name: f"{pair.sound.path} {pair.midi.path}" for pair in found} == pairs
        assert [line.partition(":")[0] for line in told] == alone


# --- From the shell, and on to training -----------------------------------------------------------


def test_the_command_says_what_came_and_what_to_do_with_it(drive, here, content, capfd):
    drive.files["hum.mp3"] = b"no matter what"
    assert main(["fetch", "original", "--out", str(here)]) == 0
    out, err = capfd.readouterr()
    left, line = out.splitlines()
    assert left.startswith("hum.mp3: left out")
    for words in ("takes: 3", "files fetched: 6", LICENCE, f"nmsynth train {here}", "--schema"):
        assert words in line
    assert "low.mp3" in err and "100%" in err, "a bar for each file"
    assert main(["fetch", "original", "--out", str(here), "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")
    assert main(["fetch", "original", "--out", str(here)]) == 0
    assert "all there before" in capfd.readouterr().out
    assert_whole(here, content)


def test_errors_from_the_shell(drive, here, capfd):
    drive.answers = {"low.mp3": "quota"}
    assert main(["fetch", "original", "--out", str(here), "--quiet"]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1
    assert_one_line(err, "Error: low.mp3", "too many people")
    assert main(["fetch", "other", "--out", str(here)]) == 2
    assert_one_line(capfd.readouterr().err, "original")


def test_the_schema_is_the_guitars_with_power_chords():
    """CC56 is one more style channel, off where a take does not have it."""
    spec = InstrumentSpec.read(SCHEMA)
    more = [control for control in spec.controls if control not in guitar_controls()]
    assert set(guitar_controls()) < set(spec.controls) and len(more) == 1
    (chord,) = more
    assert (chord.source, chord.cc, chord.default, chord.low, chord.high) == ("cc", 56, 0, 0, 127)


def test_the_schema_reads_the_fetched_takes(drive, here):
    """The decoder sees CC56 as it was played: full in the chords, nothing before or elsewhere."""
    fetch(here)
    spec = InstrumentSpec.read(SCHEMA)
    column = [control.name for control in spec.controls].index("power_chord")
    for take in load_recording(here, spec.rates.sample_rate):
        n_frames = len(take.audio) // spec.rates.hop
        curve = control_curves(take.performance, spec, n_frames).values[:, column]
        seconds = np.arange(n_frames) / spec.rates.frame_rate
        truth = (seconds < 3.1) * (take.name == "power_chords")
        clear = np.abs(seconds - 3.1) > 0.02
        np.testing.assert_allclose(curve[clear], truth[clear], atol=1e-6)


def test_fetched_takes_train_an_instrument(drive, here, tmp_path, capfd):
    """With two commands; the licence goes into the instrument."""
    fetch(here)
    small = {"stack_units": 8, "stack_layers": 1, "gru_units": 8, "mlp_units": 8, "mlp_layers": 1,
             "n_harmonics": 8, "n_noise_bands": 9, "reverb_seconds": 0.01}  # fmt: skip
    entries = yaml.safe_load(SCHEMA.read_text()) | {"architecture": small}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(entries))
    out = tmp_path / "guitar"
    arguments = ["train", here, "--out", out, "--steps", 2, "--schema", tmp_path / "small.yaml"]
    assert main([*map(str, arguments), "--quiet"]) == 0, capfd.readouterr().err
    spec = InstrumentSpec.read(out / "instrument.yaml")
    assert [control.cc for control in spec.style_channels()] == [55, 56]
    assert spec.data_licence == LICENCE and FOLDER_ID in spec.provenance["source"]
