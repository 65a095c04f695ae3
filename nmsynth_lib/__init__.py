"""nmsynth: a neural guitar you can open, hear and take apart.

The road of one MIDI note, one module a stretch:
performance -> controls -> decoder -> synthesis -> instrument.
"""

from importlib import import_module

__version__ = "0.1.0"

_LAZY = {
    "Instrument": "instrument",
    "Note": "performance",
    "Performance": "performance",
    "NmsynthError": "errors",
    "listen": "audio",
}
__all__ = [*_LAZY, "__version__"]


def __getattr__(name: str):
    # Nothing heavy is imported until it is used: TensorFlow alone costs four seconds.
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
