"""Training: it learns, it stops when told, and nothing that happens to the machine can hurt it."""

import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from machine import disk_with_room_for

from nmsynth_lib.errors import OutputError, RecordingError, TrainingStateError, WeightsError
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

# A program of its own, to be killed: trains the small network in epochs of 4 steps. It kills itself
# the moment that the checkpoint of a given step is on the disk, before the instrument is written.
PROGRAM = """
import os, signal, sys
from nmsynth_lib import training
from nmsynth_lib.batches import Recipe
from nmsynth_lib.schema import InstrumentSpec
recording, out, spec, mode, steps, fatal = sys.argv[1:]
write = training.write_checkpoint
def write_and_die(out, plan, state, *rest):
    write(out, plan, state, *rest)
    if state.step == int(fatal):
        os.kill(os.getpid(), signal.SIGKILL)
training.write_checkpoint = write_and_die
recipe = Recipe(steps_per_epoch=4, batch=2, example_seconds=0.5, warmup_steps=5)
print("ready", flush=True)
if mode == "resume":
    training.train(recording, out, resume=True, steps=int(steps) or None)
else:
    training.train(recording, out, steps=int(steps), spec=InstrumentSpec.read(spec), recipe=recipe)
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
def straight(recording, recipe, tmp_path_factory):
    """A run of 24 steps that nobody disturbs: its folder and its history."""
    from nmsynth_lib.training import train

    out = tmp_path_factory.mktemp("straight") / "small"
    spec = InstrumentSpec(name="small", architecture=SMALL)
    return out, train(recording, out, steps=24, spec=spec, recipe=recipe, quiet=True)


@pytest.fixture(scope="module")
def fresh(recording, recipe, tmp_path_factory):
    """A run into a folder with leftovers, on takes that are half lost: the folder, what it said."""
    from nmsynth_lib.batches import Cuts
    from nmsynth_lib.training import train

    out, said = tmp_path_factory.mktemp("fresh") / "small", io.StringIO()
    (out / "training").mkdir(parents=True)
    for name in ("training/.state.npz.abc.part", ".SHA256SUMS.abc.part", ".mine.part"):
        (out / name).touch()
    spec = InstrumentSpec(architecture=SMALL)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr(Cuts, "warning", lambda cuts: "half of it is lost.")
        train(recording, out, steps=4, spec=spec, recipe=recipe)
    return out, said.getvalue()


def start(recording, out, spec_file, mode, steps=24, fatal=-1) -> subprocess.Popen:
    """Starts the program; `fatal`: the step it dies at; `steps` 0: the budget is not named."""
    arguments = [*map(str, (recording, out, spec_file, mode, steps, fatal))]
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


def leftovers(out: Path) -> list[str]:
    """Hidden files and folders, which only a kill leaves behind."""
    return [path.name for path in out.rglob(".*")]


def wait_for_step(out: Path, step: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        there = (out / "training" / "state.npz").exists()
        if there and json.loads(str(state_of(out)["meta"]))["step"] >= step:
            return
        time.sleep(0.02)
    raise AssertionError(f"step {step} was never reached: {process.communicate()[1][-2000:]}")


def test_the_loss_falls_far_below_silence(recording, tmp_path):
    from nmsynth_lib.batches import Cuts, Recipe
    from nmsynth_lib.losses import SpectrogramLoss, silence_loss
    from nmsynth_lib.recordings import prepare_examples
    from nmsynth_lib.takes import load_recording
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
    """Killed after step 4 there is a checkpoint, but no instrument yet; the budget is kept."""
    out = tmp_path / "small"
    process = start(recording, out, spec_file, "fresh", fatal=4)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL, errors[-2000:]
    assert json.loads(str(state_of(out)["meta"]))["step"] == 4
    assert not (out / "instrument.yaml").exists()
    (out / ".model.weights.h5.1.part").mkdir()
    (out / ".model.weights.h5.1.part" / "model.weights.h5").touch()
    (out / "training" / ".state.npz.1.part").touch()

    resumed = start(recording, out, spec_file, "resume", steps=0)
    output, errors = resumed.communicate(timeout=600)
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
    assert leftovers(out) == []
    assert sorted(path.name for path in out.iterdir()) == [
        "SHA256SUMS",
        "instrument.yaml",
        "model.weights.h5",
        "training",
    ]


@pytest.mark.slow
def test_weights_stay_readable_whenever_the_power_goes(recording, spec_file, tmp_path):
    """Kills at random moments (NMSYNTH_KILLS of them), each time going on; then finishes."""
    from nmsynth_lib.instrument import Instrument

    out, rng = tmp_path / "small", random.Random(5)
    kills, mode, steps = int(os.environ.get("NMSYNTH_KILLS", "2")), "fresh", 100_000
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
        if (out / "model.weights.h5").exists() and (out / "instrument.yaml").exists():
            Instrument.load(out)
        mode = "resume"
    process = start(recording, out, spec_file, mode, last_step + 4)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0 and "done" in output, errors[-2000:]
    Instrument.load(out)
    assert (out / "SHA256SUMS").exists() and leftovers(out) == []


def test_ctrl_c_keeps_the_best_weights(recording, spec_file, tmp_path, midi_dir):
    from nmsynth_lib.instrument import Instrument

    out = tmp_path / "small"
    process = start(recording, out, spec_file, "fresh", 100_000)
    wait_for_step(out, 8, process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors[-2000:]
    assert "the best weights are kept" in output + errors
    assert (out / "SHA256SUMS").exists()
    assert np.isfinite(Instrument.load(out).render(midi_dir / "test_midi_long_short.mid")).all()


def test_wall_clock_budget_ends_the_run(recording, recipe, tmp_path):
    from nmsynth_lib.training import train

    spec = InstrumentSpec(architecture=SMALL)
    history = train(recording, tmp_path / "x", minutes=0.1, spec=spec, recipe=recipe, quiet=True)
    assert history[-1]["seconds"] >= 5.8  # told to a tenth, a moment before the budget is looked at
    began = history[-2]["seconds"] if len(history) > 1 else 0.0
    assert began <= 6.0, "an epoch began after the budget had ended"


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
    from nmsynth_lib.recordings import prepare_examples
    from nmsynth_lib.takes import load_recording

    spec = InstrumentSpec(architecture=SMALL)
    examples = prepare_examples(load_recording(recording), spec)
    marked = replace(examples, audio=np.zeros(len(examples.audio), np.float32))
    for first, end in examples.validation:  # every held-out sample says 1
        marked.audio[first * spec.rates.hop : end * spec.rates.hop] = 1.0
    cuts = Cuts(marked, spec, recipe)
    for _, target in cuts.training(0).take(100):
        assert float(np.abs(target).max()) == 0.0
    for _, target in cuts.validation():
        assert float(np.abs(target).min()) == 1.0


def test_a_held_note_s_end_is_hidden_in_some_examples_only(recording, recipe):
    from nmsynth_lib.batches import Cuts
    from nmsynth_lib.recordings import prepare_examples
    from nmsynth_lib.takes import load_recording

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


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": {"swing": 1.0}},
        {"recipe": None},
        {"spec": {"name": "small", "strings": 6}},
        {"step": None},
        {"data": ...},
    ],
    ids=str,
)
def test_a_checkpoint_of_another_version_is_one_line(straight, recording, tmp_path, change):
    from nmsynth_lib.training import train

    state = state_of(straight[0])
    meta = {**json.loads(str(state["meta"])), **change}
    meta = {name: value for name, value in meta.items() if value is not ...}
    (tmp_path / "training").mkdir()
    np.savez(tmp_path / "training" / "state.npz", **{**state, "meta": np.array(json.dumps(meta))})
    with pytest.raises(TrainingStateError, match="another version") as caught:
        train(recording, tmp_path, resume=True, quiet=True)
    assert "\n" not in str(caught.value)


def test_leftovers_without_a_checkpoint_do_not_stop_a_new_run(fresh):
    assert leftovers(fresh[0]) == [".mine.part"], "what is not ours stays"
    assert (fresh[0] / "SHA256SUMS").exists()


def test_a_checkpoint_alone_is_not_overwritten_by_accident(straight, recording, recipe, tmp_path):
    from nmsynth_lib.training import train

    (tmp_path / "training").mkdir()
    shutil.copy(straight[0] / "training" / "state.npz", tmp_path / "training")
    with pytest.raises(TrainingStateError, match="--resume, or choose another folder"):
        train(recording, tmp_path, steps=4, recipe=recipe, quiet=True)


def test_a_finished_run_is_mended_from_its_checkpoint(straight, recording, tmp_path):
    """Whatever happened to the instrument's files, --resume alone brings them back."""
    from nmsynth_lib.instrument import Instrument
    from nmsynth_lib.training import train

    out = shutil.copytree(straight[0], tmp_path / "small")
    (out / "instrument.yaml").unlink()
    (out / "model.weights.h5").write_bytes(b"older")
    assert train(recording, out, resume=True, quiet=True)[-1]["step"] == 24
    whole, mended = (Instrument.load(folder) for folder in (straight[0], out))
    assert mended.spec.architecture == whole.spec.architecture
    for one, other in zip(whole.model.weights, mended.model.weights, strict=True):
        assert np.array_equal(one, other)


