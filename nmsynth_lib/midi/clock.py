"""When a tick is: seconds and bars under changing tempo and time signature.

Road: .mid -> [midi.clock] -> Performance -> controls -> decoder -> synthesis -> audio.
Explained in notebook 01, "From notes to curves".
"""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np


class TimeMap:
    """Ticks to seconds and bars, whatever the track the tempo and time signatures are on.

    Args:
      resolution: Ticks per quarter note.
      tempos: (tick, microseconds per quarter note); 120 bpm until the first.
      signatures: (tick, ticks per bar); 4/4 until the first.
    """

    def __init__(
        self,
        resolution: int,
        tempos: Sequence[tuple[int, int]],
        signatures: Sequence[tuple[int, float]],
    ):
        changes = sorted(({0: 500_000} | dict(tempos)).items())
        self._ticks = np.array([tick for tick, _ in changes], float)
        self._tick_seconds = np.array([tempo for _, tempo in changes]) / 1e6 / resolution
        spans = np.diff(self._ticks) * self._tick_seconds[:-1]
        self._seconds = np.concatenate([[0.0], np.cumsum(spans)])
        self._bars: list[tuple[int, float, int]] = []  # tick, ticks per bar, number of the bar
        for tick, bar_ticks in sorted(({0: 4.0 * resolution} | dict(signatures)).items()):
            number = 1
            if self._bars:
                before, length, first = self._bars[-1]
                number = first + int(np.ceil((tick - before) / length))
            self._bars.append((tick, bar_ticks, number))
        self._bar_ticks = [tick for tick, _, _ in self._bars]

    def seconds(self, tick: int) -> float:
        """Seconds from the start of the file to a tick."""
        i = int(np.searchsorted(self._ticks, tick, side="right")) - 1
        return float(self._seconds[i] + (tick - self._ticks[i]) * self._tick_seconds[i])

    def bar(self, tick: int) -> int:
        """Number of the bar that holds a tick, counted from 1."""
        start, length, number = self._bars[bisect_right(self._bar_ticks, tick) - 1]
        return number + int((tick - start) // length)
