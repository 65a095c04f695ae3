"""The benchmark measures what it says: known delays, known losses, known memory, both orders."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmsynth_lib import bench, cli_bench, threads
from nmsynth_lib.batches import Recipe
from nmsynth_lib.bench import QUICK, measured_speed
from nmsynth_lib.bench_children import forget_peak, in_child, peak_mb
from nmsynth_lib.bench_sides import (
    Judge,
    TracedBaseline,
    Trainer,
    our_trainer,
    stock_oscillator_snr_db,
)
from nmsynth_lib.bench_table import BAR, GOALS, bar, bench_text, missed
from nmsynth_lib.bench_turns import alternated, time_to_baseline, train_speed
from nmsynth_lib.cli import main
from nmsynth_lib.errors import NmsynthError
from nmsynth_lib.guitars import make_recording
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.instrument_files import WEIGHTS_FILE
from nmsynth_lib.losses import SpectrogramLoss, silence_loss
from nmsynth_lib.model import GuitarModel
from nmsynth_lib.performance import Note, Performance
from nmsynth_lib.profiling import HEADS, REST, WHOLE, render_profile, step_profile
from nmsynth_lib.schema import Architecture, InstrumentSpec
from nmsynth_lib.seed_sized import Baseline, SeedSizedModel, seed_sized_spec
from nmsynth_lib.spectral_distances import mss
from nmsynth_lib.training import train

SMALL = InstrumentSpec(
    name="small",
    architecture=Architecture(
        stack_units=4,
        stack_layers=1,
        gru_units=0,
        gru_every=1,
        mlp_units=8,
        mlp_layers=1,
        n_harmonics=8,
        n_noise_bands=9,
        reverb_seconds=0.01,
    ),
)
RECIPE = Recipe(batch=2, example_seconds=0.5, steps_per_epoch=3, flat_until=0.9)
SMALL_BASELINE = {"units": 8, "n_harmonics": 8}
TINY = replace(
    QUICK,
    minutes=0.3,
    rounds=2,
    steps=2,
    music_s=4.0,
    one_thread_s=2.0,
    baseline_s=0.1,
    looks=2,
    snr_s=5.0,
    memory_s=(2.0, 6.0),
    imports=1,
)
FIGURES = {
    **{name: 1.0 for goal in GOALS for name in (goal.key, goal.ours, goal.baseline) if name},
    "threads": 2,
    "rounds": 6,
    "quick": 0.0,
    "load_at_start": 0.1,
    "bare_python_s": 0.02,
    "train_speedup_lowest": 20.0,
    "train_speedup_highest": 50.0,
    "render_speedup_lowest": 20.0,
    "render_speedup_highest": 50.0,
    "render_music_s": 60.0,
    "render_start_s": 5.0,
    "render_peak_mb": 700.0,
    "train_trace_s": 5.0,
    "baseline_train_trace_s": 5.0,
    "baseline_loss": 12.0,
    "loss_then": 11.9,
    "time_to_baseline_own_loss_s": 1.0,
    "took_s": 400.0,
}


@pytest.fixture(scope="module")
def takes(tmp_path_factory) -> Path:
    return make_recording("string", tmp_path_factory.mktemp("bench") / "takes", 0.3)


# --- Both sides in turns --------------------------------------------------------------------------


def test_each_side_is_first_in_half_of_the_rounds():
    said = []

    def side(name):
        return lambda: said.append(name) or len(said)

    ours, baseline = alternated(side("ours"), side("baseline"), 4)
    assert said == ["ours", "baseline", "baseline", "ours"] * 2
    assert (ours, baseline) == ([1, 4, 5, 8], [2, 3, 6, 7])


# --- Training -------------------------------------------------------------------------------------


class Sleeper(keras.Model):
    """Learns one number; each step takes so many seconds, and tracing so many more."""

    def __init__(self, step_s: float, trace_s: float):
        super().__init__()
        self.step_s, self.trace_s = step_s, trace_s
        self.scale = self.add_weight(shape=(), initializer="ones")
        self.compile(optimizer="sgd", loss="mse")

    def call(self, x):
        time.sleep(self.trace_s)  # in Python: only while TensorFlow traces
        slept = tf.py_function(lambda: time.sleep(self.step_s) or 1.0, [], tf.float32)
        return self.scale * x * tf.stop_gradient(tf.ensure_shape(slept, []))


def sleeper(step_s: float, trace_s: float = 0.0) -> Trainer:
    ones = tf.ones([2, 1])
    data = tf.data.Dataset.from_tensors((ones, ones)).repeat()
    return Trainer(Sleeper(step_s, trace_s), lambda first: data, audio_seconds=3.0)


@pytest.mark.alone
def test_a_slower_model_trains_as_many_times_slower_as_it_is():
    """Steps that sleep 0.05 and 0.25 s; what Keras adds to both makes five times a little less."""
    ours, baseline = sleeper(0.05, trace_s=0.5), sleeper(0.25)
    figures = train_speed(ours, baseline, rounds=2, steps=3)
    assert 2.5 < figures["train_speedup"] < 5.01
    assert figures["train_audio_seconds_per_second"] < 3.0 / 0.05
    assert figures["baseline_train_audio_seconds_per_second"] < 3.0 / 0.25
    assert figures["train_speedup_lowest"] <= figures["train_speedup"]
    assert (ours.n_steps, baseline.n_steps) == (1 + 2 * 3, 1 + 2)
    assert figures["train_trace_s"] >= 0.4 and figures["train_step_s"] < 0.4


def test_ours_trains_as_the_train_command_does(takes, tmp_path):
    """After three steps both have the same weights: same data, loss, optimiser, learning rates."""
    train(takes, tmp_path / "small", steps=3, spec=SMALL, recipe=RECIPE, quiet=True)
    trained = GuitarModel(SMALL)
    trained.load_weights(tmp_path / "small" / WEIGHTS_FILE)
    timed = our_trainer(takes, tmp_path / "bench", SMALL, RECIPE)
    untrained = [np.array(weight) for weight in timed.model.weights]
    assert len(timed.train(3)) == 2 and timed.audio_seconds == 2 * 0.5
    assert not (tmp_path / "bench").exists()
    for ours, theirs in zip(timed.model.weights, trained.weights, strict=True):
        np.testing.assert_allclose(np.array(ours), np.array(theirs), atol=2e-6)
    moved = zip(timed.model.weights, untrained, strict=True)
    assert any(np.abs(np.array(now) - before).max() > 1e-6 for now, before in moved)


# --- Time to the baseline's loss ------------------------------------------------------------------


class Falling:
    """A trainer whose every step takes `step_s`; its loss after so many steps is `loss(steps)`."""

    def __init__(self, step_s: float, loss):
        self.step_s, self.loss, self.n_steps, self.model = step_s, loss, 0, self

    def train(self, steps: int) -> None:
        self.n_steps += steps

    @property
    def seconds(self) -> float:
        return self.n_steps * self.step_s


class ByTheirWord:
    """Judges `Falling` by its own loss, and by a tenth of it."""

    def of(self, model):
        return lambda: (model.loss(model.n_steps), 0.1 * model.loss(model.n_steps))


def race(ours: Falling, baseline: Falling, looks: int = 10) -> dict[str, float]:
    return time_to_baseline(ours, baseline, ByTheirWord(), 20.0, looks, judge_every=0.25)


def test_seconds_until_ours_has_the_baselines_loss():
    """20 steps of 1 s lower the baseline's loss to 4; ours is there after 12 steps of 0.25 s."""
    figures = race(Falling(0.25, lambda n: 10 - 0.5 * n), Falling(1.0, lambda n: 10 - 0.3 * n))
    assert figures["baseline_loss"] == pytest.approx(4.0) == figures["loss_then"]
    assert figures["time_to_baseline_s"] == figures["time_to_baseline_own_loss_s"]
    assert figures["time_to_baseline_s"] == pytest.approx(3.0)
    assert figures["time_to_baseline_share"] == pytest.approx(0.15)


