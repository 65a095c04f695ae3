"""The process of a further worker, which ends when the one that started it does.

Road: a leaf beside training; `workers.Helper` starts it. It listens for its parent's end before
anything else, since TensorFlow takes some seconds to load.
Explained in notebook 02, "From recording to instrument".
"""

import os
import sys
import threading


def _end_with_parent() -> None:
    """Waits for the end of the stream that the parent holds open, even one that is killed."""
    while os.read(0, 1):  # not sys.stdin, whose lock Python wants when it ends
        pass
    os._exit(3)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from nmsynth_lib.workers import help_out

    sys.exit(help_out(sys.argv[1]))
