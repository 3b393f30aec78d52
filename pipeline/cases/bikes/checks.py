"""Columns that let the expectations of the bikes case ask about silence, zeros and volume.

Everything here is pure, keeps the order of the rows, and takes the time of the run as an argument.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.cases.bikes.clock import morning_rise, quietest_hour

if TYPE_CHECKING:
    import pandas as pd

HIGHEST_COUNT = 3000.0
"""Bicycles in an hour; counts outside 0 … this are quarantined by `expectations/bikes.json` and
so say nothing about the volume of a week."""

A_DAY = 24
APART = np.timedelta64(48, "h")
"""Between neighbouring hours of a counter, above which a new stretch begins."""

_HOUR = np.timedelta64(1, "h")
_WEEK = np.timedelta64(7, "D")


def check_columns(table: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The table with ten more columns, rows in the order they came in.

    - `zero_run_hours`: clock hours with a zero count in the unbroken run of zeros that the row
      lies in; 0 where the count isn't zero. Only a count above (or below) zero breaks a run. An
      hour that is missing or null neither breaks nor lengthens it: a dead counter often loses
      hours too, and nobody saw bicycles in them.
    - `stuck_hours`: rows in the unbroken run of one and the same count above zero, in the order of
      time, that the row lies in; 0 where the count is zero or below.
    - `copied_hours`: counts above zero in the unbroken run, in the order of time, of counts that
      are those of the counter 24 rows and 24 hours before; 0 where the count is another.
    - `moved_degrees`: how far the row's place lies from the median of its counter, north or east.
    - `stretch_hours`: from the first to the last row, and one more, of the stretch that the row
      lies in: rows of its counter, neighbours at most `APART` from each other.
    - `silent_hours`: from the newest row of the row's counter to `as_of`.
    - `minutes_past_hour`: 0 for a time on the hourly grid.
    - `week_ratio`: all bicycles of the week up to and including `as_of` over those of the week
      before, counters that counted in both weeks only; the same in every row. Null where it
      is unknown: no counter in both weeks, or no bicycle in the first of them.
    - `quietest_hour`: hour of the clock in Paris, 0 to 23, in the middle of the three in a row with
      the fewest bicycles on average over all rows; the same in every row. Null where it is unknown
      (`clock.quietest_hour`).
    - `morning_rise`: hour of the clock in Paris at which the bicycles of the newest working days
      have half risen; the same in every row. Null where it is unknown (`clock.morning_rise`).

    `as_of` has a time zone (`TypeError` otherwise). A row without counter, time or count gets
    null where that is what the column needs, and no run.
    """
    moment = _utc(as_of)
    counter, time, count = _counter_codes(table), _times(table), _counts(table)
    usable = ~np.isnat(time) & (count >= 0) & (count <= HIGHEST_COUNT)
    order = _order(counter, time, count)
    rows = InOrder(counter[order], time[order], count[order])

    def placed(hours: NDArray[np.number]) -> NDArray[np.int64]:
        found = np.zeros(len(table), dtype=np.int64)
        found[order] = hours
        return found

    return table.assign(
        zero_run_hours=placed(_zero_run_hours(rows)),
        stuck_hours=placed(_stuck_hours(rows)),
        copied_hours=placed(_copied_hours(rows)),
        moved_degrees=_moved_degrees(table),
        stretch_hours=_stretch_hours(counter, time),
        silent_hours=(moment - _newest(counter, time)) / _HOUR,
        minutes_past_hour=(time - time.astype("datetime64[h]")) / np.timedelta64(1, "m"),
        week_ratio=_week_ratio(counter, time, count, moment),
        quietest_hour=quietest_hour(time[usable], count[usable]),
        morning_rise=morning_rise(time[usable], count[usable], moment),
    )


def _utc(as_of: datetime) -> np.datetime64:
    import pandas as pd

    return pd.Timestamp(as_of).tz_convert("UTC").tz_localize(None).to_datetime64()


def _counter_codes(table: pd.DataFrame) -> NDArray[np.int64]:
    """A number for each counter, -1 for none."""
    codes, _ = table["counter"].factorize()
    return codes.astype(np.int64)


def _times(table: pd.DataFrame) -> NDArray[np.datetime64]:
    return table["time"].to_numpy(dtype="datetime64[us]")


