"""What a page would show and play: for tests of everything that displays itself."""

import base64
import io
import re

import numpy as np
import soundfile


def displayed(monkeypatch) -> list:
    """Collects whatever is displayed from now on instead of showing it."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *things, **_: shown.extend(things))
    return shown


def html_of(thing) -> str:
    """The HTML that a notebook would show for an object; empty if it has none."""
    bundle = getattr(thing, "_repr_mimebundle_", None)
    if bundle is not None:
        data = bundle()
        return (data[0] if isinstance(data, tuple) else data).get("text/html", "")
    return thing._repr_html_() if hasattr(thing, "_repr_html_") else ""


def played_in(html: str) -> list[np.ndarray]:
    """The sounds inside a page's players, in order."""
    sources = re.findall(r'src="data:audio/[^;]+;base64,([^"]+)"', html)
    return [soundfile.read(io.BytesIO(base64.b64decode(source)))[0] for source in sources]
