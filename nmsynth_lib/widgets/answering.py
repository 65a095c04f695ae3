"""A widget that answers: settings in, sound and words out, and always to the newest settings.

Road: sliders -> [answering] -> Performance -> instrument -> the browser.
The browser raises `asked` with each question (`wire.js`) and waits until `answered` has come so
far. Questions may come in two threads, and faster than sound can be made: one thread renders, and
what arrives meanwhile is rendered once, afterwards. An error is shown in the widget, because a
callback's traceback is shown nowhere.
The sound goes first. What is said about it (figures, curves, words) follows in a second message,
once the hand on the slider rests: it is not what one waits for.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

import asyncio
import threading
import time

import anywidget
import traitlets

from nmsynth_lib.errors import NmsynthError

REST_SECONDS = 0.03  # without a new question; only then the sound is described


class Answering(anywidget.AnyWidget):
    """Base of the widgets that make sound of settings.

    A subclass names its settings, has a trait for each, writes `_answer`, and calls `_begin` at the
    end of its `__init__`. If it has more to say than what is heard, it writes `_describe` too.

    Attributes:
      asked: Number of the browser's newest question.
      answered: Number of the newest question that is answered.
      problem: What went wrong in the last attempt; empty when nothing did.
      clock: When the last question reached Python and when its answer left, `received` and `made`,
        milliseconds since 1970, as the browser's own clock counts.
    """

    SETTINGS: tuple[str, ...] = ()
    """Names of the traits that the answer depends on."""

    asked = traitlets.Int(0).tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    clock = traitlets.Dict().tag(sync=True)

    def _begin(self) -> None:
        """Answers once, and from now on whenever a setting changes or the browser asks."""
        self._turn = threading.Lock()  # held by the one that renders
        self._again = False  # something has changed since the last answer began
        self._settled = None  # settings of the newest answer
        self._tried = None  # settings and question of the newest attempt
        self._hurried = False
        self._undescribed = False  # the newest answer has not been described yet
        self._rested = False  # nobody has asked for a while
        self._timer = None
        self._refresh()
        self.observe(self._refresh, names=[*self.SETTINGS, "asked"])

    def _answer(self, settings: dict) -> dict:
        """Makes the answer to settings: trait name -> value, shown all at once.

        Whatever it raises becomes `problem`, and the former answer stays. Here there is none yet.
        """
        return {}

    def _describe(self, settings: dict) -> dict:
        """What there is to say about the answer to these settings, once there is time for it.

        Trait name -> value, shown all at once. At first nothing.
        """
        return {}

    def _refresh(self, _change=None) -> None:
        """Answers the newest settings; what arrives meanwhile is answered once, afterwards."""
        self._again = True
        self._work()

    def _rest(self) -> None:
        self._rested = True
        self._work()

    def _work(self) -> None:
        """Does what is to be done, unless another thread is at it: then that one will."""
        while (self._again or self._rested) and self._turn.acquire(blocking=False):
            try:
                while self._again:
                    self._again, self._rested = False, False
                    self._answer_once()
                if self._undescribed and (self._rested or not self._put_off()):
                    self._rested, self._undescribed = False, False
                    self._describe_once()
                self._rested = False
            finally:
                self._turn.release()

    def _answer_once(self) -> None:
        asked, received = self.asked, time.time()
        settings = {name: getattr(self, name) for name in self.SETTINGS}
        if self._tried == (settings, asked):
            return  # one message of the browser is told of once for each trait in it
        self._tried = (settings, asked)
        said, problem = {}, ""
        try:
            if settings != self._settled:
                said = self._answer(settings)
                self._settled, self._undescribed = settings, True
                self._hurried = asked > self.answered  # the browser asked, and waits
        except Exception as error:  # a callback's traceback is shown nowhere, so it is said here
            problem = in_one_line(error)
        clock = {"received": round(1000 * received, 2), "made": round(1000 * time.time(), 2)}
        self._show({**said, "clock": clock, "problem": problem, "answered": asked})

    def _describe_once(self) -> None:
        try:
            said = self._describe(self._settled)
        except Exception as error:
            said = {"problem": in_one_line(error)}
        if not self._again:  # else it is of yesterday
            self._show(said)

    def _show(self, values: dict) -> None:
        """Sets traits, in one message."""
        with self.hold_sync():
            for name, value in values.items():
                setattr(self, name, value)

    def _put_off(self) -> bool:
        """Whether the description waits for the hand to rest: it needs a loop that calls back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._hurried:
            return False
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        self._timer = loop.call_later(REST_SECONDS, self._rest)
        return True


def in_one_line(error: Exception) -> str:
    """What an error says; of one that is not ours also what it is."""
    kind = "" if isinstance(error, NmsynthError) else f"{type(error).__name__}: "
    return f"{kind}{error}"
