"""What stands in for a widget in a page that cannot load it: plain players, as a second output.

Road: widget -> [its output, its stand-in] -> page: a leaf.
A page shows one format of each output, and takes the widget as soon as it knows of widgets at all:
also when the kernel is gone, the page was exported, or this widget's script cannot be fetched. So
the players are an output of their own, and the widget's style sheet (`base.css`) hides them: only
where a widget is alive is its sheet there.
Explained in notebook 00, "Play it".
"""

from __future__ import annotations

MISSING = "(This page does not show widgets.)"


class StandIn:
    """Mixed into a widget that writes `_plain`: shows widget or plain page, one at a time."""

    _stand_in = None  # IPython's handle of the output, once it was shown

    def _plain(self) -> str:
        """What a page that cannot load the widget shows instead: HTML without script or files."""
        return ""

    def _repr_mimebundle_(self, **kwargs):
        """The widget, and for pages that cannot load it the plain page."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data["text/html"] = self._plain()
        return bundle

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        data, metadata, page = self._parts()
        display({**data, "text/plain": MISSING}, metadata=metadata, raw=True)
        self._stand_in = display(HTML(page), display_id=True)

    def _renew_stand_in(self) -> None:
        """Shows what text/html is now, where the widget was shown last."""
        from IPython.display import HTML

        if self._stand_in is not None:
            self._stand_in.update(HTML(self._parts()[2]))

    def _parts(self) -> tuple[dict, dict, str]:
        """The widget's formats and their metadata without text/html, and the stand-in's page."""
        bundle = self._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        page = data.pop("text/html", "")
        return data, metadata, f'<div class="nmsynth-stand-in">{page}</div>'
