"""Take findings: what the figures of a take mean, and what to do about each, in words.

Road: take checks -> [take findings] -> table, page, meta.yaml.
A finding that can be put right by reading the take another way carries the entries of `meta.yaml`
that do so; the files are never touched.
Explained in notebook 01, "Is the sound sound?".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from nmsynth_lib.midi.channel import note_name
from nmsynth_lib.take_checks import TakeCheck
from nmsynth_lib.takes import TakeMeta

LATE_MS, SPREAD_MS, OUT_OF_TUNE_CENTS = 3.0, 12.0, 3.0
STRING_SPREAD_CENTS = 12.0
TRUSTED_RANK, BLENDED_RANK = 0.8, 0.5  # of velocity against loudness
NOISY_DB, QUIET_DBFS, DC, CANCELLED_DB, SILENCED_DB = 45.0, -40.0, 0.01, 3.0, 15.0
RINGS_ON_DB = 6.0
FEWEST_HEARD, MOSTLY_HEARD = 0.5, 0.9
FEWEST_MINUTES, ENOUGH_MINUTES = 0.5, 5.0
FEWEST_PITCHES = 12
HUM_SHARE, HUM_MARGIN_S = 0.2, 0.5  # of a take that may be left out for it; and round each hum
SHOWN = 4  # places that are named

Grade = Literal["note", "warning", "unfit"]


@dataclass(frozen=True)
class Finding:
    """One thing that is to be known of a take.

    Attributes:
      key: The figure it is about.
      grade: "note": nothing is lost; "warning": usable, but worse; "unfit": not usable.
      words: What is so, with its figure.
      remedy: What to do about it.
      correction: Entries for meta.yaml that put it right; empty if none can.
    """

    key: str
    grade: Grade
    words: str
    remedy: str = ""
    correction: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Words and remedy, one line."""
        return f"{self.words} {self.remedy}".strip()


def findings(check: TakeCheck) -> list[Finding]:
    """Everything that is to be said of a take, the worst first.

    Args:
      check: From `checked_take`.

    Returns:
      Findings; an empty list for a take without fault.

    Explained in notebook 01, "Is the sound sound?".
    """
    found = list(_of_sound(check))
    if check.error:
        found.append(Finding("error", "unfit", check.error))
    elif check.alignment is not None:
        found += [*_of_midi(check), *_of_time(check), *_of_tuning(check), *_of_notes(check)]
    order = ("unfit", "warning", "note")
    return sorted(found, key=lambda one: order.index(one.grade))


def verdict(found: list[Finding]) -> tuple[int, str]:
    """Exit status and words: 0 fit, 1 usable with warnings, 2 unfit."""
    grades = {one.grade for one in found}
    if "unfit" in grades:
        return 2, "unfit"
    return (1, "usable, with warnings") if "warning" in grades else (0, "fit")


def corrections(found: list[Finding]) -> dict[str, Any]:
    """Entries of meta.yaml that put right what can be put right."""
    return {name: value for one in found for name, value in one.correction.items()}


def corrections_by_take(
    checked: Iterable[tuple[TakeCheck, list[Finding]]],
) -> dict[str, dict[str, Any]]:
    """The same by the name of the take, without takes that need none."""
    return {check.files.name: new for check, found in checked if (new := corrections(found))}


