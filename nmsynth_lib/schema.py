"""What an instrument is, on one page: its rates, its controls, the size of its network.

Everything else asks this module: training, rendering, the command line, the widgets. It is stored
as `instrument.yaml` beside the weights. A new style channel is one more entry under `controls`, no
code.

Road: [schema] -> recordings, controls, decoder, synthesis, training, instrument.
Explained in notebook 04, "A style channel of your own".
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)

from nmsynth_lib.errors import SchemaError
from nmsynth_lib.midi.channel import MACHINERY
from nmsynth_lib.performance import OPENNESS_CC

TIME_SOURCES = ("since_onset", "to_offset", "since_offset")
Source = Literal["pitch", "velocity", "cc", "since_onset", "to_offset", "since_offset"]


def _rising(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    pitches = [pitch for pitch, _ in points]
    if any(b < a for a, b in itertools.pairwise(pitches)):
        raise ValueError("the pitches of breakpoints must rise")
    return points


Breakpoints = Annotated[
    list[tuple[FiniteFloat, FiniteFloat]], Field(min_length=1), AfterValidator(_rising)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AudioRates(_Strict):
    """Sample rate and hop: the only place where either is decided."""

    sample_rate: int = Field(16000, ge=8000, le=96000)
    hop: int = Field(64, ge=8, le=1024, description="samples a frame")

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop


class ControlSpec(_Strict):
    """One input of the network: where it comes from and how it is scaled to 0…1.

    `low` and `high` are in the source's own unit: MIDI note number, MIDI value 0-127, or seconds.
    `interpolation` is for controllers: between two events a value holds, or ramps to the next.
    Pitch always follows the bend, whatever is written there.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    source: Source
    cc: int | None = Field(None, ge=0, le=127)
    low: FiniteFloat
    high: FiniteFloat
    default: FiniteFloat = Field(0.0, description="in force until the first event")
    scale: Literal["linear", "log"] = "linear"
    interpolation: Literal["hold", "ramp"] = "hold"
    knee: FiniteFloat = Field(0.004, gt=0, description="log scale: linear up to so many seconds")
    unknown: FiniteFloat | None = Field(None, description="stands for 'not known yet' (live)")
    heard: tuple[FiniteFloat, ...] | None = Field(
        None, description="the few values that the recording holds; between them it is blended"
    )
    label: str = ""
    low_label: str = ""
    high_label: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> ControlSpec:
        if self.low >= self.high:
            raise ValueError(f"control {self.name}: low {self.low} is not below high {self.high}")
        if (self.source == "cc") != (self.cc is not None):
            raise ValueError(f"control {self.name}: `cc` goes with source: cc, and only with it")
        if self.cc in MACHINERY:
            raise ValueError(
                f"control {self.name}: CC{self.cc} is MIDI's own (pedal, data entry, channel mode)"
            )
        if self.heard is not None and (
            self.source != "cc"
            or sorted(set(self.heard)) != list(self.heard)
            or len(self.heard) < 2
        ):
            raise ValueError(f"control {self.name}: `heard` is two or more rising values of a cc")
        if self.scale == "log" and self.source not in TIME_SOURCES:
            raise ValueError(f"control {self.name}: a log scale is for times")
        if self.interpolation == "ramp" and self.source not in ("cc", "pitch"):
            raise ValueError(f"control {self.name}: interpolation: ramp is for source: cc")
        return self


