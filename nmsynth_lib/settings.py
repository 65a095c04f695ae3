"""A setting: what to play, on which instrument, with which style, as a small JSON to pass on.

Road: [setting] -> Performance -> controls -> decoder -> synthesis -> audio.
A setting plays one note (`pitch`, `seconds`), a phrase of the menu (`phrase`), or notes of its own
(`notes`). The same few entries are read by every widget that can be shared; each says itself which
of them it can play.
Explained in notebook 04, "One note, every openness".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from nmsynth_lib.errors import SettingError
from nmsynth_lib.schema import InstrumentSpec

FORMAT = 1  # of the JSON; what reads an older one is here, a newer one is refused
LONGEST = 20_000  # characters of a text that is looked at

Midi = Annotated[int, Field(ge=0, le=127)]
Seconds = Annotated[FiniteFloat, Field(ge=0, le=3600)]


class Setting(BaseModel):
    """What to play and how; what is None is not said.

    Attributes:
      format: Of the JSON.
      instrument: Name of the instrument.
      controls: Style channel, by its name in the schema, to MIDI value.
      velocity: 1...127; of a phrase: of every note.
      pitch: MIDI pitch of the one note.
      seconds: Its length.
      phrase: Label of a phrase in the menu.
      note_length: Per cent of the phrase's written lengths.
      transpose: The phrase, semitones.
      notes: (pitch, velocity, onset, offset), seconds, of a piece of one's own.
      lanes: Style channel to (seconds, MIDI value) steps, of such a piece.

    Explained in notebook 04, "One note, every openness".
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: int = FORMAT
    instrument: str = Field(min_length=1, max_length=200)
    controls: dict[str, Midi] = {}
    velocity: int | None = Field(None, ge=1, le=127)
    pitch: Midi | None = None
    seconds: Annotated[FiniteFloat, Field(gt=0, le=60)] | None = None
    phrase: str | None = None
    note_length: int | None = Field(None, ge=10, le=200)
    transpose: int | None = Field(None, ge=-12, le=12)
    notes: list[tuple[Midi, Annotated[int, Field(ge=1, le=127)], Seconds, Seconds]] | None = None
    lanes: dict[str, list[tuple[Seconds, Midi]]] | None = None

    @classmethod
    def from_json(cls, text: str) -> Setting:
        """Reads a setting that was copied from a widget.

        Raises:
          SettingError: no JSON, no setting, of a newer format, or an entry is impossible.
        """
        if not text.strip():
            raise SettingError("There is nothing to paste: copy a setting first.")
        try:
            entries = json.loads(text[:LONGEST])
        except (ValueError, RecursionError) as error:
            where = ""
            if isinstance(error, json.JSONDecodeError):
                where = f" (line {error.lineno}, character {error.colno})"
            raise SettingError(
                f"This is not a setting: it stops being JSON{where}. Copy it again, whole, from "
                'the "{" to the "}".'
            ) from None
        return cls.of(entries)

    @classmethod
    def of(cls, entries: Setting | Mapping[str, Any] | str) -> Setting:
        """A setting from its entries, its JSON, or a setting.

        Raises:
          SettingError: as `from_json`.
        """
        if isinstance(entries, cls):
            return entries
        if isinstance(entries, str):
            return cls.from_json(entries)
        if not isinstance(entries, Mapping):
            raise SettingError(
                f'This is not a setting but {_shown(entries)}; it looks like {{"instrument": '
                '"string", "controls": {"openness": 127}}.'
            )
        newer = entries.get("format", FORMAT)
        if isinstance(newer, int) and newer > FORMAT:
            raise SettingError(
                f"This setting has format {newer}, of a newer nmsynth; this one reads format "
                f"{FORMAT}. Update nmsynth, or ask for the values by name."
            )
        if newer != FORMAT or isinstance(newer, bool):
            raise SettingError(f"format is {_shown(newer)}; this nmsynth reads {FORMAT}.")
        try:
            # Through JSON, so that a list will do where a tuple is meant.
            return cls.model_validate_json(json.dumps(dict(entries)))
        except ValidationError as error:
            raise SettingError(_first_fault(error)) from None
        except (TypeError, ValueError) as error:
            raise SettingError(f"This setting cannot be JSON: {error}.") from None

    def entries(self) -> dict[str, Any]:
        """What the setting says, as plain Python; what it does not say is left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_json(self) -> str:
        """One line that `from_json` reads back to an equal setting."""
        return json.dumps(self.entries(), ensure_ascii=False)

    def checked(self, spec: InstrumentSpec) -> Setting:
        """The setting itself, if this instrument can play it.

        Raises:
          SettingError: a style channel that the instrument has not, a value or a pitch outside of
            what it was made for.
        """
        channels = {channel.name: channel for channel in spec.style_channels()}
        lanes = self.lanes or {}
        values = list(self.controls.items())
        values += [(name, value) for name, steps in lanes.items() for _, value in steps]
        for name in [*self.controls, *lanes]:
            if name not in channels:
                known = ", ".join(channels) or "none"
                raise SettingError(
                    f"{spec.name} has no style channel '{_cut(name)}'; its channels: {known}."
                )
        for name, value in values:
            low, high = channels[name].low, channels[name].high
            if not low <= value <= high:
                raise SettingError(
                    f"{name} is {value}; {spec.name} takes {low:g} to {high:g} there."
                )
        low, high = spec.pitch_range
        if self.pitch is not None and not low <= self.pitch <= high:
            raise SettingError(f"pitch is {self.pitch}; {spec.name} plays {low} to {high}.")
        return self


def _first_fault(error: ValidationError) -> str:
    """The first of pydantic's complaints, as one line for the one who pasted."""
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "the setting"
    if fault["type"] == "extra_forbidden":
        known = ", ".join(Setting.model_fields)
        return f"A setting has no entry '{_cut(where)}'; it may have: {known}."
    if fault["type"] == "missing":
        return f"The entry '{where}' is missing from this setting."
    wanted = fault["msg"].removeprefix("Input should be ").replace("a valid ", "a ")
    wanted = wanted.replace("integer", "whole number").replace("dictionary", "object")
    wanted = wanted.replace("greater than or equal to", "at least")
    wanted = wanted.replace("less than or equal to", "at most")
    return f"{where} is {_shown(fault['input'])}; it should be {wanted}."


def _shown(value: Any) -> str:
    return _cut(json.dumps(value, default=str, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
