"""Scores of class probabilities. A score is a finite number, or an error that says why not.

`truth` holds one label a row, `probabilities` has shape (rows, classes). Log loss is in nats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StepError
from pipeline.prediction_sets import class_places

Floats = NDArray[np.float64]
LEAST_PROBABILITY = 1e-6
"""A true class that was held impossible costs no more than this: one row can't decide alone."""
LEVEL = 0.95
"""Of the interval around the accuracy."""
SUM_TOLERANCE = 1e-6


def classification_metrics(
    truth: NDArray[Any], probabilities: Floats, classes: Sequence[str]
) -> dict[str, float]:
    """`n`, `log_loss`, `brier`, `error_rate`, `accuracy` with `accuracy_low` and `accuracy_high`,
    and `recall of <class>` for each class that there is.

    The Brier score is that of all classes together, 0 to 2 (Brier 1950, eq. 2). The interval of
    the accuracy is Wilson's at 95 % (Wilson 1927). Raises `StepError` for labels or
    probabilities that don't fit.
    """
    places = checked_places(truth, probabilities, classes)
    hits = np.argmax(probabilities, axis=1) == places
    low, high = wilson_interval(int(hits.sum()), len(hits))
    recalls = {
        f"recall of {name}": float(np.mean(hits[places == place]))
        for place, name in enumerate(classes)
        if np.any(places == place)
    }
    return {
        "n": float(len(hits)),
        "log_loss": float(np.mean(log_losses(truth, probabilities, classes))),
        "brier": float(
            np.mean(np.sum((probabilities - np.eye(len(classes))[places]) ** 2, axis=1))
        ),
        "error_rate": float(1 - np.mean(hits)),
        "accuracy": float(np.mean(hits)),
        "accuracy_low": low,
        "accuracy_high": high,
        **recalls,
    }


def log_losses(truth: NDArray[Any], probabilities: Floats, classes: Sequence[str]) -> Floats:
    """Minus the logarithm of each row's probability of its true class, at least 1e-6."""
    places = checked_places(truth, probabilities, classes)
    given = probabilities[np.arange(len(places)), places]
    return np.asarray(-np.log(np.maximum(given, LEAST_PROBABILITY)))


def wilson_interval(hits: int, rows: int) -> tuple[float, float]:
    """Ends of Wilson's score interval for a share, of level `LEVEL`.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    >>> low, high = wilson_interval(9, 10)
    >>> round(low, 3), round(high, 3)
    (0.596, 0.982)
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    share = hits / rows
    centre = share + z**2 / (2 * rows)
    reach = z * math.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    scale = 1 + z**2 / rows
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def checked_places(
    truth: NDArray[Any], probabilities: Floats, classes: Sequence[str]
) -> NDArray[np.intp]:
    """Position of each row's true class; raises `StepError` for what can't be scored."""
    if probabilities.shape != (len(truth), len(classes)) or not len(truth):
        raise StepError(
            f"The probabilities have shape {probabilities.shape!r} where {len(truth)} rows of "
            f"{len(classes)} classes are expected, at least one row."
        )
    sums = probabilities.sum(axis=1)
    off = ~np.isfinite(sums) | (np.abs(sums - 1) > SUM_TOLERANCE) | (probabilities < 0).any(axis=1)
    if off.any():
        raise StepError(
            f"The probabilities of {int(off.sum())} of {len(off)} rows are below 0, not finite, or "
            "do not add up to 1. Mend the model that gave them."
        )
    return class_places(truth, classes)
