"""Which block, hour of the week and series a row belongs to, as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pandas import Categorical

    Labels = NDArray[Any] | Categorical[Any]

Places = NDArray[np.intp]
Times = NDArray[np.datetime64]

HOUR, DAY, WEEK = np.timedelta64(1, "h"), np.timedelta64(1, "D"), np.timedelta64(7, "D")
MOST_CURRENT = 64
"""Blocks of the current window; longer windows are cut into longer blocks."""
MOST_REFERENCE = 4_000
MOST_ENTITIES = 400
"""Series that are looked at one by one: those with most rows."""
FEWEST_WEEKS = 4
"""Weeks of reference from which weekdays are told from one another."""
ROWS_A_CELL = 3


def block_length(
    window: np.timedelta64, reference: np.timedelta64, block: np.timedelta64
) -> np.timedelta64:
    """Seven times as long (a week for a day) until both windows have no more than the most."""
    while window // block >= MOST_CURRENT or reference // block >= MOST_REFERENCE:
        block = block * 7
    return block


def numbered_entities(
    reference: Labels | None, current: Labels | None, rows: int, before: int
) -> tuple[Places, tuple[Any, ...]]:
    """Number of each row's series, -1 for one that is not looked at; and their labels."""
    if reference is None or current is None:
        return np.zeros(rows, dtype=np.intp), ("all",)
    codes, labels = _numbered(reference, current)
    counted = np.bincount(codes[:before] + 1, minlength=len(labels) + 1)[1:]
    kept = np.argsort(-counted, kind="stable")[:MOST_ENTITIES]
    kept = np.sort(kept[counted[kept] > 0])
    renumbered = np.full(len(labels) + 1, -1, dtype=np.intp)
    renumbered[kept + 1] = np.arange(len(kept))
    return renumbered.take(codes + 1), tuple(labels[kept])


def _numbered(reference: Labels, current: Labels) -> tuple[Places, NDArray[Any]]:
    from pandas import Categorical, factorize
    from pandas.api.types import union_categoricals

    if isinstance(reference, Categorical) and isinstance(current, Categorical):
        both = union_categoricals([reference, current])
        return both.codes.astype(np.intp), np.asarray(both.categories)
    codes, labels = factorize(np.concatenate([np.asarray(reference), np.asarray(current)]))
    return codes, np.asarray(labels)


def numbered_moments(times: Times) -> Places:
    """Number of each row's time."""
    from pandas import factorize

    return np.asarray(factorize(times.view(np.int64))[0], np.intp)


def whole_hours(times: Times) -> NDArray[np.int64]:
    """Since 1970."""
    return times.astype("datetime64[h]").astype(np.int64)


def stretches_of_the_day(hours: NDArray[np.int64], block: np.timedelta64) -> Places | None:
    """Which three hours of the day each row lies in, where blocks are whole days and there are
    several.
    """
    if block < DAY:
        return None
    found: Places = (hours % 24 // 3).astype(np.intp)
    return found if found.min() < found.max() else None


def numbered_cells(
    hours: NDArray[np.int64],
    entity: Places,
    entities: int,
    rows: int,
    spanned: np.timedelta64,
) -> tuple[Places, int]:
    """Series by hour of the week, or of the day, or alone: as fine as the rows allow."""
    # 1970-01-01 was a Thursday, weekday 3 counted from Monday.
    for first, count, needed in (
        (72, 168, FEWEST_WEEKS * WEEK),
        (0, 24, ROWS_A_CELL * DAY),
    ):
        if spanned < needed:
            continue
        clock = (hours + first) % count
        used = np.count_nonzero(np.bincount(clock[:rows], minlength=count))
        if rows >= ROWS_A_CELL * used * entities:
            cell = np.where(entity >= 0, entity, entities) * count + clock
            return cell, (entities + 1) * count
    return np.where(entity >= 0, entity, entities), entities + 1
