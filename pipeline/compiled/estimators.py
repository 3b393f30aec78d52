"""What fitted estimators make of a table, without the checks of the input and without threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled.transformers import Change, Table
from pipeline.compiled.walks import Forest, TooLargeError


def estimate(last: Any) -> Callable[[Table], NDArray[Any]]:
    """The estimator on a table: boosted trees, forests and ridge regression by their own arrays,
    others as scikit-learn has it.
    """
    from sklearn.ensemble import (
        ExtraTreesRegressor,
        HistGradientBoostingRegressor,
        RandomForestRegressor,
    )

    if isinstance(last, HistGradientBoostingRegressor):
        return _boosted(last)
    if isinstance(last, (RandomForestRegressor, ExtraTreesRegressor)) and last.n_outputs_ == 1:
        return _forest(last)
    if is_linear(last):
        return lambda table: np.asarray(table @ last.coef_ + last.intercept_)
    return lambda table: np.asarray(last.predict(table))


def is_linear(last: Any) -> bool:
    """A weight for each column and one number more."""
    from sklearn.linear_model import Ridge

    return isinstance(last, Ridge) and np.ndim(last.coef_) == 1


def _boosted(last: Any) -> Callable[[Table], NDArray[Any]]:
    """The trees by their bits, or one after the other on one thread where they are too large for
    that: for few rows, most of the time of `predict` goes into checks and threads.
    """
    known, places = last._bin_mapper.make_known_categories_bitsets()  # noqa: SLF001
    trees = [tree for (tree,) in last._predictors]  # noqa: SLF001
    start = float(np.ravel(last._baseline_prediction)[0])  # noqa: SLF001
    ready = _categories_first(last._preprocessor)  # noqa: SLF001
    total = _total(trees, known, places)
    return lambda table: np.asarray(last._loss.link.inverse(start + total(ready(table))))  # noqa: SLF001


def _total(trees: list[Any], known: Any, places: Any) -> Change:
    """The sum of all trees."""
    try:
        return Forest(trees, known, places).total
    except TooLargeError:
        return lambda table: sum(
            (tree.predict(table, known, places, 1) for tree in trees), np.zeros(len(table))
        )


def _categories_first(preprocessor: Any) -> Change:
    """Numbers as float64; where there are categories, their codes before the other columns, and
    NaN for those unknown or missing.
    """
    if preprocessor is None:
        return lambda table: np.asarray(table, dtype=np.float64)
    (_, encoder, chosen), (_, _, others), *_ = preprocessor.transformers_
    codes = [
        {value: float(code) for code, value in enumerate(known.tolist())}
        for known in encoder.categories_
    ]

    def ready(table: Table) -> Table:
        numbers = np.asarray(table, dtype=np.float64)
        found = np.hstack([numbers[:, chosen], numbers[:, others]])
        for place, known in enumerate(codes):
            found[:, place] = [known.get(value, np.nan) for value in found[:, place].tolist()]
        return found

    return ready


def _forest(last: Any) -> Callable[[Table], NDArray[Any]]:
    trees = [tree.tree_ for tree in last.estimators_]

    def predict(table: Table) -> NDArray[Any]:
        ready = np.ascontiguousarray(table, dtype=np.float32)
        total = np.zeros(len(table))
        for tree in trees:
            total += tree.predict(ready)[:, 0]
        return total / len(trees)

    return predict
