"""Charts as data: an SVG, the table behind it and what it shows in words, made together.

Colours are CSS variables with a fallback, so that one SVG serves a light and a dark page.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.drawing import svg_later
from pipeline.labels import compacted, with_points

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

WIDTH, HEIGHT = 680, 260

# Altair wants colours; each of these stands for a CSS variable, put in its place after drawing.
INK, MUTED, LINE, PAPER = "#1a1b1c", "#6a6b6c", "#d4d5d6", "#fdfefe"
SERIES = ("#0b5fa5", "#c2500a", "#2f7d4f", "#7a4fa3")
BAND = "#9fc5e8"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    PAPER: "--paper",
    BAND: "--band",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES, 1)},
}

THEME: dict[str, Any] = {
    "font": "system-ui, sans-serif",
    "axis": {
        "labelColor": MUTED,
        "titleColor": INK,
        "gridColor": LINE,
        "domainColor": LINE,
        "tickColor": LINE,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 12,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "orient": "top",
        "title": None,
    },
    "header": {"labelColor": INK, "labelFontSize": 12, "title": None},
    "range": {"category": list(SERIES)},
}
"""What is configured for all charts."""

Drawn: TypeAlias = "alt.Chart | alt.LayerChart | alt.FacetChart | alt.VConcatChart"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart: `svg` to show, `csv` the data behind it, `alt` what it shows in words, `spec` how it
    was drawn.

    Another process may still be drawing it: who asks for `svg` waits until it is there.
    """

    name: str
    title: str
    alt: str
    drawn: Callable[[], str] = field(compare=False, repr=False)
    csv: str
    rows: int
    spec: str = ""
    """The Vega-Lite specification with its data, as JSON; empty for what no Vega-Lite drew."""

    @property
    def svg(self) -> str:
        """Raises `ValueError` for a chart that can't be drawn."""
        return self.drawn()


def figure(
    chart: Drawn,
    data: pd.DataFrame,
    *,
    name: str,
    title: str,
    words: str,
    height: int = HEIGHT,
) -> Figure:
    """Draws `chart`; `data` is what a reader gets as CSV, `words` the text alternative.

    Small multiples (`chart.facet`, `alt.vconcat`) bring the size of a panel with them.
    """
    import altair as alt

    panels = isinstance(chart, alt.FacetChart | alt.VConcatChart)
    sized = chart if panels else chart.properties(width=WIDTH, height=height)
    spec = with_points(_themed(sized))
    buffer = io.StringIO()
    data.to_csv(buffer, index=False, lineterminator="\n")
    return Figure(
        name=name,
        title=title,
        alt=words,
        drawn=_dressed(svg_later(spec), name),
        csv=buffer.getvalue(),
        rows=len(data),
        spec=json.dumps({**spec, "description": words}, ensure_ascii=False, separators=(",", ":")),
    )


def rehearse() -> None:
    """Describes a chart that nobody sees: the first one imports and looks up what all others use.

    It draws nothing, so it starts no thread. From then on this process checks no chart against
    Vega-Lite's schema while it is put together, which takes longer than all else of it: whoever
    writes a chart sees it checked in tests and notebooks.
    """
    import altair as alt
    import pandas as pd
    from altair.utils import schemapi

    rows = pd.DataFrame({"x": [1, 2], "y": [1.0, 2.0], "name": ["a", "b"]})
    rows.to_csv(io.StringIO())
    encoded = {"x": alt.X("x:Q", title="x"), "y": "y:Q", "color": alt.Color("name:N")}
    line = alt.Chart(rows).mark_line().encode(**encoded)
    _themed(line + line.mark_point())
    schemapi.disable_debug_mode()


def _dressed(drawn: Callable[[], str], name: str) -> Callable[[], str]:
    """With the page's colours, and names that are no other chart's."""

    @cache
    def svg() -> str:
        found = _with_own_clips(compacted(drawn()), name)
        for colour, variable in _VARIABLES.items():
            new = rf' \1="var({variable}, {colour})"'
            found = re.sub(rf' (fill|stroke)="{colour}"', new, found)
        return found

    return svg


def _with_own_clips(svg: str, name: str) -> str:
    """Names clip paths after the chart, since several share a page, and counts them from 1, since
    the drawing library counts on through all charts of a process.
    """
    found = dict.fromkeys(re.findall(r'(?<=id=")clip\d+(?=")', svg))
    numbers = {clip: f"{name}-clip{number}" for number, clip in enumerate(found, 1)}
    return re.sub(r'(id="|url\(#)(clip\d+)', lambda use: use[1] + numbers.get(use[2], use[2]), svg)


def _themed(chart: Drawn) -> dict[str, Any]:
    """The specification, with how all charts look: put into it, since a chart is copied with its
    data for each thing that is said of it.
    """
    from altair.utils import schemapi

    spec: dict[str, Any] = chart.to_dict(validate=schemapi.DEBUG_MODE)
    config = spec.get("config", {})
    view = config.get("view", {}) | {"stroke": None}
    return {
        **spec,
        "config": {**config, **THEME, "view": view},
        "background": "transparent",
        # Words are measured in another font than the reader's: they need room to be wider.
        "padding": {"left": 28, "right": 16, "top": 6, "bottom": 6},
    }
