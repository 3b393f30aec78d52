"""The models that compete to forecast tomorrow's counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

HISTORY = ["lag_24", "lag_48", "lag_168", "lag_336", "mean_24", "mean_168", "season_mean"]
PLACE = ["latitude", "longitude"]
WEATHER = ["temperature", "rain", "wind"]


def prepare() -> None:
    """Reads the calendars that all of them look at."""
    from pipeline.cases.bikes.features import read_calendars

    read_calendars()


def boosting(seed: int) -> Pipeline:
    """Histogram gradient boosting on calendar, counter and history; Poisson loss for counts.

    Trees take a day of the year that they have not met for the one nearest in number. Of 19 of the
    real counters, learned anew every month, the errors of January to August 2021 are the same with
    it and without (RMSE 29.5 and 29.6, either better in four months); those of December 2020, told
    from three months of autumn, are much larger with it (41.5 and 25.8). No champion has learned
    from so little: its folds alone take 112 days.
    """
    return _boosted(seed, [*HISTORY, *PLACE], iterations=150)


def boosting_with_weather(seed: int) -> Pipeline:
    """The same with the weather of the hour."""
    return _boosted(seed, [*HISTORY, *PLACE, *WEATHER], iterations=150)


def calendar_only(seed: int) -> Pipeline:
    """Calendar and coordinates, no past: what a model knows that never looks at recent counts."""
    return _boosted(seed, PLACE, iterations=150)


def forest(seed: int) -> Pipeline:
    """Random forest on the same columns as `boosting`, each tree on a tenth of the rows."""
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(
        n_estimators=50,
        max_samples=0.1,
        min_samples_leaf=3,
        max_features=0.5,
        random_state=seed,
    )
    return _pipeline([*HISTORY, *PLACE], model)


def linear(seed: int) -> Pipeline:
    """Ridge regression on history, and on hour by kind of day as dummies."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from pipeline.cases.bikes.features import LocalCalendar

    features = ColumnTransformer(
        [
            (
                "calendar",
                make_pipeline(
                    LocalCalendar(),
                    SimpleImputer(strategy="constant", fill_value=-1),
                    OneHotEncoder(handle_unknown="ignore", min_frequency=0.002),
                ),
                ["time"],
            ),
            (
                "history",
                make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
                HISTORY,
            ),
        ]
    )
    return make_pipeline(features, Ridge(alpha=1.0, random_state=seed))


def _boosted(seed: int, columns: list[str], *, iterations: int) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model: Any = HistGradientBoostingRegressor(
        loss="poisson",
        max_iter=iterations,
        learning_rate=0.1,
        max_leaf_nodes=31,
        min_samples_leaf=50,
        l2_regularization=1.0,
        categorical_features=[0],
        early_stopping=False,
        random_state=seed,
    )
    return _pipeline(columns, model)


def _pipeline(columns: list[str], model: Any) -> Pipeline:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    from pipeline.cases.bikes.features import LocalCalendar

    code = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    features = ColumnTransformer(
        [
            ("counter", code, ["counter"]),
            ("calendar", LocalCalendar(), ["time"]),
            ("numbers", "passthrough", columns),
        ]
    )
    return Pipeline([("features", features), ("model", model)])
