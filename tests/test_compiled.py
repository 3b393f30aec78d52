"""A compiled model gives what the model itself gives, for whatever a call can hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from pipeline.cases.states.features import DampedTrend, FromLastYear, FuelTrend
from pipeline.cases.states.features import Ratios as StatesRatios
from pipeline.cases.vehicles.features import TailpipeRegressor
from pipeline.compiled import Compiled, NotCompiledError
from pipeline.tasks.lookup import frame_of
from pipeline.tasks.tabular import scaled, trees

ROWS = 600
FUELS = ["petrol", "Diesel ", "gas", "ELECTRIC", "rare"]
SHARES = [0.5, 0.3, 0.1, 0.09, 0.01]
NUMBERS = ("mass", "power")
LAGS = ("lag_1", "lag_2", "lag_3", "mean_5", "growth_fuel_8")
ALMOST = {"rtol": 1e-9, "atol": 1e-9}


def learned() -> tuple[dict[str, Any], Any]:
    random = np.random.default_rng(0)
    columns: dict[str, Any] = {
        "fuel": random.choice(np.array(FUELS, dtype=object), ROWS, p=SHARES),
        **{name: random.normal(100, 30, ROWS) for name in (*NUMBERS, *LAGS)},
    }
    for name in (*NUMBERS, *LAGS):
        columns[name][random.random(ROWS) < 0.1] = np.nan
    first = (columns["fuel"] == "petrol") * 40.0
    truth = np.abs(first + np.nan_to_num(columns["mass"]) + random.normal(0, 5, ROWS))
    return columns, truth


COLUMNS, TRUTH = learned()
CODES = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


def table(*blocks: tuple[str, Any, list[str]]) -> ColumnTransformer:
    return ColumnTransformer(list(blocks))


def coded(model: Any) -> Any:
    return make_pipeline(
        table(("fuel", CODES, ["fuel"]), ("numbers", "passthrough", list(NUMBERS))), model
    )


def filled(categories: Any, model: Any, **imputing: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(**imputing), StandardScaler())
    blocks = (("fuel", categories, ["fuel"]), ("numbers", numbers, list(NUMBERS)))
    return make_pipeline(table(*blocks), model)


def boosted(**chosen: Any) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(max_iter=8, random_state=0, **chosen)


def changes(model: Any) -> FromLastYear:
    ratios = make_pipeline(StatesRatios(), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore")
    blocks = table(("fuel", one_hot, ["fuel"]), ("ratios", ratios, list(LAGS)))
    return FromLastYear(make_pipeline(blocks, model))


MODELS = {
    "boosting, numbers": coded(boosted()),
    "boosting, categories": coded(boosted(categorical_features=[0], loss="poisson")),
    "boosting, many leaves": coded(
        boosted(categorical_features=[0], max_leaf_nodes=60, min_samples_leaf=2)
    ),
    "boosting, more leaves than bits": coded(
        boosted(categorical_features=[0], max_leaf_nodes=200, min_samples_leaf=1)
    ),
    "boosting, nothing to learn": coded(boosted(min_samples_leaf=ROWS)),
    "boosting of the tabular cases": trees(
        boosted(categorical_features=[0]), numbers=NUMBERS, categories=("fuel",)
    ),
    "forest": coded(RandomForestRegressor(n_estimators=10, random_state=0)),
    "extra trees, missing at the median": trees(
        ExtraTreesRegressor(n_estimators=10, random_state=0), numbers=NUMBERS, categories=("fuel",)
    ),
    "ridge, rare fuels pooled": scaled(Ridge(), numbers=NUMBERS, categories=("fuel",)),
    "ridge, rare fuels pooled and unknown ones nowhere": filled(
        OneHotEncoder(handle_unknown="ignore", min_frequency=0.05), Ridge(), strategy="median"
    ),
    "ridge, missing by a constant": filled(
        OneHotEncoder(handle_unknown="ignore"), Ridge(), strategy="constant", fill_value=-1
    ),
    "ridge, missing told": filled(
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3),
        Ridge(),
        strategy="mean",
        add_indicator=True,
    ),
    "electric cars at 0": TailpipeRegressor(
        trees(boosted(), numbers=NUMBERS, categories=("fuel",))
    ),
    "growth of the fuel": FuelTrend(0.5),
    "damped trend": DampedTrend(),
    "relative change": changes(Ridge()),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the service runs: threads cost more than they bring here."""
    with threadpool_limits(1, "openmp"):
        yield


