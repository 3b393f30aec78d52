"""Forecasts without learning: what every model has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin


class SeasonalNaive(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The first known of `columns`, taken in order; where none is known `unseen`, or the training
    mean when that is `None`.

    The first column is the value one season before (Hyndman & Athanasopoulos, Forecasting:
    Principles and Practice, 3rd ed., section 5.2); the others stand in for series too young.
    """

    def __init__(self, columns: tuple[str, ...] = (), unseen: float | None = None) -> None:
        self.columns = columns
        self.unseen = unseen

    def fit(self, X: pd.DataFrame, y: NDArray[np.float64]) -> Self:
        """Learns the last resort."""
        self.mean_ = float(np.mean(y)) if self.unseen is None else self.unseen
        return self

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """One value a row of `X`, always finite."""
        known: Any = X[list(self.columns)].bfill(axis=1).iloc[:, 0].fillna(self.mean_)
        return np.asarray(known, dtype=np.float64)

    def predict_arrays(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """The same from one array a column."""
        found = np.array(columns[self.columns[0]], dtype=np.float64)
        for name in self.columns[1:]:
            found = np.where(np.isnan(found), columns[name], found)
        return np.where(np.isnan(found), self.mean_, found)
