"""The blind test as a widget: play A, B and X, say which one X is.

Road: two sounds -> loudness -> [ABX] -> answers -> a p-value, in words: a leaf.
Sounds go to the page as PCM; what X is does not: only its sound. The page part is `abx.js`.
Explained in notebook 05, "Can you hear it?".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.files import appearing
from nmsynth_lib.listening import TRIALS, ListeningTest, Pair, checked_pairs, same_lengths
from nmsynth_lib.loudness import loudness_matched
from nmsynth_lib.widgets.parts import script, styles
from nmsynth_lib.widgets.sounds import pcm, plain_players
from nmsynth_lib.widgets.stand_in import StandIn

COLUMNS = ("pair", "trial", "x", "answer", "right")
FADE = 0.010  # seconds at both ends, so that the loop does not click


class Abx(StandIn, anywidget.AnyWidget):
    """A blind test of one pair at a time.

    Attributes:
      pair: Label of the pair that is compared; setting it starts a new test.
      trials: How many answers a test has; setting it starts a new test.
      trial: Number of the trial that is on, from 1; trials + 1 when the test is over.
      result: Empty until the last answer; then score, p-value, words, and all trials.
      problem: What went wrong; empty when nothing did.
    """

    _esm = script("player.js", "elements.js", "abx.js")
    _css = styles("abx.css")

    labels = traitlets.List().tag(sync=True)
    pair = traitlets.Unicode().tag(sync=True)
    trials = traitlets.Int(TRIALS, min=1, max=1000).tag(sync=True)
    trial = traitlets.Int(1).tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)
    started = traitlets.Int(0).tag(sync=True)
    sample_rate = traitlets.Int(16000).tag(sync=True)
    a = traitlets.Bytes().tag(sync=True)
    b = traitlets.Bytes().tag(sync=True)
    x = traitlets.Bytes().tag(sync=True)
    result = traitlets.Dict().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        pairs: Mapping[str, np.ndarray | Pair],
        sample_rate: int = 16000,
        trials: int = TRIALS,
        seed: int | None = None,
    ):
        """Matches the loudness of every pair and draws the lots of the first.

        Args:
          pairs: Label to two sounds, each [n_samples]; or two sounds by name.
          sample_rate: Of all, Hz.
          trials: Answers a test has.
          seed: Of the lots, for tests of this widget; None draws them anew each time.

        Raises:
          ListeningError: a pair that cannot be compared.
        """
        self._sounds = {
            label: tuple(
                map(_faded, loudness_matched(*same_lengths(pair), sample_rate), [sample_rate] * 2)
            )
            for label, pair in checked_pairs(pairs).items()
        }
        self._seed, self.finished = seed, []
        labels = list(self._sounds)
        self._test = ListeningTest(trials, seed)
        super().__init__(labels=labels, pair=labels[0], trials=trials, sample_rate=sample_rate)
        self._begin()
        self.observe(self._begin, names=["pair", "trials", "started"])
        self.observe(self._take_answer, names="answer")

    @property
    def results(self) -> list[dict[str, object]]:
        """All answers of all finished tests, a row each: pair, trial, x, answer, right."""
        return [{"pair": label, **row} for label, result in self.finished for row in result["rows"]]

    def csv(self) -> str:
        """`results` as comma-separated text with a heading."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.results)
        return stream.getvalue()

    def to_csv(self, path: str | Path) -> None:
        """Writes `results` to a file, which appears when it is whole.

        Raises:
          OutputError: it cannot be written.
        """
        with appearing(Path(path)) as part:
            part.write_text(self.csv(), encoding="utf-8")

    def _begin(self, _change=None) -> None:
        """Starts a test: lots are drawn, an unfinished test is forgotten."""
        if self.pair not in self._sounds:
            self.problem = (
                f"There is no pair '{self.pair}'. Choose one of: {', '.join(self.labels)}."
            )
            return
        if self._seed is not None:
            self._seed += 1
        self._test = ListeningTest(self.trials, self._seed)
        with self.hold_sync():
            self.a, self.b = map(pcm, self._sounds[self.pair])
            self.trial, self.result, self.problem, self.answer = 1, {}, "", {}
            self._show_x()

    def _show_x(self) -> None:
        self.x = self.a if self._test.x() == "A" else self.b

    def _take_answer(self, change) -> None:
        """Notes the answer to the trial that is on; one that comes twice counts once."""
        if not change.new or change.new.get("trial") != self.trial or self._test.done:
            return
        try:
            self._test.answer(change.new.get("choice"))
        except NmsynthError as error:
            self.problem = str(error)
            return
        with self.hold_sync():
            self.trial += 1
            if self._test.done:
                self.result = self._test.result()
                self.finished.append((self.pair, self.result))
            else:
                self._show_x()

    def _plain(self) -> str:
        sounds = dict(zip("AB", self._sounds[self.pair], strict=True))
        return f"<p>{self.pair}, equally loud:</p>{plain_players(sounds, self.sample_rate)}"


def abx(
    pairs: Mapping[str, np.ndarray | Pair],
    sample_rate: int = 16000,
    trials: int = TRIALS,
    seed: int | None = None,
) -> Abx:
    """A blind test; arguments as for `Abx`.

    Explained in notebook 05, "Can you hear it?".
    """
    return Abx(pairs, sample_rate, trials, seed)


def _faded(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """The sound with 10 ms of fade at both ends."""
    edge = min(round(FADE * sample_rate), len(sound) // 2)
    ramp = np.linspace(0.0, 1.0, edge, dtype=np.float32)
    sound = sound.copy()
    sound[:edge] *= ramp
    sound[len(sound) - edge :] *= ramp[::-1]
    return sound
