"""The clocks at the top of each notebook: minutes by a rule, seconds and memory as measured.

    python tools/notebook_clocks.py notebooks/*.ipynb     # the minutes alone; nothing is executed

`run_notebooks.py --write` writes all three. Only the one line of the table changes, and only when a
figure has moved: the rest of the file stays as it is, byte for byte.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

HEAD = "| minutes to read and play | seconds to run | peak memory |"
CLOCKS = re.compile(
    re.escape(HEAD) + r"[^|]*\|---\|---\|---\|[^|]*(\| (\d+) \| (\d+) \| (\d+) MB \|)"
)
UNREAD = re.compile(r"<details>.*?</details>|\]\([^)]*\)", re.DOTALL)  # folded; where links lead to
SHOWN = re.compile(r"\b(?:listen|display|plot_\w+)\(")
WIDGET = re.compile(r"from nmsynth_lib\.widgets import (?!quiz\b)\w+")
TRIALS = re.compile(r"\babx\(.*trials=(\d+)")

WORDS_A_MINUTE = 210  # people read 200 to 260 words of English prose a minute
LINE_S, SHOWN_S, QUESTION_S, EXERCISE_S, WIDGET_S, TRIAL_S = 3, 20, 30, 90, 90, 15
STEP_MINUTES, STEP_S, STEP_MB = 5, 5, 10  # what the clocks are rounded to
MOVED_SECONDS, MOVED_MB = 0.15, 0.1  # what is less than that was chance


@dataclass(frozen=True)
class Clocks:
    """What a notebook says it takes."""

    minutes: int
    seconds: int
    megabytes: int

    def __str__(self) -> str:
        return f"| {self.minutes} | {self.seconds} | {self.megabytes} MB |"


def minutes_of(cells: list[dict]) -> int:
    """Minutes to read and play a notebook, to the nearest five.

    All text that is not folded away, and every line of code but imports, is read once; each cell
    that shows a sound or a picture is taken in, each widget played with, each trial of a blind
    test heard, each question guessed, each exercise solved. The times of each, above, are guesses
    of a teacher's kind: no reader was timed.

    Args:
      cells: Of the notebook's JSON; one that is tagged `colab` is nobody's reading.
    """
    read = [cell for cell in cells if "colab" not in cell["metadata"].get("tags", [])]
    text, code = (
        ["".join(cell["source"]) for cell in read if cell["cell_type"] == kind]
        for kind in ("markdown", "code")
    )
    prose, code = UNREAD.sub("", "\n\n".join(text)), "\n".join([*code, ""])
    bodies = re.sub(
        r"^from \S+ import (?:\([^)]*\)|[^(\n]*)$|^import .*$", "", code, flags=re.MULTILINE
    )
    seconds = 60 * len(re.findall(r"\w+", prose)) / WORDS_A_MINUTE
    seconds += LINE_S * sum(bool(line.strip()) for line in bodies.splitlines())
    seconds += SHOWN_S * len(SHOWN.findall(code)) + QUESTION_S * len(re.findall(r"\bquiz\(", code))
    seconds += EXERCISE_S * len(re.findall(r"^### Exercise", prose, re.MULTILINE))
    seconds += WIDGET_S * len(WIDGET.findall(code)) + TRIAL_S * sum(map(int, TRIALS.findall(code)))
    return max(1, round(seconds / 60 / STEP_MINUTES)) * STEP_MINUTES


def stated(path: Path) -> Clocks:
    """What the table at the top of a notebook says.

    Raises:
      SystemExit: There is no such table, or more than one.
    """
    return Clocks(*map(int, _table(path)[1].groups()[1:]))


def rewritten(path: Path, seconds: float | None = None, megabytes: float | None = None) -> bool:
    """Brings a notebook's clocks up to date.

    A figure that was measured replaces the stated one when it is off by more than chance (15 % and
    one step of 5 s, 10 % of the memory); what is not given stays.

    Args:
      path: The notebook; only the line of the table is touched.
      seconds: As measured from the kernel's start to the last cell's end.
      megabytes: The kernel's peak.

    Returns:
      Whether the file changed.
    """
    before, match = _table(path)
    clocks = stated(path)
    cells = json.loads(before)["cells"]
    wanted = replace(clocks, minutes=minutes_of(cells))
    if seconds is not None and abs(seconds - clocks.seconds) > max(
        STEP_S, MOVED_SECONDS * clocks.seconds
    ):
        wanted = replace(wanted, seconds=_to_step(seconds, STEP_S))
    if megabytes is not None and abs(megabytes - clocks.megabytes) > MOVED_MB * clocks.megabytes:
        wanted = replace(wanted, megabytes=_to_step(megabytes, STEP_MB))
    if wanted == clocks:
        return False
    after = before[: match.start(1)] + str(wanted) + before[match.end(1) :]
    path.write_bytes(after.encode())
    return True


def _to_step(amount: float, step: int) -> int:
    return max(1, round(amount / step)) * step


def _table(path: Path) -> tuple[str, re.Match]:
    text = path.read_bytes().decode()
    found = list(CLOCKS.finditer(text))
    if len(found) != 1:
        raise SystemExit(f"{path}: {len(found)} tables of clocks; its first cell needs one: {HEAD}")
    return text, found[0]


def main(names: list[str]) -> int:
    """Writes the minutes of the notebooks named, and prints what each states."""
    for path in map(Path, names):
        changed = rewritten(path)
        print(f"{path.name:32}{stated(path)}{'   (rewritten)' if changed else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
