"""Damaged files: a thousand MIDI files and three hundred sounds load, or are refused in one line.

No other exception, no crash, no hang, no memory for what a header only claims. Sounds are decoded
by C, which a test cannot catch when it falls, so they are read in a process of their own.
"""

import io
import json
import os
import random
import signal
import struct
import subprocess
import sys
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nmsynth_lib.audio import (
    FASTEST_RATE,
    LOUDEST,
    SLOWEST_RATE,
    channel_blocks,
    open_audio,
    read_audio,
)
from nmsynth_lib.errors import AudioFileError, NmsynthError, NotMidiError
from nmsynth_lib.performance import Note, Performance

ASSETS = Path(__file__).parent.parent / "assets"
RATE = 16000
CPU_SECONDS = 5.0  # for one file; a busy machine takes longer by the clock, not by this
not_as_root = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="root may read all"
)
many = settings(deadline=None, suppress_health_check=list(HealthCheck))


class HangError(BaseException):
    """Not an Exception, or whoever turns those into one line would hide it."""


@contextmanager
def time_limit():
    def stop(*_):
        raise HangError

    handler = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    except HangError:
        raise AssertionError(f"still busy after {CPU_SECONDS} s") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)


# MIDI: bytes -----------------------------------------------------------------------------------


def variable_length(number):
    parts = [number & 0x7F]
    while number := number >> 7:
        parts.append(0x80 | number & 0x7F)
    return bytes(reversed(parts))


def chunk(name, body, length=None):
    return name + (len(body) if length is None else length).to_bytes(4, "big") + body


def smf(*tracks, kind=1, division=480, n_tracks=None):
    numbers = struct.pack(">HHH", kind, len(tracks) if n_tracks is None else n_tracks, division)
    return chunk(b"MThd", numbers) + b"".join(tracks)


def track(*events):
    """Track chunk of (ticks since the last event, message bytes)."""
    return chunk(b"MTrk", b"".join(variable_length(d) + bytes(m) for d, m in events) + END)


END = b"\0\xff\x2f\0"
byte = st.integers(0, 127)
calm_ticks = st.integers(0, 2000)
# More than a variable-length number may have, and more than a float can hold, among others.
wild_ticks = calm_ticks | st.sampled_from([2**28 - 1, 2**32, 10**9, 2**53, 2**70, 2**1100])


@st.composite
def one_note(draw):
    pitch = draw(byte)
    off = [pitch, 0] if draw(st.booleans()) else [0x80, pitch, 64]  # running status, or its own
    return [
        (draw(calm_ticks), bytes([0x90, pitch, draw(st.integers(1, 127))])),
        (draw(st.integers(1, 2000)), bytes(off)),
    ]


def single(message):
    """An event of its own, some ticks after the last."""
    return st.tuples(calm_ticks, message).map(lambda event: [event])


controller = st.tuples(
    st.just(0xB0), st.sampled_from([55, 64, 6, 38, 98, 99, 100, 101, 120, 121, 123]) | byte, byte
).map(bytes)
wheel = st.tuples(st.just(0xE0), byte, byte).map(bytes)
tempo = (
    st.sampled_from([b"\0\0\1", b"\xff\xff\xff"])
    | st.integers(10_000, 2_000_000).map(lambda us: us.to_bytes(3, "big"))
).map(lambda us: b"\xff\x51\3" + us)
signature = st.tuples(st.integers(0, 255), st.sampled_from([0, 2, 7, 31, 255])).map(
    lambda beats: b"\xff\x58\4" + bytes(beats) + b"\x18\x08"
)
sysex = st.lists(byte, max_size=8).map(
    lambda data: b"\xf0" + variable_length(len(data) + 1) + bytes(data) + b"\xf7"
)
text = st.binary(max_size=12).map(lambda data: b"\xff\3" + variable_length(len(data)) + data)
others = st.tuples(st.sampled_from([0xA0, 0xC0, 0xD0]), byte, byte).map(
    lambda message: bytes(message[: 3 if message[0] == 0xA0 else 2])
)
calm_event = one_note() | single(controller | wheel | tempo | signature | sysex | text | others)
system = st.sampled_from([b"\xf1\1", b"\xf2\1\1", b"\xf3\1", b"\xf4", b"\xf6", b"\xf8", b"\xfe"])
no_tempo = st.just(b"\xff\x51\3\0\0\0")
anything = st.binary(max_size=6)
any_note = st.tuples(st.integers(0x80, 0x9F), byte, byte).map(bytes)
wild_event = calm_event | st.tuples(
    wild_ticks, system | no_tempo | anything | any_note | wheel | controller
).map(lambda event: [event])


