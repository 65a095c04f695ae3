"""A widget that answers: settings in, sound and words out, and always to the newest settings.

Road: sliders -> [answering] -> Performance -> instrument -> the browser.
The browser raises `asked` with each question (`wire.js`) and waits until `answered` has come so
far. Questions may come in two threads, and faster than sound can be made: one thread renders, and
what arrives meanwhile is rendered once, afterwards. An error is shown in the widget, because a
callback's traceback is shown nowhere.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

import threading

import anywidget
import traitlets

from nmsynth_lib.errors import NmsynthError


class Answering(anywidget.AnyWidget):
    """Base of the widgets that make sound of settings.

    A subclass names its settings, has a trait for each, writes `_answer`, and calls `_begin` at the
    end of its `__init__`.

    Attributes:
      asked: Number of the browser's newest question.
      answered: Number of the newest question that is answered.
      problem: What went wrong in the last attempt; empty when nothing did.
    """

    SETTINGS: tuple[str, ...] = ()
    """Names of the traits that the answer depends on."""

    asked = traitlets.Int(0).tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)

    def _begin(self) -> None:
        """Answers once, and from now on whenever a setting changes or the browser asks."""
        self._turn = threading.Lock()  # held by the one that renders
        self._again = False
        self._settled = None
        self._refresh()
        self.observe(self._refresh, names=[*self.SETTINGS, "asked"])

    def _answer(self, settings: dict) -> dict:
        """Makes the answer to settings: trait name -> value, shown all at once.

        Whatever it raises becomes `problem`, and the former answer stays.
        """
        raise NotImplementedError

    def _refresh(self, _change=None) -> None:
        """Answers the newest settings; what arrives meanwhile is answered once, afterwards."""
        self._again = True
        while self._again and self._turn.acquire(blocking=False):
            try:
                while self._again:
                    self._again = False
                    self._answer_once()
            finally:
                self._turn.release()

    def _answer_once(self) -> None:
        asked = self.asked
        settings = {name: getattr(self, name) for name in self.SETTINGS}
        said, problem = {}, ""
        try:
            if settings != self._settled:
                said = self._answer(settings)
                self._settled = settings
        except Exception as error:  # a callback's traceback is shown nowhere, so it is said here
            kind = "" if isinstance(error, NmsynthError) else f"{type(error).__name__}: "
            problem = f"{kind}{error}"
        with self.hold_sync():
            for name, value in said.items():
                setattr(self, name, value)
            self.problem, self.answered = problem, asked
