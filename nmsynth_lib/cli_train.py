"""`nmsynth train`: from a folder of takes to an instrument, for so many minutes or steps.

Road: a leaf beside it; [cli] -> takes -> training -> instrument.
Explained by `nmsynth train --help`.
"""

from __future__ import annotations

import os
import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from nmsynth_lib.cli_arguments import (
    Quiet,
    Seed,
    check_above_zero,
    check_instrument_name,
    given_schema,
    named_hosts,
)
from nmsynth_lib.errors import NmsynthError


def train_command(
    recording: Annotated[
        Path, typer.Argument(metavar="DIR", help="Takes: NAME.wav|flac|mp3|ogg with NAME.mid.")
    ],
    out: Annotated[Path, typer.Option(metavar="INSTRUMENT", help="Instrument folder to make.")],
    minutes: Annotated[
        float | None,
        typer.Option(metavar="M", help="Wall clock, earlier sessions included.  [default: 20]"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Steps instead of minutes.")
    ] = None,
    seed: Seed = 0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where the run in INSTRUMENT stopped, with its schema, and up to its "
            "--minutes or --steps unless others are given.",
        ),
    ] = False,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="An instrument.yaml whose controls and architecture to use instead of the "
            "guitar's; what it leaves out has its default.",
        ),
    ] = None,
    pitch_shift: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=6,
            help="Train also on copies pitched up and down by 1 to N semitones; for recordings "
            "with holes, or a short range.",
        ),
    ] = 0,
    workers: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Share every batch among N processes on this machine; for several machines see "
            "docs/distributed.md.",
        ),
    ] = 1,
    patience: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Stop early when nothing has improved for N epochs of 100 steps; 0: never.",
        ),
    ] = 40,
    listen: Annotated[
        float | None,
        typer.Option(metavar="S", help="Every S seconds, play a riff into INSTRUMENT/training."),
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write logs for TensorBoard there.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Train an instrument on a folder of takes.

    The best weights so far are in INSTRUMENT at any moment. Ctrl-C ends the training and keeps
    them; --resume goes on later, and needs no other option.

    \b
    Examples:
      nmsynth train takes --out my-guitar --minutes 20
      nmsynth train takes --out my-guitar --resume
      nmsynth train takes --out my-guitar --resume --minutes 60
      nmsynth train takes --out with-vibrato --schema vibrato.yaml
      nmsynth train takes --out my-guitar --workers 2 --listen 60 --tensorboard logs
    """  # noqa: D301
    if minutes is not None and steps is not None:
        raise NmsynthError("--minutes and --steps: give one of them.")
    if minutes is not None:
        check_above_zero("--minutes", minutes)
    check_instrument_name(out)
    spec = given_schema(schema, resume)
    if resume and pitch_shift:
        raise NmsynthError("--pitch-shift: a resumed run keeps its own; leave it out.")
    if listen is not None:
        check_above_zero("--listen", listen)
    hosts = named_hosts(os.environ.get("TF_CONFIG"), workers)
    from nmsynth_lib.outputs import made_folder

    with nullcontext() if hosts and hosts[1] else made_folder(out):  # worker 0 alone writes
        from nmsynth_lib.batches import Recipe
        from nmsynth_lib.watches import SoundEvery, TensorBoardLogs, all_of
        from nmsynth_lib.workers import train_together

        watches = [SoundEvery(out, listen)] if listen else []
        watches += [TensorBoardLogs(tensorboard)] if tensorboard else []
        history = train_together(
            recording,
            out,
            workers,
            hosts,
            minutes=minutes,
            steps=steps,
            seed=seed,
            resume=resume,
            spec=spec,
            recipe=Recipe(seed=seed, pitch_shift=pitch_shift, patience=patience),
            quiet=quiet,
            watch=all_of(*watches),
        )
        if history is None:
            return
        if not (out / "instrument.yaml").is_file():
            raise KeyboardInterrupt  # stopped before the first weights worth keeping
    if not quiet:
        best = min(row["held_out_loss"] for row in history)
        print(f"{out}: {history[-1]['step']} steps, held-out loss {best:.3f}. Hear it: nmsynth "
              f"render FILE.mid -o FILE.wav --instrument {shlex.quote(str(out))}")  # fmt: skip
