"""What all tests share: a quiet, modest TensorFlow, the repository's paths, and a browser."""

import os

# ruff: noqa: E402
# Before anything imports TensorFlow or matplotlib, and inherited by programs that tests start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("MPLBACKEND", "Agg")
THREADS = "1" if "PYTEST_XDIST_WORKER" in os.environ else "2"  # where another tests as well: one
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
    os.environ.setdefault(threads, THREADS)

import fcntl
import json
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
from lab_page import CHROMIUM_NAMES
from offline import leave_network

# No test needs a network: what a notebook or a widget asked for beyond this machine would fail.
leave_network()

# A script that starts us in the background has Ctrl-C ignored, for us and all that we start.
signal.signal(signal.SIGINT, signal.default_int_handler)

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]

# Files that take a minute or more, without one test that does.
LONG = ("bench", "damages", "losses", "notebook_training", "report", "training", "workers")

# Examples take as long as a busy machine needs; CI tries the same ones every time.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses Chromium is a browser test; files that take long come first.

    Files are dealt out whole (`--dist loadfile`), so that what one makes for its tests is made
    once, and one by one to whoever is free: short ones at the end let the workers end together.
    """
    for item in items:
        if {"chromium", "chromium_path"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    slow |= {ROOT / "tests" / f"test_{name}.py" for name in LONG}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    """A test that measures time (marker `alone`) waits for those of the other workers, they for it.

    Locks on two files that are there anyway: one is held while a test runs, shared or alone; the
    other by whoever comes next, so that nobody overtakes one who waits to be alone.
    """
    if not hasattr(item.config, "workerinput"):
        return (yield)
    with open(ROOT / "pyproject.toml") as door, open(__file__) as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        alone = item.get_closest_marker("alone")
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            return (yield)
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # also for a child that inherited it


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Figures that a test notes (`record_property`) reach the main process as plain numbers."""
    report = yield
    noted = json.dumps(report.user_properties, default=lambda one: one.tolist())
    report.user_properties = json.loads(noted)
    return report


def pytest_terminal_summary(terminalreporter) -> None:
    """What was skipped and why, one line for each reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason, n in Counter(report.longrepr[2] for report in skipped).items():
        terminalreporter.write_line(f"{n} skipped: {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds README.md."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def sound_store(tmp_path_factory) -> Iterator[Path]:
    """Decoded takes lie in a folder of this run, not in the user's."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NMSYNTH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def midi_dir(repository: Path) -> Path:
    """The folder of the three published examples."""
    return repository / "assets" / "midi"


@pytest.fixture(scope="module")
def made(request) -> dict:
    """Every cell's variables, value and displays, from one run of the module's `NOTEBOOK`."""
    return request.module.NOTEBOOK.run()


@pytest.fixture(scope="module")
def names(made: dict) -> dict:
    """The variables that the module's notebook has made."""
    return made["names"]


@pytest.fixture(scope="module")
def spec_file(request, tmp_path_factory) -> Path:
    """A schema of the module's `SMALL` architecture."""
    from nmsynth_lib.schema import InstrumentSpec

    path = tmp_path_factory.mktemp("spec") / "instrument.yaml"
    InstrumentSpec(name="small", architecture=request.module.SMALL).write(path)
    return path


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Chromium's program; NMSYNTH_CHROMIUM names one that is not on PATH."""
    found = os.environ.get("NMSYNTH_CHROMIUM") or next(
        filter(None, map(shutil.which, CHROMIUM_NAMES)), None
    )
    if found:
        return found
    reason = "browser tests need Chromium: install it, or set NMSYNTH_CHROMIUM to its program"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator:
    """A running headless Chromium, a `playwright.sync_api.Browser`.

    It lives as long as one test module: Playwright keeps an event loop running in this thread,
    which other modules (nbclient, Jupyter) may not find there.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()