@st.composite
def calm_files(draw):
    """What a sequencer could have written: one voice, valid chunks, odd values."""
    events = [e for group in draw(st.lists(calm_event, max_size=25)) for e in group]
    return smf(
        track(*draw(st.lists(st.tuples(calm_ticks, tempo | signature), max_size=3))),
        track(*events),
        division=draw(st.sampled_from([1, 96, 480, 19200, 32767])),
    )


@st.composite
def wild_files(draw):
    """What no sequencer should write: lying lengths, film frames, endless waits, alien chunks."""
    tracks = []
    for groups in draw(st.lists(st.lists(wild_event, max_size=20), max_size=3)):
        body = b"".join(variable_length(d) + m for group in groups for d, m in group) + END
        length = draw(st.none() | st.none() | st.sampled_from([0, 1, len(body) - 3, 2**32 - 1]))
        name = draw(st.sampled_from([b"MTrk", b"MTrk", b"MTrk", b"XFIH"]))
        tracks.append(chunk(name, body, length))
    return smf(
        *tracks,
        kind=draw(st.sampled_from([0, 1, 1, 1, 2, 0xFFFF])),
        division=draw(st.sampled_from([480, 480, 480, 0, 1, 0xE728, 0xFFFF])),
        n_tracks=draw(st.none() | st.none() | st.sampled_from([0, 1, 0xFFFF])),
    )


def long_score():
    notes = [Note(40 + i % 24, 1 + i % 127, i / 4, i / 4 + 0.2) for i in range(400)]
    steps = [(i / 10, i % 128) for i in range(500)]
    return Performance(notes, {55: steps, 74: steps}, [(i / 3, (i % 9) - 4) for i in range(200)])


