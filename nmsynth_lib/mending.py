"""Mending: corrections of a take, written where reading it finds them, and nowhere else.

Road: take findings -> [mending] -> meta.yaml -> takes -> training.
Sound and MIDI stay as they are. Who deletes an entry of `meta.yaml` takes the correction back.
Explained in notebook 01, "Put right by reading".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nmsynth_lib.files import appearing
from nmsynth_lib.takes import META_FILE, read_meta

BEFORE_FILE = "meta.before-mend.yaml"  # the file as somebody wrote it, with its comments
HEADING = """\
# Corrections under `takes` were measured by nmsynth check --mend. Sound and MIDI are as they were:
# delete an entry, and its correction is gone.
"""


def write_corrections(folder: str | Path, corrections: Mapping[str, Mapping[str, Any]]) -> Path:
    """Adds corrections to the meta.yaml of a folder of takes.

    What stands there stays, except for entries that are corrected again. A file that somebody else
    wrote is kept beside it once, comments and all.

    Args:
      folder: Of takes.
      corrections: Name of a take -> entries, see `takes.TakeMeta`.

    Returns:
      Path of the meta.yaml.

    Raises:
      RecordingError: the meta.yaml that is there cannot be read.
      OutputError: it can not be written; the old one stays.

    Explained in notebook 01, "Put right by reading".
    """
    path = Path(folder) / META_FILE
    entries = read_meta(path)
    single = {str(name): dict(own or {}) for name, own in (entries.get("takes") or {}).items()}
    written = {name.lower(): name for name in single}
    for name, own in corrections.items():
        single.setdefault(written.get(name.lower(), name), {}).update(own)
    entries["takes"] = {name: own for name, own in single.items() if own}
    before = path.with_name(BEFORE_FILE)
    if path.exists() and not before.exists():
        old = path.read_bytes()
        if not old.startswith(HEADING.encode()):
            with appearing(before) as part:
                part.write_bytes(old)
    text = HEADING + yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=100)
    with appearing(path) as part:
        part.write_text(text, encoding="utf-8")
    return path
