"""Columns that let the expectations of the states case ask about sums, whole years and conflicts.

Everything here is pure, keeps the order of the rows, and takes the time of the run as an argument.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.cases.states.areas import SUMS

if TYPE_CHECKING:
    import pandas as pd

KEY = ["state", "producer", "fuel", "time"]
GAP = 0.01
"""Million metric tons by which a total may differ from its parts, as in
`expectations/states.json`: the publisher rounds each value."""
SHOWN = 5
LARGE = 5.0
"""Million metric tons of a state, or of a fuel in it, from which a leap is no chance of small
numbers."""
UNEVEN = 0.05
"""Million metric tons by which a total may differ from its parts before these are in doubt."""


def check_columns(table: pd.DataFrame, _as_of: datetime) -> pd.DataFrame:
    """The table with more columns, rows in the order they came in.

    - `part_co2`: the value where the row is a part, else null.
    - `total_gap`: a published total less the sum of its parts, in million metric tons; null for
      parts, and for totals none of whose parts is there. The parts of a total over all fuels are
      the fuels, of one over all producers the producers, of the nation the states. Of a key that
      comes twice, the mean counts.
    - `total_words`: in the rows whose `total_gap` is beyond 0.01, the largest of them in words.
    - `year_share`: rows of the year over those of the fuller of its neighbours, in its account; 1
      where there is no neighbour.
    - `key_words`: in rows whose key comes more than once, how many there are and which differ most.
    - `year_ratio`: all parts of the row's year over those of the year before, over the series that
      are in both; null in the first year and for what are no parts.
    - `state_ratio`, `fuel_ratio`: of a part, all parts of its state (and fuel) in its year over
      those of the year before, over the series that are in both; null in the first year, and where
      neither is above 5 million metric tons.
    - `same_share`: of the parts above zero of the row's year, the share that equals the value of
      the year before; null in the first year and for what are no parts.
    - `sum_gap`: of a part, the largest share by which a total that it is summed in differs from its
      parts, of those that differ by more than 0.05 million metric tons; 0 where none does.
    - `year` and `month_of_year`: of the row's time.
    """
    gap = _total_gap(table)
    return table.assign(
        part_co2=table["co2"].where(_flags(table)),
        total_gap=gap,
        total_words=_gap_words(table, gap),
        year_share=_year_share(table),
        key_words=_key_words(table),
        year_ratio=_year_ratio(table),
        state_ratio=_ratio_of(table, ["state"]),
        fuel_ratio=_ratio_of(table, ["state", "fuel"]),
        same_share=_same_share(table),
        sum_gap=_sum_gap(table, gap),
        year=table["time"].dt.strftime("%Y"),
        month_of_year=table["time"].dt.month,
    )


def _flags(table: pd.DataFrame) -> pd.Series[bool]:
    return table["part"].fillna(value=False).astype(bool)


def _total_gap(table: pd.DataFrame) -> pd.Series[float]:
    gap = table["co2"].astype("float64") * np.nan
    left = np.ones(len(table), dtype=bool)
    for name, sums in SUMS.items():
        is_sum = table[name].isin(sums).to_numpy()
        others = ["account", *(column for column in KEY if column != name)]
        once = table[~is_sum].groupby(["account", *KEY], as_index=False)["co2"].mean()
        parts = once.groupby(others)["co2"].sum(min_count=1).rename("sum").reset_index()
        joined = table[others].merge(parts, on=others, how="left")["sum"].to_numpy("float64")
        here = is_sum & left
        gap = gap.mask(here, table["co2"].astype("float64") - joined)
        left &= ~is_sum
    return gap


def _gap_words(table: pd.DataFrame, gap: pd.Series[float]) -> pd.Series[str]:
    beyond = gap.abs() > GAP
    worst = gap[beyond].abs().sort_values(ascending=False, kind="stable").index[:SHOWN]
    told = "; ".join(
        f"{_key(table, place)}: {table['co2'][place]:,.3f} published, "
        f"{table['co2'][place] - gap[place]:,.3f} in parts"
        for place in worst
    )
    more = int(beyond.sum()) - len(worst)
    return _only(beyond, f"{told}; and {more} more" if more > 0 else told)


def _key_words(table: pd.DataFrame) -> pd.Series[str]:
    twice = table.duplicated(KEY, keep=False)
    spread = table[twice].groupby(KEY)["co2"].agg(["min", "max"])
    if spread.empty:
        return _only(twice, "")
    spread["difference"] = spread["max"] - spread["min"]
    largest = spread.sort_values("difference", ascending=False, kind="stable").reset_index().iloc[0]
    name = f"{largest['state']} {largest['producer']} {largest['fuel']} {largest['time']:%Y}"
    return _only(
        twice,
        f"{len(spread):,} keys have two values, most different {name}: {largest['min']:,.3f} and "
        f"{largest['max']:,.3f}",
    )


def _only(rows: pd.Series[bool], words: str) -> pd.Series[str]:
    return rows.map({True: words, False: None}).astype("object")


def _key(table: pd.DataFrame, place: Any) -> str:
    row: Any = table.loc[[place]].iloc[0]
    return f"{row['state']} {row['producer']} {row['fuel']} {row['time']:%Y}"


def _year_share(table: pd.DataFrame) -> pd.Series[float]:
    rows = table.groupby(["account", "time"]).size().rename("rows").reset_index()
    years = rows.groupby("account")["rows"]
    neighbours = np.fmax(years.shift(1).to_numpy("float64"), years.shift(-1).to_numpy("float64"))
    rows["share"] = rows["rows"] / np.where(np.isnan(neighbours), rows["rows"], neighbours)
    shares = table[["account", "time"]].merge(rows, on=["account", "time"], how="left")["share"]
    return shares.set_axis(table.index)


def _by_year(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The parts, a row a series and a column a year, and those of the year before."""
    parts = table[_flags(table)].drop_duplicates(KEY)
    wide = parts.pivot_table(index=KEY[:3], columns="time", values="co2")
    before = wide.shift(1, axis=1)
    both = wide.notna() & before.notna()
    return wide.where(both), before.where(both)


