"""Sound survives files and players unchanged, and failures leave nothing behind."""

import resource
import signal

import numpy as np
import pytest
import soundfile
from page_sounds import displayed, html_of, played_in

from nmsynth_lib.audio import listen, player_html, read_audio, write_audio
from nmsynth_lib.errors import AudioFileError, OutputError

RATE = 16000


def tone(hz=440.0, seconds=0.5, peak=0.5, rate=RATE):
    return (peak * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype("f4")


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
@pytest.mark.parametrize("bits", [16, 24])
def test_a_file_gives_back_every_sample_to_one_step_of_its_bits(tmp_path, suffix, bits):
    path = tmp_path / f"a tone{suffix}"
    write_audio(path, tone(), RATE, bits=bits)
    audio, rate = read_audio(path)
    assert rate == RATE
    assert audio.dtype == np.float32
    assert np.abs(audio - tone()).max() <= 2.0 ** (1 - bits)


def test_full_scale_fits(tmp_path):
    write_audio(tmp_path / "loud.wav", np.array([1.0, -1.0, 0.0]), RATE)
    assert np.abs(read_audio(tmp_path / "loud.wav")[0] - [1, -1, 0]).max() < 1e-4


def test_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "two.wav", np.stack([tone(), 0 * tone()], axis=1), RATE)
    assert np.abs(read_audio(tmp_path / "two.wav")[0] - tone() / 2).max() < 1e-4


@pytest.mark.parametrize("file_rate", [8000, 44100, 48000])
def test_resampling_keeps_frequency_level_and_time(tmp_path, file_rate):
    soundfile.write(tmp_path / "a.wav", tone(440, 1.0, rate=file_rate), file_rate)
    audio, rate = read_audio(tmp_path / "a.wav", RATE)
    middle = slice(2000, 14000)
    assert rate == RATE
    assert abs(len(audio) - RATE) <= 1
    assert np.abs(audio[middle] - tone(440, 1.0)[middle]).max() < 2e-3


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no such audio file"), (b"", "cannot be read"), (b"not sound", "cannot be read")],
)
def test_unreadable_files_are_named_in_one_line(tmp_path, content, says):
    path = tmp_path / "take.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioFileError, match=says) as raised:
        read_audio(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_without_samples_is_refused(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    with pytest.raises(AudioFileError, match="no samples"):
        read_audio(tmp_path / "empty.wav")


@pytest.mark.parametrize(
    ("name", "audio", "says"),
    [
        ("a.mp3", tone(), "written as .wav or .flac"),
        ("nowhere/a.wav", tone(), "no folder"),
        ("a.wav", 3 * tone(), "peaks at 1.50"),
        ("a.wav", np.array([0.0, np.nan]), "not numbers"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path, name, audio, says):
    with pytest.raises(OutputError, match=says):
        write_audio(tmp_path / name, audio, RATE)
    assert list(tmp_path.iterdir()) == []


def test_a_write_cut_short_keeps_the_older_file(tmp_path):
    """As on a full disk: the file system takes 10 kB and no more."""
    path = tmp_path / "a.wav"
    write_audio(path, tone(), RATE)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        with pytest.raises(OutputError, match="not written"):
            write_audio(path, tone(seconds=5), RATE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_players_do_not_normalise(monkeypatch):
    """A tone of peak 0.05 is heard 20 dB below one of 0.5."""
    shown = displayed(monkeypatch)
    listen(tone(peak=0.5), tone(peak=0.05), labels=["open", "muted"])
    loud, quiet = played_in(html_of(shown[0]))
    assert np.abs(loud).max() == pytest.approx(0.5, abs=1e-3)
    assert np.abs(quiet).max() == pytest.approx(0.05, abs=1e-3)


def test_players_are_named_for_screen_readers():
    html = player_html(tone(), 'the "open" <note>')
    assert 'aria-label="the &quot;open&quot; &lt;note&gt;"' in html
    assert "<figcaption>" in html


@pytest.mark.parametrize(
    ("sounds", "labels", "says"),
    [
        ([3 * tone()], None, "peaks at 1.50"),
        ([np.zeros(0)], None, "shape"),
        ([tone()], ["a", "b"], "1 sounds but 2 labels"),
        ([np.array([0.1, np.nan])], None, "nan"),
    ],
)
def test_what_cannot_be_played_is_said(sounds, labels, says):
    with pytest.raises(AudioFileError, match=says):
        listen(*sounds, labels=labels)
