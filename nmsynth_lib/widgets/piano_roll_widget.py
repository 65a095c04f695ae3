"""The piano roll: notes and controller lanes to draw, heard while they are drawn.

Road: roll -> rolls -> Performance -> instrument -> [int16 PCM] -> the browser.
With a recording it is the place to annotate: the waveform lies under the notes. The page's part is
`roll_edits.js` and `lane_points.js` (what an edit is), `roll_view.js` (time axis and pictures),
`roll_notes.js` and `roll_lanes.js` (pointer and keys), `piano_roll.js` (all together).
Explained in notebook 04, "A muted verse and an open chorus" and "Annotate a recording".
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import traitlets

from nmsynth_lib.errors import NmsynthError, NoNotesError, RecordingError
from nmsynth_lib.performance import Performance
from nmsynth_lib.phrases import loop_seconds
from nmsynth_lib.rerendering import Rerenderer
from nmsynth_lib.widgets.answering import Answering, in_one_line
from nmsynth_lib.widgets.parts import PLAYER, script, styles
from nmsynth_lib.widgets.raw_recording import RawRecording
from nmsynth_lib.widgets.rolls import performance_of, roll_of
from nmsynth_lib.widgets.sounds import (
    from_pcm,
    in_notebook,
    loaded,
    looped,
    pcm,
    phrase_of,
    plain_players,
    sliders,
)
from nmsynth_lib.widgets.stand_in import StandIn
from nmsynth_lib.widgets.words import guesses

EMPTY_S = 4.0  # of silence that an empty roll has
LONGEST_S = 300.0  # that are rendered and sent after each edit
PIECE_SAMPLES = 500_000  # of a recording that go to the page at once


class PianoRoll(StandIn, Answering):
    """Draw a phrase, or the annotation of a recording.

    Attributes:
      roll: What is drawn, as `rolls.roll_of` gives it; `by` tells who changed it last.
      setup: Style channels, pitches and recording that the page draws.
      pcm: The sound of the instrument, int16 little-endian, one loop long.
      heard: Figures about that sound.

    Explained in notebook 04, "A muted verse and an open chorus".
    """

    SETTINGS = ("roll",)
    _esm = script(
        *PLAYER, "sliders.js", "wire.js", "lane_points.js", "roll_edits.js", "roll_view.js",
        "roll_keys.js", "roll_notes.js", "roll_lanes.js", "recording_wave.js", "roll_fields.js",
        "roll_desk.js", "piano_roll.js",
    )  # fmt: skip
    _css = styles("piano_roll.css")

    roll = traitlets.Dict().tag(sync=True)
    setup = traitlets.Dict().tag(sync=True)
    envelope = traitlets.Bytes().tag(sync=True)
    pcm = traitlets.Bytes().tag(sync=True)
    heard = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        instrument: str | object = "string",
        performance: Performance | str | Path | None = None,
        audio: str | Path | np.ndarray | None = None,
    ):
        """Loads the instrument and what there is to edit.

        Args:
          instrument: Name or loaded instrument; its schema gives the lanes.
          performance: A performance, a label of `phrases()`, or the path of a MIDI file; None: an
            empty roll.
          audio: Path of a recording to annotate, or its samples at the instrument's rate.
        """
        self.instrument = instrument = loaded(instrument)
        if isinstance(performance, str | Path):
            performance = phrase_of(performance, instrument)
        self.recording = None if audio is None else RawRecording(audio, instrument.sample_rate)
        channels = instrument.spec.style_channels()
        self._ramping = {one.cc for one in channels if one.interpolation == "ramp"}
        self._player = Rerenderer(instrument)
        self._name = performance.name if performance else "piano roll"
        self._writes = 0  # changes of the roll that came from Python
        super().__init__(
            roll=self._written(performance),
            setup=self._setup(),
            envelope=self.recording.envelope() if self.recording else b"",
        )
        self.on_msg(self._on_message)
        self._begin()

    @property
    def performance(self) -> Performance:
        """What is drawn now, checked. Setting it replaces the roll; the page can undo that.

        Raises:
          NoNotesError: the roll is empty.
        """
        return self._performance(self.roll)

    @performance.setter
    def performance(self, performance: Performance | None) -> None:
        self._name = performance.name if performance else self._name
        self.roll = self._written(performance)
        self._renew_stand_in()

    @property
    def audio(self) -> np.ndarray:
        """The instrument's sound that the page has now: float32, shape [n_samples]."""
        return from_pcm(self.pcm)

    def write_midi(self, path: str | Path) -> None:
        """Writes what is drawn as a MIDI file.

        Raises:
          NoNotesError: the roll is empty.
          OutputError: the file could not be written.
        """
        self.performance.write_midi(path)

    def save_take(self, folder: str | Path, name: str) -> Path:
        """Writes the recording and its annotation as a take that `nmsynth check` reads.

        Args:
          folder: Made if it is not there.
          name: Stem of NAME.wav (or what the recording is) and NAME.mid.

        Returns:
          The folder.

        Raises:
          RecordingError: there is no recording in this roll.
          NoNotesError: the roll is empty.
          OutputError: the files could not be written.
        """
        if self.recording is None:
            raise RecordingError(
                'This roll has no recording. Open one with piano_roll(audio="take.wav").'
            )
        return self.recording.save_take(self.performance, folder, name)

    def _performance(self, roll: dict) -> Performance:
        if not roll.get("notes"):
            raise NoNotesError("The roll has no notes. Draw at least one.")
        return performance_of(roll, self._ramping, self._name)

    def _written(self, performance: Performance | None) -> dict:
        """The roll of a performance, marked as not of the page's making."""
        self._writes += 1
        return {**roll_of(performance, self._ramping), "by": f"python {self._writes}"}

    def _setup(self) -> dict:
        recording = self.recording
        return {
            "instrument": self.instrument.spec.name,
            "pitch_range": list(self.instrument.spec.pitch_range),
            "channels": sliders(self.instrument.spec),
            "recording": recording
            and {
                "name": recording.name,
                "seconds": recording.seconds,
                "rate": recording.rate,
                "samples": len(recording.samples),
                "onsets": recording.onsets(),
            },
        }

    def _answer(self, settings: dict) -> dict:
        roll, rate = settings["roll"], self.instrument.sample_rate
        started = time.perf_counter()
        words = []
        if roll.get("notes"):
            performance = self._performance(roll)
            seconds, words = self._seconds(performance), self._warnings(performance)
            if seconds < performance.duration:
                performance = performance.between(0.0, seconds)
            audio = looped(self._player, performance, seconds, rate)
        else:
            seconds = self._seconds(None)
            audio = np.zeros(round(seconds * rate), np.float32)
        heard = {
            "by": roll.get("by", ""),
            "seconds": seconds,
            "sample_rate": rate,
            "notes": len(roll.get("notes", ())),
            "render_ms": round(1000 * (time.perf_counter() - started), 1),
            "words": words,
        }
        return {"pcm": pcm(audio), "heard": heard}

    def _seconds(self, performance: Performance | None) -> float:
        """Length of the loop: at least that of the recording, where there is one."""
        least = self.recording.seconds if self.recording else 0.0 if performance else EMPTY_S
        return min(max(loop_seconds(performance) if performance else 0.0, least), LONGEST_S)

    def _warnings(self, performance: Performance) -> list[str]:
        said = guesses(performance, self.instrument.spec, self.instrument.spec.name)
        if performance.duration > LONGEST_S:
            said.append(f"Only the first {LONGEST_S:.0f} s are played here.")
        return said

    def _on_message(self, _widget, content: dict, buffers: Sequence[memoryview]) -> None:
        """Answers a request of the page: import, export, or a piece of the recording."""
        said, files = {}, []
        try:
            if content.get("do") == "import":
                said = self._imported(bytes(buffers[0]), content)
            elif content.get("do") == "export":
                said, files = {"name": f"{self._name}.mid"}, [self._exported(content["roll"])]
                self._renew_stand_in()
            elif content.get("do") == "piece":
                files = [self.recording.piece(int(content["first"]), PIECE_SAMPLES)]
        except Exception as error:  # a callback's traceback is shown nowhere, so it is said here
            said = {"problem": in_one_line(error)}
        self.send({"answer": content.get("number"), **said}, files)

    def _imported(self, data: bytes, content: dict) -> dict:
        overlaps = "last" if content.get("last_wins") else "error"
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are in performance.warnings, and shown
            path = Path(folder) / (Path(content.get("name") or "").name or "import.mid")
            path.write_bytes(data)
            try:
                performance = Performance.from_midi(path, overlaps)
            except NmsynthError as error:
                raise type(error)(str(error).replace(f"{folder}/", "")) from None
        self._name = performance.name
        return {"roll": roll_of(performance, self._ramping), "words": list(performance.warnings)}

    def _exported(self, roll: dict) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "export.mid"
            self._performance(roll).write_midi(path)
            return path.read_bytes()

    def _plain(self) -> str:
        """The recording and what the instrument makes of the roll."""
        sounds = {}
        if self.recording:
            label = f"Recording: {self.recording.name}"
            sounds[label] = np.clip(self.recording.samples, -1, 1)
        count = len(self.roll.get("notes", ()))
        sounds[f"{count} notes, played by {self.instrument.spec.name}"] = self.audio
        return plain_players(sounds, self.instrument.sample_rate)


def piano_roll(
    instrument: str | object = "string",
    performance: Performance | str | Path | None = None,
    audio: str | Path | np.ndarray | None = None,
    fallback: bool = False,
) -> PianoRoll | None:
    """A piano roll to draw notes and style in, or to annotate a recording.

    Args:
      instrument: Name or loaded instrument that plays what is drawn.
      performance: To begin with: a performance, a label of `phrases()`, or the path of a MIDI file;
        None: an empty roll.
      audio: Path of a recording to lie under the notes, or its samples at the instrument's rate.
      fallback: True shows plain players instead, for places where custom widgets cannot load.
        Outside a notebook that happens by itself.

    Returns:
      The roll, to be shown as the last value of a cell: has `.performance`, `.write_midi(path)`
      and `.save_take(folder, name)`; None when the fallback was shown.

    Explained in notebook 04, "A muted verse and an open chorus" and "Annotate a recording".
    """
    made = PianoRoll(instrument, performance, audio)
    if fallback or not in_notebook():
        from IPython.display import HTML, display

        display(HTML(made._plain()))
        return None
    return made