class Architecture(_Strict):
    """Size of the decoder and of the synthesiser."""

    stack_units: int = Field(64, ge=4, le=2048)
    stack_layers: int = Field(2, ge=1, le=8)
    gru_units: int = Field(64, ge=0, le=2048, description="width of the memory; 0: none")
    gru_every: int = Field(4, ge=1, le=64, description="frames per step of the memory")
    memory: Literal["gru", "leaky"] = Field(
        "leaky", description="linear integrators that each forget at one speed, or the paper's GRU"
    )
    mlp_units: int = Field(128, ge=4, le=2048)
    mlp_layers: int = Field(3, ge=1, le=8)
    n_harmonics: int = Field(80, ge=1, le=256)
    n_noise_bands: int = Field(65, ge=5, le=257)
    reverb_seconds: float = Field(0.125, ge=0.0, le=4.0)
    noise_bias: float = -6.0
    phase_seed: int = Field(1, description="draws the fixed phase of every partial")
    inharmonicity: Breakpoints = Field(
        default_factory=lambda: [(40.0, 0.0)],
        description="(MIDI pitch, B) breakpoints; log B is interpolated between them",
    )
    tuning_cents: Breakpoints = Field(
        default_factory=lambda: [(40.0, 0.0)],
        description="(MIDI pitch, cents) breakpoints: how far the recorded guitar is out of tune",
    )

    @model_validator(mode="before")
    @classmethod
    def _named_gru(cls, entries: Any) -> Any:
        """Who names the width of a GRU, and nothing else, wants a GRU, as in older files."""
        if isinstance(entries, dict) and "gru_units" in entries:
            return {"memory": "gru", **entries}
        return entries


def guitar_controls() -> tuple[ControlSpec, ...]:
    """The paper's inputs: pitch, velocity, CC55, time since onset, time to and since offset."""
    return (
        ControlSpec(name="pitch", source="pitch", low=28, high=88),
        ControlSpec(name="velocity", source="velocity", low=0, high=127),
        ControlSpec(
            name="openness",
            source="cc",
            cc=OPENNESS_CC,
            low=0,
            high=127,
            label=f"Openness (CC{OPENNESS_CC})",
            low_label="palm-muted",
            high_label="open string",
        ),
        ControlSpec(name="since_onset", source="since_onset", low=0, high=8, scale="log"),
        ControlSpec(name="to_offset", source="to_offset", low=0, high=8, scale="log", unknown=8),
        ControlSpec(name="since_offset", source="since_offset", low=0, high=2, scale="log"),
    )


class InstrumentSpec(_Strict):
    """The whole of `instrument.yaml`."""

    name: str = Field("untitled", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    format: Literal[1] = 1
    rates: AudioRates = AudioRates()
    controls: tuple[ControlSpec, ...] = Field(default_factory=guitar_controls)
    architecture: Architecture = Architecture()
    pitch_range: tuple[int, int] = (36, 76)
    provenance: dict[str, Any] = Field(default_factory=dict)
    figures: dict[str, float] = Field(default_factory=dict)
    data_licence: str = ""

    @model_validator(mode="after")
    def _unique_names(self) -> InstrumentSpec:
        names = [control.name for control in self.controls]
        if len(set(names)) != len(names):
            raise ValueError(f"two controls share a name: {', '.join(names)}")
        if not any(control.source == "pitch" for control in self.controls):
            raise ValueError("no control has source: pitch")
        return self

    def style_channels(self) -> tuple[ControlSpec, ...]:
        """The controls that a player moves with a MIDI controller."""
        return tuple(control for control in self.controls if control.source == "cc")

    @classmethod
    def read(cls, path: str | Path) -> InstrumentSpec:
        """Reads `instrument.yaml`.

        Raises:
          SchemaError: missing, not YAML, or an entry is impossible (the message names it).
        """
        try:
            entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
            return cls.model_validate(entries)
        except FileNotFoundError:
            raise SchemaError(f"{path}: no such file; an instrument folder holds one.") from None
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            reason = " ".join(str(error).split())
            raise SchemaError(f"{path}: not readable as YAML ({reason}).") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise SchemaError(f"{path}: {where}: {first['msg']}.") from None

    def text(self) -> str:
        """The content of `instrument.yaml`, readable and in the order of the schema."""
        entries = self.model_dump(mode="json", exclude_none=True)
        return yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=100)

    def write(self, path: str | Path) -> None:
        """Writes `instrument.yaml`."""
        Path(path).write_text(self.text(), encoding="utf-8")
