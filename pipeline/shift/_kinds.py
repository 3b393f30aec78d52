"""Columns that are no plain numbers: categories, and values that come round."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._categories import read_categories
from pipeline.shift._directions import direction_part, kuiper_distance, mean_direction
from pipeline.shift._joined import measured_of
from pipeline.shift._layout import Layout
from pipeline.shift._shares import category_parts, missing_part
from pipeline.shift._types import Measured, Watched


def measure_category(each: Watched, values: NDArray[np.generic], layout: Layout) -> Measured:
    """Shares of the categories."""
    shares = read_categories(values, layout)
    lost = shares.rows - shares.counts.sum(axis=1)
    parts = [*category_parts(shares, layout), missing_part(lost, shares.rows, layout)]
    before, now = (
        part.sum(axis=0) for part in layout.split(np.column_stack([shares.counts, lost]))
    )
    gaps = before / max(1.0, before.sum()) - now / max(1.0, now.sum())
    return measured_of(
        each,
        [part for part in parts if part],
        layout,
        distance=float(np.abs(gaps).sum() / 2),
        missing_reference=shares.missing_reference,
        missing_current=shares.missing_current,
        new_categories=shares.new,
    )


def measure_direction(each: Watched, values: NDArray[np.float64], layout: Layout) -> Measured:
    """Values that come round, NaN where they are missing."""
    period = each.period or 1.0
    turns = 2 * np.pi * values / period
    direction = direction_part(turns, period, layout)
    lost = np.isnan(values)
    missing = missing_part(layout.sums(lost.astype(np.float64)), layout.block_rows, layout)
    before, now = turns[: layout.rows], turns[layout.rows :]
    return measured_of(
        each,
        [part for part in (direction, missing) if part],
        layout,
        distance=kuiper_distance(before, now),
        reference_mean=mean_direction(before, period),
        current_mean=mean_direction(now, period),
        missing_reference=float(lost[: layout.rows].mean()),
        missing_current=float(lost[layout.rows :].mean()),
    )
