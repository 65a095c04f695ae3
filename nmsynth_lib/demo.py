"""`make demo`: the three published examples as sound, picture, and one page that plays them.

Road: assets/midi -> Performance -> instrument -> [demo] -> build/demo: a leaf.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

import argparse
import html
import os
import sys
from pathlib import Path

from nmsynth_lib.audio import player_html, write_audio
from nmsynth_lib.errors import NmsynthError, OutputError
from nmsynth_lib.files import appearing
from nmsynth_lib.phrases import EXAMPLES, loop_seconds, phrases

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>nmsynth: three examples</title>
<style>
body {{ max-width: 60rem; margin: 1rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif;
  color: CanvasText; background: Canvas; color-scheme: light dark; }}
img {{ background: #fff; border-radius: 4px; }}
audio {{ width: 100%; }}
</style>
<h1>Three examples, played by a neural guitar</h1>
<p>The notes and controllers are those of the examples that Grechin and Groves published (DMRN+16,
2021), rebuilt from their piano rolls. The sound is made by the instrument
&ldquo;{instrument}&rdquo; of this project: no samples, a small network that steers partials, noise
and reverb. CC55 is openness: 127 an open string, 0 a palm-muted one. Levels are as rendered.</p>
{examples}
</html>
"""


def render_demo(folder: str | Path, instrument: str = "string") -> list[Path]:
    """Renders the three examples: a WAV and a PNG each, and one page with all of them inside.

    Args:
      folder: Created if missing.
      instrument: Name of a shipped instrument, or its folder.

    Returns:
      The files written, the page last.

    Raises:
      NmsynthError: the instrument, an example or the folder cannot be used.
    """
    from nmsynth_lib.instrument import Instrument
    from nmsynth_lib.plots import plot_example
    from nmsynth_lib.widgets.words import heard_in_words

    guitar = Instrument.load(instrument)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be made ({error.strerror}). Choose another."
        ) from error
    written, sections = [], []
    menu = phrases()
    for label, name in EXAMPLES.items():
        performance = menu[label]
        tail = loop_seconds(performance) - performance.duration
        audio = guitar.render(performance, tail=tail)
        picture = plot_example(audio, performance, guitar.sample_rate, title=label)
        sound_path, picture_path = folder / f"{name}.wav", folder / f"{name}.png"
        write_audio(sound_path, audio, guitar.sample_rate)
        with appearing(picture_path) as part:
            part.write_bytes(picture.png())
        said = " ".join(heard_in_words(audio, performance, guitar.sample_rate))
        player = player_html(audio, label, guitar.sample_rate)
        heading = f"<h2>{html.escape(label)}</h2>"
        sections.append(f"{heading}\n{player}\n{picture.html()}\n<p>{html.escape(said)}</p>")
        written += [sound_path, picture_path]
    page = PAGE.format(instrument=html.escape(guitar.spec.name), examples="\n".join(sections))
    with appearing(folder / "index.html") as part:
        part.write_text(page, encoding="utf-8")
    return [*written, folder / "index.html"]


def main(arguments: list[str] | None = None) -> int:
    """Command line: `python -m nmsynth_lib.demo [--out DIR] [--instrument NAME]`.

    Returns:
      Exit status: 0 done, 2 bad input.
    """
    parser = argparse.ArgumentParser(prog="nmsynth_lib.demo", description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build/demo", help="folder for the results")
    parser.add_argument("--instrument", default="string", help="shipped name or a folder")
    chosen = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # else it greets on stderr
    try:
        written = render_demo(chosen.out, chosen.instrument)
    except NmsynthError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    print(f"{len(written)} files:")
    for path in written:
        print(f"  {path}")
    print(f"Open this page in a browser to hear and see them:\n  {written[-1].resolve().as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
