"""Guitars: known instruments that play any performance, to learn from and to compare with.

Road: Performance -> [guitars] -> audio of a known instrument -> recordings -> training.
`string` is computed and obeys a written law; `sampled` plays recordings of a real electric guitar.
`pick` is the string's second style channel, with its own law: where the pick strikes.
Explained in notebook 01, "Two guitars".
"""

import io
from pathlib import Path

import numpy as np

from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.files import all_appearing, folder_at
from nmsynth_lib.performance import Performance

GUITARS = ("string", "sampled")

_SOURCES = {
    "string": "computed by nmsynth's waveguide string; its law is in guitars/string.py",
    "sampled": (
        "FluidR3 GM sound font by Frank Wen: Clean Electric Guitar (program 27) and Muted Electric "
        "Guitar (program 28), rendered dry with fluidsynth"
    ),
}
_LICENCES = {"string": "CC0-1.0", "sampled": "MIT (FluidR3, Copyright 2000-2002, 2008 Frank Wen)"}


def play(
    guitar: str,
    performance: Performance,
    sample_rate: int = 16000,
    seed: int = 0,
    tail: float = 1.0,
) -> np.ndarray:
    """The performance, played on one of the guitars.

    Args:
      guitar: "string" or "sampled".
      performance: What to play; CC55 is how open the string is, 127, or palm-muted, 0.
      sample_rate: Of the result, Hz.
      seed: Of all that is random; the same seed gives the same audio.
      tail: Seconds after the last note-off.

    Returns:
      Audio, float32, shape [round((performance.duration + tail) * sample_rate)], |x| <= 1.

    Raises:
      NmsynthError: there is no such guitar.
      ToolMissingError: "sampled" without fluidsynth or its sound font.

    Explained in notebook 01, "Two guitars".
    """
    _check_guitar(guitar)
    # Imported where it is played: scipy and soxr take a moment.
    if guitar == "string":
        from nmsynth_lib.guitars.string import string_audio as audio
    else:
        from nmsynth_lib.guitars.sampled import sampled_audio as audio
    return audio(performance, sample_rate, seed, tail)


def make_recording(
    guitar: str,
    out_dir: str | Path,
    minutes: float = 12,
    seed: int = 1,
    levels: str = "two",
    midi: str | Path | None = None,
    sample_rate: int = 16000,
    *,
    melody: bool = False,
    pick_position: bool = False,
) -> Path:
    """Records a guitar: a folder with one take, to train on or to judge by.

    Writes NAME.flac (16 bit, mono), NAME.mid and meta.yaml, where NAME is the stem of `midi`,
    pick_position, or the guitar. Each file appears when all are complete.

    Args:
      guitar: "string" or "sampled".
      out_dir: Folder for the take; made if it does not exist.
      minutes: Length of the built-in score, minutes.
      seed: Of score and playing.
      levels: CC55 values of the built-in score, "two" or "continuous".
      midi: A MIDI file to play instead of the built-in score.
      sample_rate: Of the recording, Hz.
      melody: Play a melody, which no instrument is trained on, instead of the score.
      pick_position: Also move the pick from note to note (CC74), of the string guitar only.

    Returns:
      The folder.

    Raises:
      OutputError: the folder or a file in it can not be written.
      NmsynthError: a bad argument or MIDI file, or `pick_position` for another guitar than the
        string or for music that moves CC74 already; ToolMissingError as for `play`.

    Explained in notebook 01, "Two guitars".
    """
    from nmsynth_lib import score as scores

    _check_guitar(guitar)
    if pick_position and guitar != "string":
        raise NmsynthError(
            f"The {guitar} guitar's notes are recordings: its pick cannot be moved. Leave the pick "
            "position out, or record the string guitar."
        )
    if midi is None:
        music = scores.melody(60 * minutes, seed, levels) if melody else None
        performance = music or scores.training_score(minutes, seed, levels)
        kind, name = "melody" if melody else "built-in training score", guitar
        score = f"{kind}, {minutes:g} minutes, levels {levels}"
    else:
        performance, name = Performance.from_midi(midi), Path(midi).stem
        score = Path(midi).name
    if pick_position:
        from nmsynth_lib.guitars.pick import with_pick_positions

        performance = with_pick_positions(performance, seed)
        name = "pick_position" if midi is None else name
        score += ", with pick positions"
    audio = play(guitar, performance, sample_rate, seed)
    meta = {
        "guitar": guitar,
        "source": _SOURCES[guitar],
        "licence": _LICENCES[guitar],
        "score": score,
        "seed": seed,
        "sample_rate": sample_rate,
        "seconds": round(len(audio) / sample_rate, 3),
        "notes": len(performance.notes),
        "onset_shift_ms": 0.0,
    }
    return _write_take(Path(out_dir), name, audio, sample_rate, performance, meta)


def _write_take(
    folder: Path,
    name: str,
    audio: np.ndarray,
    sample_rate: int,
    performance: Performance,
    meta: dict,
) -> Path:
    """Writes the three files, which appear together."""
    import soundfile
    import yaml

    flac = io.BytesIO()
    soundfile.write(flac, audio, sample_rate, format="FLAC", subtype="PCM_16")
    text = yaml.safe_dump(meta, sort_keys=False, allow_unicode=True, width=100)
    folder_at(folder)
    names = (f"{name}.flac", f"{name}.mid", "meta.yaml")
    with all_appearing([folder / file for file in names]) as (sound, midi, about):
        sound.write_bytes(flac.getbuffer())
        performance.write_midi(midi)
        about.write_text(text, encoding="utf-8")
    return folder


def _check_guitar(guitar: str) -> None:
    if guitar not in GUITARS:
        raise NmsynthError(f"There is no guitar {guitar!r}; choose one of {', '.join(GUITARS)}.")
