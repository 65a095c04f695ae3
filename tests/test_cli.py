"""The command line keeps its contract: names, status, one line of error, whole files or none."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np
import pytest
import soundfile
import yaml
from machine import disk_with_room_for

from nmsynth_lib import __version__
from nmsynth_lib.cli import main
from nmsynth_lib.errors import ControlRangeError
from nmsynth_lib.performance import Performance
from nmsynth_lib.schema import Architecture, InstrumentSpec

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = [sys.executable, "-m", "nmsynth_lib.cli"]
COMMANDS = (
    "make-recording",
    "fetch",
    "check",
    "train",
    "render",
    "evaluate",
    "instruments",
    "pack",
    "unpack",
    "bench",
)
HEAVY = {"tensorflow", "keras", "librosa", "matplotlib", "scipy", "IPython", "ddsp", "numba"}
SMALL = Architecture(
    stack_units=8,
    stack_layers=1,
    gru_units=8,
    mlp_units=8,
    mlp_layers=1,
    n_harmonics=8,
    n_noise_bands=9,
    reverb_seconds=0.01,
)
LSB = 1 / 32768


def untrained(folder: Path, architecture: Architecture) -> Path:
    """An instrument that was never trained: it hums, but it does so by the same road."""
    from nmsynth_lib.instrument import Instrument
    from nmsynth_lib.model import GuitarModel

    spec = InstrumentSpec(
        name=folder.name,
        architecture=architecture,
        data_licence="CC0-1.0",
        provenance={"recording": "takes", "minutes_of_audio": 12.0, "source": "nobody"},
        figures={"log_mel_db": 9.5, "f0_cents_median": 0.25},
    )
    model = GuitarModel(spec)
    room = np.random.default_rng(0).normal(0.0, 0.1, model.decoder.room.shape)
    model.decoder.room.assign(room.astype(np.float32))
    Instrument(spec, model).save(folder)
    return folder


@pytest.fixture(scope="module")
def guitar(tmp_path_factory) -> Iterator[Path]:
    """A small instrument; its network is built once for all tests, others are really loaded."""
    from nmsynth_lib.instrument import Instrument

    folder = untrained(tmp_path_factory.mktemp("my guitars") / "hum", SMALL)
    load, shared = Instrument.load, Instrument.load(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Instrument, "load", lambda name: shared if name == str(folder) else load(name)
        )
        yield folder


class Result(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def nmsynth(capfd) -> Callable[..., Result]:
    """Runs a command in this process."""

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        status = main([str(argument) for argument in arguments])
        return Result(status, *capfd.readouterr())

    return run


@pytest.fixture
def song(tmp_path) -> Path:
    """Two notes with CC55, in a folder with a space in its name."""
    folder = tmp_path / "two words"
    folder.mkdir()
    path = folder / "my song.mid"
    notes = [(40, 100, 0.0, 0.3), (45, 80, 0.3, 0.5)]
    Performance.from_notes(notes, cc={55: 1}).write_midi(path)
    return path


def midi_file(path: Path, *voices: tuple[int, list[tuple[int, int, int]]]) -> Path:
    """A MIDI file as a careless program writes it.

    Args:
      path: Where to.
      *voices: (channel from 0, [(pitch, first tick, last tick)]), a track each; 960 ticks a second.
    """
    file = mido.MidiFile()
    for channel, notes in voices:
        events = [(first, "note_on", pitch) for pitch, first, _ in notes]
        events += [(last, "note_off", pitch) for pitch, _, last in notes]
        track, now = mido.MidiTrack(), 0
        for tick, kind, pitch in sorted(events, key=lambda event: event[0]):
            track.append(mido.Message(kind, channel=channel, note=pitch, time=tick - now))
            now = tick
        file.tracks.append(track)
    file.save(path)
    return path


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder, hidden files included, with contents."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def assert_refused(result: Result, *words: str) -> None:
    """Status 2, and exactly one line on stderr, with the words in it."""
    assert result.status == 2, result
    assert result.err.count("\n") == 1 and result.err.startswith("Error: "), result.err
    assert result.err.rstrip().endswith((".", "?")), result.err
    for word in words:
        assert word in result.err, (word, result.err)


# --- It teaches -----------------------------------------------------------------------------------


def test_help_is_light_and_names_every_command():
    """`nmsynth --help` loads nothing heavy: it is there at once."""
    code = (
        "import sys; from nmsynth_lib.cli import main; status = main(['--help']); "
        "print(*sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr); "
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert all(f"\n  {command} " in done.stdout for command in COMMANDS)
    assert HEAVY.isdisjoint(done.stderr.split())


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("make-recording", "--out --minutes --seed --levels --midi --quiet"),
        ("fetch", "--out --quiet"),
        ("check", "--mend --plot --json --quiet"),
        (
            "train",
            "--out --minutes --steps --seed --resume --schema --pitch-shift --workers --patience "
            "--listen --tensorboard --quiet",
        ),
        ("render", "-o --instrument --cc --transpose --stems --seed --overlaps --tail --quiet"),
        ("instruments", "--json"),
        ("pack", "-o --credit --licence --quiet"),
        ("unpack", "--to --name --quiet"),
    ],
)
def test_help_of_a_command_has_examples_and_the_options_of_the_contract(nmsynth, command, options):
    result = nmsynth(command, "--help")
    assert result.status == 0 and result.err == ""
    purpose, examples = result.out.split("\n\n")[1], result.out.split("Examples:")[1]
    assert "\n" not in purpose and purpose.strip().endswith(".")
    first = examples.splitlines()[1]
    assert first.startswith(f"    nmsynth {command}"), "an example is a line of its own, to copy"
    assert set(options.split()) <= set(result.out.replace(",", " ").split())


def test_summaries_in_the_list_of_commands_are_not_cut_off(nmsynth):
    commands = nmsynth("--help").out.partition("Commands:")[2]
    assert len(commands.strip().splitlines()) == len(COMMANDS) and "..." not in commands


def test_version(nmsynth):
    assert nmsynth("--version") == Result(0, f"nmsynth {__version__}\n", "")


def test_guitars_of_the_command_are_those_of_the_library(nmsynth):
    from nmsynth_lib.guitars import GUITARS

    assert f"<{'|'.join(GUITARS)}>" in nmsynth("make-recording", "--help").out


# --- Bad usage ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "no command"),
        ("play", "'play'"),
        ("render --loud", "--loud"),
        ("render", "MIDI"),
        ("render song.mid", "--output"),
        ("render song.mid -o a.wav --seed -1", "--seed"),
        ("render song.mid -o a.wav --seed one", "--seed"),
        ("render song.mid -o a.wav --transpose 1.5", "--transpose"),
        ("render song.mid -o a.wav --overlaps first", "--overlaps"),
        ("render song.mid -o a.wav --tail -1", "--tail -1"),
        ("render song.mid -o a.wav --tail nan", "--tail nan"),
        ("render song.mid -o a.wav --tail inf", "--tail inf"),
        ("render song.mid -o a.wav --cc 55", "as in --cc 55=127"),
        ("render song.mid -o a.wav --cc 55=128", "0 to 127"),
        ("render song.mid -o a.wav --cc 128=1", "0 to 127"),
        ("render song.mid -o a.wav --cc 55=-1", "0 to 127"),
        ("render song.mid -o a.wav --cc 55=1 --cc 55=2", "twice"),
        ("train takes --out new --minutes 0", "--minutes 0"),
        ("train takes --out new --minutes -3", "--minutes -3"),
        ("train takes --out new --minutes nan", "--minutes nan"),
        ("train takes --out new --steps 0", "--steps"),
        ("train takes --out new --listen 0", "--listen 0"),
        ("train takes --out new --patience -1", "--patience"),
        ("train takes --out new --steps 5 --minutes 5", "one of them"),
        ("train takes", "--out"),
        ("make-recording string", "--out"),
        ("make-recording piano --out new", "'string', 'sampled'"),
        ("make-recording string --out new --minutes 0", "--minutes 0"),
        ("make-recording string --out new --minutes inf", "--minutes inf"),
        ("make-recording string --out new --levels three", "'two', 'continuous'"),
    ],
)
def test_wrong_usage_is_one_line(nmsynth, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert_refused(nmsynth(*arguments.split()), words)
    assert tree(tmp_path) == {}


# --- Bad input to render --------------------------------------------------------------------------


def text_as_midi(folder: Path):
    path = folder / "notes.mid"
    path.write_text("E2 please")
    return path, "Export a Standard MIDI File"


def empty_midi(folder: Path):
    path = folder / "empty.mid"
    path.touch()
    return path, "Export a Standard MIDI File"


def missing_midi(folder: Path):
    return folder / "missing.mid", "Check the name"


def folder_as_midi(folder: Path):
    path = folder / "folder.mid"
    path.mkdir()
    return path, "Name one file"


def truncated_midi(folder: Path):
    path = midi_file(folder / "cut.mid", (0, [(40, 0, 500), (45, 500, 900)]))
    path.write_bytes(path.read_bytes()[:-12])
    return path, "Export a Standard MIDI File"


def overlapping_notes(folder: Path):
    return midi_file(folder / "chord.mid", (0, [(40, 0, 960), (43, 480, 1200)])), "--overlaps last"


def two_instruments(folder: Path):
    voices = (0, [(40, 0, 480)]), (1, [(52, 0, 480)])
    return midi_file(folder / "duo.mid", *voices), "Export the guitar's track alone"


def only_drums(folder: Path):
    return midi_file(folder / "drums.mid", (9, [(36, 0, 100)])), "Export the guitar's track"


def no_notes(folder: Path):
    return midi_file(folder / "silence.mid", (0, [])), "Check that the guitar's track"


BAD_MIDI = [text_as_midi, empty_midi, missing_midi, folder_as_midi, truncated_midi,
            overlapping_notes, two_instruments, only_drums, no_notes]  # fmt: skip


@pytest.mark.parametrize("make", BAD_MIDI, ids=lambda make: make.__name__)
@pytest.mark.parametrize("command", ["render", "make-recording"])
def test_bad_midi(nmsynth, tmp_path, guitar, make, command):
    """Each kind is named with the file and the way out, whoever reads it."""
    path, remedy = make(tmp_path)
    before = tree(tmp_path)
    if command == "render":
        options = ["-o", tmp_path / "a.wav", "--stems", tmp_path / "stems", "--instrument", guitar]
        assert_refused(nmsynth("render", path, *options), path.name, remedy)
    else:
        arguments = ["make-recording", "string", "--midi", path, "--out", tmp_path / "new"]
        assert_refused(nmsynth(*arguments), path.name)
    assert tree(tmp_path) == before


def unknown_name(folder: Path):
    return "banjo", "banjo", "shipped"


def not_an_instrument(folder: Path):
    return folder, folder.name, "instrument.yaml"


def flipped_weights(folder: Path):
    weights = next(folder.glob("*.h5"))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 0x10
    weights.write_bytes(content)
    return folder, weights.name, "copy"


def truncated_weights(folder: Path):
    weights = next(folder.glob("*.h5"))
    weights.write_bytes(weights.read_bytes()[:1000])
    (folder / "SHA256SUMS").unlink()
    return folder, weights.name, "copy"


def missing_weights(folder: Path):
    weights = next(folder.glob("*.h5"))
    weights.unlink()
    return folder, weights.name, "copy"


def broken_yaml(folder: Path):
    (folder / "instrument.yaml").write_text("name: [hum")
    (folder / "SHA256SUMS").unlink()
    return folder, "instrument.yaml", "YAML"


def impossible_yaml(folder: Path):
    path = folder / "instrument.yaml"
    path.write_text(path.read_text().replace("sample_rate: 16000", "sample_rate: -1"))
    (folder / "SHA256SUMS").unlink()
    return folder, "instrument.yaml", "rates.sample_rate"


def other_size(folder: Path):
    path = folder / "instrument.yaml"
    path.write_text(path.read_text().replace("mlp_units: 8", "mlp_units: 9"))
    (folder / "SHA256SUMS").unlink()
    return folder, ".h5", "copy"


BAD_INSTRUMENTS = [unknown_name, flipped_weights, truncated_weights, missing_weights, broken_yaml,
                   impossible_yaml, other_size]  # fmt: skip


@pytest.mark.parametrize("make", BAD_INSTRUMENTS, ids=lambda make: make.__name__)
def test_bad_instrument(nmsynth, tmp_path, guitar, song, make):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in guitar.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    instrument, *words = make(copy)
    before = tree(tmp_path)
    result = nmsynth("render", song, "-o", tmp_path / "a.wav", "--instrument", instrument)
    assert_refused(result, *words)
    assert tree(tmp_path) == before


def test_folder_without_an_instrument(nmsynth, tmp_path, song):
    result = nmsynth("render", song, "-o", tmp_path / "a.wav", "--instrument", song.parent)
    assert_refused(result, song.parent.name, "instrument.yaml")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cc", "7=100"], ["CC7", "it knows CC55"]),
        (["--cc", "64=127"], ["CC64", "it knows CC55"]),
        (["--transpose", "83"], ["my song.mid", "give -40 to 82"]),
        (["--transpose", "-41"], ["my song.mid", "give -40 to 82"]),
        (["-o", "a.mp3"], ["a.mp3", ".wav or .flac"]),
        (["-o", "a"], ["a:", ".wav or .flac"]),
        (["-o", "nowhere/a.wav"], ["nowhere/a.wav", "create it first"]),
        (["-o", "folder.wav"], ["folder.wav", "is a folder"]),
        (["--stems", "file"], ["file", "choose another folder"]),
        (["--stems", ".", "-o", "noise.wav"], ["noise.wav", "choose another"]),
    ],
)
def test_bad_options_of_render(nmsynth, tmp_path, monkeypatch, guitar, song, options, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "file").touch()
    before = tree(tmp_path)
    output = [] if "-o" in options else ["-o", "a.wav"]
    assert_refused(nmsynth("render", song, *output, "--instrument", guitar, *options), *words)
    assert tree(tmp_path) == before


# --- A full disk ----------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["a.wav", "a.flac"])
@pytest.mark.parametrize("with_stems", [False, True])
def test_a_full_disk_leaves_the_older_file_and_nothing_else(
    nmsynth, tmp_path, guitar, song, output, with_stems
):
    (tmp_path / output).write_bytes(b"the older file")
    before = tree(tmp_path)
    stems = ["--stems", tmp_path / "new" / "stems"] if with_stems else []
    with disk_with_room_for(4096):
        result = nmsynth(
            "render", song, "-o", tmp_path / output, "--instrument", guitar, "--quiet", *stems
        )
    assert_refused(result, output, os.strerror(errno.EFBIG).lower(), "free some space")
    assert tree(tmp_path) == before


def test_a_disk_that_fills_up_in_the_middle_of_a_flac_file(nmsynth, tmp_path, guitar, song):
    """Wherever the room ends, in the first block or in the last, the file does not appear."""
    whole = tmp_path / "whole.flac"
    nmsynth("render", song, "-o", whole, "--instrument", guitar)
    size = whole.stat().st_size
    before = tree(tmp_path)
    for room in (1000, size // 2, size - 1):
        with disk_with_room_for(room):
            result = nmsynth(
                "render", song, "-o", tmp_path / "a.flac", "--instrument", guitar, "-q"
            )
        assert_refused(result, "a.flac", "free some space")
        assert tree(tmp_path) == before


def test_a_full_disk_while_recording(nmsynth, tmp_path, song):
    before = tree(tmp_path)
    with disk_with_room_for(4096):
        result = nmsynth("make-recording", "string", "--midi", song, "--out", tmp_path / "takes")
    assert_refused(result, "takes")
    assert tree(tmp_path) == before


def test_a_full_disk_while_listing(nmsynth, tmp_path, monkeypatch):
    many = {f"hum.figure_{number}": number for number in range(1000)}
    monkeypatch.setattr("nmsynth_lib.shipped.shipped_figures", lambda: many)
    before = tree(tmp_path)
    with disk_with_room_for(4096):
        assert_refused(nmsynth("instruments", "--json", tmp_path / "f.json"), "f.json")
    assert tree(tmp_path) == before


# --- Bad recordings -------------------------------------------------------------------------------


def empty_folder(folder: Path):
    return "takes", "NAME.mid"


def sound_without_midi(folder: Path):
    soundfile.write(folder / "lonely.wav", np.zeros(1000), 16000)
    return "lonely.wav", "no MIDI file of the same name"


def midi_without_sound(folder: Path):
    midi_file(folder / "lonely.mid", (0, [(40, 0, 480)]))
    return "lonely.mid", "no sound file of the same name"


def sound_without_samples(folder: Path):
    soundfile.write(folder / "take.wav", np.zeros(0), 16000)
    midi_file(folder / "take.mid", (0, [(40, 0, 480)]))
    return "take.wav", "Record or export it again"


def sound_that_is_text(folder: Path):
    (folder / "take.wav").write_text("twang")
    midi_file(folder / "take.mid", (0, [(40, 0, 480)]))
    return "take.wav", "Give WAV"


def overlapping_take(folder: Path):
    soundfile.write(folder / "take.wav", np.full(32000, 0.1), 16000)
    midi_file(folder / "take.mid", (0, [(40, 0, 960), (43, 480, 1200)]))
    return "take.mid", "Shorten E2"


BAD_RECORDINGS = [empty_folder, sound_without_midi, midi_without_sound, sound_without_samples,
                  sound_that_is_text, overlapping_take]  # fmt: skip


@pytest.mark.parametrize("make", BAD_RECORDINGS, ids=lambda make: make.__name__)
def test_bad_recording(nmsynth, tmp_path, make):
    takes = tmp_path / "takes"
    takes.mkdir()
    words = make(takes)
    before = tree(tmp_path)
    assert_refused(nmsynth("train", takes, "--out", tmp_path / "new" / "guitar"), *words)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("train nowhere --out new", ["nowhere", "no such folder"]),
        ("train takes --out new --resume", ["new", "without --resume"]),
        ("train takes --out hum", ["hum", "--resume"]),
        ("train takes --out new --schema missing.yaml", ["missing.yaml", "no such file"]),
        ("train takes --out new --schema takes", ["takes", "not readable"]),
        ("train takes --out new --schema hum/instrument.yaml --resume", ["--schema", "its own"]),
        ("train takes --out file", ["file", "choose another"]),
        ("train takes --out .", [".", "choose another name"]),
        ("train takes --out -guitar-", ["-guitar-", "choose another name"]),
        ("make-recording string --out file", ["file", "choose"]),
    ],
)
def test_bad_places(nmsynth, tmp_path, monkeypatch, guitar, arguments, words):
    monkeypatch.chdir(tmp_path)
    for folder in ("takes", "hum"):
        (tmp_path / folder).mkdir()
    (tmp_path / "hum" / "instrument.yaml").write_bytes((guitar / "instrument.yaml").read_bytes())
    (tmp_path / "file").touch()
    before = tree(tmp_path)
    assert_refused(nmsynth(*arguments.split()), *words)
    assert tree(tmp_path) == before


# --- Good input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["test_midi_long_short", "test_midi_longer_open_closed", "test_midi_extra_long_open_closed"],
)
def test_the_published_examples_are_rendered_to_their_end(
    nmsynth, tmp_path, midi_dir, guitar, name
):
    midi, output = midi_dir / f"{name}.mid", tmp_path / "a.wav"
    result = nmsynth("render", midi, "-o", output, "--instrument", guitar, "--tail", 0.5)
    assert result.status == 0 and str(output) in result.out
    audio, sample_rate = soundfile.read(output)
    wanted = Performance.from_midi(midi).duration + 0.5
    assert sample_rate == 16000 and abs(len(audio) / sample_rate - wanted) < 1e-3
    assert np.abs(audio).max() > 100 * LSB
    assert f"{wanted:.1f} s of sound" in result.out


def test_a_single_very_short_note(nmsynth, tmp_path, guitar):
    midi = midi_file(tmp_path / "tick.mid", (0, [(40, 0, 96)]))
    result = nmsynth("render", midi, "-o", tmp_path / "a.wav", "--instrument", guitar, "--tail", 0)
    assert result.status == 0
    assert soundfile.info(tmp_path / "a.wav").frames == 1600


def test_wav_and_flac_hold_the_samples_of_the_library(nmsynth, tmp_path, guitar, song):
    """16 bits, rounded, of what `Instrument.render` gives; in any spelling of the suffix."""
    from nmsynth_lib.instrument import Instrument

    truth = Instrument.load(guitar).render(song, cc={55: 90}, transpose=-3, seed=4, tail=0.7)
    for name in ("a.wav", "a.FLAC"):
        options = ["--cc", "55=90", "--transpose", "-3", "--seed", 4, "--tail", "0.7"]
        output = song.parent / name
        assert nmsynth("render", song, "-o", output, "--instrument", guitar, *options).status == 0
        assert soundfile.info(output).subtype == "PCM_16"
        np.testing.assert_allclose(soundfile.read(output)[0], truth, atol=LSB)
    assert not [path for path in song.parent.iterdir() if path.name.startswith(".")]


def test_stems_sum_to_the_mix(nmsynth, tmp_path, guitar, song):
    output, stems = tmp_path / "a.wav", tmp_path / "new" / "stems"
    arguments = ["render", song, "-o", output, "--instrument", guitar]
    assert nmsynth(*arguments, "--stems", stems).status == 0
    mix = soundfile.read(output)[0]
    parts = {path.stem: soundfile.read(path)[0] for path in stems.iterdir()}
    assert parts.keys() == {"harmonic", "noise", "reverb"}
    np.testing.assert_allclose(sum(parts.values()), mix, atol=LSB)
    assert all(np.abs(part).max() > 0 for part in parts.values())
    content = output.read_bytes()
    assert nmsynth(*arguments).status == 0
    assert output.read_bytes() == content, "the mix does not depend on the stems being asked for"


def test_a_seed_repeats_and_another_does_not(nmsynth, tmp_path, guitar, song):
    def content(seed):
        nmsynth("render", song, "-o", tmp_path / "a.wav", "--instrument", guitar, "--seed", seed)
        return (tmp_path / "a.wav").read_bytes()

    assert content(0) == content(0) != content(1)


def test_cc55_changes_the_sound(nmsynth, tmp_path, guitar, song):
    """The song says CC55 = 1; holding it at 1 changes nothing, holding it at 127 does."""

    def audio(*options):
        nmsynth("render", song, "-o", tmp_path / "a.wav", "--instrument", guitar, *options)
        return soundfile.read(tmp_path / "a.wav")[0]

    as_written = audio()
    np.testing.assert_array_equal(audio("--cc", "55=1"), as_written)
    assert np.abs(audio("--cc", "55=127") - as_written).max() > 10 * LSB


def test_the_later_note_wins_when_asked(nmsynth, tmp_path, guitar):
    chord = midi_file(tmp_path / "chord.mid", (0, [(40, 0, 960), (43, 480, 1200)]))
    arguments = ["render", chord, "-o", tmp_path / "a.wav", "--instrument", guitar, "--cc", "55=9"]
    result = nmsynth(*arguments, "--overlaps", "last")
    assert result.status == 0
    (warning,) = result.err.splitlines()
    assert warning.startswith("Warning: chord.mid") and "overlaps trimmed: 1" in warning


def test_a_file_without_cc55_is_said_to_play_muted(nmsynth, tmp_path, guitar, song):
    plain = midi_file(tmp_path / "plain.mid", (0, [(40, 0, 480)]))
    arguments = ["-o", tmp_path / "a.wav", "--instrument", guitar]
    (warning,) = nmsynth("render", plain, *arguments).err.splitlines()
    assert warning.startswith("Warning: plain.mid has no CC55")
    assert "palm-muted" in warning and "--cc 55=127" in warning
    for quiet in (["render", plain, *arguments, "--cc", "55=0"], ["render", song, *arguments]):
        assert nmsynth(*quiet).err == ""


def test_notes_out_of_range_are_told(nmsynth, tmp_path, guitar):
    high = midi_file(tmp_path / "high.mid", (0, [(40, 0, 480), (100, 480, 960), (101, 960, 1400)]))
    arguments = ["-o", tmp_path / "a.wav", "--instrument", guitar, "--cc", "55=9"]
    (warning,) = nmsynth("render", high, *arguments).err.splitlines()
    assert "outside it: 2" in warning and "36 to 76" in warning


def test_quiet_prints_nothing(nmsynth, tmp_path, guitar):
    plain = midi_file(tmp_path / "plain.mid", (0, [(40, 0, 480)]))
    result = nmsynth("render", plain, "-o", tmp_path / "a.wav", "--instrument", guitar, "--quiet")
    assert result == Result(0, "", "")


def test_a_recording_is_ready_to_train_on(nmsynth, tmp_path, song):
    from nmsynth_lib.takes import load_recording

    takes = tmp_path / "new folder" / "takes"
    result = nmsynth("make-recording", "string", "--midi", song, "--out", takes)
    assert result.status == 0 and f"nmsynth train '{takes}'" in result.out and result.err == ""
    (take,) = load_recording(takes)
    assert take.name == "my song" and take.sample_rate == 16000
    assert [note.pitch for note in take.performance.notes] == [40, 45]


def test_a_style_channel_of_ones_own_is_an_entry_in_a_file(nmsynth, tmp_path, song):
    """A schema with CC74 trains from the shell, and the instrument moves with it."""
    takes, schema, out = tmp_path / "takes", tmp_path / "bright.yaml", tmp_path / "bright"
    assert nmsynth("make-recording", "string", "--out", takes, "--minutes", 0.2).status == 0
    entries = InstrumentSpec(name="other", architecture=SMALL).model_dump(mode="json")
    own = {"name": "tone", "source": "cc", "cc": 74, "low": 0, "high": 127, "default": 64}
    kept = {key: entries[key] for key in ("architecture", "controls")}
    kept["architecture"]["gru_units"] = 12
    schema.write_text(yaml.safe_dump({**kept, "controls": [*kept["controls"], own]}))
    result = nmsynth("train", takes, "--out", out, "--steps", 2, "--schema", schema)
    assert result.status == 0, result.err
    spec = InstrumentSpec.read(out / "instrument.yaml")
    assert spec.name == "bright" and spec.architecture.gru_units == 12
    assert [control.cc for control in spec.style_channels()] == [55, 74]
    assert nmsynth("train", takes, "--out", out, "--resume", "-q") == Result(0, "", "")
    sounds = []
    for value in (0, 127):
        options = ["--instrument", out, "--cc", f"74={value}", "--quiet"]
        assert nmsynth("render", song, "-o", tmp_path / "a.wav", *options).status == 0
        sounds.append((tmp_path / "a.wav").read_bytes())
    assert sounds[0] != sounds[1]


def test_a_stream_refuses_at_once(guitar, song):
    """Not at its first block: by then a file may have been opened for it."""
    from nmsynth_lib.instrument import Instrument

    for wrong in ({"block": 0}, {"tail": -1.0}, {"cc": {7: 1}}):
        with pytest.raises(ControlRangeError):
            Instrument.load(guitar).stream(song, **wrong)


# --- Stopped from outside -------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_stopped_render_leaves_nothing(nmsynth, tmp_path, monkeypatch, guitar, song, number):
    from nmsynth_lib.instrument import Instrument

    def stream(self, *arguments, **options):
        yield np.zeros(1000, np.float32)
        os.kill(os.getpid(), number)
        time.sleep(5)

    monkeypatch.setattr(Instrument, "stream", stream)
    before = tree(tmp_path)
    result = nmsynth("render", song, "-o", tmp_path / "a.wav", "--instrument", guitar)
    assert result == Result(130, "", "Stopped; nothing was written.\n")
    assert tree(tmp_path) == before
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "handlers are put back"


def test_main_works_in_a_thread(tmp_path, guitar, song):
    """Handlers for signals can only be set in the main thread; elsewhere they are left alone."""
    statuses = []
    arguments = ["render", str(song), "-o", str(tmp_path / "a.wav"), "--instrument", str(guitar)]
    thread = threading.Thread(target=lambda: statuses.append(main([*arguments, "--quiet"])))
    thread.start()
    thread.join()
    assert statuses == [0] and (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("command", ["instruments", "--help"])
def test_a_closed_pipe_is_no_error(command):
    """`nmsynth instruments | head` ends without a traceback."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*PROGRAM, command], cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("code", "status"), [(3, 3), (0, 0), (None, 0)])
