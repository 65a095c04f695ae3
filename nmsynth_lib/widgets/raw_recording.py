"""A recording that is being annotated: its sound for the page, its onsets, and the finished take.

Road: a leaf: audio + onset measures -> [raw recording] -> piano roll -> folder of takes.
Explained in notebook 04, "Annotate a recording".
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from nmsynth_lib.audio import read_audio, write_audio
from nmsynth_lib.errors import OutputError
from nmsynth_lib.files import all_appearing, folder_at
from nmsynth_lib.mel import heard_onsets
from nmsynth_lib.onset_measures import onset_time
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.takes import AUDIO_SUFFIXES, MIDI_SUFFIXES
from nmsynth_lib.widgets.sounds import pcm

ENVELOPE_COLUMNS = 4000  # of the overview that the page draws until it has the samples
PIECE_S = 60.0  # of onsets looked for at once, so that memory does not grow with the take
SAME_ONSET_S = 0.010  # two onsets so near are one


class RawRecording:
    """One sound, heard and measured at the instrument's rate; the file itself stays as it is.

    Attributes:
      name: Stem of the file, "recording" for samples.
      samples: float32, shape [n_samples], one channel.
      rate: Hz.

    Explained in notebook 04, "Annotate a recording".
    """

    def __init__(self, sound: str | Path | np.ndarray, rate: int):
        """Reads the sound.

        Args:
          sound: A file (WAV, FLAC, OGG, mp3), or samples at `rate`, shape [n_samples].
          rate: Hz.

        Raises:
          AudioFileError: no such file, not audio, or no samples.
        """
        self.rate = rate
        self.path = None if isinstance(sound, np.ndarray) else Path(sound)
        self.name = "recording" if self.path is None else self.path.stem
        self.samples = (
            np.asarray(sound, np.float32) if self.path is None else read_audio(self.path, rate)[0]
        )

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.samples) / self.rate

    def onsets(self) -> list[float]:
        """Seconds at which something begins to sound, ascending, to a fraction of a millisecond.

        Spectral flux says where something begins; the energy that could not be foreseen says
        exactly when.

        Explained in notebook 04, "Annotate a recording".
        """
        size = round(PIECE_S * self.rate)
        rough = [
            first / self.rate + onset
            for first in range(0, len(self.samples), size)
            for onset in heard_onsets(self.samples[first : first + size], self.rate)
        ]
        found: list[float] = []
        for index, onset in enumerate(rough):
            before = rough[index - 1] if index else 0.0
            limit = (rough[index + 1 : index + 2] or [self.seconds])[0]
            note = Note(60, 100, onset, onset + 0.1)
            exact = onset_time(self.samples, self.rate, note, before, limit)
            exact = round(float(onset if np.isnan(exact) else exact), 4)
            if not found or exact - found[-1] > SAME_ONSET_S:
                found.append(exact)
        return found

    def envelope(self) -> bytes:
        """Peaks of the whole sound as bytes, 255 for full scale: at most 4,000 columns."""
        edges = np.linspace(0, len(self.samples), min(ENVELOPE_COLUMNS, len(self.samples)) + 1)
        starts = np.unique(edges[:-1].astype(int))
        peaks = np.maximum.reduceat(np.abs(self.samples), starts)
        return (np.clip(peaks, 0, 1) * 255).round().astype(np.uint8).tobytes()

    def piece(self, first: int, count: int) -> bytes:
        """Some of the samples, int16 little-endian."""
        return pcm(self.samples[first : first + count])

    def save_take(self, performance: Performance, folder: str | Path, name: str) -> Path:
        """Writes the sound, as it was recorded, and its MIDI beside it.

        Args:
          performance: The annotation.
          folder: Made if it is not there; other takes in it stay.
          name: Stem of both files.

        Returns:
          The folder, for `nmsynth check`.

        Raises:
          OutputError: not permitted, disk full, or another take has that name. Nothing is left
            half-written.

        Explained in notebook 04, "Annotate a recording".
        """
        folder = Path(folder)
        if not name or Path(name).name != name or name.startswith("."):
            raise OutputError(f"'{name}' is no name for a take. Give one word, such as evening.")
        folder_at(folder)
        suffix = self.path.suffix.lower() if self.path else ".flac"
        sound, midi = folder / f"{name}{suffix}", folder / f"{name}.mid"
        for other in folder.iterdir():
            kinds = (*AUDIO_SUFFIXES, *MIDI_SUFFIXES)
            same = other.stem.lower() == name.lower() and other.suffix.lower() in kinds
            if same and other not in (sound, midi):
                raise OutputError(f"{other}: is there already. Choose another name than '{name}'.")
        with all_appearing([sound, midi]) as (sound_part, midi_part):
            if self.path is None:
                written = sound_part.with_suffix(".flac")  # the suffix tells the format
                write_audio(written, self.samples, self.rate)
                written.replace(sound_part)
            else:
                shutil.copyfile(self.path, sound_part)
            performance.write_midi(midi_part)
        return folder