def test_the_best_that_the_baseline_had_is_what_counts():
    """Its loss jumps; ours is not let off by a bad last step."""
    jumping = Falling(1.0, lambda n: 20.0 if n % 4 == 0 else 10 - 0.3 * n)
    figures = race(Falling(0.25, lambda n: 10 - 0.5 * n), jumping)
    assert figures["baseline_loss"] == pytest.approx(10 - 0.3 * 18)


def test_ours_that_never_gets_there_is_given_the_whole_time_and_misses():
    figures = race(Falling(0.5, lambda n: 10.0), Falling(1.0, lambda n: 10 - 0.3 * n))
    assert figures["time_to_baseline_s"] == 20.0 and figures["loss_then"] == 10.0
    assert "time_to_baseline_share" in missed({**FIGURES, **figures})


class Says(keras.Model):
    """Answers every piece with the same sounds."""

    def __init__(self, spec, sounds):
        super().__init__()
        self.spec, self.sounds = spec, sounds

    def call(self, inputs):
        self.inputs = inputs
        return tf.constant(self.sounds)


def test_the_judge_measures_ddsps_distance_to_what_the_guitar_plays():
    judge = Judge(n_pieces=2)
    assert judge.target.shape == (2, 64000) and np.abs(judge.target).max(axis=1).min() > 0.05
    assert judge.of(Says(SMALL, judge.target))() == pytest.approx((0.0, 0.0), abs=1e-6)
    silence = np.zeros_like(judge.target)
    expected = np.mean([mss(piece, silence[0]) for piece in judge.target])
    stock, own = judge.of(Says(SMALL, silence))()
    assert stock == pytest.approx(expected, rel=1e-4)
    assert own == pytest.approx(silence_loss(SpectrogramLoss(16000), judge.target), rel=1e-4)


