"""The string: a digital-waveguide electric guitar whose every partial decays by a known law.

Road: Performance -> [string] -> audio of a known instrument -> recordings -> training.
A pluck travels round a loop: one trip is one period of the note, and one loop filter holds all that
the trip does to it. The filter is computed from the law, for every CC55 value and every bend, at
twice the sample rate. So the audio comes with a ground truth that no real recording has:

  partial n lies at   f_n = n f0 sqrt(1 + B n^2),  B = 1e-5 f0 / 82.4 Hz   (stiffness)
  and decays with     R_n = 4 + 0.01 f0 + 6 (1 - o) + f0 10 log10(1 + (n / c)^2)   dB/s,

where openness o = CC55 / 127 moves the cutoff c geometrically from 8 (82.4 / f0)^0.6 (palm-muted)
to 33 (open). From note-off a finger damps the string: 150 dB/s more, and still more for high
partials. A pluck peaks at -3 + 40 log10(velocity / 127) dBFS, open or muted, whatever the pitch.
CC74 moves the pick along the string; its law is in `guitars/pick.py`.
Explained in notebook 01, "A guitar with a known law".
"""

from itertools import pairwise

import numpy as np
import soxr
from scipy.signal import butter, lfilter, sosfilt
from scipy.special import erfc

from nmsynth_lib.guitars.pick import pick_position, pick_value_at
from nmsynth_lib.performance import OPENNESS_CC, Note, Performance, held, midi_to_hz

E2_HZ = 82.4
STIFFNESS_AT_E2 = 1e-5
PEAK_DBFS = -3.0  # a pluck of velocity 127
PICKUP = 0.093  # distance from the bridge, share of the string's length
PICK_CLICK = 0.2  # heard of the pick itself, on top of what stays on the string
PICK_CUTOFF_HZ = (700.0, 5200.0)  # of the pick pulse at velocity 0 and 127
PICKUP_HZ, PICKUP_Q = 4200.0, 1.3  # the pickup's resonance
JITTER_DB, JITTER_PICK = 0.25, 0.02  # standard deviations from pluck to pluck
THUMP_DB, THUMP_HZ, THUMP_S = -16.0, 95.0, 0.016  # palm on the strings, re the pluck's peak
RELEASE_DB_PER_S, RELEASE_PARTIAL = 150.0, 10.0  # finger damping after note-off
TOUCH_S = 0.004  # the pick touches the string, and its ring dies, that long before the next pluck
RELEASE_S = 0.6  # when a damped string is left alone
NOISE_DBFS = -84.0
OVERSAMPLING = 2
COUPLING_HZ = 8.0  # of the amplifier: a moving string would let the mean drift
BLOCK_S = 0.004  # the loop filter moves along straight lines between the borders of such blocks


def string_partial_decay(
    f0_hz: float | np.ndarray, openness: float | np.ndarray, partial: float | np.ndarray
) -> float | np.ndarray:
    """How fast one partial of a sounding note falls: the law of this guitar.

    Args:
      f0_hz: Fundamental, Hz.
      openness: CC55 / 127, 0 (palm-muted) .. 1 (open).
      partial: 1 for the fundamental, and so on. All three broadcast.

    Returns:
      Decay, dB/s, positive for a falling level.

    Explained in notebook 01, "A guitar with a known law".
    """
    muted = 8.0 * (E2_HZ / f0_hz) ** 0.6
    cutoff = muted * (33.0 / muted) ** openness
    flat = 4.0 + 0.01 * f0_hz + 6.0 * (1.0 - openness)
    return flat + f0_hz * 10.0 * np.log10(1.0 + (partial / cutoff) ** 2)


