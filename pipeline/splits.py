"""Folds with a rolling origin: nothing is learned from that was not known when a fold begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StepError


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One origin: what may be learned from at that moment, and what is to be predicted from it."""

    name: str
    """The origin in UTC: its date, with the time of day when that is not midnight."""
    origin: datetime
    end: datetime
    """The first moment after the fold."""
    train: NDArray[np.intp]
    """Positions of the rows whose value is known at the origin."""
    test: NDArray[np.intp]
    """Positions of the rows from the origin up to, not including, the end."""


def rolling_origin_folds(
    times: NDArray[np.datetime64],
    *,
    folds: int,
    length: timedelta,
    end: datetime,
    known_after: timedelta,
) -> tuple[Fold, ...]:
    """Consecutive folds of one length, oldest first, of which the last ends at `end`.

    `times` holds one naive UTC time per row, in any order. The value of a row is known
    `known_after` its time. Raises `StepError` where `folds_from_origins` does, and for fewer than
    one fold or a length that is not above zero. Tashman 2000, "Out-of-sample tests of forecasting
    accuracy: an analysis and review", describes the scheme.
    """
    problems = []
    if folds < 1:
        problems.append(f"folds is {folds!r}; ask for 1 or more")
    if length <= timedelta(0):
        problems.append(f"length is {str(length)!r}; give one above zero")
    if problems:
        raise StepError.for_problems("The folds can't be laid out:", problems)
    origins = [end - length * (folds - fold) for fold in range(folds)]
    return folds_from_origins(times, origins=origins, end=end, known_after=known_after)


def folds_from_origins(
    times: NDArray[np.datetime64],
    *,
    origins: Sequence[datetime],
    end: datetime,
    known_after: timedelta,
) -> tuple[Fold, ...]:
    """One fold per origin, each up to the next origin and the last up to `end`.

    Train rows have time + `known_after` <= origin and time < origin; test rows have
    origin <= time < end of the fold. `origins` and `end` carry a time zone. Raises `StepError`
    for origins that do not rise up to `end`, a time without zone, a row without time, a negative
    `known_after`, or a fold that has no row to learn from or none to predict.
    """
    _check_layout(times, [*origins, end], known_after)
    rows = times.astype("datetime64[us]")
    folds = tuple(
        _fold(rows, origin, until, np.timedelta64(known_after, "us"))
        for origin, until in pairwise([*origins, end])
    )
    problems = [problem for fold in folds for problem in _empty_sides(fold, rows)]
    if problems:
        raise StepError.for_problems(
            "Some folds have no rows. Use fewer or longer folds, another end, or more data:",
            problems,
        )
    return folds


def _fold(
    times: NDArray[np.datetime64], origin: datetime, end: datetime, known_after: np.timedelta64
) -> Fold:
    start, stop = _naive(origin), _naive(end)
    known = (times <= start - known_after) & (times < start)
    return Fold(
        name=_name(origin),
        origin=origin,
        end=end,
        train=np.flatnonzero(known),
        test=np.flatnonzero((times >= start) & (times < stop)),
    )


def _naive(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _name(origin: datetime) -> str:
    date, _, clock = origin.astimezone(UTC).replace(tzinfo=None).isoformat().partition("T")
    return date if clock == "00:00:00" else f"{date}T{clock.replace(':', '')}"


def _check_layout(
    times: NDArray[np.datetime64], moments: Sequence[datetime], known_after: timedelta
) -> None:
    problems = list(_layout_problems(times, moments, known_after))
    if problems:
        raise StepError.for_problems("The folds can't be laid out:", problems)


def _layout_problems(
    times: NDArray[np.datetime64], moments: Sequence[datetime], known_after: timedelta
) -> Iterator[str]:
    if len(moments) == 1:
        yield "there are no origins; give one or more"
    if known_after < timedelta(0):
        yield f"known_after is {str(known_after)!r}; no value is known before its own time"
    if unknown := int(np.isnat(times).sum()):
        yield f"{unknown} of {len(times)} rows have no time; drop or mend them first"
    if zoneless := [moment.isoformat() for moment in moments if moment.tzinfo is None]:
        yield f"no time zone on {', '.join(map(repr, zoneless))}; give UTC, as in datetime(…, UTC)"
        return
    for earlier, later in pairwise(moments):
        if later <= earlier:
            yield f"{later.isoformat()!r} comes after {earlier.isoformat()!r}; put them in order"


def _empty_sides(fold: Fold, times: NDArray[np.datetime64]) -> Iterator[str]:
    span = f"rows run from {times.min()} to {times.max()}" if len(times) else "the table is empty"
    if not len(fold.train):
        yield f"fold {fold.name!r} has no row that is known at its origin; {span}"
    if not len(fold.test):
        yield f"fold {fold.name!r} has no row up to {fold.end.isoformat()!r}; {span}"
