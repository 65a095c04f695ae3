"""Several workers do what one does, and losing one loses no more than an epoch.

Real processes throughout: the command line itself, with a small network and short epochs.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from test_training import SMALL, state_of

from nmsynth_lib.errors import WorkersError
from nmsynth_lib.guitars import make_recording
from nmsynth_lib.schema import InstrumentSpec

SHORT = {"steps_per_epoch": 4, "batch": 4, "example_seconds": 0.5, "warmup_steps": 5}
MANY = 100_000  # steps: a run that goes on until something happens to it
BOUND_S = 90.0  # to notice a hanging worker (10 s), say so and end, on a busy machine

# `nmsynth` with short epochs; keeps the checkpoint of step 8 beside the folder.
PROGRAM = f"""
import functools, shutil, sys
from nmsynth_lib import batches, cli, training
batches.Recipe = functools.partial(batches.Recipe, **{SHORT!r})
write = training.write_checkpoint
def write_and_keep(out, plan, state, *rest):
    write(out, plan, state, *rest)
    if state.step == 8:
        shutil.copy(out / "training" / "state.npz", f"{{out}}-8.npz")
training.write_checkpoint = write_and_keep
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """CC55 continuous: with two levels alone, each worker prices blends in examples of its own."""
    folder = tmp_path_factory.mktemp("take")
    return make_recording("string", folder, minutes=0.5, seed=3, levels="continuous")


@pytest.fixture(scope="module")
def alone(recording, tmp_path_factory) -> dict:
    """The state of one process after 8 steps of a long run."""
    from nmsynth_lib.batches import Recipe
    from nmsynth_lib.training import train

    def until_8(run):
        run.model.stop_training = run.state.step >= 8

    out = tmp_path_factory.mktemp("alone") / "small"
    spec = InstrumentSpec(name="small", architecture=SMALL)
    train(recording, out, steps=MANY, spec=spec, recipe=Recipe(**SHORT), quiet=True, watch=until_8)
    return state_of(out)


