"""Alarms, early stop, and what a run tells those who watch it."""

import math

import numpy as np
import pytest

from nmsynth_lib.alarms import collapse_warning, overfitting_warning
from nmsynth_lib.audio import read_audio
from nmsynth_lib.guitars import make_recording
from nmsynth_lib.schema import Architecture, InstrumentSpec

SMALL = Architecture(
    stack_units=8, stack_layers=2, mlp_units=16, mlp_layers=1, n_harmonics=16, n_noise_bands=17,
    reverb_seconds=0.01,
)  # fmt: skip


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return make_recording("string", tmp_path_factory.mktemp("take"), minutes=0.5, seed=3)


def run_of(recording, out, steps, watch=None, **recipe):
    from nmsynth_lib.batches import Recipe
    from nmsynth_lib.training import train

    asked = Recipe(steps_per_epoch=2, batch=2, example_seconds=0.5, warmup_steps=2, **recipe)
    spec = InstrumentSpec(architecture=SMALL)
    return train(recording, out, steps=steps, spec=spec, recipe=asked, quiet=True, watch=watch)


def rows(losses, held_out):
    return [
        {"step": 100 * (i + 1), "loss": a, "held_out_loss": b}
        for i, (a, b) in enumerate(zip(losses, held_out, strict=True))
    ]


def test_learning_by_heart_is_named():
    falling = np.linspace(1.0, 0.2, 12)
    rising = np.concatenate([[0.9, 0.6], np.linspace(0.62, 0.9, 10)])
    said = overfitting_warning(rows(falling, rising))
    assert "50 %" in said and "step 200" in said and "by heart" in said


@pytest.mark.parametrize(
    "held_out",
    [np.linspace(1.0, 0.3, 12), np.concatenate([[0.9, 0.6], np.full(10, 0.61)])],
    ids=["falls", "wanders"],
)
def test_a_healthy_run_is_not_called_names(held_out):
    assert overfitting_warning(rows(np.linspace(1.0, 0.2, 12), held_out)) is None


def test_a_rising_training_loss_is_another_matter():
    assert overfitting_warning(rows(np.linspace(0.2, 1.0, 12), np.linspace(0.2, 1.0, 12))) is None


@pytest.mark.parametrize("share, level, word", [(0.97, -30, "97 %"), (0.1, -60, "30 dB quieter")])
def test_collapse_is_told_with_its_figure(share, level, word):
    assert word in collapse_warning(share, level, -30.0)
    assert collapse_warning(0.1, -31.0, -30.0) is None


@pytest.fixture(scope="module")
def watched(recording, tmp_path_factory) -> dict:
    """A run of at most 40 steps that three watch, one of whom ends it after 6."""
    from nmsynth_lib.watches import SoundEvery, TensorBoardLogs, all_of

    folder, seen = tmp_path_factory.mktemp("watched"), []
    out, logs = folder / "x", folder / "logs"

    def watch(run):
        seen.append((run.state.step, len(run.state.history), round(run.silence_loss, 3)))
        run.model.stop_training = run.state.step >= 6

    watches = all_of(TensorBoardLogs(logs), SoundEvery(out, 0.01), watch)
    history = run_of(recording, out, 40, watches)
    return {"history": history, "seen": seen, "out": out, "logs": logs}


def test_those_who_watch_see_the_start_and_every_epoch_and_may_stop(watched):
    seen = watched["seen"]
    assert [step for step, _, _ in seen] == [0, 2, 4, 6]
    assert [count for _, count, _ in seen] == [0, 1, 2, 3] and len(watched["history"]) == 3
    assert len({silence for _, _, silence in seen}) == 1 and seen[0][2] > 0
    assert (watched["out"] / "instrument.yaml").is_file()


def test_it_stops_when_nothing_improves_but_not_on_the_plateau(recording, tmp_path):
    """With no learning rate at all nothing ever improves: the run ends `patience` epochs later."""
    words = []
    history = run_of(
        recording, tmp_path / "x", 40, lambda run: words.append(run.stopped),
        learning_rate=1e-12, final_learning_rate=1e-12, flat_until=0.5, patience=3,
    )  # fmt: skip
    falling = [row["step"] for row in history if row["progress"] > 0.5]
    assert history[-1]["step"] == falling[2] < 40
    assert words[-1].startswith("Nothing has improved for 3 epochs") and not any(words[:-1])


def test_tensorboard_finds_the_losses(watched):
    """Event files are read back with TensorFlow's own reader; TensorBoard shows `scalars`."""
    import tensorflow as tf

    found, plugins = {}, set()
    for file in watched["logs"].glob("events*"):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
                plugins.add(value.metadata.plugin_data.plugin_name)
    assert plugins == {"scalars"}
    for row in watched["history"]:
        for name in ("loss", "held_out_loss", "learning_rate"):
            assert math.isclose(found[name, row["step"]], row[name], rel_tol=1e-5)


def test_sounds_can_be_heard(watched):
    from nmsynth_lib.watches import HEARD, SoundEvery

    out = watched["out"]
    sounds = sorted((out / HEARD).glob("*.wav"))
    assert 1 <= len(sounds) <= len(watched["history"])
    audio, rate = read_audio(sounds[-1])
    assert rate == 16000 and len(audio) > 4 * rate and np.abs(audio).max() > 1e-4
    assert SoundEvery(out, 10.0).heard == int(sounds[-1].stem[:-1])
