"""Watches: what can look on while a network trains. Give one to `train` as `watch`.

Road: training -> [watches] -> audio files, TensorBoard.
A loss that falls is a number; a riff every half minute can be heard getting better.
Explained in notebook 02, "Stop and go on".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nmsynth_lib.audio import write_audio
from nmsynth_lib.engines import tf
from nmsynth_lib.score import riff

HEARD = Path("training") / "heard"
SCALARS = ("loss", "held_out_loss", "learning_rate", "noise_share", "level_db")


class SoundEvery:
    """Plays a riff with the weights of the moment, every so many seconds.

    Writes OUT/training/heard/00040s.wav and so on, at the end of the first epoch after the time; a
    resumed run goes on after the last of them.

    Args:
      out: Instrument folder that is being trained.
      seconds: Between two sounds.
    """

    def __init__(self, out: str | Path, seconds: float):
        self.folder, self.seconds = Path(out) / HEARD, seconds
        self.heard = max((int(path.stem[:-1]) for path in self.folder.glob("*s.wav")), default=0)

    def __call__(self, run) -> None:
        """Writes a sound if it is time."""
        if not run.state.history or run.seconds() - self.heard < self.seconds:
            return
        from nmsynth_lib.instrument import Instrument

        self.heard = int(run.seconds())
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.heard:05d}s.wav"
        sound = Instrument(run.spec, run.model).render(riff())
        write_audio(path, sound, run.spec.rates.sample_rate)
        run.say(f"Step {run.state.step}: hear it in {path}")


class TensorBoardLogs:
    """Writes each epoch's figures for TensorBoard, which need not be installed here.

    Args:
      folder: For the logs; `tensorboard --logdir FOLDER` shows them.
    """

    def __init__(self, folder: str | Path):
        self.folder, self.writer = str(folder), None
        plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        # tf.summary.scalar is a part of the tensorboard package; this is what it would write.
        self.metadata = tf.compat.v1.SummaryMetadata(plugin_data=plugin, data_class=1)

    def __call__(self, run) -> None:
        """Writes the latest row."""
        if run.state.history:
            # Not before: workers must meet before TensorFlow is used at all.
            self.writer = self.writer or tf.summary.create_file_writer(self.folder)
            row = run.state.history[-1]
            with self.writer.as_default(step=row["step"]):
                for name in SCALARS:
                    tf.summary.write(
                        name, tf.constant(row[name], tf.float32), metadata=self.metadata
                    )
            self.writer.flush()


def all_of(*watches: Callable) -> Callable:
    """One watch that calls several."""

    def watch(run) -> None:
        for each in watches:
            each(run)

    return watch
