"""Scripts and style sheets of the widgets, joined from this folder.

Road: a leaf beside it: [parts] -> widgets.
A widget is one script and one style sheet to JupyterLab, so what several share is joined to each.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
PLAYER = ("player.js", "elements.js", "pictures.js", "position_wave.js", "player_bar.js")
"""What a widget with the row of player controls begins with."""


def script(*names: str) -> str:
    """Script files of this folder, joined to one."""
    return _joined(names)


def styles(*names: str) -> str:
    """The sheet that all widgets share, and sheets of this folder on top of it."""
    return _joined(("base.css", *names))


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)
