"""What one hears, in words and figures: for those who do not see the pictures, and for tests.

Road: audio + performance -> [words] -> widgets, demo page, exercises.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmsynth_lib.midi.channel import note_name
from nmsynth_lib.note_measures import NoteMeasures, note_table
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, held, midi_to_hz
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.spectrum_measures import centroid_hz

OPEN, MUTED = 96, 32  # CC55 from which, and below which, a note is called so
FADING = 1.0  # seconds to fall by 20 dB from which a note fades rather than dies
BRIGHT, ROUND = 5.0, 2.5  # partials that a spectrum is centred on


@dataclass(frozen=True)
class NoteSound:
    """How one note sounds: its measures, and how bright it is.

    Attributes:
      measures: Level, decay and timing.
      centroid_hz: Centre of gravity of its power spectrum from 0.1 to 0.4 s after its onset.
    """

    measures: NoteMeasures
    centroid_hz: float

    def sentence(self) -> str:
        """What to hear, with the figures that back it."""
        one = self.measures
        kind = "Open" if one.cc55 >= OPEN else "Muted" if one.cc55 < MUTED else "Half-muted"
        partial = self.centroid_hz / float(midi_to_hz(one.pitch))
        sounds = "bright" if partial > BRIGHT else "round" if partial > ROUND else "dull"
        if np.isnan(one.decay_db_per_s):
            fate = "is too short or too quiet to tell how it decays"
        elif one.t20_s < one.offset - one.onset:
            fades = "dies away" if one.t20_s < FADING else "fades"
            fate = f"{fades}: 20 dB down after {one.t20_s:.2f} s"
        else:
            fate = f"rings until it is released, losing {one.decay_db_per_s:.0f} dB a second"
        return (
            f"{kind} {note_name(one.pitch)} (CC55 = {one.cc55}) {fate}; it sounds {sounds}, "
            f"its spectrum centred on {self.centroid_hz:.0f} Hz, partial {partial:.1f}."
        )


def note_sound(
    audio: np.ndarray, performance: Performance, note: Note, sample_rate: int
) -> NoteSound:
    """Measures one note where it sounds.

    Args:
      audio: Render of the performance, shape [n_samples].
      performance: What was played.
      note: One of its notes.
      sample_rate: Hz.

    Returns:
      Its measures and brightness.
    """
    index = performance.notes.index(note)
    following = performance.notes[index + 1 : index + 2]
    # Hardly a lead: the exact onset is not asked for, and finding it over a ring costs 40 ms.
    start = max(note.onset - 0.02, performance.notes[index - 1].onset if index else 0.0)
    end = following[0].onset if following else len(audio) / sample_rate
    piece = audio[round(start * sample_rate) : round(end * sample_rate)]
    measures = note_table(piece, sample_rate, performance.between(start, end), pitch=False)[-1]
    lasts = min(note.offset - note.onset, 0.4)
    first, last = (round((note.onset + t) * sample_rate) for t in (min(0.1, lasts / 2), lasts))
    return NoteSound(measures, centroid_hz(audio[first:last], sample_rate))


def longest_notes(performance: Performance) -> list[Note]:
    """The longest note, and if the openness differs, the longest of the other kind too."""
    by_length = sorted(performance.notes, key=lambda note: note.onset - note.offset)
    onsets = np.array([note.onset for note in by_length])
    is_open = held(performance.controllers.get(OPENNESS_CC, ()), onsets, 0) >= 64
    other = [note for note, kind in zip(by_length, is_open, strict=True) if kind != is_open[0]]
    return sorted(by_length[:1] + other[:1], key=lambda note: note.onset)


def guesses(
    performance: Performance, spec: InstrumentSpec, who: str = "this instrument"
) -> list[str]:
    """A sentence about the notes that an instrument was not trained on; none if there are none.

    Explained in notebook 00, "Play it".
    """
    low, high = spec.pitch_range
    outside = sum(not low <= note.pitch <= high for note in performance.notes)
    if not outside:
        return []
    return [
        f"{outside} notes lie outside the pitches that {who} was trained on ({low} to {high}): "
        "what you hear there is a guess."
    ]


def heard_in_words(audio: np.ndarray, performance: Performance, sample_rate: int) -> list[str]:
    """Sentences for the longest note, and for the longest of the other kind if there is one.

    Args:
      audio: Render of the performance, shape [n_samples].
      performance: What was played.
      sample_rate: Hz.

    Returns:
      One or two sentences.

    Explained in notebook 00, "Play it".
    """
    notes = longest_notes(performance)
    return [note_sound(audio, performance, note, sample_rate).sentence() for note in notes]
