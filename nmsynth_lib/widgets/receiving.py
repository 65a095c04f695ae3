"""What a widget that takes files has: pieces in, and an answer to each, whatever happens.

Road: browser -> [receiving] -> uploaded takes or a shared instrument -> page: a leaf.
Files come in pieces of a megabyte: a message of more than ten ends JupyterLab's connection without
a word, and a take is larger. The page part is `sending.js`.
Explained in notebook 01, "Your own recording".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import anywidget
import traitlets

from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.widgets.stand_in import StandIn


class Receiver(Protocol):
    """What the files are given to."""

    def begin(self, name: str, size: int) -> None:
        """Makes room for a file."""

    def add(self, piece: memoryview) -> None:
        """Takes its next bytes."""

    def finish(self) -> object:
        """All of it has come."""

    def told(self, error: NmsynthError) -> str:
        """An error in one line."""


class Receiving(StandIn, anywidget.AnyWidget):
    """A widget that files are uploaded to. What else the page may ask for stands in `_asked`.

    Attributes:
      status: What is going on, or what came of it, one line.
      problem: What went wrong in the last attempt, a line each; empty when nothing did.
      shown: The page below, HTML.
    """

    limit = traitlets.Int().tag(sync=True)
    where = traitlets.Unicode().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    shown = traitlets.Unicode().tag(sync=True)
    taken = traitlets.Bool(True).tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def __init__(self, receiver: Receiver, **traits):
        """`receiver` gets the files."""
        self._receiver = receiver
        self._turn = threading.Lock()  # messages may come in two threads
        super().__init__(**traits)
        self.on_msg(self._on_message)

    def _asked(self) -> dict[str, Callable[[dict], object]]:
        """What the page may ask for beside files: word to what is done, given the message."""
        return {}

    def _on_message(self, _widget, content: dict, buffers: Sequence[memoryview]) -> None:
        """Does what the page asks, and answers, whatever happens."""
        with self._turn:
            self.taken = True
            try:
                self._do(content, buffers)
            except (
                Exception
            ) as error:  # a callback's traceback is shown nowhere, so it is said here
                self.taken = False
                self.problem = f"{self.problem}\n{said_of(error, self._receiver)}".strip()
            finally:
                self.answered += 1

    def _do(self, content: dict, buffers: Sequence[memoryview]) -> None:
        what = content.get("do")
        if what == "begin":
            self._receiver.begin(content["name"], int(content["size"]))
        elif what == "piece":
            self._receiver.add(buffers[0])
        elif what == "finish":
            self._receiver.finish()
        elif what in (asked := self._asked()):
            asked[what](content)


def said_of(error: Exception, receiver: Receiver) -> str:
    """An error in one line; of one that nobody foresaw, its class as well."""
    known = isinstance(error, NmsynthError)
    return receiver.told(error) if known else f"{type(error).__name__}: {error}"
