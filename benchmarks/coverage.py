"""Coverage of 90 % intervals, rolling over the whole of the real data of every case that is there.

`python -m benchmarks.coverage --data DIR` (or VIGIE_DATA) learns one candidate anew for every fold
of the case, from the first origin that has a quarter of the rows behind it to the end of the data.
Intervals are those of the pipeline: calibrated at the start of every stretch from the errors known
by then. The first fold only calibrates. One JSON line at the end, by case: coverage over all rows,
of the least covered of each breakdown, of the least covered fold, and the mean width.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.bikes_backtest import frame_of
from pipeline.case import Case, find_cases
from pipeline.splits import Fold
from pipeline.steps.backtest import Backtest, Competitor, backtest

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Shares of the truth within its region."""

    case: str
    candidate: str
    level: float
    rows: int
    pooled: float
    worst: dict[str, dict[str, float | str]]
    """The least covered label of each breakdown."""
    by_fold: dict[str, float]
    mean_size: float


def all_folds(case: Case, frame: pd.DataFrame) -> Sequence[Fold]:
    """As many folds as fit between the first quarter of the rows and the end."""
    if case.schema.time is None:
        return case.task.folds(
            frame, case.schema, count=5, length=case.windows.fold, end=datetime.now(UTC)
        )
    times = frame[case.schema.time].sort_values()
    first, last = times.iloc[len(times) // 4], times.iloc[-1]
    end = (last + case.schema.known_after).to_pydatetime()
    count = int((last - first) / case.windows.fold)
    return case.task.folds(frame, case.schema, count=count, length=case.windows.fold, end=end)


def measured(case: Case, data: Path, candidate: str, level: float) -> Coverage:
    """Rolling over the data of one case."""
    frame = frame_of(case, data)
    folds = all_folds(case, frame)
    chosen = case.candidate(candidate) if candidate else case.candidates[0]
    found = backtest(
        Competitor(name=chosen.name, title=chosen.title, build=partial(chosen.build, 0)),
        case,
        frame,
        folds,
        seconds=time.monotonic,
    )
    rows = frame.iloc[found.rows]
    covered, sizes = rolling_regions(case, rows, found, len(folds[0].test), level)
    tested = rows.iloc[len(folds[0].test) :]
    names = np.concatenate([[fold.name] * len(fold.test) for fold in folds[1:]])
    return Coverage(
        case=case.name,
        candidate=chosen.name,
        level=level,
        rows=len(covered),
        pooled=round(float(covered.mean()), 4),
        worst={
            by: _least(labels, covered)
            for by, labels in case.task.segments(tested, case.schema).items()
        },
        by_fold={
            str(name): round(float(covered[names == name].mean()), 4) for name in np.unique(names)
        },
        mean_size=round(float(sizes.mean()), 2),
    )


def rolling_regions(
    case: Case, rows: pd.DataFrame, found: Backtest, first: int, level: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each row from `first` on is covered, and the size of its region."""
    covered = np.zeros(len(rows), dtype=np.bool_)
    sizes = np.zeros(len(rows))
    for stretch in case.task.refreshes(rows, case.schema, first=first):
        known, new = stretch.known, stretch.new
        calibration = case.task.calibrate(
            rows.iloc[known], case.schema, found.truth[known], found.predicted[known], level=level
        )
        regions = case.task.regions(
            calibration, rows.iloc[new], case.schema, found.predicted[new], level=level
        )
        covered[new], sizes[new] = regions.holds(found.truth[new]), regions.size()
    return covered[first:], sizes[first:]


def _least(labels: NDArray[Any], covered: NDArray[np.bool_]) -> dict[str, float | str]:
    shares = {str(label): float(covered[labels == label].mean()) for label in np.unique(labels)}
    worst = min(shares, key=lambda label: shares[label])
    return {"label": worst, "coverage": round(shares[worst], 4)}


@click.command()
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    envvar="VIGIE_DATA",
    required=True,
    help="Folder of real data, a subfolder a case.",
)
@click.option("--case", "names", multiple=True, help="Cases; default: all with data there.")
@click.option("--candidate", default="", help="Which candidate; default: the first of the case.")
@click.option("--level", default=0.9, show_default=True)
def main(data: Path, names: tuple[str, ...], candidate: str, level: float) -> None:
    """Print one line a case, and all as one JSON line."""
    cases = find_cases()
    there = [name for name in cases if (data / name).is_dir() and "files" in cases[name].sources]
    results = []
    for name in names or there:
        found = measured(cases[name], data, candidate, level)
        print(f"{name}: {found.pooled:.1%} of {found.rows:,} rows within, worst {found.worst}")
        results.append(asdict(found))
    print(json.dumps({"benchmark": "coverage", "cases": results}))


if __name__ == "__main__":
    main()
