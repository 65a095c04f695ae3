"""The course holds together: minutes add up, every reference leads somewhere, the server is sized.

What is compared with: the notebooks' own headings and cells, the files of this repository, and
arithmetic done here anew.
"""

import json
import math
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md"), ROOT / "assets" / "README.md"])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
REFERENCE = re.compile(r'\b(0\d), "([^"]+)"')


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def cells_of(notebook: Path, kind: str) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    shown = [cell for cell in cells if "colab" not in cell["metadata"].get("tags", [])]
    return ["".join(cell["source"]) for cell in shown if cell["cell_type"] == kind]


def sections_of(notebook: Path) -> list[str]:
    """Headings without their numbers."""
    lines = "\n".join(cells_of(notebook, "markdown")).splitlines()
    found = [re.fullmatch(r"#+ (?:\d+\. )?(.+)", line.strip()) for line in lines]
    return [one.group(1) for one in found if one]


SECTIONS = {path.name[:2]: sections_of(path) for path in NOTEBOOKS}


def references(text: str) -> list[tuple[str, str]]:
    """(notebook number, section) of every reference; a line's end counts as a space."""
    return REFERENCE.findall(" ".join(text.split()))


def rows(text: str) -> list[list[str]]:
    """Cells of a Markdown table's body."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def parts(text: str) -> dict[str, str]:
    """Text under each heading."""
    found = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


# --- References -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "at_least"), [("teaching.md", 100), ("slides.md", 25), ("glossary.md", 45)]
)
def test_every_section_and_exercise_that_is_referred_to_exists(page, at_least):
    found = references(text_of(page))
    assert len(found) >= at_least
    missing = [
        f'{number}, "{section}"'
        for number, section in found
        if number in SECTIONS and section.rstrip(".") not in SECTIONS[number]
    ]
    assert missing == []
    assert {number for number, _ in found} <= {*SECTIONS, "04"}


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    words = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).strip().lower())
    return words.replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_of_the_documents_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: (\S+)", text, re.M)
    missing = []
    for link in (link for link in links if "://" not in link and not link.startswith("mailto:")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.is_file():  # the site has no page of a folder
            missing.append(link)
        elif anchor and target.suffix == ".md":
            known = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            if anchor not in map(slug, known):
                missing.append(link)
    assert missing == []


def test_every_file_that_contributors_are_sent_to_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w./-]+/[\w.-]+\.\w+)`", text)
    assert len(named) > 25
    assert [name for name in named if not (ROOT / name).exists()] == []
    for test in re.findall(r"`(test_\w+)`", text):
        assert any(f"def {test}(" in path.read_text() for path in ROOT.glob("tests/*.py")), test
    for command in re.findall(r"`make ([a-z]+)", text):
        assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_links_its_terms_to_the_glossary_at_their_first_use(notebook):
    headings = re.findall(r"^### (.+)$", text_of("glossary.md"), re.MULTILINE)
    prose = "\n".join(cells_of(notebook, "markdown"))
    links = re.findall(r"\[([^\]]+)\]\(\.\./docs/glossary\.md#([^)]+)\)", prose)
    anchors = [anchor for _, anchor in links]
    assert len(anchors) >= 5
    assert len(set(anchors)) == len(anchors), "a term is linked once"
    assert set(anchors) <= {slug(heading) for heading in headings}
    for word, anchor in links:
        stem = re.sub(r"s$", "", word.lower())
        named = next(heading.lower() for heading in headings if slug(heading) == anchor)
        assert stem in named or word.lower() in named


# --- Lessons --------------------------------------------------------------------------------------


def lessons() -> dict[str, tuple[int, list[list[str]]]]:
    """Title of each lesson to its minutes as stated, and the rows of its table."""
    found = {}
    for title, text in parts(text_of("teaching.md")).items():
        stated = re.search(r"\((\d+) minutes\)$", title)
        if stated:
            found[title] = (int(stated.group(1)), rows(text))
    return found


def test_there_are_a_taster_a_course_and_a_workshop():
    minutes = [stated for stated, _ in lessons().values()]
    assert minutes == [90, 90, 90, 90, 90, 420]


@pytest.mark.parametrize("title", lessons())
def test_the_minutes_of_a_lesson_add_up(title):
    stated, steps = lessons()[title]
    minutes = [int(step[0]) for step in steps]
    assert sum(minutes) == stated
    assert min(minutes) >= 5
    taught = [step for step in steps if references(" ".join(step))]
    assert len(taught) >= 6


def test_every_exercise_is_explained_and_used():
    """In its table, and in a lesson or as something to do after it; marks are for sixteen."""
    text = parts(text_of("teaching.md"))
    explained = references(text["What each exercise is for"])
    wanted = [
        (number, section)
        for number, sections in SECTIONS.items()
        for section in sections
        if section.startswith("Exercise ")
    ]
    assert sum(number in ("00", "01", "02", "03", "05") for number, _ in wanted) == 16
    assert [one for one in wanted if one not in explained] == []
    used = references("".join(text[title] for title in text if "minutes)" in title))
    assert [one for one in wanted if one not in used] == []


def test_misconceptions_are_mended_by_all_notebooks():
    mended = rows(parts(text_of("teaching.md"))["Misconceptions, and the cell that mends each"])
    assert len(mended) >= 12
    assert all(len(references(row[1])) == 1 for row in mended)
    assert len({references(row[1])[0][0] for row in mended}) >= 5


def test_the_marks_add_up_to_a_hundred():
    marks = [int(row[1]) for row in rows(parts(text_of("teaching.md"))["Marking"])]
    assert sum(marks) == 100
    assert "of which there are sixteen" in text_of("teaching.md")


def test_the_commands_of_the_project_exist():
    from nmsynth_lib.cli import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    used = re.findall(r"`nmsynth ([a-z-]+)", text_of("teaching.md"))
    assert {"check", "train", "evaluate", "make-recording"} <= set(used) <= known


# --- Slides ---------------------------------------------------------------------------------------


def slides() -> list[str]:
    body = text_of("slides.md").split("---\n", 2)[2]
    return [slide.strip() for slide in re.split(r"^---$", body, flags=re.MULTILINE)]


def test_each_slide_has_one_idea_and_says_what_to_run():
    for number, slide in enumerate(slides(), 1):
        (title,) = re.findall(r"^# (.+)$", slide, re.MULTILINE)
        assert title.startswith(f"{number} · ")
        assert len(slide.split()) <= 60, title
        if number > 2:
            assert len(re.findall(r"^\*\*Run\*\* ", slide, re.MULTILINE)) == 1, title


def test_the_lessons_show_each_slide_beside_the_section_that_it_is_about():
    """Whoever shows slides 5 to 6 has a section of theirs open."""
    shown = set()
    for title, (_, steps) in lessons().items():
        for step in steps:
            ends = [int(number) for number in re.findall(r"\d+", step[3])]
            numbers = range(ends[0], ends[-1] + 1) if ends else ()
            shown |= set(numbers)
            for number in numbers:
                about = references(slides()[number - 1])
                here = {notebook for notebook, _ in references(step[2])}
                recall = step[1].startswith("Recall") or "project" in step[1]
                assert not about or recall or about[0][0] in here, (title, step[1], number)
    assert shown == set(range(1, len(slides()) + 1))


# --- Glossary -------------------------------------------------------------------------------------

ASKED_FOR = (
    "onset offset F0 partial cent dBFS hop frame velocity CC55 openness T20 log-mel MSS DFO DTO "
    "stack GRU leaky exp-sigmoid harmonic copy-synthesis"
)


def test_the_glossary_is_in_order_short_and_shown_by_sections():
    entries = parts(text_of("glossary.md"))
    entries.pop("Glossary")
    assert list(entries) == sorted(entries, key=str.lower)
    for term, text in entries.items():
        said, _, where = " ".join(text.split()).partition("→")
        assert 1 <= len(re.findall(r"[.?!](?= |$)", said)) <= 3, term
        assert references(where), term
    heads = " ".join(entries).lower()
    assert [term for term in ASKED_FOR.split() if term.lower() not in heads] == []


# --- The notebooks' form --------------------------------------------------------------------------


def test_cells_are_short_and_cues_are_many():
    """Prints a row for each notebook: cells, median and longest in lines, cues, questions."""
    print(f"\n{'notebook':24}{'cells':>6}{'median':>8}{'longest':>9}{'cues':>6}{'quizzes':>9}")
    for notebook in NOTEBOOKS:
        code, text = cells_of(notebook, "code"), "\n".join(cells_of(notebook, "markdown"))
        lengths = [sum(bool(line.strip()) for line in cell.splitlines()) for cell in code]
        cues = len(re.findall(r"\*\*(?:Listen|Look) for\*\*", text))
        quizzes = sum("quiz(" in cell for cell in code)
        median, longest = statistics.median(lengths), max(lengths)
        print(f"{notebook.stem:24}{len(code):6}{median:8.1f}{longest:9}{cues:6}{quizzes:9}")
        assert median <= 5 and longest <= 15, notebook.name
        assert cues >= 6, notebook.name


# --- A server for a class -------------------------------------------------------------------------


def helm_values() -> dict:
    (block,) = re.findall(r"```yaml\n(.*?)```", text_of("deploy.md"), flags=re.DOTALL)
    return yaml.safe_load(block)


def gigabytes(amount: str) -> float:
    return float(re.fullmatch(r"([\d.]+)G", amount).group(1))


def cost_of_notebooks() -> dict[str, tuple[int, int]]:
    """Seconds and megabytes of each, as deploy.md has them."""
    table = rows(parts(text_of("deploy.md"))["What one learner costs"])
    return {name: (int(seconds), int(megabytes)) for name, seconds, megabytes, _ in table}


def loads() -> list[list[float]]:
    """What the load check gave: learners, seconds, processor seconds, MB of kernel and server."""
    table = rows(parts(text_of("deploy.md"))["How it was measured"])
    return [[float(cell) for cell in row] for row in table]


def test_costs_are_those_that_the_notebooks_state():
    for name, (seconds, megabytes) in cost_of_notebooks().items():
        text = (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
        ((said_seconds, said_mb),) = re.findall(r"\| \d+ \| (\d+) \| (\d+) MB \|", text)
        assert megabytes == pytest.approx(int(said_mb), rel=0.1), name
        assert seconds <= 2 * int(said_seconds), name


def test_a_learner_gets_what_the_largest_notebook_needs():
    given = helm_values()["singleuser"]
    largest = max(megabytes for _, megabytes in cost_of_notebooks().values())
    server = max(row[4] for row in loads())
    assert f"{largest} MB for the largest notebook and {server:.0f} MB for the server" in " ".join(
        text_of("deploy.md").split()
    )
    assert gigabytes(given["memory"]["guarantee"]) >= (largest + server) / 1000
    smallest = min(megabytes for _, megabytes in cost_of_notebooks().values())
    assert gigabytes(given["memory"]["limit"]) >= (largest + server + smallest) / 1000
    assert given["defaultUrl"] and helm_values()["prePuller"]["hook"]["enabled"]
    settings = json.loads((ROOT / "binder" / "jupyter_server_config.json").read_text())
    culled = settings["MappingKernelManager"]["cull_idle_timeout"]
    assert 600 <= culled < helm_values()["cull"]["timeout"]
    assert f"after {culled // 60} minutes" in text_of("deploy.md")


def small_machine() -> dict[str, tuple[int, int]]:
    """Own memory and memory in use of all processes while each notebook runs, in MB."""
    table = rows(parts(text_of("deploy.md"))["On a machine of 2 GB, with a kernel forgotten"])
    return {row[0]: (int(row[1]), int(row[2])) for row in table}


def test_two_forgotten_kernels_fit_beside_every_notebook():
    """One is in the figures; the second is added here."""
    assert set(small_machine()) == {path.stem for path in NOTEBOOKS}
    said = re.search(
        r"(\d+) of them are the server's own, (\d+) the forgotten", text_of("deploy.md")
    )
    forgotten = int(said.group(2))
    for name, (own, in_use) in small_machine().items():
        assert own < in_use and in_use + forgotten < 2000, name
    assert max(own for own, _ in small_machine().values()) + 3 * forgotten > 2000


def test_the_sizes_for_30_and_300_follow_from_the_costs():
    costs = cost_of_notebooks()
    memory = gigabytes(helm_values()["singleuser"]["memory"]["guarantee"])
    work = loads()[0][2], 2 * costs["02_training"][0]  # measured; both cores, all the time
    table = rows(parts(text_of("deploy.md"))["How large?"])
    assert [int(row[0]) for row in table] == [30, 300]
    for row in table:
        learners, gb, cores, hear_it, training = map(int, row[:5])
        assert gb == math.ceil(learners * memory)
        assert hear_it == pytest.approx(learners * work[0] / cores, abs=1)
        assert training == pytest.approx(learners * work[1] / cores, abs=1)
        n_nodes = {"one": 1, "seven": 7}[row[5].split()[0]]
        of_cores, of_memory = map(int, re.findall(r"\d+", row[5]))
        assert n_nodes * of_cores == cores
        assert n_nodes * (of_memory - 4) >= gb  # what the system and the hub take


def test_the_recipe_of_the_image_is_one_that_repo2docker_takes():
    """Printed without Docker: the repository lies outside of the home folder, the link works."""
    recipe = parts(text_of("deploy.md"))["The image"]
    (options,) = re.findall(r"repo2docker (.+?) \.\n", recipe.replace("\\\n", " "), re.DOTALL)
    place = re.search(r"--target-repo-dir (\S+)", options).group(1)
    (appendix,) = re.findall(r'--appendix "([^"]+)"', options)
    assert not place.startswith("/home")
    given = ["--target-repo-dir", place, "--appendix", appendix]
    tool = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", *given, "."]
    done = subprocess.run(tool, cwd=ROOT, capture_output=True, text=True, timeout=600)
    dockerfile = done.stdout + done.stderr
    assert appendix in dockerfile
    assert re.search(r"^RUN \./binder/postBuild$", dockerfile, re.MULTILINE)
    assert "nbgitpuller" in appendix and "git-pull" in text_of("deploy.md")


# --- The contributor's door -----------------------------------------------------------------------


def test_the_citation_is_whole_and_agrees_with_the_package():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    assert cited["authors"] == [{"name": "nmsynth contributors"}]
    (paper,) = cited["references"]
    assert " ".join(paper["title"].split()) in " ".join(text_of("paper.md").split())


def test_the_workflows_run_what_everybody_runs():
    workflows = {path.name: yaml.safe_load(path.read_text()) for path in
                 (ROOT / ".github" / "workflows").glob("*.yml")}  # fmt: skip
    steps = [step for job in workflows["tests.yml"]["jobs"].values() for step in job["steps"]]
    assert "bash .ci/run" in [step.get("run") for step in steps]
    for workflow in workflows.values():
        commands = re.findall(r"make ([a-z]+)", json.dumps(workflow, default=str))
        assert all(
            re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            for target in commands
        )


def test_issue_templates_are_short_and_have_what_github_wants():
    templates = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"))
    assert [path.stem for path in templates] == ["bug", "idea"]
    for path in templates:
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        assert {"name", "about"} <= yaml.safe_load(front).keys()
        assert len(body.splitlines()) < 20
