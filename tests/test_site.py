"""The site, made of all notebooks and documents: it plays, offline, and every link leads on."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from accessibility import serious_faults
from page_sounds import played_in

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]
SOUNDS = {"00_hear_it": 12}  # at least; of every other five
PAGES = [
    "index.html",
    "CONTRIBUTING.html",
    *(f"docs/{path.stem}.html" for path in sorted((ROOT / "docs").glob("*.md"))),
    *(f"notebooks/{name}.html" for name in NOTEBOOKS),
]
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "audio": "src"}


class Page(HTMLParser):
    """Links, what the page loads by itself, and the places that links can lead to."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.loaded, self.places = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.places.add(given.get("id"))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if given.get(LOADS.get(tag)):
            self.loaded.append(given[LOADS[tag]])


def make(out: Path, *options: str) -> subprocess.CompletedProcess:
    tool = [sys.executable, "tools/make_site.py", "--out", out, *options]
    return subprocess.run(tool, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made") / "site"
    done = make(out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_all_documents_and_notebooks_are_pages(site):
    made = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert set(PAGES) <= made


def test_every_link_leads_somewhere_and_nothing_comes_from_a_network(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    missing, foreign = [], []
    for path, page in pages.items():
        foreign += [f"{path.name}: {one[:80]}" for one in page.loaded if "://" in one[:10]]
        loaded = [one for one in page.loaded if "://" not in one and not one.startswith("data:")]
        links = [one for one in page.links if "://" not in one and not one.startswith("data:")]
        for link in links + loaded:
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            places = pages[target].places if anchor and target in pages else {anchor}
            if not target.is_file() or anchor not in places:
                missing.append(f"{path.name}: {link}")
    assert missing == []
    assert foreign == []
    assert sum(len(page.links) for page in pages.values()) > 60


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_has_its_sounds_pictures_and_questions(site, name):
    text = (site / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
    assert len(played_in(text)) > SOUNDS.get(name, 5)
    assert text.count("<details><summary>") >= 5
    assert "application/vnd.jupyter.widget" not in text
    pictures = re.findall(r"<img[^>]*>", text)
    assert len(pictures) >= 2 and all('alt="' in one for one in pictures)


@pytest.mark.parametrize("name", PAGES)
def test_it_can_be_used_by_everybody_without_a_network(site, chromium, name):
    """Offline and on a small screen: a quiet console, and no fault that axe finds serious."""
    context = chromium.new_context(viewport={"width": 360, "height": 700}, offline=True)
    page, problems = context.new_page(), []
    page.on("console", lambda m: m.type == "error" and problems.append(m.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((site / name).as_uri())
    assert problems == []
    assert serious_faults(page, "body") == []
    wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    folder = ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"site_{Path(name).stem}_360.png")
    page.set_viewport_size({"width": 1200, "height": 900})
    page.screenshot(path=folder / f"site_{Path(name).stem}.png")
    context.close()
    assert wide <= 1


def test_a_player_plays(site, chromium):
    page = chromium.new_context(offline=True).new_page()
    page.goto((site / "notebooks" / "00_hear_it.html").as_uri())
    player = page.locator("audio").first
    player.evaluate("(audio) => audio.play()")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")


def test_an_unknown_notebook_is_told(tmp_path):
    done = make(tmp_path / "site", "--only", "99_nothing")
    assert done.returncode == 2 and done.stderr.strip() == "There is no notebook 99_nothing."
    assert not (tmp_path / "site").exists()
