"""The sampled guitar: recordings of a real electric guitar, clean and palm-muted, from FluidR3.

Road: Performance -> [sampled] -> audio of a known instrument -> recordings -> training.
Each note is rendered alone and dry by the fluidsynth program, then laid on the time line where its
attack, not its file, begins: the sound font's notes start 8 to 35 ms late, which a calibration
measures for every program and pitch. CC55 below 64 at a note's onset picks the muted program. As on
one string, a note rings through its release until the next is plucked.
Explained in notebook 01, "Two guitars".
"""

import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from nmsynth_lib.errors import ToolMissingError
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, held

OPEN_FROM = 64  # CC55 from here on is the clean guitar
CLEAN, MUTED = 27, 28  # General MIDI programs, counted from 0
FONT_VARIABLE = "NMSYNTH_SOUNDFONT"
FONT_NAME = "FluidR3_GM.sf2"
FONT_FOLDERS = (
    "/usr/share/sounds/sf2",
    "/usr/share/soundfonts",
    "/usr/local/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
    "~/.local/share/soundfonts",
)
PEAK_DBFS = -3.0  # of the loudest note between MIDI 36 and 76
NOISE_DBFS = -80.0
ONSET_DB = -20.0  # re the attack's peak: where a note is said to begin
ATTACK_S = 0.1  # the attack's peak lies within that long of the program's note-on
FADE_IN_S, TOUCH_S = 0.002, 0.004  # before the note's own onset, before the next pluck
RELEASE_S = 0.6  # then a note has fallen by more than 90 dB
RATE = 48000  # Hz, of fluidsynth
SLOT_S = 0.1  # slots begin on multiples of it: whole fluidsynth buffers, so timing repeats exactly
BATCH_S = 120.0  # seconds of one fluidsynth run


def sampled_audio(
    performance: Performance, sample_rate: int = 16000, seed: int = 0, tail: float = 1.0
) -> np.ndarray:
    """The performance, played on the sampled electric guitar.

    Args:
      performance: What to play. CC55 picks clean (>= 64) or palm-muted when a note begins; pitch
        bend may move inside notes. Velocity changes loudness only.
      sample_rate: Of the result, Hz.
      seed: Of the noise floor, -80 dBFS; all else is the same for every seed.
      tail: Seconds after the last note-off.

    Returns:
      Audio, float32, shape [round((performance.duration + tail) * sample_rate)], |x| <= 1.

    Raises:
      ToolMissingError: no fluidsynth program or no FluidR3 sound font.

    Explained in notebook 01, "Two guitars".
    """
    font = find_sound_font()
    lags, gain = _calibration(font)
    n_samples = round((performance.duration + tail) * sample_rate)
    line = np.zeros(round((performance.duration + tail) * RATE) + 1, np.float32)
    notes = performance.notes
    slots = [_slot(performance, note, lags) for note in notes]
    nexts = [note.onset for note in notes[1:]] + [np.inf]
    for note, slot, following, sound in zip(notes, slots, nexts, _render(slots, font), strict=True):
        lead = round((slot["lag"] - FADE_IN_S) * RATE)
        sound = gain * sound[max(lead, 0) :]
        start = round((note.onset - FADE_IN_S) * RATE) + max(-lead, 0)
        time = (start + np.arange(len(sound))) / RATE
        sound *= _edge((time - note.onset + FADE_IN_S) / FADE_IN_S)
        sound *= _edge((following - time) / TOUCH_S)
        sound = sound[max(0, -start) : max(0, len(line) - start)]
        line[max(0, start) : max(0, start) + len(sound)] += sound
    audio = soxr.resample(line, RATE, sample_rate, quality="VHQ")[:n_samples]
    audio = np.pad(audio, (0, n_samples - len(audio)))
    noise = np.random.default_rng(seed).standard_normal(n_samples, np.float32)
    return np.clip(audio + np.float32(10 ** (NOISE_DBFS / 20)) * noise, -1.0, 1.0)


def find_sound_font() -> Path:
    """The FluidR3 sound font: where NMSYNTH_SOUNDFONT says, or in the usual folders.

    Raises:
      ToolMissingError: it is nowhere or no sound font, or fluidsynth itself is missing.
    """
    if shutil.which("fluidsynth") is None:
        raise ToolMissingError(
            "The sampled guitar needs the program fluidsynth, which is not installed; "
            "install it (Debian: apt install fluidsynth fluid-soundfont-gm) or use the string."
        )
    named = os.environ.get(FONT_VARIABLE)
    candidates = [Path(named)] if named else [Path(d, FONT_NAME) for d in FONT_FOLDERS]
    for candidate in candidates:
        path = candidate.expanduser()
        if path.is_file():
            with path.open("rb") as file:
                if file.read(12)[8:] != b"sfbk":
                    raise ToolMissingError(
                        f"{path} is not an SF2 sound font; install fluid-soundfont-gm or set "
                        f"{FONT_VARIABLE} to {FONT_NAME}."
                    )
            return path
    looked = named or ", ".join(FONT_FOLDERS)
    raise ToolMissingError(
        f"The sampled guitar needs the sound font {FONT_NAME}, which is not at {looked}; install "
        f"fluid-soundfont-gm or set {FONT_VARIABLE} to the file."
    )


