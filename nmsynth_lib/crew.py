"""A crew: several processes, on one machine or on several, that train one network together.

Road: [crew] -> training. Each worker hears its own share of every batch and works out a gradient;
what every one of them then applies is the mean of all, so that N workers take the step that one
would have taken with the whole batch. TensorFlow's `MultiWorkerMirroredStrategy` carries the
numbers from process to process and notices a worker that is gone; Keras `fit` stays as it is.
Worker 0, the chief, decides (learning rate, when to stop) and alone writes. All of it is told in
docs/distributed.md.
Explained in notebook 02, "From recording to instrument".
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from nmsynth_lib.batches import Recipe
from nmsynth_lib.checkpoints import Plan
from nmsynth_lib.engines import tf
from nmsynth_lib.errors import RecordingError, WorkersError
from nmsynth_lib.schema import InstrumentSpec

if TYPE_CHECKING:
    from nmsynth_lib.training import Run

JOINING_S = 300.0  # how long the others may take to come: imports on a slow machine are 60 s


class Crew:
    """One worker's view of the crew; without arguments, of a crew of one.

    All workers must call the methods that meet the others in the same order.

    Args:
      addresses: "host:port" of every worker, the chief's first.
      index: Which of them this process is.

    Attributes:
      progress: Share of the budget that is used up, as the chief said when all met last.
      stop: Set to True (Ctrl-C) to end the training of all workers after this step; then all have
        it.
      training: Whether steps are being taken, so that the end of one will look at `stop`.
    """

    def __init__(self, addresses: Sequence[str] = ("here",), index: int = 0):
        self.addresses, self.index, self.count = tuple(addresses), index, len(addresses)
        self.progress, self.stop, self.training = 0.0, False, False
        self.strategy = None

    @property
    def chief(self) -> bool:
        """Whether this is the worker that decides and writes."""
        return self.index == 0

    def join(self, alive: Callable[[], None] = lambda: None) -> None:
        """Waits until all workers are there; before TensorFlow computes anything.

        Args:
          alive: Called while waiting; raises if that makes no sense any more.

        Raises:
          WorkersError: somebody did not come, or TensorFlow has been used in this process already.
        """
        # First by plain sockets: TensorFlow waits for an hour, and does not listen to Ctrl-C then.
        _meet(self.addresses, self.index, alive)
        try:
            self.strategy = _strategy(self.addresses, self.index)
        except Exception as error:  # what TensorFlow raises here is not one class
            raise WorkersError(
                f"worker {self.index} cannot join {', '.join(self.addresses)}: "
                f"{' '.join(str(error).split())[:200]}. Use a free port of this host, and a "
                "process in which TensorFlow has not computed yet."
            ) from None

    def check_batch(self, recipe: Recipe) -> None:
        """Every worker has to get the same number of examples.

        Raises:
          WorkersError: the batch cannot be divided; the message says by what it can.
        """
        if recipe.batch % self.count:
            fit = [n for n in range(2, recipe.batch + 1) if recipe.batch % n == 0]
            raise WorkersError(
                f"--workers {self.count}: a batch of {recipe.batch} examples cannot be shared "
                f"equally; use {', '.join(map(str, fit)) or 'one worker'}."
            )

    def averaging(self, optimizer: type) -> type:
        """A Keras optimiser that applies the mean of all workers' gradients.

        The mean is taken before anything else is done with them, so the norm that is clipped is
        that of the whole batch.
        """
        if self.count == 1:
            return optimizer
        mean = self._mean_gradients

        class Averaging(optimizer):
            def apply(self, grads, trainable_variables=None):
                return super().apply(mean(grads), trainable_variables)

        return Averaging

    def begin(self, run: Run) -> None:
        """The chief tells what is to be done; all start from its weights and its step.

        Raises:
          RecordingError: another worker has another recording.
        """
        if self.count == 1:
            return
        plan = run.plan
        self._from_chief(
            {
                "spec": plan.spec.model_dump(mode="json"),
                "recipe": asdict(plan.recipe),
                "minutes": plan.minutes,
                "steps": plan.steps,
                "step": run.state.step,
                "data": run.cuts.digest,
            }
        )
        self.start_alike(run, run.cuts.digest)

    def orders(self) -> tuple[Plan, int, str]:
        """What the chief told: the plan, the steps done so far, the digest of its recording."""
        told = self._from_chief({})
        spec, recipe = InstrumentSpec.model_validate(told["spec"]), Recipe(**told["recipe"])
        return Plan(spec, recipe, told["minutes"], told["steps"]), told["step"], told["data"]

    def start_alike(self, run: Run, data: str) -> None:
        """Takes over the chief's weights and progress; `data` is the digest of its recording.

        Raises:
          RecordingError: a worker has another recording.
        """
        other = np.zeros(self.count)
        other[self.index] = run.cuts.digest != data
        if (other := self._total(other)).any():
            raise RecordingError(
                f"worker {int(other.argmax())} ({self.addresses[int(other.argmax())]}) has another "
                "recording than worker 0; give all workers copies of one folder."
            )
        self._share_weights(run)
        self.agree(run.used_up())

    def agree(self, progress: float, loss: float = 0.0) -> float:
        """Meets the others after a step: the chief's progress is everybody's.

        Args:
          progress: Share of the budget that is used up; 1 or more: stop. The chief's counts.
          loss: Of this worker's share of the batch.

        Returns:
          Mean loss over all workers.

        Raises:
          KeyboardInterrupt: in all workers alike, if one of them was asked to stop.
        """
        if self.count == 1:
            self.progress = progress
            return loss
        mine = [progress if self.chief else 0.0, float(self.stop), loss / self.count]
        self.progress, stop, loss = map(float, self._total(np.array(mine)))
        if stop:
            self.stop = True
            raise KeyboardInterrupt
        return loss

    def end_epoch(self, run: Run, done: bool) -> bool:
        """Meets the others after an epoch: the chief's weights, and whether it is done, hold.

        Gradients are the same numbers everywhere, but another processor may round differently.
        """
        if self.count > 1:
            self._share_weights(run)
        self.agree(1.0 if done else run.used_up())
        return self.progress >= 1.0

    def _mean_gradients(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """As one long vector, since one message is faster than fifty."""
        flat = tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], axis=0)
        mean = self._reduce(tf.distribute.ReduceOp.MEAN, flat)
        parts = tf.split(mean, [gradient.shape.num_elements() for gradient in gradients])
        return [
            tf.reshape(part, gradient.shape)
            for part, gradient in zip(parts, gradients, strict=True)
        ]

    def _reduce(self, how: tf.distribute.ReduceOp, values: tf.Tensor) -> tf.Tensor:
        def reduced(mine):
            # `identity` gives it the device name by which the strategy looks for the others.
            return tf.distribute.get_replica_context().all_reduce(how, tf.identity(mine))

        return self.strategy.run(reduced, args=(values,))

    def _total(self, values: np.ndarray) -> np.ndarray:
        """Sum over all workers, float64, shape [n]."""
        return self._sum(tf.constant(values, tf.float64)).numpy()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64)])
    def _sum(self, values):
        return self._reduce(tf.distribute.ReduceOp.SUM, values)

    def _from_chief(self, message: dict[str, Any]) -> dict[str, Any]:
        """The chief's message, at every worker."""
        text = json.dumps(message).encode() if self.chief else b""
        codes = np.zeros(int(self._total(np.array([float(len(text))]))[0]))
        codes[: len(text)] = np.frombuffer(text, np.uint8)
        return json.loads(self._total(codes).astype(np.uint8).tobytes())

    def _share_weights(self, run: Run) -> None:
        """All variables of model and optimiser become the chief's."""
        variables = [*run.model.variables, *run.optimizer.variables]
        values = [np.asarray(v.numpy(), np.float64).reshape(-1) for v in variables]
        flat = np.concatenate(values)
        flat = self._total(flat if self.chief else np.zeros_like(flat))
        if self.chief:
            return
        for variable, part in zip(
            variables, np.split(flat, np.cumsum([len(v) for v in values])[:-1]), strict=True
        ):
            variable.assign(part.reshape(variable.shape).astype(variable.dtype))


