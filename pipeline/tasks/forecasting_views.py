"""What a forecasting case shows: volume over time, forecasts beside the truth, breakdowns."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.figures import BAND, INK, SERIES, Figure, figure
from pipeline.regions import Regions
from pipeline.schema import Schema
from pipeline.tasks import timesteps

if TYPE_CHECKING:
    import pandas as pd

Times = NDArray[np.datetime64]
Floats = NDArray[np.float64]
DAY = timedelta(days=1)
SHOWN_STEPS = 168
ROOM_ABOVE = 1.6
LEAST_SHOWN = 0.01
"""Series below this share of the largest are no example: there may be many that stand at zero."""


def step_labels(every: str, times: Times) -> dict[str, NDArray[Any]]:
    """The step within its cycle, such as the hour of the day, where there is a cycle."""
    length = timesteps.mean(every)
    if length < DAY:
        hours = times.astype("datetime64[h]").astype(np.int64) % 24
        return {"hour of day (UTC)": np.char.zfill(hours.astype(str), 2)}
    if length == DAY:
        # 1970-01-01 was a Thursday, weekday 3 counted from Monday.
        weekdays = (times.astype("datetime64[D]").astype(np.int64) + 3) % 7
        return {"weekday": np.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])[weekdays]}
    return {"year": times.astype("datetime64[Y]").astype(str)}


def volume_figure(observations: pd.DataFrame, schema: Schema, every: str) -> Figure:
    """Sum of the target over all series, by day, month or year; sums of others are left out."""
    import altair as alt

    target = schema.column(schema.target)
    time = str(schema.time)
    unit = "D" if timesteps.mean(every) < DAY else every
    period = timesteps.name(unit)
    rows = observations if schema.parts is None else observations[observations[schema.parts]]
    times = rows[time].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    begun = timesteps.starts(timesteps.ordinals(times, unit), unit)
    sums = (
        rows.assign(**{period: begun.astype("datetime64[s]")})
        .groupby(period)[schema.target]
        .agg(["sum", "size"])
        .reset_index()
        .rename(columns={"sum": target.name, "size": "rows"})
    )
    sums[period] = sums[period].dt.strftime("%Y-%m-%d")
    series = rows.groupby(list(schema.series)).ngroups if schema.series else 1
    together = f", all {series:,} series together" if series > 1 else ""
    # One absurd value must not press all others onto the axis; what is cut off is said.
    top = float(sums[target.name].quantile(0.95)) * ROOM_ABOVE
    beyond = int((sums[target.name] > top).sum())
    scale = alt.Scale(domain=[0, top], clamp=False) if beyond else alt.Scale()
    chart = (
        alt.Chart(sums)
        .mark_line(color=SERIES[0], strokeWidth=1.4, clip=True)
        .encode(
            x=alt.X(f"{period}:T", title=None),
            y=alt.Y(
                f"{target.name}:Q",
                title=f"{target.name}{', all series,' if series > 1 else ''} a {period}",
                scale=scale,
            ),
        )
    )
    return figure(
        chart,
        sums,
        name="volume",
        title=f"{target.name.capitalize()} a {period}{together}",
        words=f"From {sums[period].iloc[0]} to {sums[period].iloc[-1]}: between "
        f"{sums[target.name].min():,.0f} and {sums[target.name].max():,.0f} a {period}, "
        f"in the middle {sums[target.name].median():,.0f}."
        + (f" {beyond} {timesteps.names(unit)} reach beyond the chart." if beyond else ""),
    )


AXES: dict[timedelta, tuple[str, str]] = {
    timedelta(minutes=5): ("%H:%M", "hour"),
    timedelta(hours=23): ("%a %d %b", "day"),
    timedelta(days=2): ("%d %b", "week"),
    timedelta(days=184): ("%b %Y", "month"),
}
"""Format and spacing of the marks on the axis of time, for steps of up to a length."""


def _axis(every: str) -> tuple[str, str]:
    length = timesteps.mean(every)
    return next((axis for most, axis in AXES.items() if length <= most), ("%Y", "year"))


def example_figure(
    frame: pd.DataFrame, schema: Schema, predicted: Floats, regions: Regions, every: str
) -> Figure:
    """The newest steps of the series of middle volume: truth, forecast and interval."""
    import altair as alt

    time, target = str(schema.time), schema.column(schema.target)
    key = list(schema.series)
    shown = _of_middle_volume(frame, schema)
    marks, spacing = _axis(every)
    name = ", ".join(map(str, shown)) or target.name
    table = frame[[*key, time, schema.target]].assign(forecast=predicted, **regions.columns())
    for each, value in zip(key, shown, strict=True):
        table = table[table[each] == value]
    chosen = table.sort_values(time).tail(SHOWN_STEPS).reset_index(drop=True)
    numbers = [schema.target, "forecast", "low", "high"]
    rows = chosen[[time]].join(chosen[numbers].round(4))
    rows[time] = rows[time].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    base = alt.Chart(rows).encode(
        x=alt.X(
            f"{time}:T",
            title=None,
            scale=alt.Scale(type="utc"),
            # As a format, it would be that of the points' labels too, which tell the hour.
            axis=alt.Axis(
                labelExpr=f"utcFormat(datum.value, '{marks}')", labelFlush=False, tickCount=spacing
            ),
        )
    )
    band = base.mark_area(color=BAND, opacity=0.5).encode(
        y=alt.Y("low:Q", title=target.label), y2="high:Q"
    )
    forecast = base.mark_line(color=SERIES[0], strokeWidth=1.8).encode(y="forecast:Q")
    truth = base.mark_point(color=INK, size=14, filled=True).encode(y=f"{schema.target}:Q")
    inside = float(
        np.mean((rows["low"] <= rows[target.name]) & (rows[target.name] <= rows["high"]))
    )
    return figure(
        band + forecast + truth,
        rows,
        name="example",
        title=f"{name}: forecast (line), interval (band) and what was observed (dots)",
        words=f"The newest {len(rows)} {timesteps.names(every)} of {name}"
        f"{', the series of middle volume' if key else ''}. "
        f"{inside:.0%} of the observed values lie within their interval.",
    )


def _of_middle_volume(frame: pd.DataFrame, schema: Schema) -> tuple[Any, ...]:
    """The names of a series that is neither small nor large; none where there is but one."""
    if not schema.series:
        return ()
    volumes = frame.groupby(list(schema.series))[schema.target].sum().sort_values(kind="stable")
    volumes = volumes[volumes >= LEAST_SHOWN * volumes.max()]
    shown = volumes.index[len(volumes) // 2]
    return shown if isinstance(shown, tuple) else (shown,)
