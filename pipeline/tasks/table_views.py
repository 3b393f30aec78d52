"""What a tabular case shows: what arrived, predictions beside the truth, and their spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.figures import BAND, INK, MUTED, SERIES, Figure, figure
from pipeline.regions import Regions
from pipeline.schema import Schema
from pipeline.tasks import ALIKE

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.tasks import Floats, Truth

MOST_POINTS = 600
SEED = 20240601
TENTHS = np.arange(1, 10) / 10
MOST_BARS = 12


def volume_figure(
    observations: pd.DataFrame, schema: Schema, segments: Sequence[str] = ()
) -> Figure:
    """Rows by month; without a time, by the last of the columns that break scores down."""
    if schema.time is not None:
        return _by_month(observations, schema.time)
    return _by_value(observations, segments[-1] if segments else schema.target)


def observed_figure(schema: Schema, truth: Truth, predicted: Floats) -> Figure:
    """Prediction against truth, a dot a row; at most some hundred of them, drawn at random."""
    import altair as alt
    import pandas as pd

    target = schema.column(schema.target)
    random = np.random.default_rng(SEED)
    shown = np.sort(random.permutation(len(truth))[:MOST_POINTS])
    rows = pd.DataFrame({"prediction": predicted[shown], "truth": truth[shown]}).round(3)
    ends = [float(min(truth.min(), predicted.min())), float(max(truth.max(), predicted.max()))]
    line = pd.DataFrame({"prediction": ends, "truth": ends})
    base = alt.Chart(rows).mark_point(size=18, filled=True, opacity=0.5, color=SERIES[0])
    dots = base.encode(
        x=alt.X("prediction:Q", title=f"prediction of {target.label}", scale=_loose()),
        y=alt.Y("truth:Q", title=f"{target.label}", scale=_loose()),
    )
    same = alt.Chart(line).mark_line(color=INK, strokeWidth=1).encode(x="prediction:Q", y="truth:Q")
    off = np.abs(truth - predicted)
    unit = f" {target.unit}" if target.unit else ""
    return figure(
        dots + same,
        rows,
        name="observed",
        title=f"{target.name}: what was predicted and what was observed; on the line they agree",
        words=f"{len(rows):,} of {len(truth):,} held-out rows. Half of the predictions are within "
        f"{np.median(off):.3g}{unit} of the truth, nine in ten within "
        f"{np.quantile(off, 0.9):.3g}{unit}.",
        height=360,
    )


def spread_figure(schema: Schema, truth: Truth, predicted: Floats, regions: Regions) -> Figure:
    """Mean error and mean width of the region in ten classes of the prediction."""
    import altair as alt
    import pandas as pd

    target = schema.column(schema.target)
    place = np.searchsorted(np.unique(np.quantile(predicted, TENTHS)), predicted, side="right")
    table = pd.DataFrame(
        {
            "class": place,
            "prediction": predicted,
            "mean error": np.abs(truth - predicted),
            "width": regions.size(),
            "held": regions.holds(truth),
        }
    )
    rows = table.groupby("class").agg(
        **{
            "prediction": ("prediction", "mean"),
            "mean absolute error": ("mean error", "mean"),
            "half of the width": ("width", lambda widths: widths.mean() / 2),
            "truth held (%)": ("held", lambda held: 100 * held.mean()),
            "rows": ("held", "size"),
        }
    )
    rows = rows.reset_index(drop=True).round(3)
    base = alt.Chart(rows).encode(
        x=alt.X("prediction:Q", title=f"mean prediction of {target.label}", scale=_loose())
    )
    size = f"size ({target.unit})" if target.unit else "size"
    band = base.mark_area(color=BAND, opacity=0.5).encode(
        y=alt.Y("half of the width:Q", title=size)
    )
    error = base.mark_line(color=SERIES[0], point=True).encode(y="mean absolute error:Q")
    worst = rows.iloc[int(rows["truth held (%)"].to_numpy().argmin())]
    return figure(
        band + error,
        rows,
        name="spread",
        title="Mean error (line) and half the width of the interval (band), by size of prediction",
        words=f"Over {len(rows)} classes of the prediction, the intervals hold between "
        f"{worst['truth held (%)']:.0f} % (predictions about {worst['prediction']:.3g}) and "
        f"{rows['truth held (%)'].max():.0f} % of the truth.",
    )


def _by_month(observations: pd.DataFrame, time: str) -> Figure:
    import altair as alt
    import pandas as pd

    dated = observations[observations[time].notna()]
    begun = dated[time].dt.tz_convert("UTC").dt.tz_localize(None)
    months = begun.to_numpy("datetime64[us]").astype("datetime64[M]")
    counts = _alike(dated).groupby(months.astype("int64")).sum()
    names = counts.index.to_numpy().astype("datetime64[M]").astype(str)
    rows = pd.DataFrame({"month": names, "rows": counts.to_numpy()})
    chart = (
        alt.Chart(rows)
        .mark_bar(color=SERIES[0])
        .encode(
            x=alt.X("month:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("rows:Q", title="rows a month"),
        )
    )
    undated = int(_alike(observations).sum() - counts.sum())
    return figure(
        chart,
        rows,
        name="volume",
        title="Rows a month",
        words=f"From {rows['month'].iloc[0]} to {rows['month'].iloc[-1]}: between "
        f"{counts.min():,} and {counts.max():,} rows a month."
        + (f" {undated:,} rows have no time." if undated else ""),
    )


def _by_value(observations: pd.DataFrame, column: str) -> Figure:
    import altair as alt
    import pandas as pd

    values = observations[column]
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > MOST_BARS:
        values = pd.cut(values, MOST_BARS).astype("string")
    else:
        values = values.astype("string")
    alike = _alike(observations)
    counts = (
        alike.groupby(values.fillna("(missing)")).sum().sort_values(ascending=False, kind="stable")
    )
    rows = counts.rename_axis(column).rename("rows").reset_index()
    shown = rows.head(2 * MOST_BARS)
    chart = (
        alt.Chart(shown)
        .mark_bar(color=MUTED)
        .encode(
            y=alt.Y(f"{column}:N", sort=None, title=None, axis=alt.Axis(labelColor=INK)),
            x=alt.X("rows:Q", title="rows"),
        )
    )
    return figure(
        chart,
        rows,
        name="volume",
        title=f"Rows by {column}",
        words=f"{len(rows)} values of {column}; most often {rows[column].iloc[0]}, "
        f"{rows['rows'].iloc[0]:,} of {alike.sum():,} rows.",
        height=22 * len(shown),
    )


def _alike(observations: pd.DataFrame) -> pd.Series[int]:
    """For how many rows each row stands."""
    import pandas as pd

    if ALIKE in observations:
        return observations[ALIKE]
    return pd.Series(1, index=observations.index)


def _loose() -> object:
    import altair as alt

    return alt.Scale(zero=False, nice=True)