def test_a_budget_given_anew_replaces_the_old_one(straight, recording, tmp_path):
    from nmsynth_lib.training import train

    out = shutil.copytree(straight[0], tmp_path / "small")
    assert train(recording, out, steps=28, resume=True, quiet=True)[-1]["step"] == 28
    assert json.loads(str(state_of(out)["meta"]))["steps"] == 28
    assert train(recording, out, resume=True, quiet=True)[-1]["step"] == 28


# Short takes ----------------------------------------------------------------------------------


def spans(*seconds: float, held=(10.0,)):
    """Examples of silence whose training spans last so many seconds."""
    from nmsynth_lib.recordings import Examples

    edges = np.cumsum([0, *(round(s * 250) for s in (*seconds, *held))])
    pairs = tuple((int(a), int(b)) for a, b in pairwise(edges))
    n_frames = int(edges[-1])
    curve = np.zeros(n_frames, np.float32)
    return Examples(
        audio=np.zeros(n_frames * 64, np.float32),
        controls=np.zeros((n_frames, 6), np.float32),
        f0_hz=curve,
        stiffness=curve,
        training=pairs[: len(seconds)],
        validation=pairs[len(seconds) :],
    )


@pytest.mark.parametrize(
    ("seconds", "held", "n_frames", "lost"),
    [
        ([600.0, 80.0], [10.0], 500, 0.0),  # long takes: as the recipe says
        ([10.0, 1.0], [10.0], 500, 1 / 11),  # less than a tenth is lost: as well
        ([3.0, 1.5, 1.0], [10.0], 248, 0.0),  # shorter, so that the shortest is heard too
        ([3.0, 1.5, 0.4], [10.0], 372, 0.4 / 4.9),
        ([3.0, *[0.3] * 10], [10.0], 128, 0.5),  # 0.5 s, and half of it is still lost
        ([0.4, 0.4], [10.0], 100, 0.0),  # nothing is longer
        ([10.0], [0.3], 72, 0.0),  # the held-out part is that short
    ],
)
def test_short_takes_are_trained_on_too(seconds, held, n_frames, lost):
    from nmsynth_lib.batches import Cuts, Recipe

    spec = InstrumentSpec(architecture=SMALL)
    cuts = Cuts(spans(*seconds, held=held), spec, Recipe())
    assert cuts.n_frames == n_frames and n_frames % spec.architecture.gru_every == 0
    assert cuts.lost == pytest.approx(lost)
    if lost > 0.1:
        assert f"{100 * lost:.0f} %" in cuts.warning() and "Join" in cuts.warning()
    else:
        assert cuts.warning() is None