def test_an_exit_keeps_its_status(nmsynth, tmp_path, monkeypatch, code, status):
    def leave(*arguments, **_):
        sys.exit(code)

    monkeypatch.setattr("nmsynth_lib.guitars.make_recording", leave)
    assert nmsynth("make-recording", "string", "--out", tmp_path / "takes").status == status


def test_an_unforeseen_error_of_the_system_is_one_line(nmsynth, tmp_path, monkeypatch):
    def closed(*arguments, **_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "secret/takes")

    monkeypatch.setattr("nmsynth_lib.guitars.make_recording", closed)
    result = nmsynth("make-recording", "string", "--out", tmp_path / "takes")
    assert_refused(result, "secret/takes: Permission denied", "permissions")
    assert tree(tmp_path) == {}


# --- The list of instruments ----------------------------------------------------------------------


@pytest.fixture
def shipped(monkeypatch, guitar) -> Path:
    """Whatever is shipped, for the moment it is the one instrument of these tests."""
    monkeypatch.setattr("nmsynth_lib.instrument_files.SHIPPED", guitar.parent)
    return guitar


def test_instruments_are_listed_with_size_data_licence_and_figures(nmsynth, shipped):
    result = nmsynth("instruments")
    assert result.status == 0 and result.err == ""
    head, row, *_, figures = result.out.splitlines()
    assert head.split() == ["name", "size", "training", "data", "licence"]
    size = sum(path.stat().st_size for path in shipped.iterdir()) / 1e6
    assert re.split(" {2,}", row) == ["hum", f"{size:.1f} MB", "takes, 12.0 min", "CC0-1.0"]
    assert "log_mel_db 9.5" in figures and "f0_cents_median 0.25" in figures


