"""Charts as data: an SVG, the table behind it and what it shows in words, made together.

Colours are CSS variables with a fallback, so that one SVG serves a light and a dark page.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pipeline.drawing import svg_of

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

WIDTH, HEIGHT = 680, 260

# Altair wants colours; each of these stands for a CSS variable, put in its place after drawing.
INK, MUTED, LINE = "#1a1b1c", "#6a6b6c", "#d4d5d6"
SERIES = ("#0b5fa5", "#c2500a", "#2f7d4f", "#7a4fa3")
BAND = "#9fc5e8"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    BAND: "--band",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES, 1)},
}


Drawn: TypeAlias = "alt.Chart | alt.LayerChart | alt.FacetChart | alt.VConcatChart"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart: `svg` to show, `csv` the data behind it, `alt` what it shows in words, `spec` how it
    was drawn.
    """

    name: str
    title: str
    alt: str
    svg: str
    csv: str
    rows: int
    spec: str = ""
    """The Vega-Lite specification with its data, as JSON; empty for what no Vega-Lite drew."""


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
    spec = _themed(sized).to_dict()
    svg = svg_of(spec)
    svg = _with_own_clips(svg, name)
    for colour, variable in _VARIABLES.items():
        svg = re.sub(rf' (fill|stroke)="{colour}"', rf' \1="var({variable}, {colour})"', svg)
    buffer = io.StringIO()
    data.to_csv(buffer, index=False, lineterminator="\n")
    return Figure(
        name=name,
        title=title,
        alt=words,
        svg=svg,
        csv=buffer.getvalue(),
        rows=len(data),
        spec=json.dumps({**spec, "description": words}, ensure_ascii=False, separators=(",", ":")),
    )


def rehearse() -> None:
    """Describes a chart that nobody sees: the first one imports and looks up what all others use.

    It draws nothing, so it starts no thread.
    """
    import altair as alt
    import pandas as pd

    rows = pd.DataFrame({"x": [1, 2], "y": [1.0, 2.0], "name": ["a", "b"]})
    rows.to_csv(io.StringIO())
    encoded = {"x": alt.X("x:Q", title="x"), "y": "y:Q", "color": alt.Color("name:N")}
    line = alt.Chart(rows).mark_line().encode(**encoded)
    _themed(line + line.mark_point()).to_dict()


def _with_own_clips(svg: str, name: str) -> str:
    """Names clip paths after the chart, since several share a page, and counts them from 1, since
    the drawing library counts on through all charts of a process.
    """
    found = dict.fromkeys(re.findall(r'(?<=id=")clip\d+(?=")', svg))
    numbers = {clip: f"{name}-clip{number}" for number, clip in enumerate(found, 1)}
    return re.sub(r'(id="|url\(#)(clip\d+)', lambda use: use[1] + numbers.get(use[2], use[2]), svg)


def _themed(chart: Drawn) -> Drawn:
    themed: Drawn = (
        # Words are measured in another font than the reader's: they need room to be wider.
        chart.properties(
            background="transparent",
            padding={"left": 28, "right": 16, "top": 6, "bottom": 6},
        )
        .configure(font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=MUTED,
            titleColor=INK,
            gridColor=LINE,
            domainColor=LINE,
            tickColor=LINE,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=12,
        )
        .configure_legend(
            labelColor=INK, titleColor=INK, labelFontSize=12, orient="top", title=None
        )
        .configure_header(labelColor=INK, labelFontSize=12, title=None)
        .configure_range(category=list(SERIES))
    )
    return themed
