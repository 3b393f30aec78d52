"""Scores of predictions. A score is a finite number, or an error that says why not.

`truth` and `predicted` are one-dimensional and in the unit of the target; so are `rmse`, `mae` and
`bias`, the others are shares. All functions raise `StepError` for values that are empty, not finite
or of unequal length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import StepError

Values = NDArray[np.float64]


SCORE_NAMES = {
    "n": "rows",
    "rmse": "RMSE",
    "mae": "MAE",
    "wape": "WAPE",
    "r2": "R²",
    "brier": "Brier score",
}
IN_UNIT_OF_TARGET = frozenset({"rmse", "mae", "bias"})


def score_name(name: str) -> str:
    """A score as people write it.

    >>> score_name("rmse"), score_name("log_loss")
    ('RMSE', 'log loss')
    """
    return SCORE_NAMES.get(name, name.replace("_", " "))


def unit_of_score(name: str, unit: str) -> str:
    """The unit of a score, where `unit` is that of the target; empty for one without."""
    return unit if name in IN_UNIT_OF_TARGET else ""


def score_text(name: str, value: float, unit: str) -> str:
    """A score with its unit, where it has that of the target.

    >>> score_text("rmse", 25.631, "bicycles/h"), score_text("r2", 0.9, "bicycles/h")
    ('25.6 bicycles/h', '0.9')
    """
    return f"{digits(value)} {unit_of_score(name, unit)}".rstrip()


def digits(value: float) -> str:
    """Three significant digits; of a thousand and more all before the point.

    >>> digits(0.04567), digits(25.631), digits(12345.6)
    ('0.0457', '25.6', '12,346')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def score_label(name: str, unit: str) -> str:
    """A score's name with its unit in brackets, for axes.

    >>> score_label("rmse", "bicycles/h"), score_label("log_loss", "")
    ('RMSE (bicycles/h)', 'log loss')
    """
    known = unit_of_score(name, unit)
    return f"{score_name(name)} ({known})" if known else score_name(name)


def regression_metrics(truth: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """`n`, `rmse`, `mae`, `wape`, `r2` and `bias`; a score that is undefined has no key.

    `wape` is the sum of absolute errors over the sum of absolute truth (Kolassa & Schütz 2007,
    "Advantages of the MAD/Mean ratio over the MAPE"), undefined where all truth is zero. `r2` is
    the explained share of the variance of the truth, undefined where that is constant. `bias` is
    the mean of prediction minus truth: above zero when predictions are too high.

    >>> regression_metrics([1.0, 1.0], [1.0, 2.0])
    {'n': 2.0, 'rmse': 0.7071067811865476, 'mae': 0.5, 'wape': 0.5, 'bias': 0.5}
    """
    known, guessed = _checked(truth=truth, predicted=predicted)
    return _scores(known, guessed, np.zeros(len(known), dtype=np.intp), 1)[0]


def by_segment(
    segments: ArrayLike, truth: ArrayLike, predicted: ArrayLike
) -> dict[Any, dict[str, float]]:
    """`regression_metrics` of the rows of each label of `segments`, sorted by label."""
    known, guessed = _checked(truth=truth, predicted=predicted)
    labels, segment = np.unique(np.asarray(segments), return_inverse=True)
    if len(segment) != len(known):
        raise StepError(
            f"segments has {len(segment)} values and truth {len(known)}; give one label per row."
        )
    return dict(zip(labels.tolist(), _scores(known, guessed, segment, len(labels)), strict=True))


def skill(error: float, baseline_error: float) -> float:
    """Share of the baseline's error that is avoided: 1 is perfect, 0 no better than it.

    Also raises `StepError` for a baseline without error, which no model can be compared with.
    """
    _checked(error=[error], baseline_error=[baseline_error])
    if baseline_error == 0:
        raise StepError("baseline_error is 0; skill against a perfect baseline is undefined.")
    with np.errstate(over="ignore"):
        return _finite("skill", float(1 - np.float64(error) / baseline_error))


def _scores(
    truth: Values, predicted: Values, segment: NDArray[np.intp], segments: int
) -> list[dict[str, float]]:
    def total(values: Values) -> Values:
        return np.bincount(segment, weights=values, minlength=segments).astype(np.float64)

    rows = np.bincount(segment, minlength=segments).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        error = predicted - truth
        squared, absolute, size = total(error**2), total(np.abs(error)), total(np.abs(truth))
        centre = total(truth) / rows
        spread = np.where(
            _varies(truth, segment, segments), total((truth - centre[segment]) ** 2), 0.0
        )
        scores = {
            "n": rows,
            "rmse": np.sqrt(squared / rows),
            "mae": absolute / rows,
            "wape": absolute / size,
            "r2": 1 - squared / spread,
            "bias": total(error) / rows,
        }
    defined = {"wape": size > 0, "r2": spread > 0}
    return [
        {
            name: _finite(name, float(values[index]))
            for name, values in scores.items()
            if name not in defined or defined[name][index]
        }
        for index in range(segments)
    ]


def _varies(values: Values, segment: NDArray[np.intp], segments: int) -> NDArray[np.bool_]:
    """Whether a segment holds two values that differ: exact, where a sum of squares is rounded."""
    first = np.zeros(segments)
    first[segment[::-1]] = values[::-1]
    return np.bincount(segment, weights=values != first[segment], minlength=segments) > 0


def _checked(**arguments: ArrayLike) -> list[Values]:
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in arguments.items()}
    problems = []
    for name, values in arrays.items():
        if values.ndim != 1 or not len(values):
            problems.append(f"{name} has shape {values.shape!r}; give one or more values in a row")
        elif spoiled := int((~np.isfinite(values)).sum()):
            problems.append(f"{name} has {spoiled} of {len(values)} values that are not finite")
    if len({values.size for values in arrays.values()}) > 1:
        sizes = ", ".join(f"{name} {values.size}" for name, values in arrays.items())
        problems.append(f"the numbers of values differ: {sizes}")
    if problems:
        raise StepError.for_problems("These values can't be scored:", problems)
    return list(arrays.values())


def _finite(name: str, value: float) -> float:
    if not np.isfinite(value):
        raise StepError(f"{name} is {value!r}: the values are too large. Use a larger unit.")
    return value