@pytest.mark.parametrize(("seconds", "held"), [([0.12], [10.0]), ([10.0], [0.12])])
def test_less_than_the_loss_can_see_is_refused(seconds, held):
    from nmsynth_lib.batches import Cuts, Recipe

    with pytest.raises(RecordingError, match="longer takes") as caught:
        Cuts(spans(*seconds, held=held), InstrumentSpec(architecture=SMALL), Recipe())
    assert "\n" not in str(caught.value)


def test_what_is_not_trained_on_is_told(fresh):
    assert "Warning: half of it is lost." in fresh[1]


def test_the_shipped_recording_is_cut_as_the_recipe_says(repository):
    from nmsynth_lib.batches import Recipe, example_frames
    from nmsynth_lib.recordings import prepare_examples
    from nmsynth_lib.takes import load_recording

    takes = load_recording(repository / "assets" / "recordings" / "sampled")
    spec = InstrumentSpec()
    examples = prepare_examples(takes, spec)
    assert example_frames(examples, spec, Recipe().example_seconds) == 500


# What is measured, what is written --------------------------------------------------------------


def test_a_schema_keeps_what_it_names_and_gets_what_it_leaves_open(recording):
    from nmsynth_lib.measured_spec import measured_spec
    from nmsynth_lib.takes import load_recording
    from nmsynth_lib.tuning import measured_stiffness

    takes = load_recording(recording)
    stiffness, tuning = measured_stiffness(takes)
    base = InstrumentSpec(architecture=SMALL, description="mine")
    spec = measured_spec("my guitar", takes, base)
    assert spec.name == "my-guitar" and spec.description == "mine"
    assert spec.architecture.gru_units == SMALL.gru_units
    assert spec.architecture.inharmonicity == stiffness != SMALL.inharmonicity
    assert spec.architecture.tuning_cents == tuning != SMALL.tuning_cents
    own = SMALL.model_copy(update={"inharmonicity": [(40.0, 1e-4)]})
    spec = measured_spec("x", takes, InstrumentSpec(architecture=own))
    assert spec.architecture.inharmonicity == [(40.0, 1e-4)]
    assert spec.architecture.tuning_cents == tuning


