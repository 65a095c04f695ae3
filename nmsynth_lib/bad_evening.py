"""A bad evening: two takes with every fault that people bring home, for whoever has none at hand.

Road: score -> guitars -> spoiled takes -> [bad evening] -> take checks -> training.
`evening` is two and a half minutes of single notes, with a MIDI from the sequencer; `encore` is
half a minute of a tune, whose MIDI was drawn over the waveform in a hurry. Small enough to be
trained on in class.
Explained in notebook 06, "A recording, yours or ours".
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from nmsynth_lib.class_runs import HIGH, LOW, low_melody
from nmsynth_lib.note_ons import scattered
from nmsynth_lib.performance import Performance
from nmsynth_lib.score import training_score
from nmsynth_lib.spoiled_takes import Faults, write_spoiled_take
from nmsynth_lib.takes import META_FILE

MINUTES, SEED = 2.5, 3
ENCORE_S, ENCORE_SEED = 36.0, 7
HURRIED_MS = 30.0  # that note-ons stray
META = "guitar: string\nlicence: CC0-1.0\nsource: computed by this project, and spoiled\n"
DRAWN = Faults(lag_ms=0.0, drift_ppm=0.0, overlaps=False, hum=None)


def bad_evening(folder: str | Path | None = None, minutes: float = MINUTES) -> Path:
    """Records both takes: some seconds of work.

    Args:
      folder: For the takes; None: a temporary one.
      minutes: Of the first.

    Returns:
      The folder: `evening.mp3`, `encore.mp3`, a MIDI of each, and meta.yaml.

    Explained in notebook 06, "A recording, yours or ours".
    """
    folder = Path(folder or tempfile.mkdtemp(prefix="nmsynth-"))
    # Without bends inside notes: nobody draws those, and they are not in a spoiled take's MIDI.
    score = replace(training_score(minutes, SEED, "continuous", LOW, HIGH), bend=())
    write_spoiled_take(folder, "string", score, name="evening")
    tune = low_melody(ENCORE_S, ENCORE_SEED)
    write_spoiled_take(folder, "string", tune, DRAWN, seed=1, name="encore")
    drawn = scattered(Performance.from_midi(folder / "encore.mid"), HURRIED_MS)
    drawn.write_midi(folder / "encore.mid")
    (folder / META_FILE).write_text(META, encoding="utf-8")
    return folder
