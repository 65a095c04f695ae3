"""Control curves: what the decoder sees of a performance.

Road: Performance -> [controls] -> decoder -> synthesis -> audio.
A control is declared once, in the instrument's schema; nothing here knows "CC55". Frame i covers
the samples i*hop … (i+1)*hop - 1 and its curves are read at its end, so the synthesiser can ramp
towards them without looking ahead. An onset keeps its exact time: the time since it is computed in
seconds and never rounded to a frame.
Explained in notebook 01, "From notes to curves".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmsynth_lib.performance import Performance, held, held_pitch, midi_to_hz
from nmsynth_lib.schema import AudioRates, ControlSpec, InstrumentSpec

FAR = 1e6  # seconds: stands for "never" where a note has not begun or is not known to end
ROUNDING = 1e-9  # seconds: an onset on a frame's end counts as begun, as it does for `held_pitch`


@dataclass(frozen=True)
class Controls:
    """Curves of one performance.

    Attributes:
      values: Scaled to 0…1, float32, shape [n_frames, n_controls].
      f0_hz: Fundamental, held through rests and releases, float32, shape [n_frames].
    """

    values: np.ndarray
    f0_hz: np.ndarray

    def stretch(self, first: int, n_frames: int) -> Controls:
        """Some of the frames; beyond the end the last one holds."""
        rows = np.minimum(np.arange(first, first + n_frames), len(self.f0_hz) - 1)
        return Controls(self.values[rows], self.f0_hz[rows])


def n_frames_for(n_samples: int, rates: AudioRates) -> int:
    """Frames that cover `n_samples`; the last one may reach beyond."""
    return -(-n_samples // rates.hop)


def scaled(control: ControlSpec, values: np.ndarray) -> np.ndarray:
    """Maps a control's own unit to 0…1, clipped at its range.

    Args:
      control: Range and scale.
      values: MIDI note, MIDI value, or seconds, any shape.

    Returns:
      0…1, float64. On a log scale equal steps are equal ratios of time above `knee`.
    """
    clipped = np.clip(values, control.low, control.high)
    if control.scale == "log":
        span = np.log1p((control.high - control.low) / control.knee)
        return np.log1p((clipped - control.low) / control.knee) / span
    return (clipped - control.low) / (control.high - control.low)


def note_in_force(performance: Performance, times: np.ndarray) -> np.ndarray:
    """Index of the note that sounds or last sounded at each time; -1 before the first."""
    onsets = np.array([note.onset for note in performance.notes])
    return np.searchsorted(onsets, times + ROUNDING, side="right") - 1


def note_times(performance: Performance, times: np.ndarray) -> dict[str, np.ndarray]:
    """The temporal channels (DFO, DTO) in seconds.

    Args:
      performance: Sorted, non-overlapping notes.
      times: Seconds, shape [n_frames].

    Returns:
      `since_onset`: time since the last onset, held through its release; FAR before the first note.
      `to_offset`: time until the sounding note ends; 0 in rests.
      `since_offset`: time since the last note ended; 0 while a note sounds, FAR before the first.
    """
    index = note_in_force(performance, times)
    before = index < 0
    index = np.maximum(index, 0)
    onsets = np.array([note.onset for note in performance.notes])[index]
    offsets = np.array([note.offset for note in performance.notes])[index]
    return {
        "since_onset": np.where(before, FAR, np.maximum(times - onsets, 0.0)),
        "to_offset": np.where(before, 0.0, np.maximum(offsets - times, 0.0)),
        "since_offset": np.where(before, FAR, np.maximum(times - offsets, 0.0)),
    }


def _source_values(
    control: ControlSpec,
    performance: Performance,
    times: np.ndarray,
    note_seconds: dict[str, np.ndarray],
) -> np.ndarray:
    """A control in its own unit at each time."""
    if control.source == "pitch":
        return held_pitch(performance, times)
    if control.source == "velocity":
        index = np.maximum(note_in_force(performance, times), 0)
        return np.array([note.velocity for note in performance.notes], dtype=np.float64)[index]
    if control.source == "cc":
        events = performance.controllers.get(control.cc, ())
        if control.interpolation == "ramp" and events:
            event_times, event_values = np.array(events, dtype=np.float64).T
            return np.interp(times, event_times, event_values, left=control.default)
        return held(events, times, control.default)
    return note_seconds[control.source]


def control_curves(
    performance: Performance, spec: InstrumentSpec, n_frames: int, first_frame: int = 0
) -> Controls:
    """Control curves of a performance, or of a stretch of it.

    Args:
      performance: What is played.
      spec: Declares the controls, their ranges and the rates.
      n_frames: Frames to fill.
      first_frame: Index of the first frame; frame 0 begins at sample 0.

    Returns:
      Controls with `n_frames` frames.
    """
    times = (first_frame + 1 + np.arange(n_frames)) / spec.rates.frame_rate
    note_seconds = note_times(performance, times)
    values = np.empty((n_frames, len(spec.controls)), dtype=np.float32)
    for column, control in enumerate(spec.controls):
        own = _source_values(control, performance, times, note_seconds)
        values[:, column] = scaled(control, own)
    pitch = held_pitch(performance, times)
    return Controls(values, (midi_to_hz(pitch) * _detuning(pitch, spec)).astype(np.float32))


def _detuning(pitch: np.ndarray, spec: InstrumentSpec) -> np.ndarray:
    """Frequency ratio by which the recorded guitar is out of tune at each pitch."""
    pitches, cents = np.array(spec.architecture.tuning_cents, dtype=np.float64).T
    return 2.0 ** (np.interp(pitch, pitches, cents) / 1200.0)


def inharmonicity(f0_hz: np.ndarray, spec: InstrumentSpec) -> np.ndarray:
    """Stiffness B of the string at each fundamental: f_k = k f0 sqrt(1 + B k^2).

    Args:
      f0_hz: Fundamental in Hz, any shape.
      spec: Holds the breakpoints (MIDI pitch, B).

    Returns:
      B, float32, the shape of `f0_hz`; log-linear between breakpoints, held outside them.
    """
    pitches, stiffness = np.array(spec.architecture.inharmonicity, dtype=np.float64).T
    pitch = 69.0 + 12.0 * np.log2(np.maximum(f0_hz, 1.0) / 440.0)
    log_b = np.interp(pitch, pitches, np.log(np.maximum(stiffness, 1e-12)))
    return np.exp(log_b).astype(np.float32)


def with_unknown(values: np.ndarray, spec: InstrumentSpec) -> np.ndarray:
    """Curves as a live player sees them: what lies in the future is set to its unknown value.

    Args:
      values: Scaled curves, shape [..., n_frames, n_controls].
      spec: Controls with an `unknown` entry are replaced while a note is held.

    Returns:
      A copy, same shape. After note-off the control keeps its value (0), which is then known.
    """
    live = np.array(values)
    for column, control in enumerate(spec.controls):
        if control.unknown is not None:
            held_note = live[..., column] > 0
            unknown = scaled(control, np.array(control.unknown))
            live[..., column] = np.where(held_note, unknown, live[..., column])
    return live
