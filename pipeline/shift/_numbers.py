"""A number column of both windows with its season taken out of every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StepError
from pipeline.shift._apart import are_alike
from pipeline.shift._layout import Layout

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A number column: season taken out of every row, by series where there are any."""

    name: str
    residuals: Floats
    """Of both windows, in the column's unit; 0 for missing. Those of the reference are against the
    other rows of their cell, else they would be smaller than any of rows that come later."""
    shrunk: float
    """What makes block means of those of the reference into residuals of a fit again."""
    present: NDArray[np.bool_]
    spread: float
    """Standard deviation of the reference's values."""
    scales: Floats
    """By series: standard deviation of the residuals in the reference."""
    reference_mean: float | None
    current_mean: float | None
    missing_reference: float
    missing_current: float
    alike: bool
    """Whether all series hold the same value at any moment, as the weather of a city does."""

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
    """Takes the usual level of each cell out; an unseen cell has that of its series, or of all."""
    present = ~np.isnan(values)
    every = bool(present.all())
    filled = values if every else np.where(present, values, 0.0)
    before = slice(None, layout.rows)
    known = present[before]
    weights = None if every else known.astype(np.float64)
    cell = layout.cell
    rows = np.bincount(cell[before], weights, minlength=layout.cells)
    centre = float(filled[before].sum() / max(1, known.sum()))
    sums = np.bincount(cell[before], filled[before] - centre * known, minlength=layout.cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        levels = np.where(rows > 0, centre + sums / rows, np.nan)
    levels = _filled_levels(levels, rows.astype(np.float64), layout, centre)
    residuals = filled - levels[cell]
    others = rows / np.maximum(1, rows - 1)
    residuals[before] *= others[cell[before]]
    if not every:
        residuals[~present] = 0.0
    spread, scales = _spreads(filled, residuals, known, layout)
    return Numbers(
        name=name,
        residuals=residuals,
        shrunk=1 - float((rows > 0).sum() / max(1, known.sum())),
        present=present,
        spread=spread,
        scales=scales,
        reference_mean=centre if known.any() else None,
        current_mean=_mean(values[layout.rows :]),
        missing_reference=float(1 - known.mean()),
        missing_current=float(1 - present[layout.rows :].mean()),
        alike=are_alike(filled, present, layout),
    )


def _filled_levels(levels: Floats, rows: Floats, layout: Layout, centre: float) -> Floats:
    table = levels.reshape(len(layout.entities) + 1, -1)
    counts = rows.reshape(table.shape)
    known = np.isfinite(table)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(known, table * counts, 0.0).sum(axis=1) / counts.sum(axis=1)
    own = np.where(np.isfinite(own), own, centre)
    filled: Floats = np.where(known, table, own[:, None]).ravel()
    return filled


def _spreads(
    filled: Floats, residuals: Floats, known: NDArray[np.bool_], layout: Layout
) -> tuple[float, Floats]:
    before = filled[: layout.rows] if known.all() else filled[: layout.rows][known]
    spread = float(before.std()) if len(before) and before.min() < before.max() else 0.0
    own = residuals[: layout.rows]
    overall = float(np.sqrt((own @ own) / max(1, int(known.sum())))) or 1.0
    if len(layout.entities) == 1:
        return spread, np.full(2, overall)
    series = layout.entity[: layout.rows] + 1
    sums = np.bincount(series, own**2, minlength=len(layout.entities) + 1)
    rows = np.bincount(series, known, minlength=len(layout.entities) + 1)
    scales = np.sqrt(sums / np.maximum(rows, 1))
    return spread, np.where(scales > 1e-6 * overall, scales, overall)


def block_means(numbers: Numbers, layout: Layout) -> Floats:
    """Mean of the residuals over their series' scale, by block; NaN without rows."""
    rows = layout.sums(None if numbers.complete else numbers.present.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = np.where(rows > 0, layout.sums(scaled(numbers, layout)) / rows, np.nan)
    return means


def scaled(numbers: Numbers, layout: Layout) -> Floats:
    """Residuals in standard deviations of their series."""
    if len(layout.entities) == 1:
        return numbers.residuals / float(numbers.scales[-1])
    by_series: Floats = numbers.residuals * (1 / numbers.scales)[layout.entity + 1]
    return by_series


def _mean(values: Floats) -> float | None:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else None
