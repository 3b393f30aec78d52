"""One year ahead on the real emissions of US power plants, learned anew at the start of each year.

`python -m benchmarks.states_backtest --data DIR` prints one JSON line: RMSE, MAE and R² of every
candidate and of the baseline (same as the year before) for each year from 2015 to 2022, over all
rows of these years, and who wins by fuel and by state. `champion` is who would have served: each
year the candidate, or the baseline, that was best on the six years before; `ratio` is its mean
squared error over the baseline's, as a root; `years_above_baseline` are those in which each was
worse. The case's own gate is stricter: `vigie backfill states` shows whom it lets serve. Nothing of
a year is known when it is forecast.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from pipeline.case import Case, find_case
from pipeline.metrics import regression_metrics
from pipeline.options import IngestOptions, TrainOptions, ValidateOptions
from pipeline.records import BASELINE
from pipeline.splits import folds_from_origins
from pipeline.steps.backtest import Backtest, backtest
from pipeline.steps.ingest import ingest
from pipeline.steps.run import open_run
from pipeline.steps.train import competitors
from pipeline.steps.validate import validate
from pipeline.steps.winners import winners

if TYPE_CHECKING:
    import pandas as pd

FIRST, LAST = 2015, 2022
LOOKED_BACK = 6
"""Years of folds on which the case's own training step chooses."""


def frame_of(case: Case, data: Path) -> pd.DataFrame:
    """The validated parts with their history, through the same steps as a run."""
    with tempfile.TemporaryDirectory() as home:
        settings: dict[str, Any] = {
            "case": case.name,
            "source": "files",
            "data": str(data),
            "home": home,
        }
        run = open_run(IngestOptions(**settings))
        ingest(run, IngestOptions(**settings))
        validate(run, ValidateOptions(**settings))
        return case.task.frame(run.validated(), case.schema)


def tested(case: Case, frame: pd.DataFrame, first: int, last: int) -> list[Backtest]:
    """Every competitor on a fold a year, each learned from all years before it."""
    times = frame[str(case.schema.time)].dt.tz_localize(None).to_numpy("datetime64[us]")
    folds = folds_from_origins(
        times,
        origins=[datetime(year, 1, 1, tzinfo=UTC) for year in range(first, last + 1)],
        end=datetime(last + 1, 1, 1, tzinfo=UTC),
        known_after=case.schema.known_after,
    )
    return [
        backtest(each, case, frame, folds, seconds=lambda: 0.0)
        for each in competitors(case, TrainOptions())
    ]


def served(found: Sequence[Backtest], years: Sequence[int]) -> dict[int, str]:
    """By year, who had the lowest mean RMSE on the years before; a tie is the baseline's."""
    ranked = sorted(found, key=lambda each: not each.baseline)
    chosen = {}
    for year in years:
        past = slice(year - LOOKED_BACK - years[0] + LOOKED_BACK, year - years[0] + LOOKED_BACK)
        errors = [
            float(np.mean([fold.scores["rmse"] for fold in each.folds[past]])) for each in ranked
        ]
        chosen[year] = ranked[int(np.argmin(errors))].name
    return chosen


def scores(truth: Any, predicted: Any) -> dict[str, float]:
    found = regression_metrics(truth, predicted)
    return {name: round(found[name], 5) for name in ("rmse", "mae", "r2")}


def _above(found: dict[str, Any], baseline: dict[str, Any], year: str) -> bool:
    return bool(found[year]["rmse"] > baseline[year]["rmse"])


@dataclass(frozen=True, kw_only=True)
class Forecasts:
    """What every competitor, and the champion, said of the years from the first looked back on."""

    years: Any
    """Of each row."""
    truth: Any
    predicted: dict[str, Any]
    served: dict[int, str]

    def overall(self) -> dict[str, dict[str, float]]:
        """Scores over all rows of the years that are judged."""
        within = self.years >= FIRST
        return {
            name: scores(self.truth[within], values[within])
            for name, values in self.predicted.items()
        }


def forecasts(case: Case, frame: pd.DataFrame) -> Forecasts:
    """The champion of a year is who was best on the years before."""
    judged = range(FIRST, LAST + 1)
    found = tested(case, frame, FIRST - LOOKED_BACK, LAST)
    years = frame[str(case.schema.time)].dt.year.to_numpy()[found[0].rows]
    predicted = {each.name: each.predicted for each in found}
    chosen = served(found, judged)
    champion = np.select(
        [years == year for year in judged], [predicted[chosen[year]] for year in judged], 0.0
    )
    return Forecasts(
        years=years,
        truth=found[0].truth,
        predicted={"champion": champion} | predicted,
        served=chosen,
    )


def result(case: Case, frame: pd.DataFrame) -> dict[str, Any]:
    """Everything that is printed."""
    years = list(range(FIRST, LAST + 1))
    told = forecasts(case, frame)
    by_year = {
        name: {
            str(year): scores(told.truth[told.years == year], values[told.years == year])
            for year in years
        }
        for name, values in told.predicted.items()
    }
    overall = told.overall()
    recent = tested(case, frame, FIRST, LAST)
    table = winners(recent, case, frame)
    return {
        "benchmark": "states_backtest",
        "rows": int((told.years >= FIRST).sum()),
        "years": years,
        "served": {str(year): name for year, name in told.served.items()},
        "overall": overall,
        "by_year": by_year,
        "winner_by_fuel": dict(
            table[table["by"] == "fuel"][["segment", "winner"]].itertuples(index=False)
        ),
        "winner_by_state": dict(
            table[table["by"] == "state"][["segment", "winner"]].itertuples(index=False)
        ),
        "states_won": dict(Counter(table[table["by"] == "state"]["winner"])),
        "years_above_baseline": {
            name: [year for year in years if _above(found, by_year[BASELINE], str(year))]
            for name, found in by_year.items()
        },
        "ratio": {
            name: round(found["rmse"] / overall[BASELINE]["rmse"], 4)
            for name, found in overall.items()
        },
    }


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
def main(data: Path) -> None:
    """Print the scores of 2015 to 2022 as one JSON line."""
    case = find_case("states")
    print(json.dumps(result(case, frame_of(case, data))))


if __name__ == "__main__":
    main()
