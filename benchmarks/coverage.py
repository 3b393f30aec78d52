"""Coverage of 90 % intervals, rolling over the whole of the real data of every case that is there.

`python -m benchmarks.coverage --data DIR` (or VIGIE_DATA) learns one candidate anew for every fold
of the case, from the first origin that has a quarter of the rows behind it to the end of the data.
Intervals are those of the pipeline: calibrated at the start of every stretch from the errors known
by then; the first fold only calibrates. Where groups are kept together and not time divides, the
intervals of each fold are calibrated on the others. One JSON line at the end, by case: coverage
over all rows, of the least covered of each breakdown, of each fold, and the mean width.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
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
from pipeline.splits import Fold, Stretch
from pipeline.steps.backtest import Backtest, Competitor, backtest

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 40
"""The coverage of fewer rows is mostly chance."""


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
    """That has `FEWEST` rows."""
    by_fold: dict[str, float]
    mean_size: float


def all_folds(case: Case, frame: pd.DataFrame) -> Sequence[Fold]:
    """As many folds as fit between the first quarter of the rows and the end."""
    if case.schema.time is None:
        end = datetime.now(UTC)
        return case.task.folds(frame, case.schema, count=5, length=case.windows.fold, end=end)
    times = frame[case.schema.time].sort_values()
    first, last = times.iloc[len(times) // 4], times.iloc[-1]
    end = (last + case.schema.known_after).to_pydatetime()
    count = int((last - first) / case.windows.fold) if case.windows.fold else case.windows.folds
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
    names = np.concatenate([[fold.name] * len(fold.test) for fold in folds])
    by_group = len({fold.origin for fold in folds}) == 1
    first = 0 if by_group else len(folds[0].test)
    stretches = list(_stretches(case, rows, folds, names, first))
    covered, sizes = regions(case, rows, found, stretches, level)
    covered, sizes, names, tested = covered[first:], sizes[first:], names[first:], rows.iloc[first:]
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


def _stretches(
    case: Case, rows: pd.DataFrame, folds: Sequence[Fold], names: NDArray[np.str_], first: int
) -> Iterator[Stretch]:
    if not first:
        yield from crossed(names)
    elif folds[0].division:
        yield from forward(case, rows, folds[1:], names)
    else:
        yield from case.task.refreshes(rows, case.schema, first=first)


def forward(
    case: Case, rows: pd.DataFrame, folds: Sequence[Fold], names: NDArray[np.str_]
) -> Iterator[Stretch]:
    """Each fold with the older ones as far as they were known at its origin."""
    known_at = rows[str(case.schema.time)] + case.schema.known_after
    for fold in folds:
        known = np.flatnonzero((known_at <= fold.origin).to_numpy() & (names < fold.name))
        yield Stretch(known=known, new=np.flatnonzero(names == fold.name))


def crossed(folds: NDArray[np.str_]) -> Iterator[Stretch]:
    """Each fold with all others known."""
    for name in np.unique(folds):
        yield Stretch(known=np.flatnonzero(folds != name), new=np.flatnonzero(folds == name))


def regions(
    case: Case, rows: pd.DataFrame, found: Backtest, stretches: Sequence[Stretch], level: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each row of the stretches is covered, and the size of its region."""
    covered = np.zeros(len(rows), dtype=np.bool_)
    sizes = np.zeros(len(rows))
    for stretch in stretches:
        known, new = stretch.known, stretch.new
        calibration = case.task.calibrate(
            rows.iloc[known], case.schema, found.truth[known], found.predicted[known], level=level
        )
        told = case.task.regions(
            calibration, rows.iloc[new], case.schema, found.predicted[new], level=level
        )
        covered[new], sizes[new] = told.holds(found.truth[new]), told.size()
    return covered, sizes


def _least(labels: NDArray[Any], covered: NDArray[np.bool_]) -> dict[str, float | str]:
    known, counts = np.unique(labels, return_counts=True)
    large = known[counts >= FEWEST] if (counts >= FEWEST).any() else known
    shares = {str(label): float(covered[labels == label].mean()) for label in large}
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
