"""Columns of a table as numbers that a model takes: what most tabular cases need, ready to use.

Categories are compared without regard to case or outer blanks, rare and unseen ones are pooled, and
missing values are said to be missing or stand at the median: nothing is dropped, and what a call
sends is treated as the training rows were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

MISSING = "(missing)"
RARE = 20
"""Rows that a category needs to stand for itself."""
MOST_CATEGORIES = 200
"""Histogram gradient boosting takes at most 255 categories a column."""


class Folded(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Texts in small letters without outer blanks; a missing one is a category of its own.

    >>> Folded().fit_transform(pd.DataFrame({"make": [" BMW", "bmw ", None]})).ravel().tolist()
    ['bmw', 'bmw', '(missing)']
    """

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Remembers the names of the columns alone."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[Any]:
        """Shape and order of `X`."""
        folded = X.apply(lambda column: column.astype("string").str.strip().str.casefold())
        return np.asarray(folded.fillna(MISSING).to_numpy(dtype=object))

    def transform_arrays(self, *columns: NDArray[Any]) -> NDArray[Any]:
        """The same from one array of texts a column; what is no text is missing."""
        found = np.empty((len(columns[0]), len(columns)), dtype=object)
        for place, values in enumerate(columns):
            found[:, place] = [
                value.strip().casefold() if isinstance(value, str) else MISSING
                for value in values.tolist()
            ]
        return found


def trees(model: Any, *, numbers: Sequence[str], categories: Sequence[str]) -> Pipeline:
    """A pipeline for models of trees: categories as whole numbers, common first columns.

    Rare categories, and those unseen in training, share the code -1. Missing numbers stay missing
    where the model takes them (`HistGradientBoosting*`), and are told apart by a column of their
    own beside the median elsewhere. Without regard to order: a category column comes first.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = make_pipeline(
        Folded(),
        OrdinalEncoder(
            handle_unknown="use_encoded_value",
            unknown_value=-1,
            min_frequency=RARE,
            max_categories=MOST_CATEGORIES,
        ),
    )
    kept: Any = "passthrough" if takes_missing(model) else _filled()
    features = ColumnTransformer(
        [("categories", codes, list(categories)), ("numbers", kept, list(numbers))]
    )
    return Pipeline([("features", features), ("model", model)])


def scaled(model: Any, *, numbers: Sequence[str], categories: Sequence[str]) -> Pipeline:
    """A pipeline for linear models and neighbours: categories as columns of 0 and 1, numbers with
    mean 0 and standard deviation 1, missing ones at the median with a column that says so.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    shown = make_pipeline(
        Folded(),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=RARE, sparse_output=False
        ),
    )
    features = ColumnTransformer(
        [
            ("categories", shown, list(categories)),
            ("numbers", make_pipeline(_filled(), StandardScaler()), list(numbers)),
        ]
    )
    return Pipeline([("features", features), ("model", model)])


def takes_missing(model: Any) -> bool:
    """Whether a model learns from missing numbers as they are."""
    from sklearn.utils import get_tags

    return bool(get_tags(model).input_tags.allow_nan)


def _filled() -> Any:
    from sklearn.impute import SimpleImputer

    return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
