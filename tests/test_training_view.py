"""The training view shows what is so: curves where values lie, lines, words, alarms, sounds."""

import json
import math
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest
from page_sounds import html_of, played_in

from nmsynth_lib.class_runs import LOW, class_recipe, class_recording, class_spec, new_guitar
from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.loss_curves import (
    References,
    at_second,
    baseline_curve,
    curve_in_words,
    seconds_left,
)
from nmsynth_lib.widgets.loss_svg import NARROW, loss_svg
from nmsynth_lib.widgets.training_view import MOST_SOUNDS, TrainingView

ROWS = [
    {"step": 25 * i, "seconds": 2.0 * i, "loss": 2.0 / i, "held_out_loss": 2.2 / i, "warning": ""}
    for i in range(1, 6)
]


class Told(SimpleNamespace):
    """What a view asks of a run; unlike its parent it can be referred to weakly."""


def lines_of(svg):
    """Class of each polyline to its points."""
    found = ET.fromstring(svg).iter("polyline")
    return {
        one.get("class"): [tuple(map(float, p.split(","))) for p in one.get("points").split()]
        for one in found
    }


# --- The picture ----------------------------------------------------------------------------------


def test_equal_ratios_of_loss_are_equal_distances():
    rows = [dict(ROWS[0], seconds=t, loss=loss) for t, loss in ((1, 4.0), (2, 2.0), (3, 1.0))]
    (_, high), (_, middle), (_, low) = lines_of(loss_svg(rows, References()))["loss"]
    assert low > middle > high  # SVG counts downwards
    assert middle - high == pytest.approx(low - middle, abs=0.2)


def test_a_reference_lies_where_a_curve_of_that_loss_lies():
    lines = lines_of(loss_svg(ROWS, References(silence=2.0, bound=0.44)))
    assert lines["silence"][0][1] == lines["silence"][1][1] == lines["loss"][0][1]
    assert lines["copy-synthesis"][0][1] == lines["held_out_loss"][-1][1]


def test_of_the_baseline_only_the_same_seconds_are_drawn():
    baseline = ((1.0, 1.9), (8.0, 1.5), (2558.0, 1.2))
    lines = lines_of(loss_svg(ROWS, References(baseline=baseline)))
    assert len(lines["baseline"]) == 2
    assert lines["baseline"][1][0] == lines["loss"][3][0]  # both at 8 s
    assert "baseline" not in lines_of(loss_svg(ROWS, References(baseline=((60.0, 1.0),))))


@pytest.mark.parametrize("width", [760, NARROW])
def test_everything_lies_inside_and_is_described(width):
    svg = loss_svg(ROWS, References(3.0, 0.3, ((1.0, 2.5),)), width)
    root = ET.fromstring(svg)
    _, _, right, bottom = map(float, root.get("viewBox").split())
    assert right == width
    for points in lines_of(svg).values():
        assert all(0 <= x <= right and 0 <= y <= bottom for x, y in points)
    assert root.get("role") == "img"
    assert "held-out loss 0.44" in root.get("aria-label")
    assert "Silence would have 3.00" in root.get("aria-label")


def test_before_the_first_epoch_there_is_a_picture_too():
    root = ET.fromstring(loss_svg([], References(3.0, 0.3)))
    assert "Nothing has been trained yet." in root.get("aria-label")


# --- The words ------------------------------------------------------------------------------------


def test_words_say_how_much_of_the_way_is_gone():
    """Halfway in ratios: from 4 down to 1 and not yet to 0.25."""
    rows = [dict(ROWS[0], seconds=9.0, held_out_loss=1.0)]
    assert "50 % of the way" in curve_in_words(rows, References(4.0, 0.25))


def test_words_compare_with_the_baseline_at_the_same_time():
    said = curve_in_words(ROWS, References(3.0, None, ((5.0, 2.8), (9.0, 2.6), (3600.0, 1.1))))
    assert "had 2.60 after the same time of one core" in said
    assert "1.10 after 60 minutes" in said
    assert at_second([(5.0, 2.8)], 4.0) is None


def test_time_left_is_read_from_the_last_epochs():
    """A slow first epoch, in which the graph is built, is forgotten: 2 s an epoch, 40 to go."""
    rows = [{"seconds": 30.0 + 2.0 * i} for i in range(10)]
    before = [(i + 1) / 50 for i in range(10)]
    assert seconds_left(rows, before[-1], before) == pytest.approx(80.0)
    assert seconds_left(rows[:1], 0.02, before[:1]) is None


# --- The baseline's curve -------------------------------------------------------------------------


def test_a_baseline_without_a_curve_is_none(tmp_path):
    assert baseline_curve("string", tmp_path) == []


def test_a_baseline_s_curve_is_read_in_time(tmp_path):
    (tmp_path / "string").mkdir()
    rows = [{"seconds": 9, "held_out_loss": 1.5}, {"seconds": 4.5, "held_out_loss": 2}]
    (tmp_path / "string" / "curve.json").write_text(json.dumps(rows))
    assert baseline_curve("string", tmp_path) == [(4.5, 2.0), (9.0, 1.5)]


