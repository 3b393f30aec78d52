"""How far predictions were off, as sums that can be added to and taken from without a trace.

A float is a whole number of 2^-1074. The sums are such whole numbers, without rounding, so that a
truth that is corrected leaves nothing of the first one, however far off it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Final, Self

BITS: Final = 1074
"""Of the finest float (IEEE 754, binary64: 2^-1074 is the least above zero)."""


@dataclass(slots=True)
class Sums:
    """Over predictions whose truth is known."""

    rows: int = 0
    right: int = 0
    """Predictions that are equal to the truth."""
    error: int = 0
    """Predictions less truths, in 2^-1074; and so below."""
    absolute: int = 0
    squared: int = 0
    """In 2^-2148, and so the square of the truths."""
    truth: int = 0
    size: int = 0
    """Of the truths' absolute values."""
    truth_squared: int = 0

    def add(self, predicted: float | str, truth: float | str, count: int) -> None:
        """So many rows alike; a negative count takes them away."""
        self.rows += count
        self.right += count * (predicted == truth)
        if isinstance(predicted, str) or isinstance(truth, str):
            return
        known = _whole(truth)
        error = _whole(predicted) - known
        self.error += count * error
        self.absolute += count * abs(error)
        self.squared += count * error * error
        self.truth += count * known
        self.size += count * abs(known)
        self.truth_squared += count * known * known

    def __add__(self, other: Self) -> Self:
        return type(self)(
            *(one + more for one, more in zip(self._all(), other._all(), strict=True))
        )

    def text(self) -> str:
        """As it is kept."""
        return " ".join(f"{value:x}" for value in self._all())

    @classmethod
    def of_text(cls, text: str) -> Self:
        return cls(*(int(part, 16) for part in text.split()))

    def regression_metrics(self) -> dict[str, float]:
        """The scores of `pipeline.metrics.regression_metrics`; one that is undefined, or larger
        than a float, has no key.
        """
        unit, square = self.rows << BITS, self.rows << 2 * BITS
        # n² times the variance of the truth: sum of squares less square of the sum, both exact.
        spread = self.rows * self.truth_squared - self.truth**2
        found = {
            "n": _float(self.rows, 1),
            "rmse": _root(_float(self.squared, square)),
            "mae": _float(self.absolute, unit),
            "wape": _float(self.absolute, self.size),
            "r2": _float(spread - self.rows * self.squared, spread),
            "bias": _float(self.error, unit),
        }
        return {name: value for name, value in found.items() if value is not None}

    def accuracy(self) -> dict[str, float]:
        """`n`, and the share of predictions that are equal to the truth."""
        return {"n": float(self.rows), "accuracy": self.right / self.rows}

    def _all(self) -> Iterable[int]:
        return [getattr(self, field.name) for field in fields(self)]


def _whole(value: float) -> int:
    top, bottom = value.as_integer_ratio()
    return top << (BITS + 1 - bottom.bit_length())


def _float(top: int, bottom: int) -> float | None:
    try:
        return float(Fraction(top, bottom))
    except (ZeroDivisionError, OverflowError):
        return None


def _root(value: float | None) -> float | None:
    return None if value is None else math.sqrt(value)