@st.composite
def damaged(draw, wholes):
    """One of some real files with bytes changed, cut out, doubled or appended."""
    data = bytearray(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 60))
        match draw(st.sampled_from(["byte", "byte", "cut", "double", "end", "append", "chunk"])):
            case "byte":
                data[place : place + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del data[place : place + length]
            case "double":
                data[place:place] = data[place : place + length]
            case "end":
                del data[place:]
            case "append":
                data += draw(st.binary(max_size=60))
            case "chunk":
                data += data[data.find(b"MTrk") :]
    return bytes(data)


def midi_like(data):
    return b"MThd" + data


bytes_like_midi = st.one_of(
    st.binary(max_size=80).map(midi_like),
    st.binary(max_size=80).map(lambda data: smf(chunk(b"MTrk", data))),
    st.binary(max_size=80).map(lambda data: smf(chunk(b"MTrk", data + END))),
    st.lists(byte, max_size=80).map(lambda data: smf(chunk(b"MTrk", b"\0\x90" + bytes(data)))),
)


def midi_outcome(path):
    """The Performance of a file, or the one error that it may give."""
    with warnings.catch_warnings(), time_limit():
        warnings.simplefilter("ignore")
        try:
            performance = Performance.from_midi(path, overlaps="last")
        except NmsynthError as error:
            assert "\n" not in str(error)
            assert path.name in str(error)
            return error
    times = [t for note in performance.notes for t in (note.onset, note.offset)]
    assert np.isfinite(times).all()
    assert times == sorted(times)
    return performance


def outcomes_of(files, n_examples, path):
    """How many files of a strategy load (True), and how many are refused (False)."""
    outcomes = Counter()

    @settings(many, max_examples=n_examples)
    @given(data=files)
    def each(data):
        path.write_bytes(data)
        outcomes[isinstance(midi_outcome(path), Performance)] += 1

    each()
    return outcomes


# Of these 1,000 at least so many must load and be refused, or they try little.
@pytest.mark.parametrize(
    ("files", "n_examples", "loaded", "refused"),
    [
        (bytes_like_midi, 200, 0, 150),
        (calm_files(), 250, 60, 5),
        (wild_files(), 300, 5, 150),
    ],
    ids=["bytes", "calm", "wild"],
)
def test_random_midi_files_load_or_are_refused(tmp_path, files, n_examples, loaded, refused):
    outcomes = outcomes_of(files, n_examples, tmp_path / "random.mid")
    assert outcomes.total() >= n_examples
    assert outcomes[True] >= loaded
    assert outcomes[False] >= refused


def test_damaged_midi_files_load_or_are_refused(tmp_path):
    long_score().write_midi(tmp_path / "long.mid")
    paths = [*sorted((ASSETS / "midi").glob("*.mid")), tmp_path / "long.mid"]
    assert len(paths) == 4
    files = damaged([path.read_bytes() for path in paths])
    outcomes = outcomes_of(files, 250, tmp_path / "damaged.mid")
    assert outcomes.total() >= 250
    assert outcomes[True] >= 25
    assert outcomes[False] >= 80


# MIDI: what was found --------------------------------------------------------------------------

NOTES = [(0, [0x90, 40, 100]), (480, [0x80, 40, 64]), (0, [0x90, 43, 100]), (480, [0x80, 43, 64])]


def of_midi(tmp_path, data):
    (tmp_path / "take.mid").write_bytes(data)
    return midi_outcome(tmp_path / "take.mid")


@pytest.mark.parametrize("message", [b"\xf1\1", b"\xf2\1\1", b"\xf3\1", b"\xf6", b"\xf8", b"\xfe"])
def test_a_system_message_in_a_track_changes_nothing(tmp_path, message):
    with_it = of_midi(tmp_path, smf(track(NOTES[0], (0, message), *NOTES[1:])))
    assert with_it == of_midi(tmp_path, smf(track(*NOTES)))


@pytest.mark.parametrize("ticks", [2**53, 2**70, 2**1100], ids=["2^53", "2^70", "2^1100"])
@pytest.mark.parametrize("message", [[0x90, 50, 1], b"\xff\x51\3\1\1\1", b"\xff\x58\4\4\2\x18\x08"])
def test_a_wait_longer_than_numbers_go_is_damage(tmp_path, ticks, message):
    refused = of_midi(tmp_path, smf(track(*NOTES, (ticks + 1, message))))
    assert isinstance(refused, NotMidiError)
    assert "more ticks" in str(refused)


def test_a_number_without_end_is_refused_before_it_is_read(tmp_path):
    """Two million bytes of it took mido minutes, each shifting all that was before."""
    refused = of_midi(tmp_path, smf(chunk(b"MTrk", b"\xff" * 2_000_000 + END)))
    assert "has no end" in str(refused)


def test_a_file_far_too_large_is_not_even_read(tmp_path):
    path = tmp_path / "movie.mid"
    with path.open("wb") as file:
        file.write(smf())
        file.truncate(1 << 30)
    with pytest.raises(NotMidiError, match=r"movie\.mid has 1074 MB"):
        Performance.from_midi(path)


def test_the_widest_bend_that_bytes_can_say_is_a_bend(tmp_path):
    """127 semitones and 127 cents are 128.27, more than a performance takes."""
    wide = [
        (0, [0xB0, number, value]) for number, value in ((101, 0), (100, 0), (6, 127), (38, 127))
    ]
    performance = of_midi(tmp_path, smf(track(*wide, (0, [0xE0, 127, 127]), *NOTES)))
    assert performance.bend[0][1] == pytest.approx(127, abs=0.02)


def test_bars_are_found_quickly_among_many_signatures(tmp_path):
    signature = (1, b"\xff\x58\4\4\2\x18\x08")
    bars = [event for _ in range(40_000) for event in (signature, *NOTES[:2])]
    assert len(of_midi(tmp_path, smf(track(*bars))).notes) == 40_000


@pytest.mark.parametrize("suffix", [".mid", ".wav", ".flac", ".mp3", ".ogg"])
def test_folders_and_dangling_links_are_named(tmp_path, suffix):
    (tmp_path / f"folder{suffix}").mkdir()
    (tmp_path / f"dangling{suffix}").symlink_to(tmp_path / "nowhere")
    read = Performance.from_midi if suffix == ".mid" else read_audio
    for name in ("folder", "dangling", "x" * 300):
        with pytest.raises(NotMidiError if suffix == ".mid" else AudioFileError) as raised:
            read(tmp_path / f"{name}{suffix}")
        assert str(tmp_path / f"{name}{suffix}") in str(raised.value)
        assert "\n" not in str(raised.value)


@not_as_root
@pytest.mark.parametrize("suffix", [".mid", ".wav"])
def test_a_file_that_may_not_be_read_is_named(tmp_path, suffix):
    path = tmp_path / f"secret{suffix}"
    path.write_bytes(b"MThd")
    path.chmod(0)
    with pytest.raises(NmsynthError, match=r"secret\."):
        (Performance.from_midi if suffix == ".mid" else read_audio)(path)


# Sound: bytes ----------------------------------------------------------------------------------

SOURCES = [
    ("16.wav", "WAV", "PCM_16", 1),
    ("24.wav", "WAV", "PCM_24", 2),
    ("32.wav", "WAVEX", "PCM_32", 1),
    ("float.wav", "WAV", "FLOAT", 1),
    ("double.wav", "WAV", "DOUBLE", 2),
    ("adpcm.wav", "WAV", "MS_ADPCM", 1),
    ("16.flac", "FLAC", "PCM_16", 1),
    ("24.flac", "FLAC", "PCM_24", 2),
    ("vorbis.ogg", "OGG", "VORBIS", 1),
    ("opus.ogg", "OGG", "OPUS", 2),
    ("mono.mp3", "MP3", "MPEG_LAYER_III", 1),
    ("stereo.mp3", "MP3", "MPEG_LAYER_III", 2),
]


def whole_sounds():
    """Name and bytes of half a second of a pluck in each format."""
    time = np.arange(RATE // 2) / RATE
    pluck = 0.3 * np.sin(2 * np.pi * 220 * time) * np.exp(-3 * time)
    sounds = {}
    for name, kind, subtype, channels in SOURCES:
        encoded = io.BytesIO()
        sound = np.stack([pluck] * channels, axis=1)
        soundfile.write(encoded, sound, RATE, format=kind, subtype=subtype)
        sounds[name] = encoded.getvalue()
    return sounds


def damaged_sound(rng, data):
    """Bytes changed, zeroed, cut out, doubled, appended or the end cut off; often in the header."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(min(len(data), 90) if rng.random() < 0.5 else len(data))
        match rng.choice(["byte", "word", "end", "zero", "append", "double", "cut"]):
            case "byte":
                data[place] = rng.randrange(256)
            case "word":
                word = rng.choice([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", rng.randbytes(4)])
                data[place : place + 4] = word
            case "end":
                del data[max(place, 1) :]
            case "zero":
                length = min(rng.randrange(2000), len(data) - place)
                data[place : place + length] = bytes(length)
            case "append":
                data += rng.randbytes(rng.randrange(500))
            case "double":
                data[place:place] = data[place : place + rng.randrange(3000)]
            case "cut":
                del data[place + 1 : place + rng.randrange(300)]
    return bytes(data)


def wav(rate=RATE, channels=1, bits=16, kind=1, data=b"\1\2" * 30_000, claims=None):
    """A WAV file with any header, true or not."""
    width = channels * bits // 8
    numbers = (kind, channels, rate, rate * width % 2**32, width % 2**16, bits)
    body = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, *numbers)
    body += b"data" + struct.pack("<I", len(data) if claims is None else claims) + data
    return b"RIFF" + struct.pack("<I", len(body) % 2**32) + body


def flac_that_claims(flac, n_samples):
    """The same FLAC with another number of samples in its STREAMINFO (36 bits, 0: unknown)."""
    packed = int.from_bytes(flac[18:26], "big") >> 36 << 36 | n_samples
    return flac[:18] + packed.to_bytes(8, "big") + flac[26:]


def lying_sounds(whole):
    """Name -> bytes, and whether it must load (True), be refused (False), or either (None)."""
    floats = np.zeros(1000, "<f4")
    ten_hours = 36_000 * RATE
    for rate in (0, 1, 7, 100, 2**31 - 1, 2**32 - 1):
        yield f"rate{rate}.wav", wav(rate=rate), False
    for rate in (8000, 384_000):
        yield f"rate{rate}.wav", wav(rate=rate), True
    for channels in (0, 1025, 65535):
        yield f"channels{channels}.wav", wav(channels=channels), False
    for channels in (2, 6, 1024):
        yield f"channels{channels}.wav", wav(channels=channels), True
    yield "fast1024.wav", wav(channels=1024, rate=2**31 - 1, data=bytes(600_000)), False
    for bits in (0, 1, 12, 64, 255):
        yield f"bits{bits}.wav", wav(bits=bits), None
    for claims in (2 * ten_hours, 2**32 - 1):
        yield f"claims{claims}.wav", wav(claims=claims), True
    for name, value in (("nan", np.nan), ("inf", -np.inf), ("1e30", 1e30), ("101", 101.0)):
        samples = floats.copy()
        samples[500] = value
        yield f"{name}.wav", wav(kind=3, bits=32, data=samples.tobytes()), False
    yield "float.wav", wav(kind=3, bits=32, data=(floats + 3).tobytes()), True
    yield "few.wav", wav(rate=384_000, data=bytes(8)), False  # less than a sample at 16 kHz
    yield "none.wav", wav(data=b""), False
    for n_samples in (0, ten_hours, 2**36 - 1):
        # 0 is what a FLAC out of a pipe says of its length; the others are lies.
        yield (
            f"claims{n_samples}.flac",
            flac_that_claims(whole["16.flac"], n_samples),
            n_samples == 0 or None,
        )
    yield "raw.raw", bytes(1000), False
    for suffix in ("wav", "flac", "ogg", "mp3"):
        yield f"empty.{suffix}", b"", False
        yield f"zeros.{suffix}", bytes(5000), False
        yield f"midi.{suffix}", smf(track(*NOTES)), False
    yield "flac inside.mp3", whole["16.flac"], True
    yield "twice.mp3", whole["mono.mp3"] * 2, True
    yield "tagged.flac", whole["16.flac"] + b"TAG" + bytes(125), True
    yield "tagged.mp3", b"ID3\4\0\0\x7f\x7f\x7f\x7f" + whole["mono.mp3"], None
    yield "two streams.ogg", whole["vorbis.ogg"] + whole["opus.ogg"], None


READER = """
import json, resource, signal, sys, warnings
from pathlib import Path
import numpy as np
from nmsynth_lib.audio import read_audio
from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.takes import load_recording

class HangError(BaseException):
    pass

def stop(*_):
    raise HangError

def limit_memory():
    if sys.platform == "linux":
        now = int(Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]) << 10
        resource.setrlimit(resource.RLIMIT_DATA, (now + (400 << 20),) * 2)

def outcome(read):
    signal.setitimer(signal.ITIMER_PROF, 5.0)
    try:
        audio = read()
        assert audio.dtype == np.float32 and audio.ndim == 1 and len(audio)
        assert np.isfinite(audio).all()
        return "loads", ""
    except NmsynthError as error:
        return "refused", str(error)
    except BaseException as error:
        return "other", f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)

