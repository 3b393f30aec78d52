"""The small network as an estimator: it learns with PyTorch, and answers and is stored without."""

from __future__ import annotations

import hashlib
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from pipeline.cases.plants.convolutions import answers, views
from pipeline.cases.plants.learning import Effort, Floats, learn
from pipeline.cases.plants.looks import SIDE, square
from pipeline.pictures.kept import Picture, Pixels
from pipeline.tasks.pictures import PIXELS

NAME: Final = "square-1"
LEAST: Final = 1e-4
"""Probability below which no model can rule a class out for all."""
VALIDATED: Final = 10
"""One in so many pictures of each class is not learned from, and says when to stop."""


Learned = tuple[list[Floats], list[Floats], int]
MOST_KEPT: Final = 16
_KEPT: dict[str, Learned] = {}


class PictureNetwork(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Four convolutions; the answer is the mean probability over eight views of the picture."""

    def __init__(self, epochs: int = 60, width: int = 24, seed: int = 0) -> None:
        self.epochs = epochs
        self.width = width
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Learns on one core; raises `ImportError` without PyTorch."""
        self.classes_, truth = np.unique(np.asarray(y), return_inverse=True)
        squares = np.stack([cut(picture) for picture in X[PIXELS]])
        found = _learned_once(squares, truth, (self.epochs, self.width, self.seed))
        self.weights_, self.biases_, self.epoch_ = found
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Shape (rows, classes)."""
        return np.stack([self._of(picture) for picture in X[PIXELS]])

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """The likeliest class."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])

    def _of(self, picture: Picture) -> NDArray[np.float64]:
        said = answers(views(cut(picture)), self.weights_, self.biases_)
        shares = np.exp(said - said.max(axis=1, keepdims=True))
        mean = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        return np.asarray(mean / mean.sum())


class Pooled(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Several models, each counting alike: the geometric mean of their probabilities, so that one
    that is sure weighs more than one that isn't (Genest & Zidek 1986, section 3.3).
    """

    def __init__(self, models: tuple[Any, ...] = ()) -> None:
        self.models = models

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Each learns from all."""
        from sklearn.base import clone

        self.models_ = [clone(model).fit(X, y) for model in self.models]
        self.classes_ = np.unique(np.asarray(y))
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Shape (rows, classes)."""
        found = np.array([model.predict_proba(X) for model in self.models_])
        pooled = np.exp(np.log(np.maximum(found, LEAST)).mean(axis=0))
        return np.asarray(pooled / pooled.sum(axis=1, keepdims=True))

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """The likeliest class."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])


def _learned_once(
    squares: NDArray[np.uint8], truth: NDArray[np.intp], settings: tuple[int, int, int]
) -> Learned:
    """What the same pictures, labels and settings gave before in this process: a candidate that
    pools the network with others learns it from the same folds as the network alone.
    """
    total = hashlib.sha256(squares.tobytes() + truth.tobytes() + repr(settings).encode())
    name = total.hexdigest()
    if name not in _KEPT:
        epochs, width, seed = settings
        while len(_KEPT) >= MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)), None)
        _KEPT[name] = learn(
            squares,
            truth,
            _validated(truth, seed),
            classes=int(truth.max()) + 1,
            effort=Effort(epochs=epochs, width=width),
            seed=seed,
        )
    return _KEPT[name]


def cut(picture: Picture) -> NDArray[np.uint8]:
    """The square of the middle, kept by digest."""
    return picture.features(NAME, _square)


def _square(pixels: Pixels) -> Pixels:
    return square(pixels, SIDE)


def _validated(truth: NDArray[np.intp], seed: int) -> NDArray[np.bool_]:
    """One in ten of each class, at least one."""
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(truth), dtype=np.bool_)
    for label in np.unique(truth):
        rows = random.permutation(np.flatnonzero(truth == label))
        chosen[rows[: max(1, len(rows) // VALIDATED)]] = True
    return chosen
