"""TensorFlow and Keras, imported once and without their start-up chatter.

TensorFlow greets on the error stream before its own log level counts, which would put lines of
warnings into every notebook's first cell and beside every one-line error of the command line. So
the error stream is turned away for the second that the import takes; real errors are exceptions
and come through.
"""

import logging
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _import_quietly():
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import keras
        import tensorflow as tf

        tf.zeros(1)  # the first operation greets as well
        for name in ("tensorflow", "absl"):
            logging.getLogger(name).setLevel(logging.ERROR)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    return keras, tf


keras, tf = _import_quietly()

__all__ = ["keras", "tf"]
