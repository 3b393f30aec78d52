"""The models that compete to tell a rating's CO2 from what the car is."""

from __future__ import annotations

from typing import Any

NUMBERS = ("engine_size", "cylinders", "model_year")
CATEGORIES = ("fuel", "vehicle_class", "transmission")
WITH_MAKE = (*CATEGORIES, "make")


def forest(seed: int) -> Any:
    """Random forest on engine, class, transmission, fuel and model year."""
    return _trees(_forest(seed), numbers=NUMBERS, categories=CATEGORIES)


def forest_with_make(seed: int) -> Any:
    """The same, and the make."""
    return _trees(_forest(seed), numbers=NUMBERS, categories=WITH_MAKE)


def forest_with_consumption(seed: int) -> Any:
    """The same without the make, and the combined fuel consumption."""
    return _trees(_forest(seed), numbers=(*NUMBERS, "combined"), categories=CATEGORIES)


def boosting(seed: int) -> Any:
    """Histogram gradient boosting on the same as the forest, and the make."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=120,
        learning_rate=0.1,
        min_samples_leaf=10,
        l2_regularization=1.0,
        categorical_features=list(range(len(WITH_MAKE))),
        early_stopping=False,
        random_state=seed,
    )
    return _trees(model, numbers=NUMBERS, categories=WITH_MAKE)


def linear(seed: int) -> Any:
    """Ridge regression on scaled numbers and dummies of categories and make."""
    from sklearn.linear_model import Ridge

    from pipeline.tasks.tabular import scaled

    return scaled(Ridge(alpha=1.0, random_state=seed), numbers=NUMBERS, categories=WITH_MAKE)


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(
        n_estimators=50, max_features=0.5, min_samples_leaf=3, random_state=seed
    )


def _trees(model: Any, *, numbers: tuple[str, ...], categories: tuple[str, ...]) -> Any:
    from pipeline.tasks.tabular import trees

    return trees(model, numbers=numbers, categories=categories)