def string_partial_frequency(
    f0_hz: float | np.ndarray, partial: float | np.ndarray
) -> float | np.ndarray:
    """Where a partial lies: a stiff string's are sharper than whole multiples, by a few cents.

    Args:
      f0_hz: Fundamental of the ideal string, Hz.
      partial: 1 for the fundamental, and so on.

    Returns:
      Frequency, Hz.

    Source: Fletcher, "Normal vibration frequencies of a stiff piano string", 1964.
    Explained in notebook 01, "A guitar with a known law".
    """
    stiffness = STIFFNESS_AT_E2 * f0_hz / E2_HZ
    return partial * f0_hz * np.sqrt(1.0 + stiffness * partial**2)


def string_peak_level(velocity: float | np.ndarray) -> float | np.ndarray:
    """Peak level of a pluck, dBFS, before jitter: -28 at velocity 30, -3 at 127.

    Args:
      velocity: MIDI velocity, 1..127.

    Explained in notebook 01, "A guitar with a known law".
    """
    return PEAK_DBFS + 40.0 * np.log10(velocity / 127.0)


def string_audio(
    performance: Performance, sample_rate: int = 16000, seed: int = 0, tail: float = 1.0
) -> np.ndarray:
    """The performance, played on the waveguide string.

    Args:
      performance: What to play; CC55 and pitch bend may move inside notes, CC74 between them.
      sample_rate: Of the result, Hz.
      seed: Of the jitter from pluck to pluck and of the noise floor.
      tail: Seconds after the last note-off.

    Returns:
      Audio, float32, shape [round((performance.duration + tail) * sample_rate)], |x| < 1.

    Explained in notebook 01, "A guitar with a known law".
    """
    n_samples = round((performance.duration + tail) * sample_rate)
    rate = OVERSAMPLING * sample_rate
    string = np.zeros(OVERSAMPLING * n_samples, np.float32)
    for index, note in enumerate(performance.notes):
        following = performance.notes[index + 1 : index + 2]
        end = min(
            note.offset + RELEASE_S,
            following[0].onset if following else np.inf,
            len(string) / rate,
        )
        rng = np.random.default_rng([seed, index])
        start, ring = _note_audio(note, performance, end, rate, rng)
        if following:
            left = following[0].onset - (start + np.arange(len(ring))) / rate
            ring *= np.sin(0.5 * np.pi * np.clip(left / TOUCH_S, 0.0, 1.0)) ** 2
        first = max(0, -start)  # the band-limited edge of a note at time 0 begins before it
        ring = ring[first : first + len(string) - start]
        string[start + first : start + first + len(ring)] += ring
    audio = soxr.resample(string, rate, sample_rate, quality="HQ")[:n_samples]
    audio = np.pad(audio, (0, n_samples - len(audio)))
    noise = np.random.default_rng([seed, 2**31]).standard_normal(n_samples, np.float32)
    audio += 10 ** (NOISE_DBFS / 20) * noise
    return np.clip(audio, -1.0, 1.0).astype(np.float32)


def _note_audio(
    note: Note, performance: Performance, end: float, rate: int, rng: np.random.Generator
) -> tuple[int, np.ndarray]:
    """One pluck until `end` seconds: its first sample's index and the samples at `rate`."""
    lead = 16  # samples before the onset, for the band-limited edge of the pluck
    start = int(np.floor(note.onset * rate)) - lead
    n_samples = max(lead, int(end * rate) - start)
    block = round(BLOCK_S * rate)
    borders = np.arange(0, n_samples + block, block)
    times = np.maximum((start + borders) / rate, note.onset)
    openness = held(performance.controllers.get(OPENNESS_CC, ()), times, 0) / 127.0
    bend = held(performance.bend, times, 0.0)
    f0 = midi_to_hz(note.pitch + bend)
    damping = np.clip((times - note.offset) / 0.01, 0.0, 1.0)

    gain = 10 ** ((string_peak_level(note.velocity) + _jitter(rng, JITTER_DB)) / 20)
    onset = note.onset * rate - start  # in samples, with its fraction
    excitation = np.zeros(n_samples)
    pick = pick_position(float(pick_value_at(performance, note.onset)))
    pluck = gain * _pluck(f0[0], note.velocity, pick, onset, rate, rng)[:n_samples]
    excitation[: len(pluck)] = pluck

    settings, index = np.unique(
        np.stack([f0, openness, damping], axis=1), axis=0, return_inverse=True
    )
    filters, last_lag = _loop_filters(*settings.T, rate)
    audio = _ring(excitation, filters, index.reshape(-1), last_lag, block)
    audio = (audio + PICK_CLICK * excitation) / (1.0 + PICK_CLICK)
    audio = sosfilt(butter(1, COUPLING_HZ, "high", fs=rate, output="sos"), audio)
    age = (np.arange(n_samples) - onset) / rate
    return start, audio + gain * (1.0 - openness[0]) * _thump(age, rng)


