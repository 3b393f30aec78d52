"""What the drift step draws beside the sizes of the changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.figures import INK, LINE, MUTED, PAPER, SERIES, Figure, figure

if TYPE_CHECKING:
    import pandas as pd
    from altair import Chart

    from pipeline.shift import ColumnShift

BINS = 30
MOST_DRAWN = 8
"""Columns whose distributions are drawn."""
WINDOWS = ("reference", "current")
PANEL_WIDTH, PANEL_HEIGHT = 600, 110
MOST_CATEGORIES = 12


def heat_figure(shifts: Sequence[ColumnShift], alpha: float) -> Figure:
    """Every test of every column: how unlikely chance makes what was found."""
    import altair as alt
    import pandas as pd

    rows = pd.DataFrame(
        [
            {
                "column": shift.column,
                "test": test,
                "p-value": float(f"{p_value:.3g}"),
                "evidence": _evidence(p_value, alpha),
                "label": f"{p_value:.3f}" if p_value >= 0.001 else "< 0.001",
            }
            for shift in shifts
            for test, p_value in (shift.tests or {}).items()
        ]
    )
    levels = ["none", "some", "strong"]
    base = alt.Chart(rows).encode(
        x=alt.X("test:N", title=None, axis=alt.Axis(labelAngle=0, labelColor=INK)),
        y=alt.Y("column:N", title=None, sort=None, axis=alt.Axis(labelColor=INK)),
    )
    cells = base.mark_rect(stroke=MUTED, strokeWidth=0.5).encode(
        color=alt.Color(
            "evidence:N",
            scale=alt.Scale(domain=levels, range=["transparent", LINE, SERIES[1]]),
            legend=None,
        )
    )
    # Upon the colour of strong evidence the ink of the page would not stand out, in the dark least.
    written = alt.condition(alt.datum.evidence == "strong", alt.value(PAPER), alt.value(INK))
    strong = rows[rows["evidence"] == "strong"]
    named = "; ".join(f"{row.column}, {row.test}" for row in strong.itertuples())
    return figure(
        cells + base.mark_text(fontSize=11).encode(text="label:N", color=written),
        rows,
        name="tests",
        title="p-value of every test, before all of them are judged together",
        words=f"{len(rows)} tests of {len(shifts)} columns. Strong evidence: {named or 'none'}.",
        height=28 * len(shifts),
    )


def distributions_figure(
    shifts: Sequence[ColumnShift],
    before: Mapping[str, NDArray[Any]],
    now: Mapping[str, NDArray[Any]],
    *,
    otherwise: str,
) -> Figure:
    """Both windows' distributions of the columns that alarm, or of `otherwise` when none does."""
    import altair as alt
    import pandas as pd

    alarmed = [shift for shift in shifts if shift.alarm and shift.column in before]
    alarmed.sort(key=lambda shift: shift.p_value)
    drawn = [shift.column for shift in alarmed[:MOST_DRAWN]] or [otherwise]
    kinds = {shift.column: shift.kind for shift in shifts}
    rows = pd.concat(
        [_shares(name, kinds.get(name, "number"), before[name], now[name]) for name in drawn],
        ignore_index=True,
    )
    panels = [
        _panel(rows[rows["column"] == name], name, category=kinds.get(name) == "category")
        for name in drawn
    ]
    chart = alt.vconcat(*panels, spacing=22)
    return figure(
        chart,
        rows.drop(columns=["place", "value"]),
        name="distributions",
        title="How values are distributed in the reference and in the current window",
        words=f"Columns drawn: {', '.join(drawn)}"
        + (" (those that alarm). " if alarmed else " (no column alarms). ")
        + " ".join(_told(rows[rows["column"] == name], name) for name in drawn),
    )


def _panel(rows: pd.DataFrame, name: str, *, category: bool) -> Chart:
    """One column: numbers as steps over their values, categories as a pair of points each."""
    import altair as alt

    colours = alt.Color(
        "window:N",
        scale=alt.Scale(domain=list(WINDOWS), range=[MUTED, SERIES[1]]),
    )
    share = "share of rows (%):Q"
    if category:
        return (
            alt.Chart(rows, width=PANEL_WIDTH, height=18 * rows["values"].nunique() + 10)
            .mark_point(filled=True, size=70)
            .encode(
                x=alt.X(share, title=f"{name}: share of rows (%)"),
                y=alt.Y("values:N", title=None, sort=None, axis=alt.Axis(labelLimit=200)),
                color=colours,
                shape=alt.Shape("window:N", legend=None),
            )
        )
    return (
        alt.Chart(rows, width=PANEL_WIDTH, height=PANEL_HEIGHT)
        .mark_line(interpolate="step", strokeWidth=1.6)
        .encode(
            x=alt.X("value:Q", title=name, scale=alt.Scale(zero=False)),
            y=alt.Y(share),
            color=colours,
            strokeDash=alt.StrokeDash("window:N", legend=None),
        )
    )


def _told(rows: pd.DataFrame, name: str) -> str:
    """Where the two distributions of a column differ most, in words."""
    shares = {
        window: rows.loc[rows["window"] == window, "share of rows (%)"].to_numpy()
        for window in WINDOWS
    }
    before, now = (shares[window] for window in WINDOWS)
    most = int(np.argmax(np.abs(now - before)))
    label = str(rows["values"].iloc[most])
    return f"{name} is {label} in {now[most]:.1f}% of the rows, {before[most]:.1f}% before."


def _evidence(p_value: float, alpha: float) -> str:
    if p_value <= alpha / 20:
        return "strong"
    return "some" if p_value <= alpha else "none"


def _shares(name: str, kind: str, before: NDArray[Any], now: NDArray[Any]) -> pd.DataFrame:
    """Share of the rows of each window by category, or by even bin of the middle 99 %."""
    import pandas as pd

    if kind == "category":
        both = pd.concat([pd.Series(before), pd.Series(now)]).astype(str)
        labels = list(both.value_counts().index[:MOST_CATEGORIES])
        counts = [
            pd.Series(part).astype(str).value_counts().reindex(labels).fillna(0)
            for part in (before, now)
        ]
        shares = [(100 * part / max(1, part.sum())).to_numpy() for part in counts]
        middles = np.full(len(labels), np.nan)
    else:
        numbers = [np.asarray(part, dtype=np.float64) for part in (before, now)]
        numbers = [part[np.isfinite(part)] for part in numbers]
        together = np.concatenate(numbers)
        low, high = np.quantile(together, [0.005, 0.995]) if len(together) else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        labels = [f"{start:.4g} to {end:.4g}" for start, end in pairwise(edges)]
        middles = (edges[1:] + edges[:-1]) / 2
        shares = [
            100 * np.histogram(part.clip(edges[0], edges[-1]), edges)[0] / max(1, len(part))
            for part in numbers
        ]
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "column": name,
                    "window": window,
                    "place": np.arange(len(labels)),
                    "value": middles,
                    "values": labels,
                    "share of rows (%)": np.round(share, 3),
                }
            )
            for window, share in zip(WINDOWS, shares, strict=True)
        ]
    )
