"""Columns as numbers: spellings, rare and unseen categories, missing values, stored models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from tables import PETALS, petals

from pipeline.errors import CaseError
from pipeline.models import dump_model, load_model
from pipeline.tasks.classification import Classification
from pipeline.tasks.constants import ClassShares, GroupMedian
from pipeline.tasks.tabular import scaled, takes_missing, trees

RANDOM = np.random.default_rng(2)
MAKES = np.array(["Audi", "AUDI ", "bmw", "BMW", "Rarity"])[
    RANDOM.choice(5, 400, p=[0.3, 0.2, 0.3, 0.19, 0.01])
]
ROWS = pd.DataFrame({"make": MAKES, "mass": RANDOM.normal(1500, 200, 400)})
ROWS.loc[:20, "mass"] = np.nan
TRUTH = 0.1 * ROWS["mass"].fillna(1500).to_numpy() + 20 * ROWS["make"].str.startswith(("A", "a"))
BUILD: dict[str, Any] = {
    "forest": lambda: trees(
        RandomForestRegressor(10, random_state=0), numbers=["mass"], categories=["make"]
    ),
    "boosting": lambda: trees(
        HistGradientBoostingRegressor(max_iter=20, categorical_features=[0]),
        numbers=["mass"],
        categories=["make"],
    ),
    "ridge": lambda: scaled(Ridge(), numbers=["mass"], categories=["make"]),
}
KINDS = pytest.mark.parametrize("kind", list(BUILD))


@KINDS
def test_spellings_of_a_category_are_one(kind: str) -> None:
    """Capitals and outer blanks change no prediction."""
    model = BUILD[kind]().fit(ROWS, TRUTH)
    asked = pd.DataFrame({"make": ["Audi", " aUDI"], "mass": [1500.0, 1500.0]})

    one, other = model.predict(asked)

    assert one == other


@KINDS
def test_whatever_is_missing_or_unseen_has_a_finite_prediction(kind: str) -> None:
    """Nothing is dropped: as many predictions as rows."""
    model = BUILD[kind]().fit(ROWS, TRUTH)
    asked = pd.DataFrame({"make": ["Tesla", None, "rarity"], "mass": [1500.0, np.nan, np.nan]})

    assert np.isfinite(model.predict(asked)).all()


@KINDS
def test_a_pipeline_is_stored_without_pickle(kind: str) -> None:
    """And predicts the same after loading."""
    model = BUILD[kind]().fit(ROWS, TRUTH)

    np.testing.assert_array_equal(model.predict(ROWS), load_model(dump_model(model)).predict(ROWS))


def test_models_that_learn_from_missing_numbers_get_them() -> None:
    """Histogram gradient boosting and forests do, ridge regression does not."""
    assert takes_missing(HistGradientBoostingRegressor())
    assert takes_missing(RandomForestRegressor())
    assert not takes_missing(Ridge())


def test_the_baseline_is_the_median_of_what_is_alike() -> None:
    """And of all rows for a group that was never seen."""
    rows = pd.DataFrame({"fuel": ["x", "x", "y", None]})
    model = GroupMedian(("fuel",)).fit(rows, np.array([1.0, 3.0, 9.0, 5.0]))

    asked = pd.DataFrame({"fuel": ["x", "y", "z", None]})
    assert [2.0, 9.0, 4.0, 5.0] == load_model(dump_model(model)).predict(asked).tolist()


def test_a_class_that_was_not_met_has_no_probability() -> None:
    """Probabilities stand in the order of the declared classes, whatever the model met."""
    task = Classification(classes=("rose", "iris", "lily"))
    rows = petals(40)
    model = ClassShares().fit(rows, np.array(["iris", "rose", "rose", "rose"] * 10, dtype=object))

    found = task.predict(load_model(dump_model(model)), rows)

    assert [0.75, 0.25, 0.0] == found[0].tolist()
    assert "rose" == task.columns(found)["prediction"][0]
    assert PETALS.target not in task.columns(found)


def test_classes_are_two_or_more_each_once() -> None:
    """One class, or one twice, is no question."""
    for classes in (("a",), ("a", "a"), ("a", "b", "a")):
        with pytest.raises(CaseError, match="two or more, each once"):
            Classification(classes=classes)
