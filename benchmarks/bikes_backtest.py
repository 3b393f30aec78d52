"""Day-ahead forecasts of the real Paris counters, learned anew at the start of every month.

`python -m benchmarks.bikes_backtest --data DIR` prints one JSON line: R² and RMSE of every
candidate and of the seasonal naive (same hour a week before) for each month, their means, and
`ratio`, the boosted model's mean RMSE over the naive's, with and without observed weather.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from pipeline.case import Case, find_case
from pipeline.options import IngestOptions, TrainOptions, ValidateOptions
from pipeline.records import BASELINE
from pipeline.splits import Fold, folds_from_origins
from pipeline.steps.backtest import Competitor, backtest
from pipeline.steps.ingest import ingest
from pipeline.steps.run import open_run
from pipeline.steps.train import competitors
from pipeline.steps.validate import validate

if TYPE_CHECKING:
    import pandas as pd

MONTHS = [datetime(2021, month, 1, tzinfo=UTC) for month in range(2, 9)]
END = datetime(2021, 9, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Months:
    """Scores of one competitor, a month each."""

    r2: list[float]
    rmse: list[float]


def frame_of(case: Case, data: Path) -> pd.DataFrame:
    """The validated counts with their history, through the same steps as a run."""
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


def monthly(
    competitor: Competitor, case: Case, frame: pd.DataFrame, folds: Sequence[Fold]
) -> Months:
    """R² and RMSE of each month."""
    tested = backtest(competitor, case, frame, folds, seconds=lambda: 0.0)
    return Months(
        r2=[round(fold.scores["r2"], 4) for fold in tested.folds],
        rmse=[round(fold.scores["rmse"], 3) for fold in tested.folds],
    )


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--candidates", default="", help="Names, comma-separated; default: all.")
def main(data: Path, candidates: str) -> None:
    """Print the monthly scores as one JSON line."""
    case = find_case("bikes")
    frame = frame_of(case, data)
    times = frame[str(case.schema.time)].dt.tz_localize(None).to_numpy("datetime64[us]")
    folds = folds_from_origins(times, origins=MONTHS, end=END, known_after=case.schema.known_after)
    found = {
        each.name: monthly(each, case, frame, folds)
        for each in competitors(case, TrainOptions(candidates=candidates))
    }
    naive = float(np.mean(found[BASELINE].rmse))
    print(
        json.dumps(
            {
                "benchmark": "bikes_backtest",
                "months": [f"{month:%Y-%m}" for month in MONTHS],
                "rows": len(frame),
                "candidates": {
                    name: {
                        "r2": months.r2,
                        "rmse": months.rmse,
                        "mean_r2": round(float(np.mean(months.r2)), 4),
                        "mean_rmse": round(float(np.mean(months.rmse)), 3),
                        "worst_month_over_naive": round(
                            float(np.max(np.divide(months.rmse, found[BASELINE].rmse))), 3
                        ),
                    }
                    for name, months in found.items()
                },
                "ratio": {
                    name: round(float(np.mean(months.rmse)) / naive, 4)
                    for name, months in found.items()
                },
            }
        )
    )


if __name__ == "__main__":
    main()
