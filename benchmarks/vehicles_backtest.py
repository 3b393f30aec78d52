"""CO2 of the EEA's real cars in five folds, with more or less of what is alike kept together.

`python -m benchmarks.vehicles_backtest --data DIR` prints one JSON line: R² and MAE (g/km) of every
candidate and of the baseline on cars that burn fuel, means over the folds, where rows of one type
approval (with its extension), of one car (type, variant and version) or of one approval whatever
its extension are on one side; and `ratio`, each candidate's MAE over the baseline's.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pandas as pd

from pipeline.case import Case, find_case
from pipeline.cases.vehicles.features import ELECTRIC
from pipeline.options import IngestOptions, TrainOptions, ValidateOptions
from pipeline.records import BASELINE
from pipeline.splits import grouped_folds
from pipeline.steps.backtest import Competitor, backtest
from pipeline.steps.ingest import ingest
from pipeline.steps.run import open_run
from pipeline.steps.train import competitors
from pipeline.steps.validate import validate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.splits import Fold

GROUPS = ("type_approval", "car", "approval")
FOLDS = 5


def frame_of(case: Case, data: Path) -> pd.DataFrame:
    """The validated cars that burn fuel, through the same steps as a run."""
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
        frame = case.task.frame(run.validated(), case.schema)
    return frame[frame["fuel"] != ELECTRIC].reset_index(drop=True)


def scores(
    competitor: Competitor, case: Case, frame: pd.DataFrame, folds: Sequence[Fold]
) -> dict[str, float]:
    """Means over the folds."""
    found = backtest(competitor, case, frame, folds, seconds=lambda: 0.0).scores
    return {"r2": round(found["r2"], 4), "mae": round(found["mae"], 3)}


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--candidates", default="", help="Names, comma-separated; default: all.")
@click.option("--seed", default=0, show_default=True, help="Of the folds and of the models.")
def main(data: Path, candidates: str, seed: int) -> None:
    """Print the scores as one JSON line."""
    case = find_case("vehicles")
    frame = frame_of(case, data)
    entrants = competitors(case, TrainOptions(candidates=candidates, seed=seed))
    found: dict[str, dict[str, dict[str, float]]] = {}
    for column in GROUPS:
        groups = np.unique(frame[column].to_numpy(dtype=str), return_inverse=True)[1]
        folds = grouped_folds(
            groups,
            folds=FOLDS,
            start=frame["registered"].min().to_pydatetime(),
            end=frame["registered"].max().to_pydatetime(),
            seed=seed,
        )
        found[column] = {each.name: scores(each, case, frame, folds) for each in entrants}
    print(
        json.dumps(
            {
                "benchmark": "vehicles_backtest",
                "rows": len(frame),
                "folds": FOLDS,
                "groups": {column: int(frame[column].nunique()) for column in GROUPS},
                "scores": found,
                "ratio": {
                    column: {
                        name: round(each["mae"] / entrants_scores[BASELINE]["mae"], 4)
                        for name, each in entrants_scores.items()
                    }
                    for column, entrants_scores in found.items()
                },
            }
        )
    )


if __name__ == "__main__":
    main()