def _loop_filters(
    f0: np.ndarray, openness: np.ndarray, damping: np.ndarray, rate: int
) -> tuple[np.ndarray, int]:
    """What one trip round the string does to a wave, as impulse responses.

    The trip's phase is -2 pi n at the frequency of partial n, n real, which puts the partials where
    the law wants them; its loss is R_n times the group delay there. Far above the highest audible
    partial the response fades out, so that it is short.

    Args:
      f0: Fundamentals, Hz, shape [n_filters].
      openness: 0..1, shape [n_filters].
      damping: Share of the finger damping, 0 (sounding) .. 1 (released), shape [n_filters].
      rate: Samples per second.

    Returns:
      Impulse responses from the longest lag to the shortest, shape [n_filters, n_taps], and the
      longest lag in samples.
    """
    f0, openness, damping = (x[:, None] for x in (f0, openness, damping))
    n_fft = 2 ** int(np.ceil(np.log2(2.2 * rate / f0.min())))
    frequency = np.fft.rfftfreq(n_fft, 1.0 / rate)
    stiffness = STIFFNESS_AT_E2 * f0 / E2_HZ
    ratio = (frequency / f0) ** 2
    # f_n = n f0 sqrt(1 + B n^2) solved for n, in the form that keeps its digits for small B.
    square = 2.0 * ratio / (1.0 + np.sqrt(1.0 + 4.0 * stiffness * ratio))
    partial = np.sqrt(square)
    stiff = 1.0 + stiffness * square
    group_delay = np.sqrt(stiff) / (stiff + stiffness * square) / f0
    decay = string_partial_decay(f0, openness, partial) + damping * (
        RELEASE_DB_PER_S + f0 * 10.0 * np.log10(1.0 + square / RELEASE_PARTIAL**2)
    )
    fade = 0.5 * erfc((frequency - 0.375 * rate) / (0.0375 * rate * np.sqrt(2.0)))
    response = fade * 10.0 ** (-decay * group_delay / 20.0) * np.exp(-2j * np.pi * partial)
    lags = np.fft.irfft(response, n_fft)
    # Keep what matters: nearly all of it lies within a few time constants of the loss around the
    # period, and earlier by what stiffness gains the highest partials.
    muted_hz = (8.0 * (E2_HZ / f0) ** 0.6 * f0).min()
    margin = 11.0 * rate / (2.0 * np.pi * min(muted_hz, RELEASE_PARTIAL * f0.min())) + 24
    last = int(min(rate / f0.min() + margin, n_fft - 1, 2 * rate / f0.min() - 1))
    earliest = (group_delay * rate)[:, frequency < 0.4 * rate].min() - margin
    first = max(1, int(earliest))
    return np.ascontiguousarray(lags[:, last : first - 1 : -1]), last


