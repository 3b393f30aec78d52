"""Changes put into simulated rows on purpose, at known times, so that alarms can be judged.

`apply(frame, changes, time=...)` serves every simulator. Rows before the start of a change are
never touched, and no row is added, dropped or moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CaseError

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[Any]
Floats = NDArray[np.float64]
Columns = Mapping[str, Values]
DAY = np.timedelta64(1, "D")


class Change(Protocol):
    """What happens to one column from `start` on, and stays until `end` where there is one."""

    @property
    def column(self) -> str: ...

    @property
    def start(self) -> datetime: ...

    @property
    def end(self) -> datetime | None: ...

    @property
    def only(self) -> Mapping[str, Sequence[Any]]:
        """Rows are changed only where these columns hold one of the values."""

    @property
    def words(self) -> str:
        """What happens, without the column and the time: '+2 °C'."""

    def of(self, values: Values, days: Floats, random: np.random.Generator) -> Values:
        """The values after the change; `days` are those since its start, 0 or more."""


@dataclass(frozen=True, kw_only=True)
class _Placed:
    column: str
    start: datetime
    end: datetime | None = None
    only: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sudden(_Placed):
    """From one moment on, values times `factor` plus `by`; a change of unit is one of these."""

    factor: float = 1.0
    by: float = 0.0

    @property
    def words(self) -> str:
        return _amount(self.factor, self.by)

    def of(self, values: Values, days: Floats, random: np.random.Generator) -> Values:
        return _moved(values, np.ones(len(days)), self.factor, self.by)


@dataclass(frozen=True, kw_only=True)
class Gradual(_Placed):
    """The same in equal steps of time, complete after `over`."""

    over: timedelta
    factor: float = 1.0
    by: float = 0.0

    def __post_init__(self) -> None:
        if self.over <= timedelta(0):
            raise CaseError(f"A gradual change takes {self.over}; choose a time above zero.")

    @property
    def words(self) -> str:
        return f"{_amount(self.factor, self.by)}, reached after {self.over.days} days"

    def of(self, values: Values, days: Floats, random: np.random.Generator) -> Values:
        share = np.minimum(1.0, days / (self.over / timedelta(days=1)))
        return _moved(values, share, self.factor, self.by)


@dataclass(frozen=True, kw_only=True)
class Seasonal(_Placed):
    """A wave that was not there before: full size at its crest, a quarter period after `start`."""

    period: timedelta
    factor: float = 1.0
    by: float = 0.0

    def __post_init__(self) -> None:
        if self.period <= timedelta(0):
            raise CaseError(f"A wave has a period of {self.period}; choose a time above zero.")

    @property
    def words(self) -> str:
        days = self.period / timedelta(days=1)
        return f"a new wave of {days:g} days, {_amount(self.factor, self.by)} at its crest"

    def of(self, values: Values, days: Floats, random: np.random.Generator) -> Values:
        turns = days / (self.period / timedelta(days=1))
        return _moved(values, np.sin(2 * np.pi * turns), self.factor, self.by)


@dataclass(frozen=True, kw_only=True)
class Missing(_Placed):
    """A share of the values is lost, each row on its own."""

    share: float

    def __post_init__(self) -> None:
        _check_share(self.share)

    @property
    def words(self) -> str:
        return f"{100 * self.share:g} % of the values lost"

    def of(self, values: Values, days: Floats, random: np.random.Generator) -> Values:
        lost = random.random(len(values)) < self.share
        if values.dtype.kind in "iuf":
            return np.where(lost, np.nan, values.astype(np.float64))
        kept = values.astype(object)
        kept[lost] = None
        return kept


@dataclass(frozen=True, kw_only=True)
class NewCategory(_Placed):
    """A share of the rows takes a category that was never seen."""

    category: str
    share: float

    def __post_init__(self) -> None:
        _check_share(self.share)

    @property
    def words(self) -> str:
        return f"{100 * self.share:g} % of the rows become {self.category!r}"

    def of(self, values: Values, days: Floats, random: np.random.Generator) -> Values:
        renamed = values.astype(object)
        renamed[random.random(len(values)) < self.share] = self.category
        return renamed


@dataclass(frozen=True, kw_only=True)
class Stuck(_Placed):
    """Every value is the same: a sensor that stands still, at zero unless told otherwise."""

    value: float = 0.0

    @property
    def words(self) -> str:
        return f"stuck at {self.value:g}"

    def of(self, values: Values, days: Floats, random: np.random.Generator) -> Values:
        return np.full(len(values), self.value)


def apply(
    frame: pd.DataFrame, changes: Sequence[Change], *, time: str, seed: int = 0
) -> pd.DataFrame:
    """The frame with all changes, in their order; `time` names its column of times.

    Integers stay integers (a fraction is rounded up as often as it is large) unless values are
    lost. The same seed gives the same rows. Raises `CaseError` for a column that is not there.
    """
    columns = {str(name): frame[name].to_numpy() for name in frame.columns if name != time}
    moments = frame[time]
    if getattr(moments.dt, "tz", None) is not None:
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    changed = change_columns(columns, changes, times=moments.to_numpy("datetime64[us]"), seed=seed)
    return frame.assign(**{change.column: changed[change.column] for change in changes})


def change_columns(
    columns: Columns, changes: Sequence[Change], *, times: NDArray[np.datetime64], seed: int = 0
) -> dict[str, Values]:
    """`apply` for columns that are arrays; `times` are in UTC, without a zone."""
    _check_columns(columns, changes)
    changed = dict(columns)
    for number, change in enumerate(changes):
        random = np.random.default_rng([seed, number])
        rows = _rows_of(change, changed, times)
        days = (times[rows] - _naive(change.start)) / DAY
        values = changed[change.column]
        new = change.of(values[rows], days.astype(np.float64), random)
        changed[change.column] = _with(values, rows, new, random)
    return changed


def note_of(changes: Sequence[Change]) -> str:
    """What was put in and when, a sentence each."""
    return " ".join(_sentence(change) for change in changes)


def _sentence(change: Change) -> str:
    until = f" to {change.end:%Y-%m-%d %H:%M} UTC" if change.end else " UTC on"
    where = "; ".join(
        f"{name} {', '.join(map(str, values))}" for name, values in change.only.items()
    )
    rows = f" ({where})" if where else ""
    return f"From {change.start:%Y-%m-%d %H:%M}{until}, {change.column}{rows}: {change.words}."


def _amount(factor: float, by: float) -> str:
    said = [f"times {factor:g}"] * (factor != 1) + [f"{by:+g}"] * (by != 0)
    return " and ".join(said) or "no change"


def _moved(values: Values, share: Floats, factor: float, by: float) -> Values:
    moved: Values = values.astype(np.float64) * (1 + (factor - 1) * share) + by * share
    return moved


def _rows_of(change: Change, columns: Columns, times: NDArray[np.datetime64]) -> Values:
    """Numbers of the rows that a change touches."""
    touched = times >= _naive(change.start)
    if change.end is not None:
        touched &= times < _naive(change.end)
    for name, values in change.only.items():
        touched &= np.isin(columns[name], list(values))
    return np.flatnonzero(touched)


def _with(values: Values, rows: Values, new: Values, random: np.random.Generator) -> Values:
    """The values with new ones in some rows, of the old type where that holds them."""
    if values.dtype.kind in "iu":
        if np.isnan(new).any():
            values = values.astype(np.float64)
        new = np.floor(new + random.random(len(new)))
    elif new.dtype == object:
        values = values.astype(object)
    after = values.copy()
    after[rows] = new
    return after


def _naive(moment: datetime) -> np.datetime64:
    in_utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return np.datetime64(in_utc.replace(tzinfo=None), "us")


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise CaseError(f"The share of the rows is {share!r}; choose 0 to 1.")


def _check_columns(columns: Columns, changes: Sequence[Change]) -> None:
    named = {name for change in changes for name in (change.column, *change.only)}
    if absent := sorted(named - set(columns)):
        raise CaseError(
            f"The changes name columns that are not there: {', '.join(map(repr, absent))}. "
            f"There are: {', '.join(map(repr, columns))}."
        )
