"""Widgets: the instrument under your fingers, in a notebook.

Road: performance -> controls -> decoder -> synthesis -> instrument -> [widgets]: a leaf beside it.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

from importlib import import_module

_LAZY = {
    "HearIt": "panel",
    "hear_it": "panel",
    "Abx": "blind_test",
    "abx": "blind_test",
    "UploadCheck": "upload",
    "check_upload": "upload",
    "SharedUpload": "instrument_upload",
    "load_shared": "instrument_upload",
    "download_link": "downloads",
    "TrainingView": "training_view",
    "PianoRoll": "piano_roll_widget",
    "piano_roll": "piano_roll_widget",
    "Explorer": "explorer",
    "explore": "explorer",
    "Keyboard": "keyboard_widget",
    "keyboard": "keyboard_widget",
    "Player": "player_widget",
    "player": "player_widget",
    "Compare": "compare_widget",
    "compare": "compare_widget",
    "Mixer": "mixer_widget",
    "mixer": "mixer_widget",
    "Quiz": "quiz_widget",
    "quiz": "quiz_widget",
}
__all__ = [*_LAZY]


def __getattr__(name: str):
    # Widget machinery costs half a second: it is imported when a widget is asked for.
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
