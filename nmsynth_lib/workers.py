"""Workers: starts them, joins them, and tells what became of them.

Road: a leaf beside training. On one machine `--workers N` starts N - 1 further processes; on
several each host runs the same command and TensorFlow's own variable TF_CONFIG says who is who. A
worker that dies or hangs ends the run within seconds, in one line, with the last checkpoint kept;
no process outlives the one that started it. What they do together is in `crew`.
Explained in notebook 02, "From recording to instrument".
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from nmsynth_lib.batches import Cuts, Recipe
from nmsynth_lib.checkpoints import read_checkpoint
from nmsynth_lib.crew import Crew
from nmsynth_lib.engines import tf
from nmsynth_lib.errors import NmsynthError, WorkersError
from nmsynth_lib.recordings import prepare_examples
from nmsynth_lib.takes import load_recording
from nmsynth_lib.threads import processors
from nmsynth_lib.training import Run, train

REPORT_S = 3.0  # a process that was killed is known to the system by then


def train_together(
    recording: str | Path,
    out: str | Path,
    workers: int = 1,
    hosts: tuple[Sequence[str], int] | None = None,
    *,
    quiet: bool = False,
    **wishes: Any,
) -> list[dict[str, Any]] | None:
    """Trains with several workers: as `train`, in a process that has not used TensorFlow yet.

    Args:
      recording: Folder of takes; the same on every host.
      out: Instrument folder; worker 0 alone writes and reads it.
      workers: Processes on this machine, if there are no hosts.
      hosts: "host:port" of all workers and which of them this is, see `cli_arguments.named_hosts`.
      quiet: No progress bar, no words.
      wishes: What else `train` takes; what worker 0 is told counts.

    Returns:
      One row an epoch, as `train`; None for workers other than 0.

    Raises:
      WorkersError: a worker was lost, did not come, or the batch cannot be shared equally.
    """
    out = Path(out)
    if hosts is None and workers == 1:
        return train(recording, out, quiet=quiet, **wishes)
    with ExitStack() as stack:
        helpers: list[Helper] = []
        crew = Crew(*(hosts or (_free_addresses(workers), 0)))
        if crew.chief:
            crew.check_batch(_recipe_of(out, wishes))
        if hosts is None:
            threads = max(1, processors() // workers)
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            for index in range(1, workers):
                helper = Helper(recording, crew.addresses, index, threads)
                stack.callback(helper.end)
                helpers.append(helper)
            where = f"on this machine, {threads} thread{'s' * (threads > 1)} each"
        else:
            where = f"at {', '.join(crew.addresses)}; this is worker {crew.index}"
        if not quiet:
            print(f"{crew.count} workers {where}.", file=sys.stderr, flush=True)
        with stopping_in_unison(crew), _losses_told(crew, helpers, out):
            crew.join(lambda: _check_started(helpers))
            if crew.chief:
                return train(recording, out, quiet=quiet, crew=crew, **wishes)
            step = assist(recording, crew)
    if not quiet:
        print(
            f"Worker {crew.index} stopped with the others at step {step}; what came of it is at "
            f"worker 0 ({crew.addresses[0]})."
        )
    return None


def assist(recording: str | Path, crew: Crew) -> int:
    """Trains as the chief says, until it says that all is done.

    Args:
      recording: Folder of takes, the same as the chief's.
      crew: Joined.

    Returns:
      Steps done.
    """
    plan, step, data = crew.orders()
    takes = load_recording(recording, plan.spec.rates.sample_rate)
    recipe = plan.recipe
    examples = prepare_examples(takes, plan.spec, recipe.seed, pitch_shifts=recipe.pitch_shifts)
    run = Run(Path(), plan, Cuts(examples, plan.spec, recipe), quiet=True, crew=crew)
    run.state.step = step
    crew.start_alike(run, data)
    try:
        if run.progress() < 1.0:
            run.fit()
    except KeyboardInterrupt:
        if not crew.stop:
            raise
    return run.state.step


def help_out(job: str) -> int:
    """The whole life of a further worker on this machine.

    Args:
      job: What `Helper` tells it, as JSON.

    Returns:
      Exit status: 0 done, 2 an error, told in one line.
    """
    told = json.loads(job)
    tf.config.threading.set_intra_op_parallelism_threads(told["threads"])
    crew = Crew(told["addresses"], told["index"])
    try:
        with stopping_in_unison(crew), _losses_told(crew, [], Path()):
            crew.join()
            assist(told["recording"], crew)
    except NmsynthError as error:
        print(f"Error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


class Helper:
    """A further worker on this machine; it ends when this process does, however that ends.

    Args:
      recording: Folder of takes.
      addresses: Of the crew.
      index: Which of them it is.
      threads: That it may use.
    """

    def __init__(self, recording: str | Path, addresses: tuple[str, ...], index: int, threads: int):
        self.index = index
        job = {
            "recording": str(recording),
            "addresses": addresses,
            "index": index,
            "threads": threads,
        }
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nmsynth_lib.worker_process", json.dumps(job)],
            stdin=subprocess.PIPE,  # closed when this process ends: the sign to end as well
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            start_new_session=True,  # Ctrl-C is for the chief, who tells the others
        )

    def fate(self) -> str | None:
        """What became of it, in words; None: it runs."""
        status = self.process.poll()
        if status is None:
            return None
        if status < 0:
            return f"was killed (signal {-status}, {signal.Signals(-status).name})"
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return f"ended with: {lines[-1].removeprefix('Error: ')}" if lines else "ended"

    def end(self) -> None:
        """Ends it, and waits until it is gone."""
        self.process.stdin.close()
        try:
            self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()


@contextmanager
def stopping_in_unison(crew: Crew) -> Iterator[None]:
    """While all train, Ctrl-C and SIGTERM end the training after this step, for all workers alike.

    Before and after, and at the second Ctrl-C, they raise KeyboardInterrupt as ever.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def asked(number, frame):
        if crew.stop or not crew.training:
            raise KeyboardInterrupt
        crew.stop = True

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _losses_told(crew: Crew, helpers: list[Helper], out: Path) -> Iterator[None]:
    """Makes one line of what TensorFlow says when a worker is gone."""
    try:
        yield
    except tf.errors.OpError as error:
        text = " ".join(str(error).split())
        if not isinstance(error, tf.errors.UnavailableError) and "ollective" not in text:
            raise
        raise WorkersError(f"{_who(crew, helpers, text)}; {_what_is_kept(crew, out)}") from None


