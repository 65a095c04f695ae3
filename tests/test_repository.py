"""The repository keeps its promises: portable, pinned, small, stripped, and its README is true."""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 1_000_000
HEAVY = {"tensorflow", "keras", "librosa", "matplotlib", "scipy", "IPython", "ddsp", "numba"}


def repository_files() -> list[Path]:
    """Files that are in Git or about to be; in a copy without Git, all that is not made here."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode == 0:
        names = listing.stdout.split("\0")
        return sorted(ROOT / name for name in names if name and (ROOT / name).is_file())
    made = re.compile(r"(^|/)(\.git|\.venv[^/]*|build|__pycache__|\.[a-z]+_cache|\.hypothesis"
                      r"|\.ipynb_checkpoints|[^/]+\.egg-info)(/|$)")  # fmt: skip
    found = (path for path in ROOT.rglob("*") if path.is_file())
    return sorted(path for path in found if not made.search(path.relative_to(ROOT).as_posix()))


def text_of(path: Path) -> str:
    """The file's text; empty for audio, weights and pictures."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def places(pattern: str, files: list[Path]) -> list[str]:
    """Where a pattern occurs, as "file:line: text"."""
    expression = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in files
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if expression.search(line)
    ]


NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
INSTRUMENTS = sorted(
    path
    for path in (ROOT / "assets" / "instruments").glob("*")
    if path.is_dir() and any(path.iterdir())
)


# --- Nothing of the machine it was written on -----------------------------------------------------


def test_no_file_names_a_place_on_somebodys_machine():
    homes = [
        r"/(?:home|Users)/(?!jovyan\b)\w",
        r"/root\b/",
        r"/work/",
        r"[A-Z]:\\+Users",
        r"file:///",
    ]
    files = [path for path in repository_files() if path != Path(__file__).resolve()]
    assert places("|".join(homes), files) == []


def test_no_installation_file_names_a_package_index():
    """Where packages come from is the user's own configuration."""
    addresses = r"--(?:extra-)?index-url[ =]|--find-links|files\.pythonhosted|/simple\b|/opt/"
    kinds = {".lock", ".txt", ".overrides", ".yml", ".yaml", ".toml", ".sh", ".cfg"}
    names = {"Makefile", "postBuild", "run", "make_venv.py"}
    files = [path for path in repository_files() if path.suffix in kinds or path.name in names]
    assert ROOT / "requirements.lock" in files
    assert ROOT / "Makefile" in files
    assert places(addresses, files) == []


def test_the_repository_stays_small():
    sizes = {path: path.stat().st_size for path in repository_files()}
    largest = [f"{size / MEGABYTE:.1f} MB {path.relative_to(ROOT)}" for path, size in
               sorted(sizes.items(), key=lambda item: -item[1])[:5]]  # fmt: skip
    assert sum(sizes.values()) < 60 * MEGABYTE, largest


def test_scripts_can_be_executed():
    for name in (".ci/run", "binder/postBuild"):
        assert os.access(ROOT / name, os.X_OK), name
        assert subprocess.run(["bash", "-n", ROOT / name]).returncode == 0, name


# --- One environment for everybody ----------------------------------------------------------------


LOCKS = {"all": ["requirements.lock"], "binder": ["binder/requirements.txt", "binder/ddsp.lock"]}


def pinned(which: str) -> dict[str, list[dict]]:
    """Each package of a lock: its pins with version, marker and number of hashes."""
    pins: dict[str, list[dict]] = {}
    text = "\n".join((ROOT / name).read_text() for name in LOCKS[which])
    for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]:
        name, version, rest = re.match(r"([a-z0-9-]+)==(\S+)(.*)", block).groups()
        n_hashes = len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block))
        marker = rest.strip(" \\;")
        pins.setdefault(name, []).append({"version": version, "marker": marker, "hashes": n_hashes})
    return pins


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize(("lock", "extras"), [("all", ["test"]), ("binder", [])])
def test_lock_agrees_with_pyproject(lock, extras, project):
    """Every direct dependency is pinned to a version that pyproject allows."""
    pins = pinned(lock)
    extra = [line for name in extras for line in project["optional-dependencies"][name]]
    for requirement in map(Requirement, project["dependencies"] + extra):
        versions = [pin["version"] for pin in pins.get(canonicalize_name(requirement.name), [])]
        assert versions, f"{requirement} is not in {LOCKS[lock]}: run make lock"
        assert all(requirement.specifier.contains(v) for v in versions), (requirement, versions)


def left_out() -> list[str]:
    """Packages that ddsp asks for and Binder does without."""
    lines = (ROOT / "binder" / "not-needed.txt").read_text().splitlines()
    return [line.replace("-", "_") for line in lines if not line.startswith("#")]


def imported_in(folder: str) -> dict[str, str]:
    """Names of other people's packages that the modules of a folder import, and where."""
    ours = {path.stem for name in ("tests", "tools") for path in (ROOT / name).glob("*.py")}
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            found |= {name.partition(".")[0]: path.name for name in names}
    known = {*sys.stdlib_module_names, *ours, "nmsynth_lib"}
    return {name: where for name, where in found.items() if name not in known}


