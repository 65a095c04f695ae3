"""What axe-core, run in the page, finds serious: faults that shut somebody out."""

from axe_playwright_python.sync_playwright import Axe

SHUTS_OUT = ("serious", "critical")


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