def _who(crew: Crew, helpers: list[Helper], text: str) -> str:
    """Which worker is gone, by the system's word if it is one of ours, else by TensorFlow's."""
    named = re.findall(r"/job:worker/(?:replica:\d+/)?task:(\d+)", text)
    unhealthy = re.findall(r"sending heartbeats\):.*?task:(\d+)", text)
    guesses = [int(task) for task in unhealthy + named[::-1] if int(task) != crew.index]
    deadline = time.monotonic() + REPORT_S
    while helpers and not unhealthy and time.monotonic() < deadline:
        if any(helper.fate() for helper in helpers):
            break
        time.sleep(0.05)
    fates = {helper.index: helper.fate() for helper in helpers}
    killed = [index for index, fate in fates.items() if fate and "killed" in fate]
    ended = [index for index, fate in fates.items() if fate]
    index = (killed or guesses or ended or ([] if crew.chief else [0]) or [None])[0]
    if index is None:
        return "a worker is gone"
    fate = fates.get(index) or ("no longer answers" if unhealthy else "died, or cannot be reached")
    return f"worker {index} ({crew.addresses[index]}) {fate}"


def _what_is_kept(crew: Crew, out: Path) -> str:
    """What is on the disk, and how to go on."""
    if not crew.chief:
        return (
            f"the checkpoint is at worker 0 ({crew.addresses[0]}): when all are back, give every "
            "host the same command with --resume."
        )
    try:
        step = read_checkpoint(out).state.step
    except NmsynthError:
        return f"nothing was written to {out} yet; train again."
    return (
        f"{out} keeps the state of step {step}: go on with --resume, with as many workers or fewer."
    )


def _recipe_of(out: Path, wishes: dict[str, Any]) -> Recipe:
    if wishes.get("resume"):
        return read_checkpoint(out).plan.recipe
    return wishes.get("recipe") or Recipe()


def _check_started(helpers: list[Helper]) -> None:
    for helper in helpers:
        if fate := helper.fate():
            raise WorkersError(f"worker {helper.index} {fate}; nothing was trained.")


def _free_addresses(count: int) -> list[str]:
    """Ports of the loopback interface that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