@lru_cache(maxsize=2)
def _calibration(font: Path) -> tuple[np.ndarray, float]:
    """How late each program and pitch begins, and one gain for all.

    Returns:
      Lags, seconds, shape [2, 128], clean and muted; and the gain.
    """
    slots = [
        {"program": program, "pitch": pitch, "velocity": 127, "length": 0.2, "lag": 0.0, "bend": []}
        for program in (CLEAN, MUTED)
        for pitch in range(128)
    ]
    lags, peaks = [], []
    for sound in _render(slots, font):
        attack = np.abs(sound[: round(ATTACK_S * RATE)])
        lags.append(np.argmax(attack >= attack.max() * 10 ** (ONSET_DB / 20)) / RATE)
        peaks.append(np.abs(sound).max())
    loudest = np.reshape(peaks, (2, 128))[:, 36:77].max()
    return np.reshape(lags, (2, 128)), 10 ** (PEAK_DBFS / 20) / max(loudest, 1e-6)


def _slot(performance: Performance, note: Note, lags: np.ndarray) -> dict:
    """What fluidsynth is to play for one note, with times from its note-on."""
    cc = performance.controllers.get(OPENNESS_CC, ())
    is_open = held(cc, np.array([note.onset]), 0)[0] >= OPEN_FROM
    lag = float(lags[0 if is_open else 1, note.pitch])
    end = note.offset + RELEASE_S
    at_onset = float(held(performance.bend, np.array([note.onset]), 0.0)[0])
    later = [(t - note.onset + lag, b) for t, b in performance.bend if note.onset < t < end]
    return {
        "program": CLEAN if is_open else MUTED,
        "pitch": note.pitch,
        "velocity": note.velocity,
        "length": note.offset - note.onset + lag,
        "lag": lag,
        "bend": [(-0.02, at_onset), *later] if performance.bend else [],
    }


def _render(slots: list[dict], font: Path):
    """Yields the sound of each slot from its note-on, float32 [n_samples] at RATE, mono."""
    batch, seconds = [], 0.0
    for number, slot in enumerate(slots):
        batch.append(slot)
        seconds += _slot_seconds(slot)
        if seconds > BATCH_S or number == len(slots) - 1:
            yield from _render_batch(batch, font)
            batch, seconds = [], 0.0


def _render_batch(slots: list[dict], font: Path):
    """One run of fluidsynth: the slots one after the other, then cut apart again."""
    starts = SLOT_S + np.cumsum([0.0] + [_slot_seconds(slot) for slot in slots])
    with tempfile.TemporaryDirectory(prefix="nmsynth-") as folder:
        midi, wav = Path(folder, "slots.mid"), Path(folder, "slots.wav")
        _write_slots(slots, starts, midi)
        command = ["fluidsynth", "-n", "-i", "-q", "-R", "0", "-C", "0", "-g", "1"]
        command += ["-r", str(RATE), "-O", "float", "-F", str(wav), str(font), str(midi)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        # A font that it can not read, fluidsynth replaces by the system's own, and exits with 0.
        if run.returncode or "error:" in run.stderr or not wav.is_file():
            said = (run.stderr.strip() or run.stdout.strip() or "no message").splitlines()[-1]
            raise ToolMissingError(
                f"fluidsynth could not play {font} ({said}); install a current fluidsynth and "
                f"check that {FONT_VARIABLE} names an SF2 sound font."
            )
        with soundfile.SoundFile(wav) as file:
            for slot, start in zip(slots, starts, strict=False):
                n_samples = round((slot["length"] + RELEASE_S) * RATE)
                file.seek(min(round(start * RATE), file.frames))
                sound = file.read(n_samples, dtype="float32", always_2d=True).mean(axis=1)
                sound = np.pad(sound, (0, n_samples - len(sound)))
                sound *= _edge(np.arange(n_samples)[::-1] / (0.05 * RATE))
                yield sound


def _write_slots(slots: list[dict], starts: np.ndarray, path: Path) -> None:
    """A MIDI file with 1 ms ticks and a channel for each program."""
    import pretty_midi

    song = pretty_midi.PrettyMIDI(resolution=500, initial_tempo=120)
    tracks = {program: pretty_midi.Instrument(program) for program in (CLEAN, MUTED)}
    widest = max((abs(b) for slot in slots for _, b in slot["bend"]), default=0.0)
    bend_range = max(2, int(np.ceil(widest)))  # semitones, told by registered parameter 0
    for track in tracks.values():
        parameter = ((101, 0), (100, 0), (6, bend_range), (38, 0))
        for tick, (number, value) in enumerate(parameter):  # the order counts
            track.control_changes.append(pretty_midi.ControlChange(number, value, 0.001 * tick))
        song.instruments.append(track)
    for slot, start in zip(slots, starts, strict=False):
        track = tracks[slot["program"]]
        end = start + slot["length"]
        track.notes.append(pretty_midi.Note(slot["velocity"], slot["pitch"], start, end))
        for time, semitones in slot["bend"]:
            wheel = int(np.clip(round(8192 * semitones / bend_range), -8192, 8191))
            track.pitch_bends.append(pretty_midi.PitchBend(wheel, start + time))
    song.write(str(path))


def _slot_seconds(slot: dict) -> float:
    return SLOT_S * np.ceil((slot["length"] + RELEASE_S) / SLOT_S + 1)


def _edge(place: np.ndarray) -> np.ndarray:
    """A smooth rise from 0 at place 0 to 1 at place 1."""
    return (np.sin(0.5 * np.pi * np.clip(place, 0.0, 1.0)) ** 2).astype(np.float32)
