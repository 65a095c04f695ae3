"""`nmsynth pack` and `nmsynth unpack`: an instrument in one zip, and one from somebody else.

Road: a leaf beside it; [cli] -> sharing.
Explained by `nmsynth pack --help`, and in notebook 06, "Hand it over".
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from nmsynth_lib.cli_arguments import Quiet


def pack_command(
    instrument: Annotated[
        str, typer.Argument(metavar="NAME|DIR", help="A folder you trained, or a shipped name.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="ZIP", help="NAME.zip, or a folder for it.")
    ],
    credit: Annotated[
        str, typer.Option(metavar="TEXT", help="Who made it; may be left out if it says so.")
    ] = "",
    licence: Annotated[
        str, typer.Option(metavar="TEXT", help="Under which others may use it; likewise.")
    ] = "",
    quiet: Quiet = False,
) -> None:
    """Put an instrument into one zip to hand over.

    Schema, weights, checksums, and who made it under which licence; not the state of the training.

    \b
    Examples:
      nmsynth pack my-guitar -o my-guitar.zip --credit "Ada, 2026" --licence CC-BY-4.0
    """  # noqa: D301
    from nmsynth_lib.sharing import pack_instrument

    path = pack_instrument(instrument, output, credit, licence)
    if not quiet:
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB. Loaded by whoever gets it: "
              f"nmsynth unpack {shlex.quote(path.name)} --to instruments")  # fmt: skip


def unpack_command(
    source: Annotated[Path, typer.Argument(metavar="ZIP", help="Made by `nmsynth pack`.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where its folder appears.")],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What to call it, if its own name is taken.")
    ] = "",
    quiet: Quiet = False,
) -> None:
    """Take in an instrument that somebody has packed.

    It is looked at first: sizes, checksums, schema, weights. Nothing appears unless all is well.

    \b
    Examples:
      nmsynth unpack my-guitar.zip --to instruments
      nmsynth render riff.mid -o riff.wav --instrument instruments/my-guitar
    """  # noqa: D301
    from nmsynth_lib.instrument_files import SPEC_FILE
    from nmsynth_lib.schema import InstrumentSpec
    from nmsynth_lib.sharing import licence_text, unpack_instrument

    folder = unpack_instrument(source, to, name)
    if not quiet:
        print(licence_text(InstrumentSpec.read(folder / SPEC_FILE)), end="")
        print(f"Play it: nmsynth render MIDI -o AUDIO --instrument {shlex.quote(str(folder))}")