warnings.simplefilter("ignore")
signal.signal(signal.SIGPROF, stop)
for path in sys.stdin.read().splitlines():
    print(json.dumps(path), flush=True)
    one = outcome(lambda: read_audio(path, 16000)[0])
    take = outcome(lambda: load_recording(Path(path).parent)[0].audio)
    print(json.dumps([one, take]), flush=True)
    if one[0] == "loads":
        limit_memory()
        limit_memory = lambda: None
"""


def sound_outcomes(folder, sounds):
    """Each sound read as a file and as a take, in another process; what came of it, by name."""
    paths = {}
    for number, (name, data) in enumerate(sounds.items()):
        path = folder / str(number) / name
        path.parent.mkdir()
        path.write_bytes(data)
        path.with_suffix(".mid").write_bytes(smf(track(*NOTES)))
        paths[str(path)] = name
    environment = os.environ | {"NMSYNTH_CACHE": str(folder / "store")}
    ran = subprocess.run(
        [sys.executable, "-c", READER],
        input="\n".join(paths),
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0, f"fell at {lines[-1:]}: {ran.stderr[-500:]}"
    outcomes = {}
    for path, (one, take) in zip(lines[::2], lines[1::2], strict=True):
        for what, message in (one, take) if Path(path).suffix != ".raw" else (one,):
            assert what != "other", f"{path}: {message}"
            if what == "refused":
                assert "\n" not in message
                assert Path(path).stem in message
        outcomes[paths[path]] = (one, take)
    return outcomes


def test_random_and_damaged_sounds_load_or_are_refused(tmp_path):
    """300 and more, as files and as takes; each in time and in memory, each finite."""
    seed = 0 if os.environ.get("CI") else random.randrange(2**32)
    rng, whole = random.Random(seed), whole_sounds()
    sounds = dict(whole)
    for number in range(20):
        for name, data in whole.items():
            sounds[f"{number}-{name}"] = damaged_sound(rng, data)
    for number in range(60):
        suffix = ("wav", "flac", "ogg", "mp3")[number % 4]
        start = (
            b"",
            b"RIFF\xff\xff\xff\xffWAVE",
            b"fLaC\0\0\0\x22",
            b"OggS\0\2",
            b"\xff\xfb\x90\x44",
        )
        sounds[f"bytes{number}.{suffix}"] = rng.choice(start) + rng.randbytes(rng.randrange(3000))
    assert len(sounds) - len(whole) >= 300
    outcomes = sound_outcomes(tmp_path, sounds)
    by_seed = f"with seed {seed}"
    assert all(outcomes[name][0][0] == "loads" for name in whole), by_seed
    loaded = Counter(one[0] for one, _ in outcomes.values())
    assert loaded["loads"] >= 60, by_seed
    assert loaded["refused"] >= 120, by_seed


def test_headers_that_lie_are_not_believed(tmp_path):
    lies = list(lying_sounds(whole_sounds()))
    # The first one, which is sound, warms the reader up before its memory is limited.
    sounds = {"16.wav": whole_sounds()["16.wav"]} | {name: data for name, data, _ in lies}
    outcomes = sound_outcomes(tmp_path, sounds)
    for name, _, loads in lies:
        if loads is not None:
            for what, message in outcomes[name][: 1 if name.endswith(".raw") else 2]:
                assert what == ("loads" if loads else "refused"), f"{name}: {message}"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("rate1.wav", "claims to have 1 samples a second"),
        ("1e30.wav", "times full scale"),
        ("nan.wav", "not numbers"),
        ("empty.mp3", "the file is empty"),
        ("few.wav", "less than one sample at 16000 Hz"),
        ("raw.raw", "without a header"),
    ],
)
def test_the_line_says_what_is_wrong(tmp_path, name, says):
    data = next(data for lie, data, _ in lying_sounds(whole_sounds()) if lie == name)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AudioFileError, match=says):
        read_audio(tmp_path / name, RATE)


def test_a_block_holds_no_more_than_a_few_million_samples_of_all_channels(tmp_path):
    """Ten seconds of a thousand channels at a megahertz would be 40 GB."""
    (tmp_path / "wide.wav").write_bytes(
        wav(rate=1_000_000, channels=1000, bits=8, data=bytes(10_000_000))
    )
    with open_audio(tmp_path / "wide.wav") as file:
        sizes = [block.size for block in channel_blocks(file)]
    assert sum(sizes) == 10_000_000
    assert max(sizes) <= 1 << 22


def test_limits_leave_room_for_real_files():
    """Telephone, studio and float files above full scale stay on this side."""
    assert SLOWEST_RATE <= 8000
    assert FASTEST_RATE >= 768_000
    assert LOUDEST > 10