def test_both_sides_are_judged_on_the_same_notes():
    """Frames of 16 and of 4 ms that end together are told the same pitch."""
    judge, pitches = Judge(n_pieces=2), []
    for spec in (SMALL, seed_sized_spec(**SMALL_BASELINE)):
        model = Says(spec, judge.target)
        tf.config.run_functions_eagerly(True)
        try:
            judge.of(model)()
        finally:
            tf.config.run_functions_eagerly(False)
        pitches.append(model.inputs["f0_hz"].numpy())
    np.testing.assert_array_equal(pitches[0][:, 3::4], pitches[1])


# --- Rendering ------------------------------------------------------------------------------------


def test_the_traced_baseline_is_the_baseline():
    """The same sound to within single precision, from one piece into the next."""
    model = SeedSizedModel(seed_sized_spec(**SMALL_BASELINE), seed=1)
    music = Performance.from_notes([Note(45, 100, 0.1, 0.9), Note(52, 70, 0.9, 4.2)])
    expected = Baseline(model).render(music)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(TracedBaseline(model).render(music), expected, atol=2e-3)


class Steady:
    """One partial of 441 Hz."""

    spec = SMALL

    def parameters(self, performance, tail=1.0):
        n_frames = 250 * round(performance.duration + tail)
        return {
            "amplitude": np.full(n_frames, 0.5),
            "distribution": np.ones((n_frames, 1)),
            "f0_hz": np.full(n_frames, 441.0, np.float32),
        }


def test_stock_oscillators_drift_as_a_sum_in_single_precision_does():
    """What NumPy's own running sum in float32 loses over 20 s, to within 3 dB."""
    music = Performance.from_notes([Note(69, 90, 0.0, 19.0)])
    turn = np.full(20 * 16000, np.float32(441.0) * np.float32(2 * np.pi) / np.float32(16000))
    single = np.sin(np.cumsum(turn, dtype=np.float32))[-64000:].astype(np.float64)
    exact = np.sin(np.cumsum(np.full(20 * 16000, 2 * np.pi * 441.0 / 16000)))[-64000:]
    expected = 10 * np.log10(np.sum(exact**2) / np.sum((single - exact) ** 2))
    assert stock_oscillator_snr_db(Steady(), music) == pytest.approx(expected, abs=3.0)
    assert expected < 40


