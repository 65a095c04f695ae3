"""What stands on the command line, checked before any work is done; and what it may sound like.

Road: a leaf, read together with `cli.py`.
Explained by `nmsynth COMMAND --help`.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmsynth_lib.errors import ControlRangeError, NmsynthError, OutputError, WorkersError

if TYPE_CHECKING:
    from nmsynth_lib.performance import Performance
    from nmsynth_lib.schema import InstrumentSpec

LARGEST_SEED = 2**31 - 1

Seed = Annotated[
    int, typer.Option(metavar="N", min=0, max=LARGEST_SEED, help="Of all that is random.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def check_above_zero(option: str, value: float) -> None:
    """Refuses 0, negative numbers, infinity and "nan", all of which Python takes for a number."""
    if not (value > 0 and math.isfinite(value)):
        raise NmsynthError(f"{option} {value:g}: give a number above 0.")


def check_instrument_name(folder: Path) -> None:
    """The folder gives the instrument its name; better to know now than after the training."""
    from pydantic import ValidationError

    from nmsynth_lib.schema import InstrumentSpec

    try:
        InstrumentSpec(name=folder.name)
    except ValidationError:
        raise OutputError(
            f"{folder}: the folder's name becomes the instrument's, so it begins with a letter or "
            "digit and holds only these and _ . - (as in my-guitar); choose another name."
        ) from None


def given_schema(file: Path | None, resume: bool) -> InstrumentSpec | None:
    """The schema to train with, if there is a file of it; a resumed run keeps its own."""
    from nmsynth_lib.schema import InstrumentSpec

    if file is None:
        return None
    if resume:
        raise NmsynthError(
            "--schema and --resume: a resumed run keeps its own; leave --schema out."
        )
    return InstrumentSpec.read(file)


def named_hosts(config: str | None, workers: int) -> tuple[tuple[str, ...], int] | None:
    """The workers of a training on several hosts, as TensorFlow's variable TF_CONFIG names them.

    Args:
      config: Its value: {"cluster": {"worker": ["host:port", ...]}, "task": {"index": 0}}.
      workers: What --workers asks for; 1: whatever TF_CONFIG says.

    Returns:
      "host:port" of every worker, and which of them this process is; None where there is no other.

    Raises:
      WorkersError: not what it has to look like, or another number of workers than asked for.
    """
    try:
        read = json.loads(config or "{}")
        cluster, task = read.get("cluster", {}), read.get("task", {})
        addresses, index = tuple(cluster.get("worker", [])), int(task.get("index", 0))
        right = set(cluster) <= {"worker"} and task.get("type", "worker") == "worker"
        right &= all(re.fullmatch(r".+:\d{1,5}", address) for address in addresses)
        right &= 0 <= index < max(1, len(addresses))
    except (ValueError, TypeError, AttributeError):
        right = False
    if not right:
        raise WorkersError(
            "TF_CONFIG: cannot be read; give the same list of workers on every host, and each its "
            'own index: {"cluster": {"worker": ["host-a:2222", "host-b:2222"]}, "task": {"type": '
            '"worker", "index": 0}}. Or unset it.'
        )
    if len(addresses) < 2:
        return None
    if workers not in (1, len(addresses)):
        raise WorkersError(
            f"--workers {workers}: TF_CONFIG names {len(addresses)} workers; leave --workers out."
        )
    return addresses, index


def check_transpose(midi: Path, performance: Performance, semitones: int) -> None:
    """Every note has to stay a MIDI note."""
    pitches = [note.pitch for note in performance.notes]
    low, high = min(pitches), max(pitches)
    if not 0 <= low + semitones <= high + semitones <= 127:
        raise ControlRangeError(
            f"{midi}: its notes are {low} to {high}, and --transpose {semitones} would leave "
            f"MIDI's 0 to 127; give {-low} to {127 - high}."
        )


def held_controllers(settings: list[str]) -> dict[int, int]:
    """{55: 127} of ["55=127"]."""
    held: dict[int, int] = {}
    for setting in settings:
        number, _, value = setting.partition("=")
        if not (_is_midi_value(number) and _is_midi_value(value)):
            raise ControlRangeError(
                f"--cc {setting}: give N=V, controller and value both 0 to 127, as in --cc 55=127."
            )
        if int(number) in held:
            raise ControlRangeError(f"--cc {setting}: CC{int(number)} is set twice; set it once.")
        held[int(number)] = int(value)
    return held


def sound_paths(output: Path, stems: Path | None) -> list[Path]:
    """The mix and, if there is a folder for them, its stems."""
    from nmsynth_lib.instrument import STEMS
    from nmsynth_lib.outputs import FORMATS, check_output

    if output.suffix.lower() not in FORMATS:
        raise OutputError(f"{output}: sound is written as .wav or .flac; let the name end in one.")
    paths = [check_output(output)]
    if stems is not None:
        paths += [stems / f"{name}.wav" for name in STEMS]
        if output.resolve() in [path.resolve() for path in paths[1:]]:
            raise OutputError(f"{output}: a stem has the same name; choose another.")
    return paths


def surprises(spec: InstrumentSpec, performance: Performance, file: str) -> Iterator[str]:
    """What may sound other than the user expects, a line each: no CC55, notes never learnt."""
    for control in spec.style_channels():
        if control.cc in performance.controllers:
            continue
        name = control.label or f"{control.name} (CC{control.cc})"
        least = (
            f", {control.low_label}" if control.low_label and control.default == control.low else ""
        )
        most = control.high_label or "the most"
        yield (
            f"{file} has no CC{control.cc}: {name} stays at {control.default:g}{least}; for {most} "
            f"add --cc {control.cc}={control.high:g}."
        )
    low, high = spec.pitch_range
    outside = sum(not low <= note.pitch <= high for note in performance.notes)
    if outside:
        yield (
            f"{file} leaves the range {low} to {high} that {spec.name} has learnt: notes outside "
            f"it: {outside}; --transpose may help."
        )


def _is_midi_value(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:9]) <= 127


def doing(quiet: bool) -> Callable[[str], None]:
    """Says on stderr what is being done, with the seconds since the start."""
    began = time.monotonic()

    def say(what: str) -> None:
        if not quiet:
            print(f"{time.monotonic() - began:5.0f} s  {what} ...", file=sys.stderr, flush=True)

    return say
