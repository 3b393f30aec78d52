"""The models that compete to forecast next year's emissions; all start from last year's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

NAMES = ["state", "producer", "fuel"]


def fuel_trend(_seed: int) -> Any:
    """Last year's value, grown as its fuel has grown over eight years in all states."""
    from pipeline.cases.states.features import FuelTrend

    return FuelTrend(share=1.0)


def half_fuel_trend(_seed: int) -> Any:
    """The same with half of the growth."""
    from pipeline.cases.states.features import FuelTrend

    return FuelTrend(share=0.5)


def damped_trend(_seed: int) -> Any:
    """Last year's value and a learned share of its own last change."""
    from pipeline.cases.states.features import DampedTrend

    return DampedTrend()


def ridge(seed: int) -> Any:
    """Ridge regression of the relative change on the changes before, a slope for each fuel."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from pipeline.cases.states.features import RATIOS, FromLastYear, Ratios

    features = ColumnTransformer(
        [
            ("fuel", OneHotEncoder(handle_unknown="ignore"), ["fuel"]),
            ("ratios", make_pipeline(Ratios(), StandardScaler()), list(RATIOS)),
        ]
    )
    return FromLastYear(make_pipeline(features, Ridge(alpha=100.0, random_state=seed)))


def boosting(seed: int) -> Any:
    """Histogram gradient boosting of the relative change on the same, state and producer."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    from pipeline.cases.states.features import FromLastYear

    model = HistGradientBoostingRegressor(
        max_iter=60,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=50,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    )
    return FromLastYear(_pipeline(model))


def _pipeline(model: Any) -> Pipeline:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    from pipeline.cases.states.features import RATIOS, Ratios

    code = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    features = ColumnTransformer([("names", code, NAMES), ("ratios", Ratios(), list(RATIOS))])
    return make_pipeline(features, model)


def names_only(seed: int) -> Any:
    """Random forest on state, producer, fuel and year, without past values."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    from pipeline.cases.states.features import year_of

    code = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    features = ColumnTransformer(
        [("names", code, NAMES), ("year", FunctionTransformer(year_of), ["time"])]
    )
    forest = RandomForestRegressor(n_estimators=50, min_samples_leaf=2, random_state=seed)
    return make_pipeline(features, forest)
