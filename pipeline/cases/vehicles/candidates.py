"""The models that compete to tell a car's CO2 from its technical data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.cases.vehicles.columns import FUEL, TECHNICAL

if TYPE_CHECKING:
    from pipeline.cases.vehicles.features import TailpipeRegressor

CONSUMPTION = (*TECHNICAL, "consumption")
WITH_MAKE = (*FUEL, "make")


def forest(seed: int) -> TailpipeRegressor:
    """Random forest on technical data and fuel."""
    return _trees(_forest(seed), numbers=TECHNICAL, categories=FUEL)


def forest_with_make(seed: int) -> TailpipeRegressor:
    """The same, and the make."""
    return _trees(_forest(seed), numbers=TECHNICAL, categories=WITH_MAKE)


def forest_with_consumption(seed: int) -> TailpipeRegressor:
    """Technical data, fuel and fuel consumption."""
    return _trees(_forest(seed), numbers=CONSUMPTION, categories=FUEL)


def forest_with_both(seed: int) -> TailpipeRegressor:
    """Technical data, fuel, make and fuel consumption."""
    return _trees(_forest(seed), numbers=CONSUMPTION, categories=WITH_MAKE)


def extra_trees(seed: int) -> TailpipeRegressor:
    """Trees with random splits, on technical data and fuel."""
    from sklearn.ensemble import ExtraTreesRegressor

    model = ExtraTreesRegressor(
        n_estimators=60, max_features=0.7, min_samples_leaf=2, random_state=seed
    )
    return _trees(model, numbers=TECHNICAL, categories=FUEL)


def boosting(seed: int) -> TailpipeRegressor:
    """Histogram gradient boosting on technical data and fuel."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=150,
        learning_rate=0.08,
        min_samples_leaf=10,
        l2_regularization=1.0,
        categorical_features=list(range(len(FUEL))),
        early_stopping=False,
        random_state=seed,
    )
    return _trees(model, numbers=TECHNICAL, categories=FUEL)


def linear(seed: int) -> TailpipeRegressor:
    """Ridge regression on scaled technical data and dummies of the fuel."""
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=1.0, random_state=seed)
    return _scaled(model, numbers=TECHNICAL, categories=FUEL)


def neighbours(_seed: int) -> TailpipeRegressor:
    """Mean of the ten most similar cars, the nearer the heavier; nothing in it is random."""
    from sklearn.neighbors import KNeighborsRegressor

    model = KNeighborsRegressor(n_neighbors=10, weights="distance", algorithm="brute")
    return _scaled(model, numbers=TECHNICAL, categories=FUEL)


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(
        n_estimators=60, max_features=0.5, min_samples_leaf=2, random_state=seed
    )


def _trees(
    model: Any, *, numbers: tuple[str, ...], categories: tuple[str, ...]
) -> TailpipeRegressor:
    from pipeline.cases.vehicles.features import TailpipeRegressor
    from pipeline.tasks.tabular import trees

    return TailpipeRegressor(trees(model, numbers=numbers, categories=categories))


def _scaled(
    model: Any, *, numbers: tuple[str, ...], categories: tuple[str, ...]
) -> TailpipeRegressor:
    from pipeline.cases.vehicles.features import TailpipeRegressor
    from pipeline.tasks.tabular import scaled

    return TailpipeRegressor(scaled(model, numbers=numbers, categories=categories))