@pytest.mark.parametrize("content", ["[{]", '[{"seconds": 1}]', '{"a": 1}'])
def test_a_damaged_curve_is_one_line(tmp_path, content):
    (tmp_path / "string").mkdir()
    (tmp_path / "string" / "curve.json").write_text(content)
    with pytest.raises(NmsynthError, match=r"curve\.json: not a list") as error:
        baseline_curve("string", tmp_path)
    assert "\n" not in str(error.value)


# --- A real run -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A run of three epochs with a view on it, and what the view showed at each call."""
    from nmsynth_lib.training import train

    folder = tmp_path_factory.mktemp("watched")
    recording = class_recording(folder, minutes=0.3)
    view, shown = TrainingView(sound_every=0.0, bound="fit"), []

    def watch(run):
        view(run)
        shown.append((view.status, view.picture, len(view.sounds)))
        watch.run = run

    # The smallest network; the synthesiser keeps its size, for the bound to lie below.
    spec = class_spec(stack_units=8, mlp_units=16)
    recipe = class_recipe(batch=2, steps_per_epoch=4)
    history = train(recording, folder / "g", steps=12, spec=spec, recipe=recipe, quiet=True,
                    watch=watch)  # fmt: skip
    return Told(view=view, shown=shown, run=watch.run, history=history)


def test_it_draws_anew_at_every_epoch(watched):
    assert len(watched.shown) == 4
    counts = [len(lines_of(picture).get("loss", [])) for _, picture, _ in watched.shown]
    assert counts == [0, 1, 2, 3]
    assert [n for *_, n in watched.shown] == [1, 2, 3, 4]


def test_it_says_what_is_going_on(watched):
    first, second, third, last = [status for status, *_ in watched.shown]
    assert "The network is being built" in first
    assert "Step 4, 33 %" in second and "press the square in the toolbar" in second
    assert "left" in third
    assert last.startswith("Done: 12 steps in ")


def test_its_lines_are_the_run_s_own(watched):
    """Silence is the mean loss of zeros over the held-out blocks; the fit lies far below it."""
    from nmsynth_lib.losses import SpectrogramLoss

    loss = SpectrogramLoss(16000)
    zeros = [float(np.mean(loss.call(t, 0.0 * t))) for _, t in watched.run.held_out]
    references = watched.view.references
    assert references.silence == pytest.approx(np.mean(zeros), rel=1e-5)
    assert 0.0 < references.bound < 0.6 * references.silence
    assert references.bound < watched.history[-1]["held_out_loss"]


def test_more_steps_of_the_fit_come_nearer(watched):
    from nmsynth_lib.loss_curves import copy_bound

    assert copy_bound(watched.run, 20) > watched.view.references.bound


def test_every_sound_has_a_name_and_is_as_loud_as_it_is(watched):
    html = "".join(html for _, html in watched.view.sounds)
    assert html.count("aria-label=") == html.count("<audio ") == 4
    assert 'aria-label="before the first step"' in html
    sounds = played_in(html)
    assert all(2.0 < len(sound) / 16000 < 4.0 for sound in sounds)
    assert np.ptp([np.abs(sound).max() for sound in sounds]) > 1e-4  # not normalised


def test_it_says_why_it_stopped_and_what_is_wrong(watched):
    history = [*watched.history, dict(watched.history[-1], warning="97 % is noise.")]
    run = Told(**{
        **vars(watched.run), "stopped": "Nothing has improved.", "progress": lambda: 0.5,
        "seconds": lambda: 9.0, "state": Told(history=history, step=16),
    })  # fmt: skip
    view = TrainingView(sound_every=None)
    view(run)
    assert view.status == "Stopped. Nothing has improved."
    assert view.alarm == "97 % is noise."
    fallback = html_of(view)
    assert "97 % is noise." in fallback and "<svg" in fallback


def test_memory_stays_bounded(watched):
    view = TrainingView(sound_every=0.0)
    for _ in range(MOST_SOUNDS + 3):
        view(watched.run)
    assert len(view.sounds) == MOST_SOUNDS
    assert [key for key, _ in view.sounds] == ["1", *map(str, range(5, MOST_SOUNDS + 4))]


# --- The class's own things -----------------------------------------------------------------------


def test_a_new_guitar_overwrites_nothing(tmp_path):
    first = new_guitar(folder=tmp_path)
    first.mkdir()
    second = new_guitar(folder=tmp_path)
    assert (first.name, second.name) == ("my-guitar", "my-guitar-2")


def test_the_class_tune_keeps_within_what_is_taught():
    from nmsynth_lib.class_runs import HIGH, low_melody

    pitches = {note.pitch for note in low_melody().notes}
    assert len(pitches) > 5 and min(pitches) >= LOW and max(pitches) <= HIGH
    assert math.isclose(low_melody().duration, 12.0, abs_tol=1.0)
