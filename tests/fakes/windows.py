"""Windows made by hand, and noise whose memory is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from pipeline.shift import ColumnShift, Measured, Table, Watched, compare, judge

Column = NDArray[Any]
FIRST = np.datetime64("2021-01-04T00:00:00", "us")
HOUR = np.timedelta64(1, "h")
DAY = timedelta(days=1)


def autoregression(rho: float, shape: tuple[int, ...], random: np.random.Generator) -> Column:
    """AR(1) noise of unit variance along the first axis."""
    fresh = random.standard_normal(shape) * math.sqrt(1 - rho**2)
    start = rho * random.standard_normal((1, *shape[1:]))
    noise: Column = lfilter([1.0], [1.0, -rho], fresh, axis=0, zi=start)[0]
    return noise


def tables(
    columns: Mapping[str, Column], times: Column, entities: Column, *, cut: int
) -> tuple[Table, Table, list[Watched], timedelta]:
    """What `compare` takes of number columns whose current window begins at row `cut`."""
    before, now = (
        Table(
            columns={name: values[part] for name, values in columns.items()},
            times=times[part],
            entities=entities[part],
        )
        for part in (slice(None, cut), slice(cut, None))
    )
    return before, now, [Watched(name=name, kind="number") for name in columns], DAY


def measured(
    reference: Mapping[str, Any],
    current: Mapping[str, Any],
    kinds: Mapping[str, str],
    *,
    units: Mapping[str, str] | None = None,
    periods: Mapping[str, float] | None = None,
    hourly: bool = False,
    series: int = 0,
) -> tuple[Measured, ...]:
    """Rows without time, or hourly ones; with `series`, as many take turns within the hour."""
    windows, begun = [], 0
    for window in (reference, current):
        columns = {name: np.asarray(values) for name, values in window.items()}
        place = np.arange(len(next(iter(columns.values()), ())))
        times = FIRST + (begun + place // max(1, series)) * HOUR if hourly else None
        entities = place % series if series else None
        windows.append(Table(columns=columns, times=times, entities=entities))
        begun += len(place) // max(1, series)
    watched = [
        Watched(
            name=name,
            kind=kind,
            unit=(units or {}).get(name, ""),
            period=(periods or {}).get(name),
        )
        for name, kind in kinds.items()
    ]
    return compare(*windows, watched, block=DAY)


def shifts(
    *windows: Mapping[str, Any], alpha: float = 0.05, material: float = 0.1, **options: Any
) -> tuple[ColumnShift, ...]:
    """Measured and judged."""
    return judge(measured(*windows, **options), alpha=alpha, material=material)


def one(before: object, now: object, kind: str = "number", **options: Any) -> ColumnShift:
    """The shift of one column, called x."""
    unit, period = options.pop("unit", ""), options.pop("period", None)
    return shifts(
        {"x": before},
        {"x": now},
        kinds={"x": kind},
        units={"x": unit},
        periods={"x": period} if period else None,
        **options,
    )[0]


def words(*values: str | None) -> Column:
    return np.array(values, dtype=object)
