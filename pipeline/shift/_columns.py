"""One column of both windows as bin numbers, with the few figures that a sentence needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StepError

MOST_BINS = 64
SAMPLE = 20_000
"""Values that the edges of the bins are taken from: 300 a bin, which is close enough to equal."""

Values = NDArray[np.generic]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Bin 0 is for missing values. Bins depend on both windows alike, never on which is which:
    else the windows could not change places, and the p-value would not hold.
    """

    codes: NDArray[np.intp]
    """Bin of each row, reference first."""
    bins: int
    ordered: bool
    """Whether neighbouring bins hold neighbouring values."""
    missing_reference: float
    missing_current: float
    effect: float | None = None
    """Signed, in standard deviations; `None` where the distance itself is the effect."""
    reference_mean: float | None = None
    current_mean: float | None = None
    new_categories: tuple[str, ...] = ()
    moved: tuple[str, float, float] | None = None
    """The category whose share changed most, with its share in the reference and now."""


def read_numbers(reference: Values, current: Values, random: np.random.Generator) -> Reading:
    """Bins at quantiles of both windows, the effect in standard deviations."""
    before, now = _floats(reference), _floats(current)
    return _number_reading(before, now, random, _effect(before, now))


def read_booleans(reference: Values, current: Values, random: np.random.Generator) -> Reading:
    """As numbers 0 and 1; the effect is the distance, a difference of shares."""
    return _number_reading(_floats(reference), _floats(current), random, None)


def read_categories(reference: Values, current: Values, random: np.random.Generator) -> Reading:
    """A bin per category; beyond 63, those that are rarest over both windows share the last."""
    del random
    from pandas import factorize

    both = np.concatenate([np.asarray(reference, object), np.asarray(current, object)])
    codes, labels = factorize(both)
    rows = len(reference)
    before, now = (
        np.bincount(part + 1, minlength=len(labels) + 1) for part in (codes[:rows], codes[rows:])
    )
    bin_of, bins = _category_bins((before + now)[1:])
    return Reading(
        codes=bin_of[codes + 1],
        bins=bins,
        ordered=False,
        missing_reference=float(before[0] / rows),
        missing_current=float(now[0] / len(current)),
        new_categories=tuple(sorted(map(str, labels[(before[1:] == 0) & (now[1:] > 0)]))),
        moved=_most_moved(labels, before[1:] / rows, now[1:] / len(current)),
    )


Reader = Callable[[Values, Values, np.random.Generator], Reading]

READERS: dict[str, Reader] = {
    "number": read_numbers,
    "integer": read_numbers,
    "category": read_categories,
    "boolean": read_booleans,
}


def _floats(values: Values) -> NDArray[np.float64]:
    try:
        floats = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StepError(
            f"A column of numbers holds something else: {error}. Mend its kind or its values."
        ) from error
    present = np.isfinite(floats)
    return floats if present.all() else np.where(present, floats, np.nan)


def _number_reading(
    before: NDArray[np.float64],
    now: NDArray[np.float64],
    random: np.random.Generator,
    effect: float | None,
) -> Reading:
    both = np.concatenate([before, now])
    missing = np.isnan(both)
    edges = _edges(both[~missing], random)
    codes = np.searchsorted(edges, both, side="right") + 1
    codes[missing] = 0
    return Reading(
        codes=codes,
        bins=len(edges) + 2,
        ordered=True,
        missing_reference=float(missing[: len(before)].mean()),
        missing_current=float(missing[len(before) :].mean()),
        effect=effect,
        reference_mean=_mean(before),
        current_mean=_mean(now),
    )


def _edges(values: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Values that occur, so that a value which is frequent gets a bin of its own."""
    if not len(values):
        return values
    if len(values) > SAMPLE:
        values = values[random.integers(0, len(values), SAMPLE)]
    shares = np.arange(1, MOST_BINS) / MOST_BINS
    return np.unique(np.quantile(values, shares, method="inverted_cdf"))


def _mean(values: NDArray[np.float64]) -> float | None:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else None


def _effect(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    before, now = before[~np.isnan(before)], now[~np.isnan(now)]
    if not len(before) or not len(now):
        return 0.0
    spread = _spread(before) or _spread(np.concatenate([before, now]))
    return float((now.mean() - before.mean()) / spread) if spread else 0.0


def _spread(values: NDArray[np.float64]) -> float:
    """Standard deviation, exactly zero for equal values."""
    return float(values.std()) if values.min() < values.max() else 0.0


def _category_bins(rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], int]:
    """Bin of each code, from code -1 for missing; the most frequent categories come first."""
    by_size = np.argsort(-rows, kind="stable")
    bins = min(len(rows), MOST_BINS)
    bin_of = np.zeros(len(rows) + 1, dtype=np.intp)
    bin_of[by_size + 1] = np.minimum(np.arange(1, len(rows) + 1), bins)
    return bin_of, bins + 1


def _most_moved(
    labels: NDArray[np.object_], before: NDArray[np.float64], now: NDArray[np.float64]
) -> tuple[str, float, float] | None:
    if not len(labels):
        return None
    most = int(np.argmax(np.abs(now - before)))
    return str(labels[most]), float(before[most]), float(now[most])