def _ratio_of(table: pd.DataFrame, names: list[str]) -> pd.Series[float]:
    now, before = (side.groupby(level=names).sum(min_count=1) for side in _by_year(table))
    ratio = (now / before.where(before > 0)).mask(before.le(0) & now.gt(0), np.inf)
    ratio = ratio.where((now > LARGE) | (before > LARGE))
    told = ratio.melt(ignore_index=False, value_name="ratio").reset_index()
    found = table[[*names, "time"]].merge(told, on=[*names, "time"], how="left")["ratio"]
    return found.set_axis(table.index).where(_flags(table))


def _same_share(table: pd.DataFrame) -> pd.Series[float]:
    now, before = _by_year(table)
    above = (now > 0) | (before > 0)
    share = (above & (now == before)).sum() / above.sum().where(above.sum() > 0)
    return table["time"].map(share).where(_flags(table))


def _sum_gap(table: pd.DataFrame, gap: pd.Series[float]) -> pd.Series[float]:
    import pandas as pd

    found = np.zeros(len(table))
    share = (gap.abs() / table["co2"].abs().clip(lower=1e-9)).where(gap.abs() > UNEVEN)
    told = table.assign(share=share)[share.notna()]
    for name, sums in SUMS.items():
        others = ["account", *(column for column in KEY if column != name)]
        worst = told[told[name].isin(sums)].groupby(others)["share"].max().reset_index()
        own = table[others].merge(worst, on=others, how="left")["share"].to_numpy("float64")
        found = np.fmax(own, found)
    return pd.Series(found, index=table.index).where(_flags(table))


def _year_ratio(table: pd.DataFrame) -> pd.Series[float]:
    now, before = _by_year(table)
    earlier = before.sum()
    ratio = now.sum() / earlier.where(earlier > 0)
    return table["time"].map(ratio).where(_flags(table))
