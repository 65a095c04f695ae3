"""Training: it learns, it stops when told, and nothing that happens to the machine can hurt it."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmsynth_lib.errors import TrainingStateError
from nmsynth_lib.guitars import make_recording
from nmsynth_lib.schema import Architecture, InstrumentSpec

SMALL = Architecture(
    stack_units=8,
    stack_layers=2,
    gru_units=8,
    mlp_units=16,
    mlp_layers=1,
    n_harmonics=16,
    n_noise_bands=17,
    reverb_seconds=0.01,
)

# A program of its own, to be killed: trains the small network for 24 steps in epochs of 4.
PROGRAM = """
import sys
from nmsynth_lib.batches import Recipe
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.training import train
spec = InstrumentSpec.read(sys.argv[3])
recipe = Recipe(steps_per_epoch=4, batch=2, example_seconds=0.5, warmup_steps=5)
print("ready", flush=True)
train(sys.argv[1], sys.argv[2], steps=int(sys.argv[5]), spec=spec, recipe=recipe,
      resume=sys.argv[4] == "resume")
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    return make_recording("string", tmp_path_factory.mktemp("take"), minutes=0.5, seed=3)


@pytest.fixture(scope="module")
def recipe():
    from nmsynth_lib.batches import Recipe

    return Recipe(steps_per_epoch=4, batch=2, example_seconds=0.5, warmup_steps=5)


@pytest.fixture(scope="module")
def spec_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "instrument.yaml"
    InstrumentSpec(name="small", architecture=SMALL).write(path)
    return path


@pytest.fixture(scope="module")
def straight(recording, recipe, tmp_path_factory):
    """A run of 24 steps that nobody disturbs: its folder and its history."""
    from nmsynth_lib.training import train

    out = tmp_path_factory.mktemp("straight") / "small"
    spec = InstrumentSpec(name="small", architecture=SMALL)
    return out, train(recording, out, steps=24, spec=spec, recipe=recipe, quiet=True)


def start(recording, out, spec_file, mode, steps=24) -> subprocess.Popen:
    arguments = [str(recording), str(out), str(spec_file), mode, str(steps)]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def state_of(out: Path) -> dict:
    """The checkpoint as numpy reads it, without our own code."""
    with np.load(out / "training" / "state.npz") as file:
        return {name: file[name] for name in file.files}


