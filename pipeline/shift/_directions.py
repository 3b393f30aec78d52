"""Columns that come round, such as a direction or an hour: their figures don't hang on the zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._layout import Layout
from pipeline.shift._rates import cauchy_combination
from pipeline.shift._shares import least_share
from pipeline.shift._types import Part
from pipeline.shift._year import contrast_all, yearly_columns

Floats = NDArray[np.float64]

BINS = 720
"""Bins of a whole turn, for the distance."""
LEAST_LENGTH = 0.1
"""Length of the mean vector below which directions are spread all round and have no mean."""


def direction_part(turns: Floats, period: float, layout: Layout) -> Part:
    """Whether directions, in radians by row and NaN where missing, lie otherwise than before.

    The first two harmonics (Mardia & Jupp 2000, "Directional statistics", 6.3 and 8.3), each a
    cosine and a sine, as series of block means. The effect is the change of the mean vector.
    """
    present = np.isfinite(turns)
    rows = layout.sums(present.astype(np.float64))
    waves = [wave(n * np.nan_to_num(turns)) for n in (1, 2) for wave in (np.cos, np.sin)]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.column_stack(
            [np.where(rows > 0, layout.sums(wave * present) / rows, np.nan) for wave in waves]
        )
    found = contrast_all(means, yearly_columns(means, layout), layout, least_share(rows, layout))
    before, now = (
        mean_direction(part, period) for part in (turns[: layout.rows], turns[layout.rows :])
    )
    return Part(
        name="direction",
        p_value=float(cauchy_combination(found.p_values)),
        effect=float(np.hypot(*found.differences[:2])),
        difference=None if before is None or now is None else shortest_turn(before, now, period),
    )


def mean_direction(turns: Floats, period: float) -> float | None:
    """Direction of the mean vector, 0 to `period`; `None` where values lie all round (Mardia &
    Jupp 2000, 2.2).

    >>> mean_direction(np.radians([350.0, 10.0, 30.0]), 360.0)
    10.0
    """
    known = turns[np.isfinite(turns)]
    if not len(known):
        return None
    east, north = float(np.cos(known).mean()), float(np.sin(known).mean())
    if np.hypot(east, north) < LEAST_LENGTH:
        return None
    return round(float(np.arctan2(north, east)) % (2 * np.pi) * period / (2 * np.pi), 9) % period


def shortest_turn(before: float, now: float, period: float) -> float:
    """From one direction to another by the shorter way, at most half a period.

    >>> shortest_turn(350.0, 20.0, 360.0)
    30.0
    """
    return (now - before + period / 2) % period - period / 2


def kuiper_distance(before: Floats, now: Floats) -> float:
    """Largest excess of either distribution function over the other, added: 0 to 1, the same
    wherever the circle is cut (Kuiper 1960, "Tests concerning random points on a circle").
    """
    shares = []
    for turns in (before, now):
        known = turns[np.isfinite(turns)]
        if not len(known):
            return float(bool(np.isfinite(before).any()) != bool(np.isfinite(now).any()))
        places = np.floor(known / (2 * np.pi) * BINS + 1e-9).astype(np.int64) % BINS
        shares.append(np.cumsum(np.bincount(places, minlength=BINS)) / len(known))
    apart = shares[0] - shares[1]
    return float(max(0.0, apart.max()) + max(0.0, -apart.min()))
