"""What of a car its CO2 is told from, and what is known without learning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone

from pipeline.cases.vehicles.columns import ELECTRIC

Predict = Callable[[Mapping[str, NDArray[Any]]], NDArray[np.float64]]


class TailpipeRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A model of the cars that burn fuel; an electric car has no tailpipe, so 0 g/km.

    Cars at 0 g/km by definition would bend every line that is drawn through the others.
    """

    def __init__(self, model: Any = None) -> None:
        self.model = model

    def fit(self, X: pd.DataFrame, y: NDArray[np.float64]) -> Self:
        """Learns from the rows whose fuel is not electricity alone."""
        burns = _burns(X)
        self.model_ = clone(self.model).fit(X[burns], np.asarray(y)[burns])
        return self

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """g/km, never below 0."""
        burns = _burns(X)
        found = np.zeros(len(X))
        if burns.any():
            found[burns] = np.maximum(self.model_.predict(X[burns]), 0.0)
        return found

    def wrapped(self, compiled: Callable[[Any], Predict]) -> Predict:
        """`predict` from one array a column; `compiled` makes the inner model's own."""
        inner = compiled(self.model_)

        def predict(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
            fuels = columns["fuel"].tolist()
            burns = np.array(
                [not isinstance(fuel, str) or fuel.strip().upper() != ELECTRIC for fuel in fuels]
            )
            found = np.zeros(len(burns))
            if burns.any():
                some = {name: values[burns] for name, values in columns.items()}
                found[burns] = np.maximum(inner(some), 0.0)
            return found

        return predict


def _burns(X: pd.DataFrame) -> NDArray[np.bool_]:
    fuel = X["fuel"].astype("string").str.strip().str.upper()
    return np.asarray(fuel.ne(ELECTRIC).fillna(value=True), dtype=np.bool_)