def _of_sound(check: TakeCheck) -> Iterator[Finding]:
    sound = check.sound
    if sound is None:
        return
    if sound.cancelled_db > CANCELLED_DB:
        yield Finding(
            "cancelled_db",
            "unfit" if sound.cancelled_db > SILENCED_DB else "warning",
            f"The channels cancel each other: mixed to mono they lose {sound.cancelled_db:.0f} dB.",
            "Export one of them alone, or turn the polarity of one over.",
        )
    if sound.clipped:
        yield Finding(
            "clipped",
            "warning",
            f"{sound.clipped} samples are clipped (runs at full scale).",
            "Record again, 6 dB lower: what was cut off cannot be brought back.",
        )
    if sound.peak_dbfs < QUIET_DBFS:
        yield Finding(
            "peak_dbfs",
            "warning",
            f"It peaks at {sound.peak_dbfs:.0f} dBFS: the instrument will be that quiet too.",
            "Make it louder, up to a peak of about -6 dBFS, and export it again.",
        )
    if abs(sound.dc) > DC:
        yield Finding(
            "dc",
            "warning",
            f"It has an offset (DC) of {100 * sound.dc:+.1f} % of full scale.",
            "Filter it out below 20 Hz, and export it again.",
        )
    noise = sound.peak_dbfs - sound.floor_dbfs
    if noise < NOISY_DB:
        yield Finding(
            "floor_dbfs",
            "warning",
            f"Its noise floor is only {noise:.0f} dB below its peak, or it has no rests.",
            "Turn the gain of the amplifier down and that of the recorder up, or leave rests.",
        )
    if sound.sample_rate < 16000:
        yield Finding(
            "sample_rate",
            "warning",
            f"At {sound.sample_rate} Hz it holds nothing above {sound.sample_rate / 2000:.1f} kHz.",
            "Record at 44,100 or 48,000 Hz.",
        )
    if sound.hum:
        where = ", ".join(f"{start:.1f} to {end:.1f} s" for start, end in sound.hum[:SHOWN])
        skipped = [list(stretch) for stretch in check.files.meta.skip]
        new = [
            [round(max(0.0, start - HUM_MARGIN_S), 2), round(end + HUM_MARGIN_S, 2)]
            for start, end in sound.hum
            if not any(a <= start and end <= b for a, b in skipped)
        ]
        few = sound.hum_seconds < HUM_SHARE * sound.seconds
        if new:
            yield Finding(
                "hum_seconds",
                "warning",
                f"It hums at {sound.hum_hz:.0f} Hz for {sound.hum_seconds:.1f} s ({where}).",
                "Leave these stretches out." if few else "Turn the guitar or filter the hum out.",
                {"skip": sorted([*skipped, *new])} if few else {},
            )


def _of_midi(check: TakeCheck) -> Iterator[Finding]:
    meta = check.files.meta
    if check.overlaps and meta.overlaps == "error":
        places = ", ".join(
            f"{note_name(first)} into {note_name(second)} at {time:.2f} s"
            for time, first, second in check.overlaps[:SHOWN]
        )
        more = f" and {len(check.overlaps) - SHOWN} more" if len(check.overlaps) > SHOWN else ""
        yield Finding(
            "overlaps",
            "warning",
            f"Notes sound together: {places}{more}.",
            "Let each end when the next begins, or shorten them in the MIDI.",
            {"overlaps": "last"},
        )
    if check.past_the_end:
        yield Finding(
            "past_the_end",
            "warning",
            f"{check.past_the_end} notes begin after the sound has ended; they teach nothing.",
            "Is the sound cut short, or does the MIDI belong to another take?",
        )
    span = check.highest - check.lowest + 1
    if span < FEWEST_PITCHES:
        yield Finding(
            "lowest",
            "warning",
            f"It covers only {note_name(check.lowest)} to {note_name(check.highest)}.",
            "Record the whole neck: outside this range the instrument guesses.",
        )
    if check.holes:
        more = f" and {len(check.holes) - SHOWN} more" if len(check.holes) > SHOWN else ""
        yield Finding(
            "holes",
            "note",
            f"Not everything is there: {'; '.join(check.holes[:SHOWN])}{more}.",
            "The instrument guesses there from the neighbours.",
        )
    levels = [name for name, share in check.openness if share > 0]
    if len(levels) == 1:
        yield Finding(
            "openness",
            "note",
            f"CC55 is {levels[0]} throughout: openness will not be learnt.",
            "Record muted and open notes, and write CC55 0 or 127 just before each.",
        )
    if check.minutes_usable < ENOUGH_MINUTES:
        few = check.minutes_usable < FEWEST_MINUTES
        yield Finding(
            "minutes_usable",
            "unfit" if few else "note",
            f"{check.minutes_usable:.1f} minutes of it can be used.",
            "Record more; the shipped guitars learnt from twelve minutes each.",
        )