def test_training_measures_for_a_spec_from_python_too(straight):
    spec = InstrumentSpec.read(straight[0] / "instrument.yaml")
    assert spec.architecture.gru_units == SMALL.gru_units
    assert spec.architecture.inharmonicity != SMALL.inharmonicity


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("room", [100, 10_000, None], ids=["none", "little", "one byte too few"])
def test_a_full_disk_leaves_the_older_instrument(straight, tmp_path, room):
    from nmsynth_lib.instrument import Instrument

    out = shutil.copytree(straight[0], tmp_path / "small")
    before = files_of(out)
    instrument = Instrument.load(out)
    room = room or len(before["model.weights.h5"]) - 1
    with disk_with_room_for(room), pytest.raises(OutputError, match="free some space") as caught:
        instrument.save(out)
    assert "\n" not in str(caught.value)
    assert files_of(out) == before and leftovers(out) == []


def test_an_instrument_cannot_be_saved_over_a_file(straight, tmp_path):
    from nmsynth_lib.instrument import Instrument

    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="choose another folder"):
            Instrument.load(straight[0]).save(place)
    assert (tmp_path / "file").read_text() == "mine"


def test_saved_files_follow_the_umask(straight, tmp_path):
    from nmsynth_lib.instrument import Instrument

    instrument, before = Instrument.load(straight[0]), os.umask(0o027)
    try:
        instrument.save(tmp_path / "x")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "x").iterdir()} == {0o640}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\n", b"0123  instrument.yaml\n"])
def test_damaged_checksums_are_one_line(straight, tmp_path, content):
    from nmsynth_lib.instrument import Instrument

    out = shutil.copytree(straight[0], tmp_path / "small")
    (out / "SHA256SUMS").write_bytes(content)
    with pytest.raises(WeightsError, match="SHA256SUMS: damaged") as caught:
        Instrument.load(out)
    assert "\n" not in str(caught.value)


def test_provenance_says_how_it_was_made(straight):
    spec = InstrumentSpec.read(straight[0] / "instrument.yaml")
    assert spec.provenance["steps"] == 24
    assert spec.provenance["recipe"]["seed"] == 0
    assert spec.figures["held_out_loss"] == pytest.approx(
        min(row["held_out_loss"] for row in straight[1]), abs=1e-3
    )
