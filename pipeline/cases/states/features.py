"""Forecasts that start from last year's value: the same classes train and serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin

LAGS = ("lag_1", "lag_2", "lag_3")
GROWTH = "growth_fuel_8"
RATIOS = (*LAGS, "mean_5", GROWTH)
"""The columns that `Ratios` takes, in this order."""
WIDEST = 3.0
"""Growth beyond this is a series that has just begun: it says nothing of the next year."""

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]] | pd.DataFrame
Predict = Callable[[Mapping[str, NDArray[Any]]], Floats]


def last_known(columns: Columns) -> Floats:
    """The newest of the last three years that is known, million metric tons; 0 where none is.

    Takes a frame or one array a column, as all of these do.
    """
    known = _floats(columns[LAGS[0]])
    for name in LAGS[1:]:
        known = np.where(np.isnan(known), _floats(columns[name]), known)
    return np.where(np.isnan(known), 0.0, known)


def year_of(X: pd.DataFrame) -> Floats:
    """Shape (rows, 1): the calendar year of the one column, in UTC."""
    years = X.iloc[:, 0].dt.year.to_numpy(dtype=np.float64)
    return np.asarray(years[:, None])


class FuelTrend(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Last year's value, grown by a share of what its fuel has grown a year, over all states."""

    def __init__(self, share: float = 1.0) -> None:
        self.share = share

    def fit(self, X: pd.DataFrame, y: Floats) -> Self:
        """Learns nothing: the growth is a column, known when the forecast is made."""
        self.fitted_ = True
        return self

    def predict(self, X: Columns) -> Floats:
        """One value a row, million metric tons; without a known growth, last year's value."""
        return np.asarray(last_known(X) * (1.0 + self.share * _growth(X)), dtype=np.float64)

    predict_arrays = predict


class DampedTrend(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Last year's value and a share of its own last change, learned by least squares within 0 and 1
    (a damped trend: Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 8.2).
    """

    def fit(self, X: pd.DataFrame, y: Floats) -> Self:
        """Learns the share from rows whose last two years are known."""
        change = _change(X)
        rest = np.asarray(y, dtype=np.float64) - last_known(X)
        scale = float(change @ change)
        self.share_ = float(np.clip(change @ rest / scale, 0.0, 1.0)) if scale else 0.0
        return self

    def predict(self, X: Columns) -> Floats:
        """One value a row, million metric tons."""
        return np.asarray(last_known(X) + self.share_ * _change(X), dtype=np.float64)

    predict_arrays = predict


class FromLastYear(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Any regressor of the relative change: it predicts value over last year's value less one.

    Rows are weighted by last year's value, so that large series count more, as they do in the
    score. Series below `least` (million metric tons) keep last year's value.
    """

    def __init__(self, regressor: Any = None, least: float = 0.01) -> None:
        self.regressor = regressor
        self.least = least

    def fit(self, X: pd.DataFrame, y: Floats) -> Self:
        """Fits the regressor on rows of at least `least`, relative changes cut at tripling."""
        from sklearn.base import clone

        last = last_known(X)
        rows = last >= self.least
        change = np.clip(np.asarray(y, dtype=np.float64)[rows] / last[rows], 0.0, WIDEST) - 1.0
        self.regressor_ = clone(self.regressor)
        name = self.regressor_.steps[-1][0]
        self.regressor_.fit(X[rows], change, **{f"{name}__sample_weight": last[rows]})
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        """One value a row, million metric tons."""
        predicted = last_known(X)
        rows = predicted >= self.least
        if rows.any():
            predicted[rows] *= 1.0 + self.regressor_.predict(X[rows])
        return predicted

    def wrapped(self, compiled: Callable[[Any], Predict]) -> Predict:
        """`predict` from one array a column; `compiled` makes the regressor's own."""
        inner = compiled(self.regressor_)

        def predict(columns: Mapping[str, NDArray[Any]]) -> Floats:
            predicted = last_known(columns)
            rows = predicted >= self.least
            if rows.any():
                some = {name: values[rows] for name, values in columns.items()}
                predicted[rows] *= 1.0 + inner(some)
            return predicted

        return predict


class Ratios(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """How the last years went, as changes relative to the year before each, and its fuel's growth.

    Shape (rows, 5): changes of the last two years, last year over the mean of five, growth of the
    fuel, logarithm of last year's value. What is unknown is no change.
    """

    NAMES = ("change_1", "change_2", "over_mean_5", "growth", "size")

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learns nothing."""
        self.fitted_ = True
        return self

    def transform(self, X: pd.DataFrame) -> Floats:
        """All finite."""
        return self._ratios(X)

    def transform_arrays(self, *columns: NDArray[Any]) -> Floats:
        """The same from one array for each of `RATIOS`, in their order."""
        return self._ratios(dict(zip(RATIOS, columns, strict=True)))

    def _ratios(self, columns: Columns) -> Floats:
        last = last_known(columns)
        before, earlier = _floats(columns["lag_2"]), _floats(columns["lag_3"])
        pairs = ((last, before), (before, earlier), (last, _floats(columns["mean_5"])))
        changes = [_relative(later, first) for later, first in pairs]
        return np.column_stack([*changes, _growth(columns), np.log(np.maximum(last, 1e-6))])

    def get_feature_names_out(self, names: Any = None) -> NDArray[np.object_]:
        """The columns' names."""
        return np.array(self.NAMES, dtype=object)


def _growth(columns: Columns) -> Floats:
    """Of the fuel in a year, as a share of the year before; 0 where it is not known."""
    growth = _floats(columns[GROWTH])
    return np.asarray(np.clip(np.where(np.isnan(growth), 1.0, growth), 0.0, WIDEST) - 1.0)


def _change(columns: Columns) -> Floats:
    change = _floats(columns["lag_1"]) - _floats(columns["lag_2"])
    return np.where(np.isnan(change), 0.0, change)


def _floats(column: Any) -> Floats:
    return np.asarray(column, dtype=np.float64)


def _relative(later: Floats, earlier: Floats) -> Floats:
    known = np.isfinite(later) & np.isfinite(earlier) & (earlier > 0)
    ratio = np.divide(later, earlier, out=np.ones_like(later), where=known)
    return np.asarray(np.clip(ratio, 0.0, WIDEST) - 1.0, dtype=np.float64)
