"""The road from a shell: make a recording, train on it, play MIDI files.

Road: a leaf beside it; `nmsynth render` walks it from .mid to sound file.
What a user can get wrong ends in one line on stderr and exit status 2, and leaves no output behind:
files appear by rename when they are whole. TensorFlow is loaded only by the commands that need it.
Explained by `nmsynth --help` and `nmsynth COMMAND --help`.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nmsynth_lib import __version__
from nmsynth_lib.cli_arguments import (
    Quiet,
    Seed,
    check_above_zero,
    check_transpose,
    held_controllers,
    sound_paths,
    surprises,
)
from nmsynth_lib.cli_bench import bench_command
from nmsynth_lib.cli_check import check_command
from nmsynth_lib.cli_evaluate import evaluate_command
from nmsynth_lib.cli_fetch import fetch_command
from nmsynth_lib.cli_share import pack_command, unpack_command
from nmsynth_lib.cli_train import train_command
from nmsynth_lib.errors import NmsynthError, OverlapError
from nmsynth_lib.memory import MemoryShortage

if TYPE_CHECKING:
    import numpy as np

    from nmsynth_lib.instrument import Instrument
    from nmsynth_lib.performance import Performance

BLOCK = 32000  # samples rendered between two writes
LONGEST_TAIL = 60.0  # seconds

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
      arguments: What stands behind `nmsynth`; default: the program's own.

    Returns:
      Exit status: 0 done, 1 a check with warnings, 2 bad input or usage, 130 stopped by Ctrl-C
      before there was a result.
    """
    with _terminated_like_ctrl_c(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the performance's own warnings are printed by `render`
        warnings.simplefilter("always", MemoryShortage)
        try:
            status = app(arguments, prog_name="nmsynth", standalone_mode=False) or 0
            sys.stdout.flush()
        except (BrokenPipeError, SystemExit) as error:
            # `nmsynth instruments | head` is no error, though typer makes exit status 1 of it.
            if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
                return error.code or 0
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 0
        except typer.TyperException as error:
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "nmsynth"
            what = getattr(error, "format_message", error.__str__)().rstrip().rstrip(".")
            return _fail(f"{what}. See {command} --help.")
        except NmsynthError as error:
            return _fail(str(error))
        except OSError as error:
            where = error.filename or "a file"
            return _fail(f"{where}: {error.strerror or error}. Check permissions and free space.")
        except KeyboardInterrupt:
            status = 130
    if status == 130:
        print("Stopped; nothing was written.", file=sys.stderr)
    return status


@app.callback(invoke_without_command=True)
def _nmsynth(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """A neural guitar for the shell: MIDI in, guitar out, from palm-muted to ringing (CC55).

    \b
    Examples:
      nmsynth render riff.mid -o riff.wav --cc 55=127
      nmsynth make-recording string --out takes --minutes 12
      nmsynth check takes --mend
      nmsynth train takes --out my-guitar --minutes 20
      nmsynth render riff.mid -o mine.wav --instrument my-guitar
      nmsynth evaluate --instrument my-guitar --recording held-out
    """  # noqa: D301
    if version:
        print(f"nmsynth {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())
        raise NmsynthError(
            "no command given: make-recording, fetch, check, train, render, evaluate, instruments, "
            "bench."
        )


@app.command("make-recording")
def make_recording_command(
    guitar: Annotated[Literal["string", "sampled"], typer.Argument(help="Which guitar plays.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the take.")],
    minutes: Annotated[
        float, typer.Option(metavar="M", help="Length of the built-in score.")
    ] = 12.0,
    seed: Seed = 1,
    levels: Annotated[
        Literal["two", "continuous"], typer.Option(help="CC55 in the score: 1 and 127, or all.")
    ] = "two",
    midi: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Play this instead of the built-in score.")
    ] = None,
    melody: Annotated[
        bool,
        typer.Option("--melody", help="A melody to judge by instead of the score to train on."),
    ] = False,
    pick_position: Annotated[
        bool,
        typer.Option("--pick-position", help="string: also move the pick, note by note (CC74)."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Record a guitar, to train on or to judge by.

    Writes sound, MIDI and meta.yaml. "string" is computed and obeys a written law; "sampled" plays
    recorded notes of a real electric guitar and needs fluidsynth.

    \b
    Examples:
      nmsynth make-recording string --out takes --minutes 12 --levels continuous
      nmsynth make-recording string --out takes --midi my-score.mid
      nmsynth make-recording string --out held-out --melody --minutes 1 --seed 5
      nmsynth make-recording string --out picked --pick-position --levels continuous --minutes 5
    """  # noqa: D301
    check_above_zero("--minutes", minutes)
    if melody and midi is not None:
        raise NmsynthError("--melody and --midi: give one of them.")
    from nmsynth_lib.guitars import make_recording
    from nmsynth_lib.outputs import made_folder

    began = time.monotonic()
    with made_folder(out):
        folder = make_recording(
            guitar, out, minutes, seed, levels, midi, melody=melody, pick_position=pick_position
        )
    if not quiet:
        shown = shlex.quote(str(folder))
        use = f"Train on it: nmsynth train {shown} --out my-guitar"
        if melody:
            use = f"Judge by it: nmsynth evaluate --instrument {guitar} --recording {shown}"
        print(f"{folder}: recorded in {time.monotonic() - began:.0f} s. {use}")


app.command("fetch")(fetch_command)
app.command("check")(check_command)
app.command("train")(train_command)


@app.command("render")
def render_command(
    midi: Annotated[Path, typer.Argument(metavar="MIDI", help="One guitar, one note at a time.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="AUDIO", help="Ends in .wav or .flac.")
    ],
    instrument: Annotated[
        str, typer.Option(metavar="NAME|DIR", help="Shipped name, or a folder you trained.")
    ] = "string",
    cc: Annotated[
        list[str] | None,
        typer.Option(metavar="N=V", help="Hold controller N at V (0-127); may be repeated."),
    ] = None,
    transpose: Annotated[int, typer.Option(metavar="SEMITONES", help="Up, or down below 0.")] = 0,
    stems: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Also write harmonic.wav, noise.wav and reverb.wav there."
        ),
    ] = None,
    seed: Seed = 0,
    overlaps: Annotated[
        Literal["error", "last"],
        typer.Option(help="Notes that sound together: refuse them, or let the later one win."),
    ] = "error",
    tail: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time to ring out after the last note.")
    ] = 1.0,
    quiet: Quiet = False,
) -> None:
    """Play a MIDI file into a sound file.

    The sound is mono, 16 bit, at the instrument's sample rate, and never normalised. Stems are
    32-bit float and sum to it.

    \b
    Examples:
      nmsynth render riff.mid -o riff.wav --cc 55=127
      nmsynth render riff.mid -o low.flac --instrument my-guitar --transpose -5 --stems stems
    """  # noqa: D301
    from nmsynth_lib.outputs import made_folder, sound_files
    from nmsynth_lib.performance import Performance

    if not 0 <= tail <= LONGEST_TAIL:
        raise NmsynthError(f"--tail {tail:g}: give seconds from 0 to {LONGEST_TAIL:.0f}.")
    held = held_controllers(cc or [])
    paths = sound_paths(output, stems)
    subtypes = ["PCM_16"] + ["FLOAT"] * (len(paths) - 1)  # stems sum to the mix, and never clip
    try:
        performance = Performance.from_midi(midi, overlaps=overlaps)
    except OverlapError as error:
        raise OverlapError(str(error).replace('overlaps="last"', "--overlaps last")) from None
    check_transpose(midi, performance, transpose)

    began = time.monotonic()
    from nmsynth_lib.instrument import Instrument

    guitar = Instrument.load(instrument)
    performance = guitar.performance(performance, held, transpose)
    loaded = time.monotonic()
    if not quiet:
        _warn([*performance.warnings, *surprises(guitar.spec, performance, midi.name)])
    with ExitStack() as stack:
        if stems is not None:
            stack.enter_context(made_folder(stems))
        writers = stack.enter_context(sound_files(paths, guitar.sample_rate, subtypes))
        n_samples, peak = 0, 0.0
        for block in _blocks(guitar, performance, seed, tail, with_stems=stems is not None):
            n_samples += block.shape[-1]
            peak = max(peak, float(abs(block[0]).max()))
            for writer, sound in zip(writers, block, strict=True):
                writer(sound)
    seconds, took = n_samples / guitar.sample_rate, time.monotonic() - loaded
    if not quiet:
        _warn([f"{output}: too loud in places, clipped."] if peak >= 1.0 else [])
        print(f"{output}: {seconds:.1f} s of sound, rendered in {took:.1f} s ({seconds / took:.0f} "
              f"times real time) after {loaded - began:.1f} s of loading.")  # fmt: skip


app.command("evaluate")(evaluate_command)


@app.command("instruments")
def instruments_command(
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help='Also write {"NAME.figure": number, ...}.'),
    ] = None,
) -> None:
    """List the shipped instruments.

    Shows what they were trained on, under which licence, and the figures they reach.

    \b
    Examples:
      nmsynth instruments
      nmsynth instruments --json figures.json
    """  # noqa: D301
    import json

    from nmsynth_lib.files import appearing
    from nmsynth_lib.outputs import check_output
    from nmsynth_lib.shipped import shipped_figures, shipped_table

    if json_file is not None:
        figures = json.dumps(shipped_figures(), indent=2) + "\n"
        with appearing(check_output(json_file)) as part:
            part.write_text(figures, encoding="utf-8")
    print(shipped_table())


app.command("pack")(pack_command)
app.command("unpack")(unpack_command)
app.command("bench")(bench_command)


def _blocks(
    guitar: Instrument, performance: Performance, seed: int, tail: float, with_stems: bool
) -> Iterator[np.ndarray]:
    """The mix, and its stems if they are wanted, in blocks of shape [n_files, n_samples]."""
    import numpy as np

    if not with_stems:
        for block in guitar.stream(performance, seed=seed, tail=tail, block=BLOCK):
            yield block[None]
        return
    stems = list(guitar.render_stems(performance, seed=seed, tail=tail).values())
    for first in range(0, len(stems[0]), BLOCK):
        block = np.stack([stem[first : first + BLOCK] for stem in stems])
        yield np.concatenate([np.clip(block.sum(axis=0, keepdims=True), -1.0, 1.0), block])


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"Warning: {' '.join(line.split())}", file=sys.stderr)


def _fail(message: str) -> int:
    print(f"Error: {' '.join(message.split())}", file=sys.stderr)
    return 2


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    """`kill` and `timeout` end a command as Ctrl-C does: tidied up, best weights kept."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
