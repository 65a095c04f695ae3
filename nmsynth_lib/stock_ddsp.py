"""The one door to Google's `ddsp` package.

`ddsp` asks for `crepe` (a pitch tracker that downloads its weights while it is built) and for
TensorFlow 2.11. We install it without those pins; only its audio pitch tracking needs `crepe`, and
our F0 comes from MIDI, so an empty module takes that place before the import.

Used from it: the exp-sigmoid, the noise source's filter design, FFT convolution and the spectral
loss (as the published definition of `mss`).

Road: beside it, [stock_ddsp] -> synthesis, metrics.
Explained in notebook 03, "The same parts from ddsp".
"""

import sys
import types
import warnings

from nmsynth_lib import engines  # noqa: F401  quietly, before ddsp imports TensorFlow itself

sys.modules.setdefault("crepe", types.ModuleType("crepe"))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecation notes of ddsp's own dependencies
    import ddsp
    import ddsp.core
    import ddsp.effects
    import ddsp.losses
    import ddsp.spectral_ops
    import ddsp.synths

__all__ = ["ddsp"]