# --- Processes of their own -----------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux forgets a peak")
def test_the_peak_of_memory_is_forgotten_and_measured_anew():
    """150 MB that are given back before do not count, 150 MB taken afterwards do."""

    def take_and_give_back() -> None:
        np.ones(150 * 2**20, np.uint8)

    take_and_give_back()
    forget_peak()
    before = peak_mb()
    take_and_give_back()
    assert 130 < peak_mb() - before < 220


def test_a_child_that_fails_says_why_in_one_line(tmp_path):
    asked = {"short_s": 1.0, "long_s": 2.0, "folder": str(tmp_path)}
    with pytest.raises(NmsynthError, match=r"^bench: .*memory.*: nowhere: no instrument of that"):
        in_child("memory", 1, instrument="nowhere", **asked)


def test_threads_cannot_be_changed_once_tensorflow_runs(monkeypatch):
    for name in threads.thread_variables(3):
        monkeypatch.setenv(name, "2")
    tf.constant(1.0) + 1.0
    with pytest.raises(NmsynthError, match=r"--threads 3: .*new process"):
        threads.use_threads(3)


# --- The table ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "length"), [(10, BAR), (5, BAR / 2), (0.25, 1), (0, 0), (-3, 0)])
def test_bars_are_as_long_as_what_they_show(value, length):
    assert len(bar(value, 10.0)) == length


def test_every_eighth_of_a_character_counts():
    drawn = [bar(value, 8.0 * BAR) for value in range(8 * BAR + 1)]
    assert len(set(drawn)) == 8 * BAR + 1
    assert [len(one) for one in drawn] == [math.ceil(value / 8) for value in range(8 * BAR + 1)]


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.key)
def test_a_goal_is_met_on_its_side_and_missed_beyond(goal):
    better = 1.01 if goal.sense == "least" else 0.99
    others = {other.key: other.wanted for other in GOALS}
    for value, verdict in ((goal.wanted * better, "met"), (goal.wanted / better, "MISSED")):
        figures = {**FIGURES, **others, goal.key: value}
        text = bench_text(figures)
        assert missed(figures) == ([goal.key] if verdict == "MISSED" else [])
        block = next(part for part in text.split("\n\n") if part.startswith(title(goal)))
        assert block.endswith(f"{verdict}.")


def title(goal) -> str:
    return goal.title.format(**FIGURES)


def test_table_draws_ours_baseline_and_goal_to_one_scale():
    figures = {
        **FIGURES,
        "train_speedup": 15.0,
        "train_audio_seconds_per_second": 30.0,
        "baseline_train_audio_seconds_per_second": 2.0,
    }
    lines = next(part for part in bench_text(figures).split("\n\n") if "Training, s" in part)
    drawn = {line.split()[0]: line.count("█") for line in lines.splitlines() if "█" in line}
    assert drawn == {"ours": BAR / 2, "baseline": 1, "goal": BAR}  # 30 times 2 is 60
    assert "15.0 times the baseline" in lines and "MISSED" in lines


def test_table_fits_a_terminal_and_says_what_to_know():
    busy = {**FIGURES, "load_at_start": 3.0, "quick": 1.0, "threads": 1}
    text = bench_text(busy)
    assert max(map(len, text.splitlines())) <= 100
    assert "1 thread, medians of 6 rounds" in text and "Quick:" in text and "was busy" in text
    quiet = bench_text(FIGURES)
    assert "2 threads" in quiet and "Quick" not in quiet and "busy" not in quiet


# --- The profile ----------------------------------------------------------------------------------