def _of_time(check: TakeCheck) -> Iterator[Finding]:
    at, meta = check.alignment, check.files.meta
    end = check.sound.seconds
    if at.heard < MOSTLY_HEARD:
        yield Finding(
            "heard",
            "unfit" if at.heard < FEWEST_HEARD else "warning",
            f"Only {100 * at.heard:.0f} % of its notes can be heard in the sound.",
            "Do the two files belong together?",
        )
    if abs(at.lag_ms) > LATE_MS or abs(at.late_ms(end)) > LATE_MS:
        drifts = abs(at.late_ms(end) - at.lag_ms) > LATE_MS
        late = "late" if at.lag_ms >= 0 else "early"
        words = f"The sound comes {abs(at.lag_ms):.1f} ms {late}"
        if drifts:
            words += (
                f" and the clocks drift by {at.drift_ppm:+.0f} ppm: "
                f"{at.late_ms(end):+.0f} ms at its end"
            )
        yield Finding(
            "lag_ms",
            "warning",
            f"{words}.",
            "Move the MIDI to the sound, or the network learns to wait.",
            _joined_times(meta, at.lag_ms, at.drift_ppm if drifts else 0.0),
        )
    if at.spread_ms > SPREAD_MS:
        yield Finding(
            "spread_ms",
            "warning",
            f"Single notes lie {at.spread_ms:.0f} ms away from where the MIDI says.",
            "Draw their onsets again over the waveform: attacks will be soft otherwise.",
        )


def _joined_times(meta: TakeMeta, lag_ms: float, drift_ppm: float) -> dict[str, float]:
    """One line of time for what meta.yaml corrects already and what is left."""
    ratio = 1.0 + drift_ppm / 1e6
    return {
        "onset_shift_ms": round(lag_ms + ratio * meta.onset_shift_ms, 2),
        "drift_ppm": round(1e6 * (ratio * (1.0 + meta.drift_ppm / 1e6) - 1.0), 2),
    }


def _of_tuning(check: TakeCheck) -> Iterator[Finding]:
    cents = check.tuning_cents
    if abs(cents) > OUT_OF_TUNE_CENTS:
        way = "sharp" if cents > 0 else "flat"
        shown = (
            f"{abs(cents):.1f} cents" if abs(cents) < 80 else f"{abs(cents) / 100:.1f} semitones"
        )
        yield Finding(
            "tuning_cents",
            "warning",
            f"The guitar is {shown} {way}.",
            "Tell the network so, and it stays in tune itself.",
            {"tuning_cents": round(cents + check.files.meta.tuning_cents, 2)},
        )
    strings = [one for one in check.string_cents if abs(one[1] - cents) > STRING_SPREAD_CENTS]
    if strings:
        named = ", ".join(f"{name} {value - cents:+.0f} cents" for name, value in strings)
        yield Finding(
            "string_cents",
            "note",
            f"Strings are out of tune with the others, as played in first position: {named}.",
            "The instrument will be out of tune in the same way.",
        )


def _of_notes(check: TakeCheck) -> Iterator[Finding]:
    rank, share = check.velocity_rank, check.files.meta.measured_velocity
    if check.velocities == 1:
        words, wanted = "All velocities are equal, the loudness is not.", 1.0
    elif rank < BLENDED_RANK:
        words, wanted = f"Velocity says little of the loudness (rank correlation {rank:.2f}).", 1.0
    elif rank < TRUSTED_RANK:
        words, wanted = f"Velocity follows the loudness loosely (rank correlation {rank:.2f}).", 0.5
    else:
        words, wanted = "", 0.0
    if wanted > share:
        yield Finding(
            "velocity_rank",
            "warning",
            words,
            "Read it off the sound." if wanted == 1 else "Take half of it from the sound.",
            {"measured_velocity": wanted},
        )
    if check.silent_notes:
        yield Finding(
            "silent_notes",
            "warning" if check.silent_notes > 0.02 * check.n_notes else "note",
            f"Nothing is heard of {check.silent_notes} notes.",
            "Delete them from the MIDI, or record them.",
        )
    if check.tail_db < RINGS_ON_DB:
        yield Finding(
            "tail_db",
            "note",
            f"The strings ring on after note-off ({check.tail_db:.0f} dB quieter after 0.1 s).",
            "The instrument will do so too; for short notes, end the notes where they are damped.",
        )
