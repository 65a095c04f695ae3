"""The panel's place-holder where custom widgets cannot load: plain players, a picture, sliders.

Road: performance -> instrument -> [players in HTML]: a leaf.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np

from nmsynth_lib.audio import player_html
from nmsynth_lib.performance import Performance
from nmsynth_lib.phrases import loop_seconds, phrases, varied
from nmsynth_lib.widgets.words import heard_in_words


def players_html(guitar, performance: Performance, as_written: bool = False) -> str:
    """A phrase at both ends of the instrument's first style channel, each with words.

    Args:
      guitar: A loaded instrument.
      performance: The phrase.
      as_written: Whether to put the phrase as it stands in the file first.

    Returns:
      HTML that needs no other file and no script.
    """
    settings = {"as written": {}} if as_written else {}
    for channel in guitar.spec.style_channels()[:1]:
        for value, word in ((channel.high, channel.high_label), (channel.low, channel.low_label)):
            label = f"{word or channel.name} (CC{channel.cc} = {int(value)})"
            settings[label] = {channel.cc: int(value)}
    parts = []
    for label, controllers in (settings or {"as written": {}}).items():
        played = varied(performance, controllers)
        audio = _render(guitar, played, loop_seconds(performance))
        said = " ".join(heard_in_words(audio, played, guitar.sample_rate))
        parts.append(player_html(audio, label, guitar.sample_rate) + f"<p>{html.escape(said)}</p>")
    return "".join(parts)


def show_plain(
    instruments: Sequence[str | object] = (),
    performances: Mapping[str, Performance] | None = None,
) -> None:
    """Shows players and a picture of the first phrase, and simple sliders where there are widgets.

    Args:
      instruments: Names or loaded instruments, the first of which plays; empty: the first shipped.
      performances: Label to phrase; None takes the published examples and a riff.
    """
    from IPython.display import HTML, display

    from nmsynth_lib.instrument import Instrument, shared_instrument
    from nmsynth_lib.plots import plot_example

    first = (list(instruments) or Instrument.names())[0]
    guitar = shared_instrument(first) if isinstance(first, str) else first
    menu = dict(performances or phrases())
    label, performance = next(iter(menu.items()))
    display(HTML(players_html(guitar, performance, as_written=True)))
    audio = _render(guitar, performance, loop_seconds(performance))
    display(plot_example(audio, performance, guitar.sample_rate, title=label))
    display(simple_sliders(guitar, menu))


def simple_sliders(guitar, menu: Mapping[str, Performance]):
    """Sliders of `ipywidgets` above a player that starts anew at every move.

    Args:
      guitar: A loaded instrument.
      menu: Label to phrase.

    Returns:
      An ipywidgets box; where no widget can load at all it shows as one line of text.
    """
    import ipywidgets
    from IPython.display import HTML, display

    style = {"style": {"description_width": "11em"}, "continuous_update": False}
    channels = guitar.spec.style_channels()
    knobs = {
        channel.name: ipywidgets.IntSlider(
            value=int(channel.high),
            min=int(channel.low),
            max=int(channel.high),
            description=channel.label or channel.name,
            **style,
        )
        for channel in channels
    }
    rest = {
        "velocity": ipywidgets.IntSlider(100, 1, 127, description="Velocity", **style),
        "note_length": ipywidgets.IntSlider(100, 10, 200, description="Note length, %", **style),
        "transpose": ipywidgets.IntSlider(0, -12, 12, description="Transpose", **style),
    }
    phrase = ipywidgets.Dropdown(options=list(menu), description="Phrase")

    def play(phrase, velocity, note_length, transpose, **values):
        try:
            controllers = {channel.cc: values[channel.name] for channel in channels}
            played = varied(menu[phrase], controllers, velocity, note_length, transpose)
            audio = _render(guitar, played, loop_seconds(menu[phrase]))
            display(HTML(player_html(audio, phrase, guitar.sample_rate)))
            print(*heard_in_words(audio, played, guitar.sample_rate), sep="\n")
        except Exception as error:  # shown here, because a callback's traceback is shown nowhere
            print(f"{type(error).__name__}: {error}")

    inputs = {"phrase": phrase, **knobs, **rest}
    out = ipywidgets.interactive_output(play, inputs)
    return ipywidgets.VBox([*inputs.values(), out])


def _render(guitar, performance: Performance, seconds: float) -> np.ndarray:
    tail = max(seconds - performance.duration, 0.0)
    return np.clip(guitar.render(performance, tail=tail), -1, 1)
