"""docs/paper.md is true: what it names exists, what it quotes was measured, nothing is left out."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from nmsynth_lib.schema import InstrumentSpec
from nmsynth_lib.verdicts import figure_for

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
HEADS = ("the paper", "the defect")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.replace("|\n", " |\n").splitlines()
    if line.startswith("| ") and not line.startswith(tuple(f"| {head} |" for head in HEADS))
]
QUOTED = re.findall(r"`(\w+)\.(\w+) = (-?[\d.]+)`", TEXT)


@cache
def names_in(path: Path) -> set[str]:
    """Functions, classes and methods ("Class.method") that a module defines."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = (one.name for one in node.body if isinstance(one, ast.FunctionDef))
            found |= {f"{node.name}.{name}" for name in inner}
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_names_what_exists(row):
    claim, verdict, code, test, _ = row
    assert claim
    assert verdict in ("reproduced", "differs", "not yet")
    if verdict == "not yet":
        assert (code, test) == ("–", "–")
        return
    for cell, folder in ((code, ROOT / "nmsynth_lib"), (test, ROOT / "tests")):
        path, name = re.fullmatch(r"`([\w/]+\.py)::([\w.]+)`", cell).groups()
        assert name in names_in(folder / path), cell
    assert test.split("::")[1].startswith("test_")


def test_tests_named_in_the_text_exist():
    everywhere = set().union(*(names_in(path) for path in (ROOT / "tests").glob("test_*.py")))
    named = set(re.findall(r"\b(test_\w+)(?!\w|\.py)`", TEXT))
    assert named
    assert named <= everywhere


@pytest.mark.parametrize("name, key, number", QUOTED, ids=str)
def test_a_quoted_figure_is_the_measured_one(name, key, number):
    spec = InstrumentSpec.read(ROOT / "assets" / "instruments" / name / "instrument.yaml")
    digits = len(number.partition(".")[2])
    assert f"{spec.figures[key]:.{digits}f}".replace("-0.00", "0.00") == number


def test_figures_are_quoted_with_names_that_the_report_knows():
    assert len(QUOTED) >= 10
    for _, key, _ in QUOTED:
        assert figure_for(key.removeprefix("baseline_")).label


def test_no_claim_and_no_defect_is_left_out():
    numbers = [int(found) for found in re.findall(r"^\| (\d+)\. ", TEXT, flags=re.MULTILINE)]
    assert numbers == list(range(1, 16))
    said = TEXT.lower()
    for word in (
        "monophonic", "directly", "style channels", "cc55", "distance from onset", "12 minutes",
        "client", "workflow", "examples", "data set", "chords", "vibrato", "loss", "leaky", "gru",
        "heads", "reverb", "adam", "cc56", "a-weighted", "silences", "pitch-shift", "690 s",
    ):  # fmt: skip
        assert word in said, word


def test_what_is_not_yet_is_told_plainly():
    assert sum(row[1] == "not yet" for row in ROWS) >= 1
    assert all(row[4] for row in ROWS if row[1] == "not yet")
