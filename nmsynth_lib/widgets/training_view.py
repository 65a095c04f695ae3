"""A training run as it happens: its curve, what it sounds like so far, and what is wrong, in words.

Road: training -> loss curves -> [training view] -> the page: a leaf.
`train(..., watch=view)` calls the view after each epoch. Everything is drawn here and sent as text,
so that the page shows it while the cell still runs; the page part, `training_view.js`, only puts it
in its place. A cell that trains cannot be reached by a button: the toolbar's square stops it.
Explained in notebook 02, "From recording to instrument".
"""

from __future__ import annotations

import datetime
import weakref

import anywidget
import traitlets

from nmsynth_lib.audio import player_html
from nmsynth_lib.loss_curves import (
    References,
    baseline_curve,
    copy_bound,
    curve_in_words,
    seconds_left,
)
from nmsynth_lib.performance import OPENNESS_CC, Performance
from nmsynth_lib.widgets.loss_svg import NARROW, loss_svg
from nmsynth_lib.widgets.parts import script, styles
from nmsynth_lib.widgets.stand_in import StandIn

MOST_SOUNDS = 8  # players that are kept: the first, and the last ones
STOP = "To stop it, press the square in the toolbar: the best weights are kept."


class TrainingView(StandIn, anywidget.AnyWidget):
    """Watches a run; give it to `train(..., watch=view)`.

    Attributes:
      status: What is going on, or why it has stopped, one line.
      alarm: The last epoch's warning; empty when nothing is wrong.
      words: The curve in words.
      picture: The curve, an SVG element.
      sounds: (key, HTML of a player), in the order they were made.
      references: Lines to compare with; known from the first epoch on.
    """

    _esm = script("elements.js", "training_view.js")
    _css = styles("training_view.css")

    status = traitlets.Unicode("Nothing has been trained yet.").tag(sync=True)
    alarm = traitlets.Unicode().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    narrow_picture = traitlets.Unicode().tag(sync=True)
    sounds = traitlets.List().tag(sync=True)

    def __init__(
        self,
        sound_every: float | None = 10.0,
        phrase: Performance | None = None,
        bound: float | str | None = None,
        baseline: str | None = "string",
    ):
        """An empty view, to be shown before the training begins.

        Args:
          sound_every: Seconds of training between two renders of the phrase; None: no sound.
          phrase: What is played, a few seconds; None: a muted and an open note.
          bound: The held-out loss of copy synthesis where it is known; "fit" measures it before
            the first step, some seconds of work; None draws none.
          baseline: Guitar whose seed-sized baseline is drawn; None draws none.
        """
        self.sound_every, self.phrase = sound_every, phrase or muted_and_open()
        self._bound = bound
        self._baseline = tuple(baseline_curve(baseline)) if baseline else ()
        self._run, self._progress, self._next_sound, self._n_sounds = lambda: None, [], 0.0, 0
        self.references = References(None, None, self._baseline)
        super().__init__()

    def __call__(self, run) -> None:
        """Draws where a run stands.

        Args:
          run: A `training.Run`: before its first step, or after an epoch.
        """
        if run is not self._run():
            self._begin(run)
        rows = run.state.history
        self._progress += [run.progress()] * (len(rows) - len(self._progress))
        with self.hold_sync():
            self.status = self._status(run, rows)
            self.alarm = rows[-1].get("warning", "") if rows else ""
            self.words = curve_in_words(rows, self.references)
            self.picture = loss_svg(rows, self.references)
            self.narrow_picture = loss_svg(rows, self.references, NARROW)
        if self.sound_every is not None and (_is_over(run) or run.seconds() >= self._next_sound):
            self._play(run)
        if _is_over(run):
            self._renew_stand_in()

    def _begin(self, run) -> None:
        """Another run: measures what it is compared with, and forgets the former one's sounds."""
        # Only a hint: a run holds a network, and 200 MB that a finished one should give back.
        self._run, self._next_sound, self.sounds = weakref.ref(run), run.seconds(), []
        self._progress = [run.progress()] * len(run.state.history)
        bound = self._bound
        if bound == "fit":
            self.status = "Fitting copy synthesis to the held-out sound, to compare with."
            bound = copy_bound(run)
        self.references = References(run.silence_loss, bound, self._baseline)

    def _status(self, run, rows: list[dict]) -> str:
        if run.stopped:
            return f"Stopped. {run.stopped}"
        if run.progress() >= 1.0:
            return f"Done: {run.state.step} steps in {run.seconds():.0f} s."
        if not rows:
            return f"The network is being built: the first steps take some seconds. {STOP}"
        left = seconds_left(rows, run.progress(), self._progress)
        said = f"Step {run.state.step}, {100 * run.progress():.0f} %"
        if left is not None:
            said += f", about {datetime.timedelta(seconds=round(left))} left"
        return f"{said}. {STOP}"

    def _play(self, run) -> None:
        """Renders the phrase with the weights of this moment and adds a player."""
        from nmsynth_lib.instrument import Instrument

        audio = Instrument(run.spec, run.model).render(self.phrase, tail=0.3)
        seconds = run.seconds()
        label = f"after {seconds:.0f} s" if run.state.history else "before the first step"
        self._n_sounds += 1
        new = [str(self._n_sounds), player_html(audio, label, run.spec.rates.sample_rate)]
        kept = self.sounds if len(self.sounds) < MOST_SOUNDS else [self.sounds[0], *self.sounds[2:]]
        self.sounds = [*kept, new]
        self._next_sound = seconds + self.sound_every

    def _plain(self) -> str:
        players = "".join(html for _, html in self.sounds)
        return f"<p>{self.status} {self.alarm}</p>{self.picture}{players}"


def muted_and_open() -> Performance:
    """A muted and an open E2, then a half-open A2: 2.6 s."""
    notes = [(40, 100, 0.05, 0.65), (40, 100, 0.75, 1.65), (45, 100, 1.75, 2.55)]
    openness = [(0.0, 1), (0.70, 127), (1.70, 64)]
    return Performance.from_notes(notes, {OPENNESS_CC: openness}, name="muted, open, half-open")


def _is_over(run) -> bool:
    return bool(run.stopped) or run.progress() >= 1.0