def _ring(
    excitation: np.ndarray, filters: np.ndarray, index: np.ndarray, last_lag: int, block: int
) -> np.ndarray:
    """The waveguide itself: each sample is what comes back from one trip, plus the pluck.

    The filter of each block border is `filters[index]`; between two borders it moves along a
    straight line, or stands still.
    """
    n_samples = len(excitation)
    wave = np.zeros(last_lag + n_samples)  # begins with silence as long as the longest trip
    steps = np.flatnonzero(np.diff(index))  # blocks in which the filter moves
    edges = np.unique(np.concatenate([[0], steps, steps + 1, [len(index) - 1]])) * block
    for start, stop in pairwise(np.minimum(edges, n_samples)):
        here, there = filters[index[start // block]], filters[index[-(-stop // block)]]
        past, new = wave[start : start + last_lag], excitation[start:stop]
        if index[start // block] == index[-(-stop // block)]:
            sound = _still(past, new, here)
        else:
            sound = _moving(past, new, here, there, block)
        wave[last_lag + start : last_lag + stop] = sound
    return wave[last_lag:]


def _still(past: np.ndarray, new: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Trips through one filter: a recursive filter that begins with what has sounded."""
    feedback = np.zeros(len(past))
    feedback[len(past) - len(taps) :] = taps[::-1]  # from a lag of one sample to the longest
    state = np.correlate(feedback, past[::-1], "full")[len(past) - 1 :]
    return lfilter([1.0], np.append(1.0, -feedback), new, zi=state)[0]


def _moving(
    past: np.ndarray, new: np.ndarray, here: np.ndarray, there: np.ndarray, block: int
) -> np.ndarray:
    """Trips through a filter that moves: never more samples at once than the shortest trip has."""
    wave = np.concatenate([past, new])
    shortest = len(past) - len(here) + 1
    for first in range(0, len(new), shortest):
        stop = min(first + shortest, len(new))
        heard = wave[first : stop + len(here) - 1]
        back, ahead = (np.correlate(heard, taps, "valid") for taps in (here, there))
        share = np.arange(first, stop) / block
        wave[len(past) + first : len(past) + stop] += back + share * (ahead - back)
    return wave[len(past) :]


def _pluck(
    f0: float, velocity: int, pick: float, onset: float, rate: int, rng: np.random.Generator
) -> np.ndarray:
    """What the pickup hears of the pick in the first period, peak 1, onset at sample `onset`.

    A pick pulls the string aside and lets go: a step that runs both ways, is turned over at the
    bridge, and passes the pickup. Its edge is softer for a soft pluck; `pick` is where it strikes.
    """
    n_fft = 2 ** int(np.ceil(np.log2(2.0 * rate / f0)))
    frequency = np.fft.rfftfreq(n_fft, 1.0 / rate)
    soft, hard = PICK_CUTOFF_HZ
    cutoff = soft * (hard / soft) ** (velocity / 127.0) * (1.0 + _jitter(rng, JITTER_PICK))
    pick *= 1.0 + _jitter(rng, JITTER_PICK)
    turn = 2j * np.pi * frequency
    # A wave minus itself delayed is what a reflection that is turned over leaves.
    spectrum = (1.0 - np.exp(-turn * pick / f0)) * (1.0 - np.exp(-turn * PICKUP / f0))
    spectrum[1:] /= turn[1:]
    spectrum /= (1.0 + 1j * frequency / cutoff) ** 2
    place = frequency / PICKUP_HZ
    spectrum /= 1.0 - place**2 + 1j * place / PICKUP_Q
    spectrum *= np.exp(-turn * onset / rate)
    spectrum *= 0.5 * erfc((frequency - 0.375 * rate) / (0.0375 * rate * np.sqrt(2.0)))
    pluck = np.fft.irfft(spectrum, n_fft)
    return pluck / np.abs(pluck).max()


def _thump(age: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The palm landing on the strings, at `age` seconds after the onset, re the pluck's peak."""
    level = 10 ** ((THUMP_DB + _jitter(rng, JITTER_DB)) / 20)
    age = np.maximum(age, 0.0)
    swing = np.sin(2 * np.pi * THUMP_HZ * age) * np.exp(-age / THUMP_S)
    return level * (1.0 - np.exp(-age / 0.001)) * swing


def _jitter(rng: np.random.Generator, deviation: float) -> float:
    """A normal deviate that never strays beyond two and a half standard deviations."""
    return deviation * float(np.clip(rng.standard_normal(), -2.5, 2.5))
