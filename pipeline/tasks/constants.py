"""Predictions without learning, for tables: what every model has to beat."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class GroupMedian(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The median of the training rows of the same group; that of all rows for a group unseen."""

    def __init__(self, columns: tuple[str, ...] = ()) -> None:
        self.columns = columns

    def fit(self, X: pd.DataFrame, y: NDArray[np.float64]) -> Self:
        """Learns one number a group."""
        truth = np.asarray(y, dtype=np.float64)
        self.median_ = float(np.median(truth))
        medians = pd.Series(truth).groupby(self._names(X)).median()
        self.groups_ = medians.index.tolist()
        self.medians_ = medians.to_numpy(dtype=np.float64)
        return self

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """One value a row of `X`, always finite."""
        known = dict(zip(self.groups_, self.medians_.tolist(), strict=True))
        found = [known.get(name, self.median_) for name in self._names(X)]
        return np.asarray(found, dtype=np.float64)

    def _names(self, X: pd.DataFrame) -> list[str]:
        if not self.columns:
            return [""] * len(X)
        texts = X[list(self.columns)].astype("string").fillna("")
        return ["\n".join(row) for row in texts.itertuples(index=False, name=None)]


class ClassShares(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The shares of the classes among the training rows, whatever the row: the likeliest class is
    the commonest.
    """

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Learns one share a class."""
        self.classes_, counts = np.unique(np.asarray(y), return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Shape (rows of `X`, classes)."""
        return np.tile(self.shares_, (len(X), 1))

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """The commonest class for every row."""
        return np.asarray(np.repeat(self.classes_[np.argmax(self.shares_)], len(X)))
