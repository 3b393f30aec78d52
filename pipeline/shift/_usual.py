"""Columns of which most rows hold one and the same value, such as snow, faults or a flag.

Levels of their cells would be told by a few rows each, and would part what is tied: rows of the
reference lie -k / (n - 1) from the level of the n - 1 others, later rows -k / n from that of all n,
so that by rank all of them have moved.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._groups import Groups
from pipeline.shift._present import Present
from pipeline.shift._ranks import SAMPLE

Floats = NDArray[np.float64]

MOSTLY = 0.9
"""Share of the reference's rows that hold the usual value."""
FEWEST_UNUSUAL = 5.0
"""Other values that a part of the current window has to have, by the reference, for its mean to be
taken for normal: Cochran 1954, "Some methods for strengthening the common chi-squared tests"."""


def usual_value(before: Floats, present: Present, cells: Groups) -> float | None:
    """The value that most rows of the reference hold, whatever their cell; `None` where none does,
    or where the cell tells most of which rows hold another.
    """
    known = before if present.every else before[present.flags]
    if not len(known):
        return None
    sample = np.sort(known[:: max(1, len(known) // SAMPLE)])
    middle = float(sample[len(sample) // 2])
    ties = np.searchsorted(sample, middle, "right") - np.searchsorted(sample, middle, "left")
    if ties < MOSTLY * len(sample):
        return None
    rows, other = present.rows(cells), cells.sums((before != middle) & present.flags)
    within = float((other * (rows - other) / np.maximum(rows, 1)).sum())
    return middle if within >= _variation(other.sum(), rows.sum()) / 2 else None


def _variation(other: float, rows: float) -> float:
    return float(other * (rows - other) / rows)


def often_unusual(before: Floats, rows: int, parts: int) -> bool:
    """Whether each of so many even parts of `rows` new rows can be expected to hold other values
    than the usual one often enough; `before`: rows of the reference, 0 for the usual value.
    """
    return bool(np.count_nonzero(before) * rows >= FEWEST_UNUSUAL * parts * len(before))
