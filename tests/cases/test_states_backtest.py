"""One year ahead, 2015 to 2022: who would have served is no worse than the year before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.states_backtest import FIRST, LAST, LOOKED_BACK, forecasts, frame_of, served
from pipeline.case import find_case
from pipeline.records import FoldScores
from pipeline.steps.backtest import Backtest
from pipeline.tasks.timesteps import start

YEARS = list(range(FIRST, LAST + 1))


def backtested(name: str, errors: dict[int, float], *, baseline: bool = False) -> Backtest:
    """A candidate with an error a year from six years before the first on, 1 where none is told."""
    folds = tuple(
        FoldScores(
            fold=str(year),
            start=start(year - 1970, "Y"),
            end=start(year - 1969, "Y"),
            trained_rows=1,
            scores={"rmse": errors.get(year, 1.0)},
        )
        for year in range(FIRST - LOOKED_BACK, LAST + 1)
    )
    nothing = np.zeros(0)
    return Backtest(
        name=name,
        title=name,
        baseline=baseline,
        not_eligible="",
        build=dict,
        folds=folds,
        rows=nothing.astype(np.intp),
        truth=nothing,
        predicted=nothing,
        seconds=0.0,
    )


def test_who_serves_is_chosen_by_the_years_before_alone() -> None:
    """A model that shines in 2018 serves from 2019 on, for the six years that 2018 is looked at."""
    model = backtested("model", {2018: 0.4})

    chosen = served([model, backtested("baseline", {}, baseline=True)], YEARS)

    assert {"baseline"} == {chosen[year] for year in range(2015, 2019)}
    assert {"model"} == {chosen[year] for year in range(2019, 2023)}


def test_the_champion_is_no_worse_than_the_year_before_on_the_real_emissions(
    data_folder: Path,
) -> None:
    """Over 2015 to 2022, in RMSE, MAE and R²."""
    if not (data_folder / "states").is_dir():
        pytest.skip(f"no emissions in {data_folder}; name the folder of the data in VIGIE_DATA")
    case = find_case("states")

    found = forecasts(case, frame_of(case, data_folder)).overall()

    assert found["champion"]["rmse"] <= found["baseline"]["rmse"]
    assert found["champion"]["mae"] <= found["baseline"]["mae"]
    assert found["champion"]["r2"] >= found["baseline"]["r2"]
