"""Make `.venv` hold exactly what requirements.lock says; at once done when it already does.

Run by `make setup` with any Python 3.11 to 3.13; needs nothing but the standard library.
Everything is started as `.venv/bin/python -m ...`: the scripts in `.venv/bin` carry the path of
their Python in their first line, which breaks when that path has a space.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "complete.json"  # written last: without it the environment is not to be trusted
PIP = (PYTHON, "-I", "-m", "pip", "--disable-pip-version-check")
UV = None if os.environ.get("NMSYNTH_NO_UV") else shutil.which("uv")  # the same, in less time


def main() -> None:
    """Bring `.venv` up to date, one process at a time."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / "setup.lock", "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        wanted, found = stamp_of_this_tree(), read_stamp()
        if found == wanted:
            return
        started = time.monotonic()
        STAMP.unlink(missing_ok=True)
        if not found:
            create_venv()
        if found.get("lock") != wanted["lock"]:
            install_lock()
        install_package()
        write_stamp(wanted)
        print(f"Set up in .venv ({time.monotonic() - started:.0f} s).", flush=True)


def stamp_of_this_tree() -> dict[str, str]:
    """What the environment depends on: the lock, the package's own description, and the place."""
    return {
        "lock": hashlib.sha256(LOCK.read_bytes()).hexdigest(),
        "package": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
        "place": str(ROOT),  # the package is installed editable: moving the folder undoes that
    }


def read_stamp() -> dict[str, str]:
    """The stamp of a finished set-up whose Python still runs; empty when there is none."""
    try:
        found = json.loads(STAMP.read_text())
        subprocess.run([PYTHON, "-I", "-c", ""], check=True, capture_output=True)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return {}
    return found


def write_stamp(stamp: dict[str, str]) -> None:
    """Appears by rename, so that it is there whole or not at all."""
    scratch = STAMP.with_suffix(".part")
    scratch.write_text(json.dumps(stamp, indent=1))
    os.replace(scratch, STAMP)


def create_venv() -> None:
    """An empty environment; what an interrupted set-up left is thrown away."""
    if VENV.is_symlink():
        sys.exit(".venv is a symbolic link; remove it, then run make setup again.")
    if VENV.exists():
        print("Removing an incomplete .venv ...", flush=True)
        shutil.rmtree(VENV)
    print(f"Creating .venv with Python {sys.version.split()[0]} ...", flush=True)
    run(sys.executable, "-m", "venv", ".venv")


def install_lock() -> None:
    """Exactly the pinned packages, each checked against its hash; no others."""
    print(f"Installing {len(pinned_names())} packages, 2.6 GB (some minutes) ...", flush=True)
    checks = ["--require-hashes", "--only-binary", ":all:"]
    if UV:
        run(
            UV,
            "pip",
            "sync",
            "--quiet",
            "--python",
            PYTHON,
            "--compile-bytecode",
            *checks,
            LOCK.name,
        )
        return
    run(*PIP, "install", "--no-deps", *checks, "-r", LOCK.name)
    extra = sorted(installed_names() - pinned_names() - {"pip", "nmsynth"})
    if extra:
        run(*PIP, "uninstall", "--quiet", "--yes", *extra)


def install_package() -> None:
    """`nmsynth_lib` and the `nmsynth` command, as links into this folder."""
    editable = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."]
    if UV:
        run(UV, "pip", *editable, "--python", PYTHON)
    else:
        run(*PIP, *editable)


def pinned_names() -> set[str]:
    """Names of all packages in the lock."""
    return set(re.findall(r"^([a-z0-9-]+)==", LOCK.read_text(), flags=re.MULTILINE))


def installed_names() -> set[str]:
    """Names of all packages in `.venv`, spelt as in the lock."""
    listing = subprocess.run(
        [*PIP, "list", "--format", "json"], check=True, capture_output=True, text=True
    ).stdout
    return {re.sub(r"[-_.]+", "-", package["name"]).lower() for package in json.loads(listing)}


def run(*command: str | Path) -> None:
    """A step in the repository's folder; a failing one ends the set-up."""
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit("The set-up did not finish: see the message above, then run make setup again.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; make setup begins anew.")