@pytest.mark.parametrize("folder", ["nmsynth_lib", "tools", "tests"])
def test_whatever_is_imported_is_declared(folder, project):
    """A package that came only because another wants it may be gone with the next lock."""
    from importlib.metadata import packages_distributions

    lines = project["dependencies"]
    lines = lines if folder == "nmsynth_lib" else lines + project["optional-dependencies"]["test"]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    declared |= {"tensorflow", "keras", "tensorflow-cpu"}  # keras is a part of TensorFlow
    declared |= {"jupyter-server"}  # and that of JupyterLab
    owners = packages_distributions()
    for name, where in imported_in(folder).items():
        owner = {canonicalize_name(one) for one in owners.get(name, [name])}
        assert owner & declared, f"{where} imports {name}: add it to pyproject.toml"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_one_version(lock):
    for name, found in pinned(lock).items():
        assert len(found) == 1, f"{name} has another version on another Python: {found}"
        assert found[0]["hashes"] > 0, name


def test_binder_gets_the_same_versions_without_the_test_tools():
    everything, runtime = pinned("all"), pinned("binder")
    for name, (pin,) in runtime.items():
        assert everything[name][0]["version"] == pin["version"], name
    assert runtime.keys().isdisjoint({"pytest", "playwright", "ruff", "hypothesis"})
    assert len(left_out()) == 2 and runtime.keys().isdisjoint(map(canonicalize_name, left_out()))


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_the_build_backend(lock):
    """The package itself is installed without build isolation."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    for requirement in map(Requirement, build["requires"]):
        assert requirement.specifier.contains(pinned(lock)[requirement.name][0]["version"])


def test_this_environment_is_the_locked_one():
    """A package that somebody installed by hand would be missing on the next machine."""
    import sysconfig
    from importlib.metadata import distributions

    # Not all of sys.path: setuptools, once imported, adds what it carries inside itself.
    installed = distributions(path=[sysconfig.get_path("purelib")])
    here = {canonicalize_name(d.metadata["Name"]): d.version for d in installed}
    pins = pinned("all")
    assert set(here) - set(pins) <= {"nmsynth", "pip"}
    other = {n: (v, pins[n][0]["version"]) for n, v in here.items()
             if n in pins and pins[n][0]["version"] != v}  # fmt: skip
    assert not other, f"run make setup; installed and locked differ: {other}"


def test_python_limits_agree(project):
    """Makefile, pyproject and environment.yml name the same Pythons."""
    allowed = SpecifierSet(project["requires-python"])
    assert all(allowed.contains(f"3.{minor}.5") for minor in (11, 12, 13))
    assert not any(allowed.contains(version) for version in ("3.10.9", "3.14.0"))
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / "Makefile").read_text()
    assert re.search(r"- python=3\.11\s", (ROOT / "environment.yml").read_text())


WITHOUT = """
import sys
from importlib.machinery import PathFinder
class Poorer(PathFinder):
    @classmethod
    def find_spec(cls, name, *where):
        gone = name.partition(".")[0] in {gone}
        return None if gone else PathFinder.find_spec(name, *where)
sys.meta_path[sys.meta_path.index(PathFinder)] = Poorer
from nmsynth_lib import stock_ddsp
import ddsp
print(ddsp.synths.Harmonic.__module__, *{gone} & sys.modules.keys())
"""


def test_ddsp_is_a_real_dependency_also_without_what_binder_leaves_out():
    """The oscillators that ours are compared with are the library's own."""
    code = WITHOUT.replace("{gone}", repr({*left_out(), "tf_keras"}))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "ddsp.synths", done.stderr[-500:]


# --- Binder ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """What repo2docker would build, printed without Docker."""
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.stdout + done.stderr


def test_binder_builds_python_3_11_and_runs_postbuild(dockerfile):
    assert "Building conda environment for python=3.11" in dockerfile
    assert re.search(r"^RUN \./binder/postBuild$", dockerfile, re.MULTILINE)
    assert pinned("binder")["jupyterlab"], "else Binder's own older one shows the notebooks"


def test_what_changes_in_the_text_does_not_install_everything_anew(dockerfile):
    """Docker keeps a step's result as long as what was copied before it stays the same."""
    copied = re.findall(r"^COPY \S+ (src/\S*)|( -r \"binder/requirements.txt\")", dockerfile, re.M)
    assert [one or "install" for one, _ in copied] == [
        "src/binder/requirements.txt",
        "install",
        "src/",
    ]
    late = {
        line for line in (ROOT / "binder" / "ddsp.lock").read_text().splitlines() if "==" in line
    }
    assert len(late) == 1, (
        "what is installed after the whole repository was copied has to be little"
    )


