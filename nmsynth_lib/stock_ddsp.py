"""The one door to Google's `ddsp` package.

`ddsp` asks for `crepe` (a pitch tracker that downloads its weights while it is built) and for
TensorFlow 2.11. We install it without those pins. Only its pitch tracking from audio and its note
transcriber need `crepe` and `tensorflow_probability` (45 MB to import); our F0 comes from MIDI, so
empty modules take those places while `ddsp` is imported. So does one for `librosa` where that is
not installed, as on Binder; only `ddsp`'s loudness asks for it.

Used from it: the spectral loss (as the published definition of `mss`), and all of the seed-sized
baseline's oscillators, noise and reverb. Our own synthesiser is compared with it in tests.

Road: beside it, [stock_ddsp] -> metrics, seed-sized baseline.
Explained in notebook 03, "The same parts from ddsp".
"""

import importlib.util
import sys
import types
import warnings

from nmsynth_lib import engines  # noqa: F401  quietly, before ddsp imports TensorFlow itself

_probability = types.ModuleType("tensorflow_probability")
_probability.distributions = types.SimpleNamespace(HiddenMarkovModel=object)
sys.modules.setdefault("crepe", types.ModuleType("crepe"))
sys.modules.setdefault("tensorflow_probability", _probability)
_stand_ins = [_probability]
if "librosa" not in sys.modules and importlib.util.find_spec("librosa") is None:
    _stand_ins.append(types.ModuleType("librosa"))
    sys.modules["librosa"] = _stand_ins[-1]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecation notes of ddsp's own dependencies
    import ddsp
    import ddsp.core
    import ddsp.effects
    import ddsp.losses
    import ddsp.spectral_ops
    import ddsp.synths
for _module in _stand_ins:
    if sys.modules[_module.__name__] is _module:
        del sys.modules[_module.__name__]  # who wants the real one can import it, or is told

__all__ = ["ddsp"]
