"""Has the current window moved away from the reference, further than chance would explain?

Every column is reduced to counts per block of rows and bin of values; what chance does is learned
from the same counts with other runs of blocks in the place of the current ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._checks import Columns, check_windows
from pipeline.shift._columns import READERS, Reading
from pipeline.shift._runs import Blocks, chance_distances, draw_runs
from pipeline.shift._wording import sentence_of

__all__ = ["ColumnShift", "benjamini_hochberg", "column_shifts"]


@dataclass(frozen=True, kw_only=True)
class ColumnShift:
    """What became of one column from the reference to the current window."""

    column: str
    kind: str
    distance: float
    """Kolmogorov-Smirnov distance of numbers and booleans, total variation of categories: 0 to 1.
    A missing value is a value of its own."""
    p_value: float
    adjusted_p_value: float
    """Benjamini-Hochberg over all columns of the call."""
    effect: float
    """Difference of means in standard deviations of the reference for numbers and integers (in
    those of both windows where the reference is constant); else the distance."""
    alarm: bool
    reference_mean: float | None
    """Mean of the values that are there, in the column's unit; the share of true for booleans;
    `None` for categories and where all are missing."""
    current_mean: float | None
    sentence: str
    missing_reference: float
    """Share of the rows of the reference without a value; NaN and infinity count as missing."""
    missing_current: float
    new_categories: tuple[str, ...]
    """Categories of the current window that the reference does not have, sorted."""


def column_shifts(
    reference: Columns,
    current: Columns,
    *,
    kinds: Mapping[str, str],
    units: Mapping[str, str],
    reference_blocks: NDArray[np.integer],
    current_blocks: NDArray[np.integer],
    alpha: float,
    permutations: int = 999,
    random: np.random.Generator,
    smallest_effect: float = 0.1,
) -> tuple[ColumnShift, ...]:
    """Compares each column of `kinds` (number, integer, category, boolean), in that order.

    The blocks number each row's stretch of time (a day, a week), rising with time; rows that are
    independent are blocks of their own. An alarm needs an adjusted p-value of at most `alpha`, and
    an effect or a distance of at least `smallest_effect` in size: the distance counts beside the
    difference of means so that a changed spread or lost values are not passed over.

    Chance: the blocks of both windows are laid in a circle, in order, and as many blocks as the
    current window has are drawn as one or two runs of neighbours (see `draw_runs`). p-values have
    one added above and below (Phipson & Smyth 2010, "Permutation p-values should never be zero").
    There are `permutations` draws, or 2 / alpha per column where that is more, without which the
    adjusted p-value of a single shifted column could not reach `alpha`.

    Measured on one column of hourly AR(1) noise (rho 0.9) with a daily and a weekly season, alpha
    5 %, 365 reference and 28 current days in blocks of a day: false alarms in 4.4 % of 2,000
    replications with one run and 4.8 % with two, against 7.4 % of 1,000 with days drawn singly;
    4.2 % with 84 reference days, 5.4 % with blocks of a week. A shift of half a standard deviation
    is found in 92 % of 500 replications at 5 % and in 64 % at 0.5 %. At rho 0.99, with a memory of
    days, two runs give 8.3 %: compare such a column over a longer current window.

    Raises `StepError` for an unknown kind, a column that is absent, lengths that differ, an empty
    window, or an `alpha` that is no share.
    """
    check_windows(
        {
            "reference": (reference, len(reference_blocks)),
            "current": (current, len(current_blocks)),
        },
        kinds=kinds,
        alpha=alpha,
    )
    if not kinds:
        return ()
    blocks = Blocks.of(reference_blocks, current_blocks)
    runs = draw_runs(
        blocks,
        draws=max(permutations, math.ceil(2 * len(kinds) / alpha)),
        level=alpha / len(kinds),
        random=random,
    )
    readings = [READERS[kinds[name]](reference[name], current[name], random) for name in kinds]
    measured = [chance_distances(reading, blocks, runs) for reading in readings]
    p_values = [_add_one(found, by_chance) for found, by_chance in measured]
    adjusted = benjamini_hochberg(np.array(p_values))
    return tuple(
        _shift(
            name,
            kinds[name],
            units.get(name, ""),
            reading,
            distance=found,
            p_value=p_value,
            adjusted_p_value=float(adjusted_p_value),
            alpha=alpha,
            smallest_effect=smallest_effect,
            resolved=blocks.arrangements >= 1 / alpha,
        )
        for name, reading, (found, _), p_value, adjusted_p_value in zip(
            kinds, readings, measured, p_values, adjusted, strict=True
        )
    )


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values: rejecting those at most q keeps the false discovery rate at q.

    Benjamini & Hochberg 1995, "Controlling the false discovery rate", in the step-up form of
    Yekutieli & Benjamini 1999: the least p * m / rank among this and all larger p-values.

    >>> benjamini_hochberg(np.array([0.01, 0.5, 0.02]))
    array([0.03, 0.5 , 0.03])
    """
    order = np.argsort(p_values)
    scaled = p_values[order] * len(p_values) / np.arange(1, len(p_values) + 1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def _add_one(found: float, by_chance: NDArray[np.float64]) -> float:
    return float((1 + np.sum(by_chance >= found - 1e-12)) / (1 + len(by_chance)))


def _shift(
    name: str,
    kind: str,
    unit: str,
    reading: Reading,
    *,
    distance: float,
    p_value: float,
    adjusted_p_value: float,
    alpha: float,
    smallest_effect: float,
    resolved: bool,
) -> ColumnShift:
    effect = distance if reading.effect is None else reading.effect
    unlikely = adjusted_p_value <= alpha
    large = max(abs(effect), distance) >= smallest_effect
    return ColumnShift(
        column=name,
        kind=kind,
        distance=distance,
        p_value=p_value,
        adjusted_p_value=adjusted_p_value,
        effect=effect,
        alarm=unlikely and large,
        reference_mean=reading.reference_mean,
        current_mean=reading.current_mean,
        sentence=sentence_of(
            name,
            unit,
            reading,
            distance=distance,
            unlikely=unlikely,
            smallest_effect=smallest_effect,
            resolved=resolved,
        ),
        missing_reference=reading.missing_reference,
        missing_current=reading.missing_current,
        new_categories=reading.new_categories,
    )