def _meet(addresses: tuple[str, ...], index: int, alive: Callable[[], None]) -> None:
    """Waits until every worker's port can be reached.

    Raises:
      WorkersError: this worker's own port is taken, or the others did not come in time.
    """
    places = [(host, int(port)) for host, port in (a.rsplit(":", 1) for a in addresses)]
    try:
        listener = socket.create_server(("", places[index][1]), backlog=len(places))
    except OSError as error:
        raise WorkersError(
            f"worker {index} cannot listen at port {places[index][1]}: {error.strerror or error}. "
            "Give it another port."
        ) from None
    missing, deadline = set(range(len(places))) - {index}, time.monotonic() + JOINING_S
    with listener:
        while missing:
            alive()
            for other in sorted(missing):
                try:
                    with socket.create_connection(places[other], timeout=1.0) as met:
                        # Among free ports of one machine a socket can meet itself.
                        if met.getsockname() != met.getpeername():
                            missing.discard(other)
                except OSError:
                    time.sleep(0.1)
            if missing and time.monotonic() > deadline:
                raise WorkersError(
                    f"worker {index} has waited {JOINING_S:.0f} s for "
                    f"{', '.join(addresses[other] for other in sorted(missing))}: start the same "
                    "command on every host, and let their ports through the firewall."
                )


def _strategy(addresses: tuple[str, ...], index: int) -> tf.distribute.Strategy:
    """TensorFlow's strategy, connected to all others."""
    communication = tf.distribute.experimental.CommunicationImplementation.RING
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(addresses)}),
        task_type="worker",
        task_id=index,
        rpc_layer="grpc",
    )
    return tf.distribute.MultiWorkerMirroredStrategy(
        cluster_resolver=resolver,
        communication_options=tf.distribute.experimental.CommunicationOptions(
            implementation=communication
        ),
    )
