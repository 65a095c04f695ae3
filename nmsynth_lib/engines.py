"""TensorFlow and Keras, imported once and without their start-up chatter.

TensorFlow greets on the error stream before its own log level counts, which would put lines of
warnings into every notebook's first cell and beside every one-line error of the command line. So
the error stream is turned away for the second that the import takes; real errors are exceptions
and come through.

Road: [engines] -> decoder, synthesis, losses, training: under all that computes with tensors.
"""

import logging
import os
import sys
from contextlib import contextmanager

from nmsynth_lib.memory import TENSORFLOW_MB, warn_if_short

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _error_stream_turned_away():
    nowhere = os.open(os.devnull, os.O_RDWR)
    try:
        kept = os.dup(2) if nowhere != 2 else None
    except OSError:
        kept = None  # closed, as some services start a program: it stays turned away
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        if kept is not None:
            os.dup2(kept, 2)
            os.close(kept)
        if nowhere != 2:
            os.close(nowhere)


def _import_quietly():
    with _error_stream_turned_away():
        import keras
        import tensorflow as tf

        for name in ("tensorflow", "absl"):
            logging.getLogger(name).setLevel(logging.ERROR)
    return keras, tf


if "tensorflow" not in sys.modules:
    warn_if_short("what plays instruments (TensorFlow)", TENSORFLOW_MB)
keras, tf = _import_quietly()


__all__ = ["keras", "tf"]