@pytest.mark.alone
def test_profile_finds_the_block_that_is_slow():
    """An MLP that takes 50 ms more than before."""
    model = GuitarModel(SMALL)
    quick = model.decoder.mlp.call

    def slow(x):
        slept = tf.py_function(lambda: time.sleep(0.05) or 1.0, [], tf.float32)
        return quick(x) * tf.ensure_shape(slept, [])

    model.decoder.mlp.call = slow
    rows = {row.block: row for row in render_profile(Instrument(SMALL, model), repeats=3)}
    assert rows[HEADS].ms > 40
    assert max(rows, key=lambda name: rows[name].ms * (name != WHOLE)) == HEADS


@pytest.mark.alone
def test_rows_of_a_step_sum_to_the_whole():
    rows = step_profile(SMALL, RECIPE, repeats=1)
    assert [row.block for row in rows][-2:] == [REST, WHOLE]
    assert sum(row.ms for row in rows[:-1]) == pytest.approx(rows[-1].ms)
    assert all(row.ms > 0 for row in rows if row.block not in (REST, HEADS))


# --- The command ----------------------------------------------------------------------------------


def test_the_command_measures_and_writes_all(tmp_path, monkeypatch, capsys):
    """All of it on small networks: real training, rendering and child processes."""
    Instrument(SMALL, GuitarModel(SMALL)).save(tmp_path / "small")
    small = partial(measured_speed, TINY, spec=SMALL, recipe=RECIPE, baseline=SMALL_BASELINE)
    monkeypatch.setattr(bench, "measured_speed", lambda sizes, *others: small(*others))
    monkeypatch.setattr(threads, "use_threads", lambda threads: 2)
    file = tmp_path / "speed.json"
    status = main(
        ["bench", "--quick", "--instrument", str(tmp_path / "small"), "--json", str(file)]
    )
    out, err = capsys.readouterr()
    assert status == 0, err
    figures = json.loads(file.read_text())
    assert all(math.isfinite(value) for value in figures.values())
    assert {goal.key for goal in GOALS} <= set(figures)
    assert out.strip() == bench_text(figures)
    assert "training, ours and the baseline in turns ..." in err
    assert figures["render_cores_1_thread"] < 1.3, "one thread keeps one processor busy"
    assert figures["train_speedup"] == pytest.approx(
        figures["train_audio_seconds_per_second"]
        / figures["baseline_train_audio_seconds_per_second"]
    )
    assert figures["render_speedup"] == pytest.approx(
        figures["baseline_render_s"] / figures["render_s"]
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small", "speed.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--threads 0", "--threads"),
        ("--json missing/speed.json", "there is no folder missing"),
        ("--instrument nowhere", "no instrument of that name"),
    ],
)
def test_wrong_usage_is_one_line_before_anything_is_measured(
    arguments, words, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Error: ") and words in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_help_teaches_by_examples(capsys):
    assert main(["bench", "--help"]) == 0
    told = capsys.readouterr().out
    assert "\n    nmsynth bench --quick --json speed.json" in told
    options = {"--quick", "--threads", "--instrument", "--profile", "--json", "--quiet"}
    assert options <= set(told.replace(",", " ").split())


def test_ctrl_c_leaves_nothing(tmp_path):
    """Stopped while a child measures: no file, no child, no temporary folder."""
    tmp_path.joinpath("tmp").mkdir()
    program = [sys.executable, "-m", "nmsynth_lib.cli", "bench", "--json", str(tmp_path / "a.json")]
    running = subprocess.Popen(
        program,
        cwd=Path(cli_bench.__file__).parents[1],
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    said = next(line for line in running.stderr if "one thread" in line)
    time.sleep(0.5)
    os.killpg(running.pid, signal.SIGINT)
    left = running.communicate(timeout=60)[1]
    assert said and running.returncode == 130
    assert left.splitlines()[-1] == "Stopped; nothing was written."
    assert list(tmp_path.iterdir()) == [tmp_path / "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        for _ in range(100):  # an orphan stays in the table until the system has collected it
            os.killpg(running.pid, 0)
            time.sleep(0.1)
