"""The recording that the paper's authors trained on, fetched and laid out as takes.

Road: the authors' Google Drive folder -> [authors_recording] -> folder of takes -> recordings.
Their folder holds takes (NAME.mp3 with NAME.MID) and a Reaper project, which is of no use here.
DIR/.download keeps what has come; the takes get their names when all are whole, so that nobody
trains on half of them. fetched.json says what came from where, and meta.yaml is yours to edit:
neither it nor a take that is there is ever written again.
Explained in notebook 01, "The authors' own recordings".
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nmsynth_lib.drive_folder import RETRIES, DriveFile, fetch_file, folder_address, listed_files
from nmsynth_lib.errors import DownloadError, NmsynthError, OutputError, OverlapError
from nmsynth_lib.files import all_appearing, appearing, output_error
from nmsynth_lib.outputs import made_folder
from nmsynth_lib.pairing import paired
from nmsynth_lib.takes import META_FILE, TakeFiles, TakeMeta, load_take

FOLDER_ID = "10wBXOffseRzjnAhv7dg6Ha71VF_t6BoJ"
SOURCE = (
    "Sergey Grechin and Ryan Groves, Building style-aware neural MIDI synthesizers using "
    f"simplified differentiable DSP approach, DMRN+16, 2021; {folder_address(FOLDER_ID)}"
)
LICENCE = "none given by the authors: for your own study, do not redistribute"
SCHEMA = Path(__file__).resolve().parent.parent / "assets" / "schemas" / "original.yaml"
STAGE, RECORD, LEFT_OUT = ".download", "fetched.json", "left-out"


@dataclass(frozen=True)
class Fetched:
    """What lies in the folder now.

    Attributes:
      takes: Names of the takes to train on.
      told: What was left out or needs to be known, a line each; kept in fetched.json, too.
      n_new: Files that this call brought.
    """

    takes: tuple[str, ...]
    told: tuple[str, ...]
    n_new: int


def fetch_authors_recording(
    folder: str | Path,
    *,
    folder_id: str = FOLDER_ID,
    quiet: bool = False,
    retries: int = RETRIES,
) -> Fetched:
    """The authors' takes in a folder of one's own; a broken call goes on, a complete one rests.

    Args:
      folder: Where to; made if missing.
      folder_id: Of the Google Drive folder.
      quiet: No progress bars.
      retries: New attempts of one file after a broken connection.

    Returns:
      What lies there. If it all lay there before, nothing was asked of the network.

    Raises:
      OfflineError, NotFoundOnlineError, NotPublicError, DriveQuotaError: Google Drive does not give
        it; what has come is kept.
      DownloadError: there is no take in it, or none that can be read.
      OutputError: disk full, not permitted, or the folder holds something else.

    Explained in notebook 01, "The authors' own recordings".
    """
    folder = Path(folder)
    with made_folder(folder), _alone_in(folder):
        record, n_new = _record(folder), 0
        if record is None:
            _check_free(folder)
        if record is None or not all(_found(folder, name) for name in record["files"]):
            record, n_new = _fetch(folder, folder_id, quiet, retries)
        shutil.rmtree(folder / STAGE, ignore_errors=True)
        names = {Path(name).name for name in record["files"]}
        takes = sorted({Path(name).stem for name in names if (folder / name).is_file()})
        if not takes:
            raise DownloadError(
                f"{folder}: none of the takes can be used; {RECORD} says why, {LEFT_OUT} has them."
            )
        return Fetched(tuple(takes), tuple(record["told"]), n_new)


def _fetch(folder: Path, folder_id: str, quiet: bool, retries: int) -> tuple[dict, int]:
    """Brings what is missing, looks at it, and gives it its names."""
    pairs, told = paired(listed_files(folder_id))
    if not pairs:
        raise DownloadError(
            f"{folder_address(folder_id)}: holds no sound file with its MIDI file; its owner has "
            "changed it. Look at it in a browser."
        )
    stage = folder / STAGE
    wanted = {name: file for pair in pairs for name, file in pair.files().items()}
    lying = {name: _found(folder, name) or stage / file.id / name for name, file in wanted.items()}
    missing = [name for name, path in lying.items() if not path.is_file()]
    try:
        for leftover in folder.glob(".*.part"):  # of a call that was killed at its very end
            leftover.unlink()
        for number, name in enumerate(missing, 1):
            lying[name].parent.mkdir(parents=True, exist_ok=True)
            label = f"{number} of {len(missing)}, {name}"
            fetch_file(wanted[name], lying[name], label, quiet=quiet, retries=retries)
    except OSError as error:
        raise output_error(stage, error) from error
    finally:
        _drop_empty(stage)
    chords, final = [], {}
    for pair in pairs:
        lies = {name: lying[name] for name in pair.files()}
        overlaps, trouble = _looked_at(*lies.values())
        place = folder / LEFT_OUT if trouble else folder
        final |= {
            place / name if path.is_relative_to(stage) else path: path
            for name, path in lies.items()
        }
        if trouble:
            told.append(f"{pair.name}: left out, lies in {LEFT_OUT}: {trouble}")
        elif overlaps:
            chords.append(pair.name)
            told.append(
                f"{pair.name}: notes sound together; {META_FILE} says `overlaps: last`: each ends "
                "when the next begins, and of a chord one note is left."
            )
    about = {
        path.relative_to(folder).as_posix(): _about(lies, wanted[path.name])
        for path, lies in final.items()
    }
    today = datetime.date.today().isoformat()
    record = {"source": SOURCE, "licence": LICENCE, "fetched": today, "told": told, "files": about}
    _lay_out(folder, final, record, chords)
    return record, len(missing)


def _found(folder: Path, name: str) -> Path | None:
    """Where a file lies that has its name already: as a take, or left out."""
    name = Path(name).name
    places = (folder / name, folder / LEFT_OUT / name)
    return next((path for path in places if path.is_file()), None)


def _looked_at(sound: Path, midi: Path) -> tuple[bool, str]:
    """Whether notes overlap, and what keeps the take from being used ("" if nothing does)."""
    for overlaps in ("error", "last"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is mended is told when the take is used
                load_take(TakeFiles(sound, midi, TakeMeta(overlaps=overlaps)))
        except OverlapError:
            continue
        except NmsynthError as error:
            said = str(error)
            for path in (sound, midi):
                said = said.replace(str(path), path.name)
            return False, " ".join(said.split())
        return overlaps == "last", ""
    return False, "its notes can not be told apart."


def _about(path: Path, file: DriveFile) -> dict:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    size = path.stat().st_size
    return {"drive_path": str(file.path), "drive_id": file.id, "bytes": size, "sha256": digest}


def _lay_out(folder: Path, final: dict[Path, Path], record: dict, chords: list[str]) -> None:
    """Gives all files their names at once; the record comes last, and says that all is there."""
    import yaml

    new = {path: lies for path, lies in final.items() if path != lies}
    try:
        for place in sorted({path.parent for path in new}):
            place.mkdir(exist_ok=True)
            here = [path for path in new if path.parent == place]
            with all_appearing(here) as parts:
                for path, part in zip(here, parts, strict=True):
                    shutil.copyfile(new[path], part)
        if not (folder / META_FILE).exists():
            meta: dict = {"source": SOURCE, "licence": LICENCE}
            if chords:
                meta["takes"] = {name: {"overlaps": "last"} for name in chords}
            text = yaml.safe_dump(meta, sort_keys=False, allow_unicode=True, width=100)
            with appearing(folder / META_FILE) as part:
                part.write_text(text, encoding="utf-8")
        with appearing(folder / RECORD) as part:
            text = json.dumps(record, indent=2, ensure_ascii=False)
            part.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise output_error(folder, error) from error


def _record(folder: Path) -> dict | None:
    """What an earlier call brought; None if none was complete."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        known = isinstance(record["told"], list) and isinstance(record["files"], dict)
        return record if known else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _check_free(folder: Path) -> None:
    """Takes of one's own are not to be mixed with the authors', nor overwritten."""
    if (folder / STAGE).is_dir():
        return
    if others := sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")):
        raise OutputError(
            f"{folder}: holds other files ({others[0]}); choose an empty or a new folder."
        )


def _drop_empty(stage: Path) -> None:
    for path in [*stage.glob("*"), stage]:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keeps a second call out, which would write into the same unfinished files.

    Raises:
      OutputError: another call is at work there.
    """
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"{folder}: another fetch is at work there; let it end.") from None
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)
