"""A number column of both windows with its season taken out of every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StepError
from pipeline.shift._apart import apart, are_alike
from pipeline.shift._groups import pieces
from pipeline.shift._layout import Layout
from pipeline.shift._present import Present
from pipeline.shift._ranks import SAMPLE
from pipeline.shift._usual import often_unusual, usual_value

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FARTHEST = 4.0
"""Times the largest usual residual: no single row weighs more."""
ROUNDING = 1e-12
"""Share of a value that rounding may have added, after sums over thousands of rows."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A number column: season taken out of every row, by series where there are any; in place of
    it the value that most rows hold, where there is one.
    """

    name: str
    values: Floats
    """Residuals of both windows, in standard deviations of their series; 0 for missing. Those of
    the reference are against the other rows of their cell, else they would be smaller than any of
    rows that come later."""
    shrunk: float
    """What makes block means of those of the reference into residuals of a fit again."""
    present: Flags
    tied: bool
    """Whether most rows hold one value."""
    rows: Floats
    """Rows with a value, by block."""
    means: Floats
    """Of `values`, by block; NaN without rows."""
    raw: Floats
    """Mean residual by block, in the unit; NaN without rows."""
    by_series: Floats
    """Blocks x series: mean of `values`, less the mean of all; no columns where all series are
    alike at any time, or where a window has too few values that differ from the usual one."""
    by_hour: Floats
    """The same by stretch of three hours of the day."""
    spread: float
    """Standard deviation of the reference's values."""
    scales: Floats
    """By series, as `Layout.series` numbers them: standard deviation of the residuals in the
    reference."""
    reference_mean: float | None
    current_mean: float | None
    missing_reference: float
    missing_current: float

    @property
    def complete(self) -> bool:
        return not (self.missing_reference or self.missing_current)


def floats(values: NDArray[Any], name: str) -> Floats:
    """The values as numbers, NaN where they are missing or infinite."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StepError(
            f"A column of numbers, {name!r}, holds something else: {error}. Mend its kind or its "
            "values."
        ) from error
    present = np.isfinite(numbers)
    return numbers if present.all() else np.where(present, numbers, np.nan)


def read_numbers(name: str, values: Floats, layout: Layout) -> Numbers:
    """Takes the usual level of each cell out of the values, in their place; an unseen cell has that
    of its series, or of all. Where most rows hold one value, that is the level of all.
    """
    present = Present.of(values)
    before, now = present.split(layout.rows)
    centre, later = before.mean(values[: layout.rows]), now.mean(values[layout.rows :])
    values -= centre or 0.0
    present.blank(values)
    spread = _spread(values[: layout.rows], before)
    alike = are_alike(values, present.flags, layout)
    usual = usual_value(values[: layout.rows], before, layout.of_cells)
    if usual is None:
        shrunk = _take_levels_out(values, before, layout)
    else:
        shrunk = 1.0
        values -= usual
    present.blank(values)
    _still(values, float(np.hypot(centre or 0.0, spread)), layout)
    scales = _scales(values, before, layout)
    sums, rows = layout.by_series.sums(values), present.rows(layout.by_series)
    raw = _tamed_sums(values, sums, layout)
    for part in pieces(len(values)):
        values[part] *= (1 / scales).take(layout.series[part])
    sums /= scales
    by_block, none = rows.sum(axis=1), np.empty((layout.all_blocks, 0))
    hour = layout.by_hour

    def often(parts: int) -> bool:
        return usual is None or often_unusual(values[: layout.rows], layout.later, parts)

    beside = layout.step is not None and not alike and often(len(layout.entities))
    by_day = hour is not None and often(hour.count)
    return Numbers(
        name=name,
        values=values,
        shrunk=shrunk,
        present=present.flags,
        tied=usual is not None,
        rows=by_block,
        means=_over_rows(sums.sum(axis=1), by_block),
        raw=_over_rows(raw, by_block),
        by_series=apart(sums[:, 1:], rows[:, 1:]) if beside else none,
        by_hour=apart(hour.sums(values), present.rows(hour)) if hour and by_day else none,
        spread=spread,
        scales=scales,
        reference_mean=centre,
        current_mean=later,
        missing_reference=before.missing,
        missing_current=now.missing,
    )


def _over_rows(sums: Floats, rows: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(rows > 0, sums / rows, np.nan)
    return found


def _spread(before: Floats, present: Present) -> float:
    """Standard deviation of values whose mean is 0; 0 where they are all the same."""
    known = before if present.every else before[present.flags]
    if not len(known) or known.min() == known.max():
        return 0.0
    return float(np.sqrt((known @ known) / len(known)))


def _take_levels_out(values: Floats, present: Present, layout: Layout) -> float:
    """Changes values whose mean is 0 into residuals; what makes them those of a fit again."""
    before, groups = values[: layout.rows], layout.of_cells
    rows, sums = present.rows(groups)[0], groups.sums(before)[0]
    levels, others = _levels(sums, rows, layout), rows / np.maximum(1, rows - 1)
    for part in pieces(len(values)):
        values[part] -= levels.take(layout.cell[part])
    for part in pieces(len(before)):
        before[part] *= others.take(layout.cell[part])
    return 1 - float((rows > 0).sum() / max(1.0, rows.sum()))


def _levels(sums: Floats, rows: Floats, layout: Layout) -> Floats:
    table = sums.reshape(len(layout.entities) + 1, -1)
    counts = rows.reshape(table.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        levels, own = table / counts, table.sum(axis=1) / counts.sum(axis=1)
    own = np.where(np.isfinite(own), own, 0.0)
    found: Floats = np.where(counts > 0, levels, own[:, None]).ravel()
    return found


def _still(values: Floats, size: float, layout: Layout) -> None:
    """Where the season explains the reference but for rounding, what rounding left is nothing."""
    before, limit = values[: layout.rows], ROUNDING * size
    if before @ before < limit**2 * len(before):
        values[np.abs(values) < limit] = 0.0


def _scales(values: Floats, present: Present, layout: Layout) -> Floats:
    groups = layout.of_series
    rows, squares = present.rows(groups)[0], groups.squares(values[: layout.rows])[0]
    overall = float(np.sqrt(squares.sum() / max(1.0, rows.sum()))) or 1.0
    if len(layout.entities) == 1:
        return np.full(2, overall)
    scales = np.sqrt(squares / np.maximum(rows, 1))
    return np.where(scales > 1e-6 * overall, scales, overall)


def _tamed_sums(values: Floats, sums: Floats, layout: Layout) -> Floats:
    """Sums by block of residuals that are cut off at `FARTHEST` times the most that is usual in the
    reference; `sums` by block and series without that.
    """
    sample = np.abs(values[: layout.rows : max(1, layout.rows // SAMPLE)])
    limit = FARTHEST * float(np.quantile(sample, 1 - 1 / 2_000)) if len(sample) else 0.0
    if limit == 0 or (values.max() <= limit and values.min() >= -limit):
        return np.asarray(sums.sum(axis=1), np.float64)
    return layout.sums(np.clip(values, -limit, limit))
