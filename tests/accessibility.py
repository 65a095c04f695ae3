"""Who can use a widget: what axe-core finds serious, and what it looks like at any width."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

SHUTS_OUT = ("serious", "critical")
STICKING_OUT = """root => [...root.querySelectorAll('*')].filter(
  (node) => node.getBoundingClientRect().right > root.getBoundingClientRect().right + 1)
  .map((node) => node.outerHTML.slice(0, 80))"""
AROUND = 500  # pixels of JupyterLab's own beside a widget


def serious_faults(page, selector: str) -> list[str]:
    """Serious and critical faults in a part of a Playwright page.

    Args:
      page: The page.
      selector: CSS selector of the part; something must match, or nothing would be tested.

    Returns:
      A line for each fault: rule, what is wrong, and the element; empty when all is well.
    """
    assert page.locator(selector).count(), f"nothing to test: {selector}"
    found = Axe().run(page, {"include": [[selector]]}).response
    assert found["passes"], f"axe tested nothing in {selector}"
    return [
        f"{one['id']}: {one['help']}: {node['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in SHUTS_OUT
        for node in one["nodes"]
    ]


@contextmanager
def at_width(root, width: int, picture: Path) -> Iterator[list[str]]:
    """A widget at a width, all of it in sight, for as long as this lasts.

    Args:
      root: Its Playwright locator.
      width: Pixels.
      picture: Where its screenshot goes: for looking at.

    Yields:
      What is wider than it is given; empty when all fits.
    """
    page, before = root.page, root.page.viewport_size
    page.set_viewport_size(
        {"width": max(before["width"], width + AROUND), "height": max(before["height"], 1300)}
    )
    root.evaluate("(root, width) => (root.style.width = `${width}px`)", width)
    root.evaluate("root => (root.style.maxWidth = 'none')")
    page.wait_for_timeout(500)
    root.scroll_into_view_if_needed()
    picture.parent.mkdir(parents=True, exist_ok=True)
    root.screenshot(path=picture)
    try:
        yield root.evaluate(STICKING_OUT)
    finally:
        root.evaluate("root => (root.style.width = root.style.maxWidth = '')")
        page.set_viewport_size(before)
