"""The instruments that a widget can play: by name, and loaded when they are first asked for.

Road: instrument -> [instrument menu] -> panel, explorer, keyboard: a leaf.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

from collections.abc import Sequence

from nmsynth_lib.rerendering import Rerenderer
from nmsynth_lib.widgets.sounds import loaded


class InstrumentMenu:
    """Instruments by name.

    Args:
      instruments: Names of instruments, or loaded ones; empty takes all that are shipped.
    """

    def __init__(self, instruments: Sequence[str | object] = ()):
        from nmsynth_lib.instrument import Instrument

        self._known = {_name(one): one for one in instruments or Instrument.names()}
        self._players: dict[str, Rerenderer] = {}

    @property
    def names(self) -> list[str]:
        """What the menu offers, in its order."""
        return list(self._known)

    def guitar(self, name: str):
        """The instrument of that name, loaded.

        Raises:
          InstrumentNotFoundError: there is no such instrument.
        """
        self._known[name] = loaded(self._known.get(name, name))
        return self._known[name]

    def player(self, name: str) -> Rerenderer:
        """What plays that instrument and remembers what it played."""
        if name not in self._players:
            self._players[name] = Rerenderer(self.guitar(name))
        return self._players[name]


def _name(instrument: str | object) -> str:
    return instrument if isinstance(instrument, str) else instrument.spec.name