def _counts(table: pd.DataFrame) -> NDArray[np.float64]:
    return table["count"].to_numpy(dtype="float64", na_value=np.nan)


def _order(
    counter: NDArray[np.int64], time: NDArray[np.datetime64], count: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The rows that have all three, by counter, time and count."""
    known = np.flatnonzero((counter >= 0) & ~np.isnat(time) & ~np.isnan(count))
    return known[np.lexsort((count[known], time[known], counter[known]))]


class InOrder(NamedTuple):
    """Rows that have a counter, a time and a count, sorted by them."""

    counter: NDArray[np.int64]
    time: NDArray[np.datetime64]
    bicycles: NDArray[np.float64]


def _zero_run_hours(rows: InOrder) -> NDArray[np.int64]:
    hours = np.zeros(len(rows.bicycles), dtype=np.int64)
    zero = rows.bicycles == 0
    run = np.cumsum(_differs_from_previous(rows.counter) | ~zero)[zero]
    hour = rows.time[zero].astype("datetime64[h]")
    new_hour = _differs_from_previous(run) | _differs_from_previous(hour)
    hours[zero] = np.bincount(run, weights=new_hour)[run]
    return hours


def _stuck_hours(rows: InOrder) -> NDArray[np.int64]:
    changed = _differs_from_previous(rows.counter) | _differs_from_previous(rows.bicycles)
    run = np.cumsum(changed)
    return np.where(rows.bicycles > 0, np.bincount(run)[run], 0)


def _copied_hours(rows: InOrder) -> NDArray[np.float64]:
    same = np.zeros(len(rows.bicycles), dtype=np.bool_)
    now, before = slice(A_DAY, None), slice(None, -A_DAY)
    same[now] = (
        (rows.counter[now] == rows.counter[before])
        & (rows.time[now] - rows.time[before] == A_DAY * _HOUR)
        & (rows.bicycles[now] == rows.bicycles[before])
    )
    run = np.cumsum(_differs_from_previous(same))
    return np.where(same, np.bincount(run, weights=rows.bicycles > 0)[run], 0)


def _moved_degrees(table: pd.DataFrame) -> pd.Series[float]:
    places = table[["latitude", "longitude"]].astype("float64")
    usual = places.groupby(_counter_codes(table)).transform("median")
    return (places - usual).abs().max(axis=1)


def _stretch_hours(counter: NDArray[np.int64], time: NDArray[np.datetime64]) -> NDArray[np.float64]:
    hours = np.full(len(time), np.nan)
    known = np.flatnonzero((counter >= 0) & ~np.isnat(time))
    order = known[np.lexsort((time[known], counter[known]))]
    begins = _differs_from_previous(counter[order])
    begins[1:] |= np.diff(time[order]) > APART
    first = np.flatnonzero(begins)
    last = np.flatnonzero(np.append(begins[1:], len(order) > 0))
    lengths = (time[order][last] - time[order][first]) / _HOUR + 1
    hours[order] = np.repeat(lengths, last - first + 1)
    return hours


def _differs_from_previous(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """True at the first value and wherever a value isn't the one before it."""
    changed = np.ones(len(values), dtype=np.bool_)
    changed[1:] = values[1:] != values[:-1]
    return changed


def _newest(counter: NDArray[np.int64], time: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Newest time of each row's counter; no time for a row without counter."""
    newest = np.full(counter.max(initial=-1) + 2, np.datetime64("NaT", "us"))
    seen = counter >= 0
    np.fmax.at(newest, counter[seen], time[seen])
    return newest[counter]


def _week_ratio(
    counter: NDArray[np.int64],
    time: NDArray[np.datetime64],
    count: NDArray[np.float64],
    as_of: np.datetime64,
) -> float:
    usable = (counter >= 0) & (count >= 0) & (count <= HIGHEST_COUNT)
    last = usable & (time > as_of - _WEEK) & (time <= as_of)
    before = usable & (time > as_of - 2 * _WEEK) & (time <= as_of - _WEEK)
    both = np.intersect1d(counter[last], counter[before])
    earlier = count[before & np.isin(counter, both)].sum()
    return float(count[last & np.isin(counter, both)].sum() / earlier) if earlier else np.nan
