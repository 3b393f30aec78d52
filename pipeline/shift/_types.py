"""What is watched, what was measured of it, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Against = Literal["reference", "same weeks", "weeks before"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One test of one column."""

    name: str
    """mean, series, daily rhythm, shape, direction, categories, new categories, missing values."""
    p_value: float
    effect: float
    """Signed. mean: in standard deviations of the reference's values; series, daily rhythm:
    the shifts of each beyond its own noise, in standard deviations, averaged over all; shape: mean
    Hermite polynomial of the normal scores; direction: change of the mean vector, 0 to 2; shares:
    Cohen's h."""
    difference: float | None = None
    """In the unit, where there is one."""
    about: str = ""
    """The category or series that moved most."""
    others: int = 0
    """How many more did."""
    latest: float = 1.0
    """Share of the current window, up to its end, that the figures are for; 0 for a change that
    grew through the window, with figures for its end."""
    before: float | None = None
    """Share of the rows in the reference, where a share is tested."""
    now: float | None = None


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A column to compare."""

    name: str
    kind: str
    """number, integer, boolean or category."""
    unit: str = ""
    period: float | None = None
    """Where the values come round: 360 for a direction in degrees, 24 for an hour."""
    seasonal: bool = True
    """Whether the values may follow the year for all that is known: errors of a model hardly do."""
    beside: bool = True
    """Whether single series are held beside the others, and hours of the day beside the others."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of one column, before anything is decided."""

    column: str
    kind: str
    unit: str
    parts: tuple[Part, ...]
    p_value: float
    distance: float
    against: Against
    reference_mean: float | None
    current_mean: float | None
    missing_reference: float = 0.0
    missing_current: float = 0.0
    new_categories: tuple[str, ...] = ()
    resolved: bool = True
    """Whether there are blocks enough to tell a change from chance."""

    def part(self, name: str) -> Part | None:
        """The test of that name, where it was made."""
        return next((part for part in self.parts if part.name == name), None)


@dataclass(frozen=True, kw_only=True)
class ColumnShift:
    """What became of one column from the reference to the current window."""

    column: str
    kind: str
    distance: float
    """0 to 1. Numbers: Kolmogorov-Smirnov distance once the season is taken out; categories: total
    variation; all columns together: 2 AUC - 1 of a linear discriminant."""
    p_value: float
    adjusted_p_value: float
    """Benjamini-Hochberg over everything that the run judges."""
    effect: float
    """Of the mean, in standard deviations of the reference; of the most telling test where a
    column has no mean, see `Part.effect`."""
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
    difference: float | None = None
    """Current mean less what the season (and, without a year of history, the weeks before) let
    expect, in the unit."""
    against: Against = "reference"
    """What the current window was compared with."""
    tests: Mapping[str, float] | None = None
    """p-value of each test of the column."""
