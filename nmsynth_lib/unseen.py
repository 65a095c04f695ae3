"""Music to judge by: pieces that an instrument was not trained on, and what it was trained on.

Road: guitars, recordings -> [unseen] -> report.
Explained in notebook 05, "The report card".
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from nmsynth_lib.errors import RecordingError
from nmsynth_lib.guitars import GUITARS, make_recording, play
from nmsynth_lib.performance import Performance
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.score import melody
from nmsynth_lib.takes import Take

LEVELS = {"string": "continuous", "sampled": "two"}
SHIPPED_RECORDINGS = Path(__file__).resolve().parent.parent / "assets" / "recordings"
JITTER_SEED = 99  # of the guitar that plays the test melody: other jitter than in training


def unseen_melody(
    guitar: str, seconds: float = 60.0, sample_rate: int = 16000, seed: int = JITTER_SEED
) -> tuple[np.ndarray, Performance]:
    """A melody that no instrument was trained on, played by the guitar itself.

    Args:
      guitar: "string" or "sampled".
      seconds: Length.
      sample_rate: Of the audio, Hz.
      seed: Of the guitar's jitter.

    Returns:
      Audio, [n_samples], and the performance.
    """
    performance = melody(seconds, levels=LEVELS[guitar])
    return play(guitar, performance, sample_rate, seed), performance


@contextmanager
def training_recording(guitar: str) -> Iterator[Path]:
    """The folder of the recording that the shipped instrument learnt from.

    The sampled guitar's is shipped; the string's is played again, which takes seconds.
    """
    shipped = SHIPPED_RECORDINGS / guitar
    if shipped.is_dir():
        yield shipped
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield make_recording(guitar, Path(scratch) / guitar, 12, 1, LEVELS[guitar])


def guitar_learnt(spec: InstrumentSpec) -> str | None:
    """The guitar that an instrument learnt from, if it is one that we can ask to play."""
    known = (spec.provenance.get("guitar"), spec.provenance.get("recording"))
    return next((name for name in known if name in GUITARS), None)


def guitar_heard(takes: Sequence[Take]) -> str | None:
    """The guitar that all takes of a recording say they were played on, if we can ask it."""
    names = {(take.meta.model_extra or {}).get("guitar") for take in takes}
    name = names.pop() if len(names) == 1 else None
    return name if name in GUITARS else None


def one_piece(
    takes: Sequence[Take], seconds: float = 60.0, spec: InstrumentSpec | None = None
) -> tuple[np.ndarray, Performance]:
    """The beginning of a recording as one sound and one performance, take after take.

    Args:
      takes: At one sample rate; those held out (`split: validation`) come alone if there are any.
      seconds: At most so long.
      spec: Declares what holds where a take has no event of a controller; 0 if it does not.

    Returns:
      Audio, [n_samples], and the performance; every take begins with its own controllers.

    Raises:
      RecordingError: no note begins within that time.
    """
    held_out = [take for take in takes if take.meta.split == "validation"]
    takes = held_out or list(takes)
    channels = spec.style_channels() if spec else ()
    rests = {channel.cc: round(channel.default) for channel in channels}
    sounds, notes, controllers, bend, start = [], [], {}, [], 0.0
    for take in takes:
        music, rate = take.performance, take.sample_rate
        length = len(take.audio) / rate
        notes += [
            replace(n, onset=n.onset + start, offset=min(n.offset, length) + start)
            for n in music.notes
            if n.onset < length
        ]
        for number in {*controllers, *music.controllers}:
            events = music.controllers.get(number, ())
            # What held at the end of the take before does not hold here.
            told = number not in controllers or (events and events[0][0] <= 0)
            fresh = [] if told else [(start, rests.get(number, 0))]
            moved = fresh + [(time + start, value) for time, value in events if time < length]
            controllers.setdefault(number, []).extend(moved)
        own_bend = [(time + start, value) for time, value in music.bend if time < length]
        bend += own_bend if own_bend and own_bend[0][0] <= start else [(start, 0.0), *own_bend]
        sounds.append(take.audio)
        start += length
        if start >= seconds:
            break
    audio = np.concatenate(sounds)[: round(seconds * takes[0].sample_rate)]
    end = len(audio) / takes[0].sample_rate
    if not any(note.onset < end for note in notes):
        raise RecordingError(
            f"{takes[0].name}: no note begins in its first {end:.0f} s. Judge more seconds of it."
        )
    piece = Performance.from_notes(notes, cc=controllers, bend=bend, name=takes[0].name)
    return audio, piece.between(0.0, end)
