"""Estimators that take the table of a run or of a call, and see its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone

from pipeline.cases.plants.looks import NAME, blocks, looks
from pipeline.pictures.kept import Picture
from pipeline.tasks.pictures import PIXELS

Values = NDArray[np.float64]
INNER_FOLDS = 5
SIDES = 2


class Looks(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """From the column of pictures to their looks, shape (rows, 2, features); nothing is learned."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learns nothing."""
        self.fitted_ = True
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float32]:
        """Computed once for a picture of the home, on the cores that the fit may use."""
        return looks_of(X[PIXELS])

    def columns_taken(self) -> list[str]:
        """Of a table that came as arrays."""
        return [PIXELS]

    def transform_arrays(self, *columns: NDArray[Any]) -> NDArray[np.float32]:
        """The same, of the arrays of these columns."""
        return looks_of(columns[0])


def looks_of(pictures: Iterable[Picture]) -> NDArray[np.float32]:
    """Looks of pictures, shape (rows, 2, features)."""
    import joblib

    found: list[Any] = joblib.Parallel(backend="threading")(
        joblib.delayed(picture.features)(NAME, looks) for picture in pictures
    )
    return np.stack(found)


class EqualBlocks(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Scales colours, edges and texture so that each has a variance of 1 in all."""

    def fit(self, X: Values, y: Any = None) -> Self:
        """Learns a mean a column and one scale a block."""
        self.mean_ = X.mean(axis=0)
        self.scale_ = np.ones(X.shape[1])
        for block in blocks().values():
            self.scale_[block] = np.sqrt(max(float(X[:, block].var(axis=0).sum()), 1e-12))
        return self

    def transform(self, X: Values) -> Values:
        """Shape of `X`."""
        return np.asarray((X - self.mean_) / self.scale_)


class BothSides(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns from pictures and their mirror images, and answers with the mean of both.

    Probabilities are a logistic regression on what `model` says of pictures that it hasn't learned
    from (Platt 1999, "Probabilistic outputs for support vector machines"); a picture and its mirror
    image are never on two sides there.
    """

    def __init__(self, model: Any = None, seed: int = 0) -> None:
        self.model = model
        self.seed = seed

    def fit(self, X: NDArray[np.float32], y: NDArray[Any]) -> Self:
        """`X` has shape (rows, 2, features)."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold

        truth = np.asarray(y)
        self.classes_ = np.unique(truth)
        said = np.empty((len(truth), 1 if len(self.classes_) == 2 else len(self.classes_)))
        inner = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=self.seed)
        for train, test in inner.split(truth, truth):
            said[test] = _says(_fitted(self.model, X[train], truth[train]), X[test])
        self.sigmoid_ = LogisticRegression(C=1.0).fit(said, truth)
        self.model_ = _fitted(self.model, X, truth)
        return self

    def predict_proba(self, X: NDArray[np.float32]) -> Values:
        """Shape (rows, classes)."""
        return np.asarray(self.sigmoid_.predict_proba(_says(self.model_, X)))

    def predict(self, X: NDArray[np.float32]) -> NDArray[Any]:
        """The likeliest class."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])


def _fitted(model: Any, X: NDArray[np.float32], truth: NDArray[Any]) -> Any:
    return clone(model).fit(X.reshape(-1, X.shape[2]), np.repeat(truth, SIDES))


def _says(model: Any, X: NDArray[np.float32]) -> Values:
    """What the model says of each row: distances to its borders, mean of both sides."""
    found = np.asarray(model.decision_function(X.reshape(-1, X.shape[2])))
    return np.asarray(found.reshape(len(X), SIDES, -1).mean(axis=1))