def test_nothing_is_installed_that_is_not_pinned():
    """pip asks for a hash of every package as soon as one has one."""
    script = (ROOT / "binder" / "postBuild").read_text()
    assert re.search(r"^set -e", script, re.MULTILINE)
    installs = re.findall(r"pip install ((?:[^\n]*\\\n)*[^\n]*)", script)
    assert len(installs) == 2
    for line, wanted in zip(installs, ("--require-hashes", "--no-build-isolation"), strict=True):
        assert {wanted, "--no-deps", "--no-cache-dir"} <= set(line.split())
    assert "-r binder/ddsp.lock" in installs[0]
    assert (ROOT / "binder" / "requirements.txt").read_text().splitlines()[
        2
    ] == "--only-binary :all:"


def test_all_but_ddsp_agree_on_their_versions():
    """pip resolves requirements.txt on Binder: nobody may ask for what is not in it."""
    from importlib.metadata import distribution

    pins = {name: pin["version"] for name, (pin,) in pinned("binder").items()}
    for name in pins.keys() - {"ddsp"}:
        try:
            wanted = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # for another system
        for requirement in map(Requirement, wanted):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                version = pins.get(canonicalize_name(requirement.name))
                assert version and requirement.specifier.contains(version, prereleases=True), (
                    f"{name} asks for {requirement}; Binder gets {version}"
                )


# --- The package ----------------------------------------------------------------------------------


@pytest.mark.alone
def test_import_is_light(record_property):
    """`import nmsynth_lib` takes < 0.3 s and loads nothing heavy."""
    code = (
        "import sys, time; t = time.perf_counter(); import nmsynth_lib; "
        "t = time.perf_counter() - t; import json; "
        "print(json.dumps([t, sorted({m.partition('.')[0] for m in sys.modules})]))"
    )
    seconds = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
        )
        elapsed, modules = json.loads(done.stdout)
        assert HEAVY.isdisjoint(modules)
        seconds.append(elapsed)
    record_property("import_s", min(seconds))
    assert min(seconds) < 0.3, f"import nmsynth_lib took {min(seconds):.2f} s"


def docstrings() -> list[tuple[str, str]]:
    """Every docstring of the library, as ("file:name", text with single spaces)."""
    found = []
    for path in sorted((ROOT / "nmsynth_lib").rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = " ".join((ast.get_docstring(node) or "").split())
                found.append((f"{path.relative_to(ROOT)}:{getattr(node, 'name', '')}", text))
    return found


def headings(notebook: Path) -> list[str]:
    """Headings of a notebook's text cells."""
    cells = json.loads(notebook.read_text())["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return [line.lstrip("# ").strip() for line in text.splitlines() if line.startswith("#")]


def test_docstrings_refer_to_sections_that_exist():
    """'Explained in notebook 03, "Partials".' names a heading of that notebook, once it exists."""
    sections = {notebook.name[:2]: headings(notebook) for notebook in NOTEBOOKS}
    wrong = [
        f'{name}: notebook {number} has no section "{section}"'
        for name, text in docstrings()
        for number, section in re.findall(r'notebook (\d\d), "([^"]+?)[.,]?"', text)
        if number in sections and not any(section in heading for heading in sections[number])
    ]
    assert wrong == []


def test_nothing_is_left_unfinished():
    unfinished = r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|NotImplemented" + r"Error"
    files = [path for path in repository_files() if path.suffix in {".py", ".md", ".js", ".ipynb"}]
    assert places(unfinished, files) == []


# --- Notebooks and instruments --------------------------------------------------------------------


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stripped(notebook):
    """Saved widget outputs break in the next session; a reader makes the outputs."""
    for cell in json.loads(notebook.read_text())["cells"]:
        assert not cell.get("outputs"), f"{notebook.name}: run nbstripout on it"
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda path: path.name)
def test_shipped_instrument_is_small_and_whole(instrument):
    """At most 3 MB, and every file is the one that SHA256SUMS names."""
    files = {path.name: path for path in instrument.iterdir()}
    assert {"instrument.yaml", "model.weights.h5", "SHA256SUMS"} <= files.keys()
    assert sum(path.stat().st_size for path in files.values()) <= 3 * MEGABYTE
    sums = dict(
        reversed(line.split(maxsplit=1))
        for line in files.pop("SHA256SUMS").read_text().splitlines()
    )
    named = {name.strip().lstrip("*"): digest for name, digest in sums.items()}
    assert named.keys() == files.keys()
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == named[name], name


# --- The README is true ---------------------------------------------------------------------------

README = ROOT / "README.md"


def test_every_make_command_of_the_documents_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    documents = [README, *(ROOT / "docs").glob("*.md"), ROOT / "environment.yml"]
    for document in documents:
        commands = re.findall(r"(?:`|^ {4}|&& )make ([a-z]+)", document.read_text(), re.MULTILINE)
        assert set(commands) <= targets, document.name
    assert {"lab", "test", "setup", "demo", "notebooks", "lock"} <= targets


def test_every_local_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert missing == []


def test_every_notebook_is_on_the_readmes_map():
    text = README.read_text()
    for notebook in NOTEBOOKS:
        assert f"(notebooks/{notebook.name})" in text, notebook.name