def wait_for_step(out: Path, step: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        there = (out / "training" / "state.npz").exists()
        if there and json.loads(str(state_of(out)["meta"]))["step"] >= step:
            return
        time.sleep(0.02)
    raise AssertionError(f"step {step} was never reached: {process.communicate()[1][-2000:]}")


def test_the_loss_falls_far_below_silence(recording, tmp_path):
    from nmsynth_lib.batches import Cuts, Recipe
    from nmsynth_lib.losses import SpectrogramLoss, silence_loss
    from nmsynth_lib.recordings import load_recording, prepare_examples
    from nmsynth_lib.training import train

    wider = SMALL.model_copy(update={"stack_units": 48, "mlp_units": 64, "n_harmonics": 60})
    spec = InstrumentSpec(architecture=wider)
    recipe = Recipe(steps_per_epoch=30, batch=4, example_seconds=1.0, warmup_steps=10)
    history = train(recording, tmp_path / "x", steps=60, spec=spec, recipe=recipe, quiet=True)
    cuts = Cuts(prepare_examples(load_recording(recording), spec), spec, recipe)
    targets = [target for _, target in cuts.validation()]
    silence = np.mean([silence_loss(SpectrogramLoss(), target) for target in targets])
    assert history[-1]["held_out_loss"] < 0.65 * silence


def test_a_killed_and_resumed_run_ends_with_the_bits_of_an_undisturbed_one(
    recording, spec_file, straight, tmp_path
):
    out = tmp_path / "small"
    process = start(recording, out, spec_file, "fresh")
    wait_for_step(out, 8, process)
    process.kill()
    process.wait()
    stopped_at = json.loads(str(state_of(out)["meta"]))["step"]
    assert 8 <= stopped_at < 24, "the kill came too late to test anything"

    resumed = start(recording, out, spec_file, "resume")
    output, errors = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, errors[-2000:]
    assert "done" in output

    whole, mended = state_of(straight[0]), state_of(out)
    for name in whole:
        if name != "meta":
            np.testing.assert_array_equal(whole[name], mended[name], err_msg=name)
    losses = [
        [
            (row["step"], row["loss"], row["held_out_loss"])
            for row in json.loads(str(meta))["history"]
        ]
        for meta in (whole["meta"], mended["meta"])
    ]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_weights_stay_readable_whenever_the_power_goes(recording, spec_file, tmp_path):
    """Kills at random moments (NMSYNTH_KILLS of them), each time going on; then finishes."""
    from nmsynth_lib.instrument import Instrument

    out, rng = tmp_path / "small", random.Random(5)
    kills, mode, steps = int(os.environ.get("NMSYNTH_KILLS", "3")), "fresh", 100_000
    last_step = 0
    for _ in range(kills):
        process = start(recording, out, spec_file, mode, steps)
        assert process.stdout.readline() == "ready\n"
        wait_for_step(out, last_step + 1, process)
        time.sleep(rng.uniform(0.0, 1.0))
        process.kill()
        process.wait()
        state = state_of(out)
        last_step = json.loads(str(state["meta"]))["step"]
        assert all(np.isfinite(v).all() for name, v in state.items() if name != "meta")
        if (out / "model.weights.h5").exists():
            Instrument.load(out)
            mode = "resume"
    assert mode == "resume"
    assert [
        path.name for path in out.glob("*") if path.suffix not in (".yaml", ".h5", ".part")
    ] == ["training"]


def test_ctrl_c_keeps_the_best_weights(recording, spec_file, tmp_path, midi_dir):
    from nmsynth_lib.instrument import Instrument

    out = tmp_path / "small"
    process = start(recording, out, spec_file, "fresh", 100_000)
    wait_for_step(out, 8, process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors[-2000:]
    assert "the best weights are kept" in output + errors
    assert (out / "SHA256SUMS").exists()
    assert np.isfinite(
        Instrument.load(out).render(Path("assets/midi/test_midi_long_short.mid"))
    ).all()


def test_wall_clock_budget_ends_the_run(recording, recipe, tmp_path):
    from nmsynth_lib.training import train

    spec = InstrumentSpec(architecture=SMALL)
    history = train(recording, tmp_path / "x", minutes=0.1, spec=spec, recipe=recipe, quiet=True)
    assert 6.0 <= history[-1]["seconds"] < 40.0
    assert history[-1]["learning_rate"] < 0.5 * recipe.learning_rate


def test_the_learning_rate_warms_up_stays_and_falls():
    from nmsynth_lib.batches import Recipe
    from nmsynth_lib.training import learning_rate_at

    recipe = Recipe(warmup_steps=100, flat_until=0.4, learning_rate=1e-3, final_learning_rate=1e-5)
    assert learning_rate_at(0.0, 0, recipe) == pytest.approx(1e-5)
    assert learning_rate_at(0.2, 500, recipe) == pytest.approx(1e-3)
    assert learning_rate_at(0.7, 500, recipe) == pytest.approx((1e-3 + 1e-5) / 2)
    assert learning_rate_at(1.5, 500, recipe) == pytest.approx(1e-5)


def test_examples_are_drawn_from_training_blocks_only(recording, recipe):
    from nmsynth_lib.batches import Cuts
    from nmsynth_lib.recordings import load_recording, prepare_examples

    spec = InstrumentSpec(architecture=SMALL)
    examples = prepare_examples(load_recording(recording), spec)
    marked = replace(examples, audio=np.zeros_like(examples.audio))
    for first, end in examples.validation:  # every held-out sample says 1
        marked.audio[first * spec.rates.hop : end * spec.rates.hop] = 1.0
    cuts = Cuts(marked, spec, recipe)
    for _, target in cuts.training(0).take(100):
        assert float(np.abs(target).max()) == 0.0
    for _, target in cuts.validation():
        assert float(np.abs(target).min()) == 1.0


def test_a_held_note_s_end_is_hidden_in_some_examples_only(recording, recipe):
    from nmsynth_lib.batches import Cuts
    from nmsynth_lib.recordings import load_recording, prepare_examples

    spec = InstrumentSpec(architecture=SMALL)
    cuts = Cuts(prepare_examples(load_recording(recording), spec), spec, recipe)
    column = [control.name for control in spec.controls].index("to_offset")
    curves = np.concatenate(
        [inputs["controls"][..., column] for inputs, _ in cuts.training(0).take(150)]
    )
    # Hidden means that only 0 (rest) and 1 (not known yet) occur.
    hidden = np.array([set(np.unique(curve)) <= {0.0, 1.0} for curve in curves])
    playing = (curves > 0).any(axis=1)
    assert 0.2 < hidden[playing].mean() < 0.42


def test_noise_without_partials_raises_the_alarm():
    from nmsynth_lib.alarms import collapse_warning, noise_share
    from nmsynth_lib.model import GuitarModel

    model = GuitarModel(InstrumentSpec(architecture=SMALL))
    batch = {"controls": np.full((1, 8, 6), 0.5, np.float32)}
    decoder = model.decoder
    share, level = noise_share(model, batch)
    assert share < 0.1 and collapse_warning(share, level, level) is None
    decoder.noise_head.bias.assign(np.full(17, 0.0))
    decoder.amplitude_head.bias.assign([-3.0])
    share, level = noise_share(model, batch)
    assert re.search(r"(9\d|100) % of the energy is noise", collapse_warning(share, level, level))
    decoder.noise_head.bias.assign(np.full(17, -6.0))
    share, level = noise_share(model, batch)
    assert "silence" in collapse_warning(share, level, target_db=-30.0)


def test_an_instrument_is_not_overwritten_by_accident(recording, recipe, straight):
    from nmsynth_lib.training import train

    with pytest.raises(TrainingStateError, match="--resume, or choose another folder"):
        train(recording, straight[0], steps=4, recipe=recipe, quiet=True)


def test_nothing_to_resume_is_said(recording, tmp_path):
    from nmsynth_lib.training import train

    with pytest.raises(TrainingStateError, match="no training to resume"):
        train(recording, tmp_path, steps=4, resume=True, quiet=True)


def test_resuming_on_another_recording_is_refused(straight, tmp_path):
    from nmsynth_lib.training import train

    other = make_recording("string", tmp_path / "other", minutes=0.5, seed=4)
    with pytest.raises(TrainingStateError, match="not the recording"):
        train(other, straight[0], steps=30, resume=True, quiet=True)


def test_a_damaged_checkpoint_is_one_line(straight, recording, tmp_path):
    from nmsynth_lib.training import train

    (tmp_path / "training").mkdir()
    content = (straight[0] / "training" / "state.npz").read_bytes()
    (tmp_path / "training" / "state.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(TrainingStateError, match="damaged") as caught:
        train(recording, tmp_path, steps=30, resume=True, quiet=True)
    assert "\n" not in str(caught.value)


def test_provenance_says_how_it_was_made(straight):
    spec = InstrumentSpec.read(straight[0] / "instrument.yaml")
    assert spec.provenance["steps"] == 24
    assert spec.provenance["recipe"]["seed"] == 0
    assert spec.figures["held_out_loss"] == pytest.approx(
        min(row["held_out_loss"] for row in straight[1]), abs=1e-3
    )