@pytest.fixture(scope="module", params=sorted(MODELS))
def pair(request: pytest.FixtureRequest) -> tuple[Any, Compiled]:
    """A fitted model and its compiled twin."""
    model = MODELS[request.param].fit(frame_of(COLUMNS), TRUTH)
    return model, Compiled(model)


EXTREME = (0.0, -0.0, 1e-9, -1e12, 1e12, np.nan)
NUMBER = st.one_of(
    st.sampled_from(EXTREME), st.floats(-1e3, 1e3, allow_nan=False, allow_subnormal=False)
)
FUEL = st.sampled_from([*FUELS, "unheard of", " PETROL", "", None])


@settings(max_examples=12)
@given(
    rows=st.lists(st.tuples(FUEL, *(NUMBER for _ in (*NUMBERS, *LAGS))), min_size=1, max_size=30)
)
def test_arrays_give_what_frames_give(pair: tuple[Any, Compiled], rows: list[Any]) -> None:
    """Known, rare, unknown and missing categories; missing and extreme numbers."""
    model, compiled = pair
    fuels, *numbers = zip(*rows, strict=True)
    columns = {"fuel": np.array(fuels, dtype=object)} | {
        name: np.array(values, dtype=float)
        for name, values in zip((*NUMBERS, *LAGS), numbers, strict=True)
    }

    np.testing.assert_allclose(
        compiled.predict(columns), model.predict(frame_of(columns)), **ALMOST
    )


def test_a_call_of_many_records_gives_what_frames_give(pair: tuple[Any, Compiled]) -> None:
    """Records are taken in blocks; each has its own."""
    model, compiled = pair

    np.testing.assert_allclose(
        compiled.predict(COLUMNS), model.predict(frame_of(COLUMNS)), **ALMOST
    )


@pytest.mark.parametrize(
    "last", [HistGradientBoostingClassifier(max_iter=10), LogisticRegression(max_iter=500)]
)
def test_classes_have_the_same_probabilities(last: Any) -> None:
    """Of the classifier as it was fitted, in the order of its classes."""
    kinds = np.where(TRUTH > np.median(TRUTH), "heavy", "light")
    model = trees(last, numbers=NUMBERS, categories=("fuel",)).fit(frame_of(COLUMNS), kinds)

    compiled = Compiled(model)

    np.testing.assert_allclose(
        compiled.predict_proba(COLUMNS), model.predict_proba(frame_of(COLUMNS)), **ALMOST
    )
    assert list(model.classes_) == list(compiled.classes_)


def test_the_model_itself_is_left_as_it_was() -> None:
    """It still knows its columns by name."""
    model = filled(OneHotEncoder(handle_unknown="ignore"), Ridge()).fit(frame_of(COLUMNS), TRUTH)

    Compiled(model)

    assert list(COLUMNS) == model.feature_names_in_.tolist()


@pytest.mark.parametrize("model", [Ridge(), make_pipeline(StandardScaler(), Ridge())])
def test_a_model_of_another_make_is_not_compiled(model: Any) -> None:
    """It is told by its kind: such a model is asked through pandas."""
    numbers = pd.DataFrame({"a": [1.0, 2.0]})

    with pytest.raises(NotCompiledError, match="is no pipeline that begins with columns"):
        Compiled(model.fit(numbers, [1.0, 2.0]))