def test_figures_as_json_are_one_flat_object_of_numbers(nmsynth, shipped, tmp_path):
    path = tmp_path / "figures.json"
    assert nmsynth("instruments", "--json", path).status == 0
    figures = json.loads(path.read_text())
    assert figures["hum.log_mel_db"] == 9.5 and figures["hum.minutes_of_audio"] == 12
    assert all(type(value) in (int, float) for value in figures.values())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", ["nowhere/f.json", "folder"])
def test_figures_need_a_place(nmsynth, shipped, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert_refused(nmsynth("instruments", "--json", path), path)
    assert list(tmp_path.rglob("*")) == [tmp_path / "folder"]


def test_a_shipped_instrument_is_rendered_by_name(nmsynth, shipped, tmp_path, song):
    output = tmp_path / "a.wav"
    assert nmsynth("render", song, "-o", output, "--instrument", "hum").status == 0
    assert output.is_file()


def test_no_instruments_shipped(nmsynth, tmp_path, monkeypatch):
    monkeypatch.setattr("nmsynth_lib.instrument_files.SHIPPED", tmp_path)
    result = nmsynth("instruments")
    assert result.status == 0 and "nmsynth train" in result.out


# --- As a program of its own ----------------------------------------------------------------------


def test_ten_minutes_in_less_than_a_gigabyte(tmp_path, record_property):
    """A network of the shipped size, one thread; stdout is one line and stderr is empty."""
    from nmsynth_lib.score import training_score

    instrument = untrained(tmp_path / "full", Architecture())
    score = training_score(minutes=10, seed=3, levels="continuous")
    score.write_midi(tmp_path / "ten.mid")
    code = (
        "import sys; from pathlib import Path; from nmsynth_lib.cli import main; "
        "status = main(sys.argv[1:]); report = Path('/proc/self/status'); "
        "print(report.read_text().partition('VmHWM:')[2].split()[0] if report.exists() else 0); "
        "sys.exit(status)"
    )
    arguments = ["render", tmp_path / "ten.mid", "-o", tmp_path / "a.flac",
                 "--instrument", instrument]  # fmt: skip
    one_thread = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    inherited = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=inherited | one_thread,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    line, kilobytes = done.stdout.splitlines()
    megabytes = int(kilobytes) * 1024 / 1e6
    record_property("summary", line)
    record_property("render_memory_mb", megabytes)
    assert megabytes < 1000
    info = soundfile.info(tmp_path / "a.flac")
    assert abs(info.frames / info.samplerate - score.duration - 1) < 1e-3


@pytest.mark.slow
def test_the_whole_road_from_a_shell(tmp_path):
    """Record, train, stop it with Ctrl-C, go on, render: each with status 0."""

    def run(*arguments, **options):
        return subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            **options,
        )

    done = run("make-recording", "string", "--out", "takes", "--minutes", "0.5")
    assert done.returncode == 0, done.stderr
    program = subprocess.Popen(
        [*PROGRAM, "train", "takes", "--out", "my-guitar", "--steps", "100000", "--quiet"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 900
    try:
        while not (tmp_path / "my-guitar" / "training").exists() and time.monotonic() < deadline:
            assert program.poll() is None, program.communicate()
            time.sleep(0.5)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=600)
    finally:
        program.kill()
    assert (program.returncode, err) == (0, ""), out
    spec = yaml.safe_load((tmp_path / "my-guitar" / "instrument.yaml").read_text())
    steps = spec["provenance"]["steps"]
    assert steps >= 1

    done = run("train", "takes", "--out", "my-guitar", "--steps", steps + 2, "--resume")
    assert done.returncode == 0, done.stderr
    assert f"{steps + 2} steps" in done.stdout
    done = run("render", ROOT / "assets" / "midi" / "test_midi_long_short.mid", "-o", "a.wav",
               "--instrument", "my-guitar")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert (tmp_path / "a.wav").stat().st_size > 10000