def started(*arguments, program: str = PROGRAM, **environment) -> subprocess.Popen:
    """`nmsynth train` with short epochs, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", program, "train", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def free_addresses() -> list[str]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other)]


def helpers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The further workers that a command has started."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        if found := [c for c in children if "nmsynth_lib.worker_process" in c.cmdline()]:
            return found
        time.sleep(0.05)
    raise AssertionError(f"no helper was started: {process.communicate()[1][-2000:]}")


def wait_until(there, *processes: subprocess.Popen, seconds: float = 600.0) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        ended = [process for process in processes if process.poll() is not None]
        assert not ended, ended[0].communicate()[1][-2000:]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def step_of(out: Path) -> int:
    if not (out / "training" / "state.npz").exists():
        return 0
    return json.loads(str(state_of(out)["meta"]))["step"]


def one_line(errors: str) -> str:
    """What remains of the error stream without the line that tells how many workers there are."""
    assert "Traceback" not in errors
    lines = [line for line in errors.splitlines() if not re.match(r"\d+ workers ", line)]
    assert len(lines) == 1, errors
    return lines[0]


def assert_same_training(alone: dict, kept: Path) -> None:
    with np.load(kept) as file:
        together = {name: file[name] for name in file.files}
    rows = [json.loads(str(state["meta"]))["history"] for state in (alone, together)]
    for one, other in zip(*rows, strict=True):
        assert one["step"] == other["step"]
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)  # 2 % are asked for
        assert other["held_out_loss"] == pytest.approx(one["held_out_loss"], rel=1e-3)
        assert other["learning_rate"] == pytest.approx(one["learning_rate"], rel=1e-5)
    assert len(rows[0]) == 2 and rows[0][0]["loss"] != rows[0][1]["loss"]
    for name in alone:
        if name.startswith("weight_"):
            np.testing.assert_allclose(together[name], alone[name], atol=1e-4, err_msg=name)


def test_two_workers_train_as_one_and_a_killed_one_costs_an_epoch(
    recording, spec_file, alone, tmp_path
):
    """Equal to one process at step 8; then killed, gone on with by two, and ended by one."""
    from nmsynth_lib.training import train

    out, kept = tmp_path / "small", tmp_path / "small-8.npz"
    orders = (recording, "--out", out, "--workers", 2)
    chief = started(*orders, "--steps", MANY, "--schema", spec_file, "--quiet")
    (helper,) = helpers_of(chief)
    wait_until(lambda: kept.exists(), chief)
    helper.kill()
    output, errors = chief.communicate(timeout=BOUND_S)
    assert chief.returncode == 2 and output == ""
    message, step = one_line(errors), step_of(out)
    assert message.startswith("Error: worker 1 (127.0.0.1:") and "SIGKILL" in message
    assert f"keeps the state of step {step}" in message and "--resume" in message
    assert_same_training(alone, kept)

    chief = started(*orders, "--resume", "--quiet")
    (helper,) = helpers_of(chief)
    wait_until(lambda: step_of(out) > step, chief)
    chief.send_signal(signal.SIGINT)
    _, errors = chief.communicate(timeout=BOUND_S)
    assert chief.returncode == 0, errors
    assert not helper.is_running()

    step = step_of(out)
    history = train(recording, out, steps=step + 4, resume=True, quiet=True)
    assert history[-1]["step"] == step + 4
    assert [row["step"] for row in history] == list(range(4, step + 5, 4))
    assert (out / "SHA256SUMS").exists()


def test_hosts_meet_by_tf_config_and_a_hanging_one_is_told(recording, spec_file, alone, tmp_path):
    """Two commands started apart, until the second stops answering."""
    addresses = free_addresses()
    cluster = {"worker": addresses}
    hosts = []
    for index, folder in ((1, "elsewhere"), (0, "small")):  # the chief comes last
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        arguments = ["--out", tmp_path / folder, "--steps", MANY, "--schema", spec_file, "-q"]
        hosts.insert(0, started(recording, *arguments, TF_CONFIG=config))
    kept = tmp_path / "small-8.npz"
    try:
        wait_until(lambda: kept.exists(), *hosts)
        hosts[1].send_signal(signal.SIGSTOP)
        output, errors = hosts[0].communicate(timeout=BOUND_S)
    finally:
        for host in hosts:
            host.kill()
            host.wait()
    assert hosts[0].returncode == 2 and output == ""
    message = one_line(errors)
    assert f"worker 1 ({addresses[1]})" in message and "--resume" in message
    assert_same_training(alone, kept)
    assert not (tmp_path / "elsewhere").exists(), "worker 1 writes nothing"


def test_no_helper_outlives_a_killed_chief(recording, spec_file, tmp_path):
    chief = started(recording, "--out", tmp_path / "x", "--schema", spec_file, "--workers", 2)
    (helper,) = helpers_of(chief)
    chief.kill()
    chief.wait()
    helper.wait(timeout=BOUND_S)


def test_a_batch_that_cannot_be_shared_is_refused_at_once(recording, tmp_path, capfd):
    from nmsynth_lib import cli

    out = tmp_path / "x"
    assert cli.main(["train", str(recording), "--out", str(out), "--workers", "3"]) == 2
    assert "batch of 8 examples cannot be shared equally; use 2, 4, 8" in one_line(
        capfd.readouterr().err
    )
    assert not out.exists()


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"index": 2}}',
        '{"cluster": {"worker": ["a", "b"]}, "task": {"index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:2"], "ps": ["c:3"]}, "task": {"index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": "a:1"}, "task": {"index": "first"}}',
    ],
)
def test_a_wrong_tf_config_is_one_line_with_an_example(config):
    from nmsynth_lib.cli_arguments import named_hosts

    with pytest.raises(WorkersError, match=r"TF_CONFIG.*host-b:2222") as caught:
        named_hosts(config, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "config", [None, "", '{"cluster": {}}', '{"cluster": {"worker": ["a:1"]}}']
)
def test_a_tf_config_without_others_is_a_single_process(config):
    from nmsynth_lib.cli_arguments import named_hosts

    assert named_hosts(config, 1) is None


def test_workers_and_tf_config_have_to_agree():
    from nmsynth_lib.cli_arguments import named_hosts

    config = '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}'
    assert named_hosts(config, 1) == named_hosts(config, 2) == (("a:1", "b:2"), 1)
    with pytest.raises(WorkersError, match="names 2 workers"):
        named_hosts(config, 4)


def test_shares_make_up_the_batch(recording):
    """Worker w of N draws rows w, w + N, ... of what one process draws, and no other."""
    from nmsynth_lib.batches import Cuts, Recipe
    from nmsynth_lib.recordings import prepare_examples
    from nmsynth_lib.takes import load_recording

    spec = InstrumentSpec(architecture=SMALL)
    cuts = Cuts(prepare_examples(load_recording(recording), spec), spec, Recipe(**SHORT))
    whole = [target.numpy() for _, target in cuts.training(5).take(2)]
    for count in (2, 4):
        for worker in range(count):
            share = [target.numpy() for _, target in cuts.training(5, worker, count).take(2)]
            for one, part in zip(whole, share, strict=True):
                np.testing.assert_array_equal(part, one[worker::count])


def test_a_worker_that_never_comes_is_told(recording, tmp_path):
    """The chief waits for the others no longer than it has to."""
    cluster = {"worker": free_addresses()}
    config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}})
    program = f"from nmsynth_lib import crew\ncrew.JOINING_S = 1\n{PROGRAM}"
    chief = started(recording, "--out", tmp_path / "x", "-q", program=program, TF_CONFIG=config)
    output, errors = chief.communicate(timeout=600)
    assert chief.returncode == 2 and output == ""
    assert "worker 0 has waited 1 s" in one_line(errors) and "firewall" in errors
    assert not (tmp_path / "x").exists()
