"""A view as a figure: small panels side by side, with all of the numbers as CSV."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.figures import INK, SERIES, WIDTH, Drawn, Figure, figure
from pipeline.schema import Schema
from pipeline.trends.answers import WEEKDAYS, OpenObservations
from pipeline.trends.views import TrendView

if TYPE_CHECKING:
    import pandas as pd

MOST_PANELS = 12
MOST_LINES = len(SERIES)
MOST_BARS = 20
ACROSS = 3
PANEL_WIDTH = (WIDTH - 130) // ACROSS
PANEL_HEIGHT = 100
BETWEEN = 22
BAR_HEIGHT = 24
AXIS_WIDTH = 34
"""The same for all, so that panels stand in line."""
MOST_DOTS = 40
DOT_AREA = 14
"""Of a point, in square pixels."""
_STEPS = {"day": "D", "week": "W-MON", "month": "MS", "year": "YS"}
"""From the beginning of a step to that of the next, as pandas names it."""


def draw(view: TrendView, observations: OpenObservations, schema: Schema) -> Figure:
    """The panels and lines of the most observations are shown, or of the largest sums where sums
    are drawn; the CSV holds all of them.
    """
    import pandas as pd

    question = view.question(schema)
    answer = observations.answer(question)
    rows = pd.DataFrame(answer.rows, columns=list(answer.columns))
    column = schema.column(question.column)
    measured = "count" if view.aggregate == "count" else f"{view.aggregate} {column.name}"
    unit = column.unit if view.aggregate != "count" else ""
    table = rows.rename(columns={view.aggregate: measured})
    most_lines = MOST_LINES if view.bucket else MOST_BARS
    weight = measured if view.aggregate == "sum" else "count"
    shown = _most(_most(table, view.panels, weight, MOST_PANELS), view.lines, weight, most_lines)
    shown = shown.dropna(subset=[measured, *([view.bucket] if view.bucket else [])])
    plain = pd.DataFrame(
        {
            "panel": shown[view.panels].map(_label) if view.panels else "",
            "line": shown[view.lines].map(_label) if view.lines else "",
            "step": shown[view.bucket] if view.bucket else "",
            "value": shown[measured],
        }
    )
    title = f"{measured} ({unit})" if unit else measured
    lines = _lines(view, plain)
    return figure(
        _panels(view, _with_gaps(plain, view.bucket), title) if lines else _bars(plain, title),
        table,
        name=f"trend_{view.name}",
        title=view.title,
        words=_words(view, table, plain, unit),
        height=PANEL_HEIGHT * 2 if lines else BAR_HEIGHT * max(len(plain), 3),
    )


def _lines(view: TrendView, plain: pd.DataFrame) -> bool:
    """Whether there is a course of time to draw: a single step has none, and is shown as bars."""
    if view.bucket is None:
        return False
    return view.panels is not None or view.lines is None or len(set(plain["step"])) != 1


def _label(value: object) -> str:
    return "missing" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN


def _most(rows: pd.DataFrame, name: str | None, weight: str, most: int) -> pd.DataFrame:
    """The rows of the values of a column that weigh most, those first."""
    if name is None or rows.empty:
        return rows
    totals = rows.groupby(name, dropna=False)[weight].sum()
    largest = list(totals.sort_values(ascending=False, kind="stable").index[:most])
    return rows[rows[name].isin(largest)]


def _with_gaps(plain: pd.DataFrame, bucket: str | None) -> pd.DataFrame:
    """With a row without value in each gap of a line, so that none is drawn across steps for which
    there is no observation.
    """
    import pandas as pd

    if bucket is None or bucket not in _STEPS or plain.empty:
        return plain
    line, steps = [plain["panel"], plain["line"]], pd.to_datetime(plain["step"])
    due = steps + pd.tseries.frequencies.to_offset(_STEPS[bucket])
    missing = steps.groupby(line, sort=False).shift(-1) > due
    holes = plain[missing].assign(step=due[missing].dt.strftime("%Y-%m-%d"), value=math.nan)
    return pd.concat([plain, holes]) if len(holes) else plain


def _panels(view: TrendView, plain: pd.DataFrame, title: str) -> Drawn:
    """Lines over the buckets, one panel for each value; without panels, one chart."""
    import altair as alt

    few = plain["step"].nunique() <= MOST_DOTS
    dots = alt.OverlayMarkDef(size=DOT_AREA) if few else False
    chart = (
        alt.Chart(plain)
        .mark_line(strokeWidth=1.4, strokeCap="round", point=dots)
        .encode(
            x=_axis(view),
            y=alt.Y(
                "value:Q",
                title=title,
                scale=alt.Scale(domain={"unionWith": [0, _least_height(plain)]}),
                axis=alt.Axis(
                    minExtent=AXIS_WIDTH,
                    maxExtent=AXIS_WIDTH,
                    tickCount=4,
                    **({"title": None} if view.panels else {}),
                ),
            ),
            color=alt.Color(
                "line:N", title=view.lines, legend=alt.Legend(title=None, symbolType="stroke")
            )
            if view.lines
            else alt.value(SERIES[0]),
        )
    )
    if not view.panels:
        return chart
    order = list(dict.fromkeys(plain["panel"]))
    across = min(ACROSS, len(order) or 1)
    # Two panels are as wide as three together: the page draws all figures at one width.
    width = (ACROSS * PANEL_WIDTH + (ACROSS - across) * BETWEEN) // across
    faceted = chart.properties(width=width, height=PANEL_HEIGHT).facet(
        facet=alt.Facet("panel:N", title=title, sort=order, header=_header()),
        columns=across,
        spacing={"row": 18, "column": BETWEEN},
    )
    return faceted.resolve_scale(y="independent") if view.own_scales else faceted


def _least_height(plain: pd.DataFrame) -> float:
    """How high the vertical axis goes at least: a panel of zeros alone would have none, and zero in
    its middle. No other panel is made higher by it.
    """
    highest = plain.groupby("panel")["value"].max()
    return float(highest[highest > 0].min()) if (highest > 0).any() else 1.0


def _header() -> Any:
    import altair as alt

    return alt.Header(
        labelColor=INK,
        labelLimit=PANEL_WIDTH,
        labelFontSize=12,
        titleFontSize=12,
        titleFontWeight="normal",
        titleColor=INK,
    )


def _axis(view: TrendView) -> Any:
    """The horizontal axis: hours and weekdays in their order, all else as dates. Its title is not
    drawn, but is in the labels of the points.
    """
    import altair as alt

    if view.bucket == "hour":
        return alt.X(
            "step:Q",
            title=view.bucket,
            scale=alt.Scale(domain=[0, 23]),
            axis=alt.Axis(title=None, values=[0, 6, 12, 18]),
        )
    if view.bucket == "weekday":
        short = "slice(datum.value, 0, 2)"
        return alt.X(
            "step:O",
            title=view.bucket,
            sort=list(WEEKDAYS),
            axis=alt.Axis(title=None, labelExpr=short, labelAngle=0),
        )
    return alt.X(
        "step:T",
        title=view.bucket,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(title=None, tickCount=4, labelOverlap=True),
    )


def _bars(plain: pd.DataFrame, title: str) -> Drawn:
    """A bar for each value, the highest first."""
    import altair as alt

    return (
        alt.Chart(plain)
        .mark_bar(color=SERIES[0], height=14)
        .encode(
            y=alt.Y("line:N", sort="-x", title=None, axis=alt.Axis(labelLimit=220, labelColor=INK)),
            x=alt.X("value:Q", title=title),
        )
    )


def _words(view: TrendView, table: pd.DataFrame, plain: pd.DataFrame, unit: str) -> str:
    """How much there is, how much of it is shown, and between which values it lies."""
    if plain.empty:
        return "There is nothing to show: no observation has a value here."
    told = [
        f"{table[name].nunique(dropna=False)} values of {name}"
        + _cut(table, plain, name, part, summed=view.aggregate == "sum")
        for name, part in ((view.panels, "panel"), (view.lines, "line"))
        if name
    ]
    values = plain["value"].to_numpy()
    low, high = plain.iloc[int(values.argmin())], plain.iloc[int(values.argmax())]
    told += [f"time by {view.bucket} ({view.zone})"] if view.bucket else []
    lowest, highest = (_place(row, unit, view.bucket) for row in (low, high))
    return f"Shown: {', '.join(told)}. Lowest: {lowest}. Highest: {highest}."


def _cut(table: pd.DataFrame, plain: pd.DataFrame, name: str, part: str, *, summed: bool) -> str:
    there, shown = table[name].nunique(dropna=False), plain[part].nunique()
    largest = "largest sums" if summed else "most observations"
    return f" (the {shown} with the {largest} are shown)" if shown < there else ""


def _place(row: pd.Series[Any], unit: str, bucket: str | None) -> str:
    names = [str(row[name]) for name in ("panel", "line") if row[name] != ""]
    place = ", ".join([*names, *([_step(row["step"], bucket)] if bucket else [])])
    return f"{_number(row['value'])} {unit}".rstrip() + f" ({place})"


def _number(value: float) -> str:
    """Three digits or, above a thousand, all whole ones.

    >>> _number(2034.6), _number(163.4), _number(0.0123)
    ('2,035', '163', '0.0123')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _step(step: object, bucket: str) -> str:
    """A stretch of time as it is spoken."""
    if bucket == "hour":
        return f"{step}:00"
    if bucket == "weekday":
        return str(step)
    begins = datetime.fromisoformat(str(step))
    told = {"year": f"{begins:%Y}", "month": f"{begins:%B %Y}"}
    return told.get(bucket, f"{begins.day} {begins:%B %Y}")
