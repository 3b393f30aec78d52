"""Folds for backtests: what is learned from never holds what is to be predicted.

In time, nothing is learned from that was not known when a fold begins; by entity, no entity is on
both sides of a fold; by class, every fold has every class in the proportions of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StepError


@dataclass(frozen=True, kw_only=True)
class Fold:
    """What may be learned from, and what is to be predicted from it."""

    name: str
    """In time: the origin in UTC, its date, with the time of day when that is not midnight. Else
    the number of the fold and of all: `2 of 5`."""
    origin: datetime | None
    """In time: when the predictions are made. Else the start of the stretch that the rows are from,
    the same for every fold; `None` where rows carry no time."""
    end: datetime
    """The first moment after the fold; without an origin, when its rows were known."""
    train: NDArray[np.intp]
    """Positions of the rows to learn from; in time, those whose value is known at the origin."""
    test: NDArray[np.intp]
    """Positions of the rows to predict; in time, those from the origin up to, not including, the
    end."""
    division: str = ""
    """How rows are kept apart beside by time; a model learned under another division may have
    learned from what is tested."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Rows that one calibration serves."""

    known: NDArray[np.intp]
    """Positions of the rows whose truth was known before."""
    new: NDArray[np.intp]


def one_stretch(rows: int, *, first: int) -> tuple[Stretch]:
    """All rows from position `first` on, with those before it known."""
    return (Stretch(known=np.arange(first), new=np.arange(first, rows)),)


def folds_from_origins(
    times: NDArray[np.datetime64],
    *,
    origins: Sequence[datetime],
    end: datetime,
    known_after: timedelta,
) -> tuple[Fold, ...]:
    """One fold per origin, each up to the next origin and the last up to `end`: rolling origins
    (Tashman 2000, "Out-of-sample tests of forecasting accuracy: an analysis and review").

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


def grouped_folds(
    groups: ArrayLike, *, folds: int, start: datetime | None, end: datetime, seed: int = 0
) -> tuple[Fold, ...]:
    """Folds by entity: every row is predicted once, and never from another row of its group.

    `groups` holds one label per row. Groups are dealt out at random and evenly by number
    (scikit-learn's `GroupKFold`); the same labels and seed give the same folds, whatever the
    order of the rows within a group. Raises `StepError` for fewer than two folds or fewer groups
    than folds.
    """
    from sklearn.model_selection import GroupKFold

    labels = np.asarray(groups)
    found = len(np.unique(labels))
    _check_number(folds, found, f"{found} groups")
    splitter = GroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    return _numbered(splitter.split(labels, groups=labels), folds, start, end)


def stratified_folds(
    classes: ArrayLike,
    *,
    folds: int,
    start: datetime | None,
    end: datetime,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> tuple[Fold, ...]:
    """Folds with every class in the proportions of the whole; every row is predicted once.

    `classes` holds one label per row. With `groups`, rows of one group stay on one side of every
    fold, and the proportions are as near as that allows (scikit-learn's `StratifiedKFold` and
    `StratifiedGroupKFold`). Raises `StepError` for fewer than two folds, or a class with fewer rows
    (with `groups`: in fewer groups) than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    labels = np.asarray(classes)
    members = np.arange(len(labels)) if groups is None else np.asarray(groups)
    names, place = np.unique(labels, return_inverse=True)
    sizes = [len(np.unique(members[place == index])) for index in range(len(names))]
    smallest = int(np.argmin(sizes)) if sizes else 0
    of_what = "rows" if groups is None else "groups"
    told = f"{sizes[smallest]} {of_what} of class {names[smallest]!s}" if sizes else "no rows"
    _check_number(folds, sizes[smallest] if sizes else 0, told)
    if groups is None:
        alone = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
        return _numbered(alone.split(labels, labels), folds, start, end)
    together = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    return _numbered(together.split(labels, labels, members), folds, start, end)


def _numbered(
    parts: Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]],
    folds: int,
    start: datetime | None,
    end: datetime,
) -> tuple[Fold, ...]:
    return tuple(
        Fold(name=f"{number} of {folds}", origin=start, end=end, train=train, test=test)
        for number, (train, test) in enumerate(parts, 1)
    )


def _check_number(folds: int, most: int, found: str) -> None:
    if folds < 2:
        raise StepError(f"folds is {folds!r}; ask for 2 or more: one part is held back in turn.")
    if most < folds:
        raise StepError(
            f"There are {found} for {folds} folds. Use fewer folds, or more data: every fold has "
            "to be learned without its own."
        )


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
