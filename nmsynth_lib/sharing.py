"""Sharing: an instrument in one zip, and one from somebody else, taken in with care.

Road: instrument -> [sharing] -> zip -> somebody else's instrument.
A zip holds a folder: schema, weights, their checksums, and a LICENCE.txt that a person can read.
The state of the training stays at home. What comes from a stranger is looked at before it is used,
and appears whole or not at all.
Explained in notebook 06, "Hand it over".
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import yaml

from nmsynth_lib.errors import NmsynthError, SharingError
from nmsynth_lib.files import appearing, file_mode, output_error
from nmsynth_lib.incoming import MEGABYTE, last_part, shown_name
from nmsynth_lib.instrument_files import (
    SPEC_FILE,
    SUMS_FILE,
    WEIGHTS_FILE,
    check_sums,
    find_instrument,
    sums_of,
)
from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.weights_file import check_weights_file

LICENCE_FILE = "LICENCE.txt"
FILES = (SPEC_FILE, WEIGHTS_FILE, SUMS_FILE, LICENCE_FILE)
MOST_BYTES = {WEIGHTS_FILE: 64 * MEGABYTE}  # the paper's network has 38 million
MOST_TEXT_BYTES = 200_000  # of each other file
LIMIT_MB = 66  # of a zip, and of all that is in it
LONGEST_LINE = 200
DEEPEST = 12  # lists and entries within each other in a schema
NOT_SAID = "not said"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_SAME_DATE = (1980, 1, 1, 0, 0, 0)  # the same instrument makes the same zip


def pack_instrument(
    instrument: str | Path, out: str | Path, credit: str = "", licence: str = ""
) -> Path:
    """Puts an instrument into one zip that somebody else can load.

    Args:
      instrument: Its folder, or the name of a shipped one.
      out: NAME.zip, or a folder for it.
      credit: Who made it, one line. Empty: what the instrument says already.
      licence: Under which others may use it, e.g. "CC-BY-4.0". Empty: likewise.

    Returns:
      Path of the zip; an older one of that name is replaced.

    Raises:
      SharingError: no credit or licence, or its training has not ended.
      WeightsError: a file of the instrument is damaged.
      OutputError: the zip could not be written; an older one stays.

    Explained in notebook 06, "Hand it over".
    """
    folder = find_instrument(instrument)
    spec = InstrumentSpec.read(folder / SPEC_FILE)
    said = {
        "credit": _one_line("credit", credit or spec.provenance.get("credit", "")),
        "licence": _one_line("licence", licence or spec.provenance.get("licence", "")),
    }
    if missing := [name for name, value in said.items() if not value]:
        raise SharingError(
            f"{folder.name}: say who made it and under which licence others may use it: "
            f"{' and '.join(missing)} missing, e.g. credit='Ada, 2026', licence='CC-BY-4.0'. "
            f"The recording's own licence: {spec.data_licence or NOT_SAID}."
        )
    if not (folder / SUMS_FILE).is_file():
        raise SharingError(
            f"{folder}: has no {SUMS_FILE}, so its training has not ended. Let it end, or write it "
            "anew: Instrument.load(folder).save(folder)."
        )
    check_sums(folder)
    spec = spec.model_copy(update={"provenance": {**spec.provenance, **said}})
    content = {
        SPEC_FILE: spec.text().encode(),
        WEIGHTS_FILE: (folder / WEIGHTS_FILE).read_bytes(),
        LICENCE_FILE: licence_text(spec).encode(),
    }
    for name, data in content.items():
        if len(data) > _most(name):
            raise SharingError(
                f"{folder / name}: has {len(data) / MEGABYTE:.1f} MB; "
                f"{_most(name) / MEGABYTE:g} MB are the most that can be shared."
            )
    content[SUMS_FILE] = sums_of(content)
    path = Path(out) / f"{spec.name}.zip" if Path(out).is_dir() else Path(out)
    if path.suffix.lower() != ".zip":
        raise SharingError(f"{path}: call it NAME.zip.")
    with appearing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            info = zipfile.ZipInfo(f"{spec.name}/{name}", _SAME_DATE)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, data)
    return path


def licence_text(spec: InstrumentSpec) -> str:
    """Who made an instrument and what others may do with it, for people: LICENCE.txt.

    Explained in notebook 06, "Hand it over".
    """
    return (
        f"{spec.name}: an instrument for nmsynth.\n"
        f"Made by: {spec.provenance.get('credit') or NOT_SAID}\n"
        f"Licence: {spec.provenance.get('licence') or NOT_SAID}\n"
        f"Licence of the recording that it learnt from: {spec.data_licence or NOT_SAID}\n"
    )


def unpack_instrument(
    source: str | Path | BinaryIO, folder: str | Path, name: str = "", called: str = ""
) -> Path:
    """Takes in an instrument that somebody has packed.

    Only the four files of an instrument are taken, by their names alone, so nothing can be written
    elsewhere. Sizes, checksums, schema and weights are looked at, and it is loaded once, before it
    gets its name.

    Args:
      source: The zip, or an open file of it.
      folder: For its folder; made if it is not there.
      name: What to call its folder; empty: as the instrument is called.
      called: The zip's name for messages, where `source` is an open file.

    Returns:
      The instrument's folder. If the same instrument is there already, that one.

    Raises:
      SharingError: not such a zip, damaged, too large, or another instrument has that name.
      OutputError: the folder cannot be written; nothing of the instrument stays.

    Explained in notebook 06, "Hand it over".
    """
    where = shown_name(called or (source.name if hasattr(source, "name") else str(source)))
    if name and not NAME.fullmatch(name):
        raise SharingError(
            f"{shown_name(name)}: is no name for an instrument. Use letters, digits, - and _."
        )
    content = _content(source, where)
    _check_content_sums(content, where)
    spec = _checked_spec(content[SPEC_FILE], where)
    place = Path(folder) / (name or spec.name)
    if place.exists():
        if _same_there(place, content):
            return place
        raise SharingError(
            f"{where}: another {place.name} is there already. Give this one a name of its own."
        )
    _appear(place, content, spec, where)
    return place


def _content(source: str | Path | BinaryIO, where: str) -> dict[str, bytes]:
    """The instrument's files by name, none larger than it may be."""
    try:
        with zipfile.ZipFile(source) as archive:
            members = _members(archive, where)
            return {name: archive.read(info) for name, info in members.items()}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise SharingError(
            f"{where}: is no zip that can be unpacked ({reason}). Ask for it again."
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SharingError(f"{where}: cannot be read: {reason}.") from error


def _members(archive: zipfile.ZipFile, where: str) -> dict[str, zipfile.ZipInfo]:
    """Which entries of the zip are the instrument's files."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = last_part(info.filename)
        if info.is_dir() or name not in FILES or "__MACOSX" in info.filename:
            continue
        if name in members:
            raise SharingError(f"{where}: holds two files called {name}. Share one instrument.")
        if info.flag_bits & 1:
            raise SharingError(f"{where}: is behind a password. Ask for it without one.")
        if info.file_size > _most(name):
            raise SharingError(
                f"{where}: {name} would have {info.file_size / MEGABYTE:.1f} MB; "
                f"{_most(name) / MEGABYTE:g} MB are the most. No instrument is that large."
            )
        members[name] = info
    if SPEC_FILE not in members:
        raise SharingError(
            f"{where}: holds no {SPEC_FILE}, so it is no instrument. One is made by "
            "pack_instrument, or nmsynth pack."
        )
    for name in (WEIGHTS_FILE, SUMS_FILE):
        if name not in members:
            raise SharingError(f"{where}: {name} is missing. Ask for the whole zip again.")
    return members


def _check_content_sums(content: dict[str, bytes], where: str) -> None:
    """Whether all is as it was when it was packed."""
    lines = content[SUMS_FILE].decode(errors="replace").splitlines()
    entries = [re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line) for line in lines]
    digests = {entry[2]: entry[1] for entry in entries if entry}
    for name in content.keys() - {SUMS_FILE} | {SPEC_FILE, WEIGHTS_FILE}:
        if digests.get(name) != hashlib.sha256(content[name]).hexdigest():
            raise SharingError(
                f"{where}: {name} is damaged or was changed (its SHA-256 is not the one in "
                f"{SUMS_FILE}). Ask for the zip again."
            )


def _checked_spec(data: bytes, where: str) -> InstrumentSpec:
    """The schema, if it is one."""
    try:
        text = data.decode()
        _check_plain(text)
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / SPEC_FILE
            path.write_bytes(data)
            return InstrumentSpec.read(path)
    except NmsynthError as error:
        reason = str(error).partition(f"{SPEC_FILE}: ")[2]
    except (ValueError, yaml.YAMLError) as error:
        reason = f"not a schema ({' '.join(str(error).split())[:120]})"
    raise SharingError(f"{where}: {SPEC_FILE}: {reason.rstrip('.')}. Ask for the zip again.")


def _check_plain(text: str) -> None:
    """Whether YAML is as plain as a schema is; told while it is read, before it can swell."""
    depth = 0
    for event in yaml.parse(text):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it holds references")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")


def _same_there(place: Path, content: dict[str, bytes]) -> bool:
    """Whether these very files lie there."""
    try:
        return all((place / name).read_bytes() == data for name, data in content.items())
    except OSError:
        return False


def _appear(place: Path, content: dict[str, bytes], spec: InstrumentSpec, where: str) -> None:
    """Writes the instrument under a hidden name, tries it, and gives it its own by rename."""
    scratch = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(".part", ".instrument-", place.parent))
        for name, data in content.items():
            with (scratch / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        _check_playable(scratch, spec, where)
        scratch.chmod(file_mode() | (file_mode() & 0o444) >> 2)
        scratch.rename(place)
    except OSError as error:
        raise output_error(place, error) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _check_playable(folder: Path, spec: InstrumentSpec, where: str) -> None:
    """Whether these weights are those of this schema, and can be loaded."""
    from nmsynth_lib.instrument import Instrument

    try:
        check_weights_file(folder / WEIGHTS_FILE, spec)
        Instrument.load(folder)
    except NmsynthError as error:
        reason = str(error).replace(f"{folder}/", "").removeprefix(f"{WEIGHTS_FILE}: ")
    except Exception as error:  # a stranger's schema may ask for what nobody thought of
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    else:
        return
    raise SharingError(f"{where}: {WEIGHTS_FILE}: {reason}")


def _one_line(what: str, value: object) -> str:
    text = " ".join(str(value).split())
    if len(text) > LONGEST_LINE or not text.isprintable():
        raise SharingError(f"{what}: give one line of at most {LONGEST_LINE} characters.")
    return text


def _most(name: str) -> int:
    return MOST_BYTES.get(name, MOST_TEXT_BYTES)
