"""The drift alarms of every week of 2021 on the real Paris counters, as the schedule looks at them.

`python -m benchmarks.drift_replay --data DIR` prints the list of weeks with their alarms and
sentences and, last, one JSON line. The champion is renewed as on a schedule, by the tests of runs,
from models that were learned at the start of a week, and what it learned from or was last
examined on is the reference; a model is learned when it is first asked for. The
counts begin in September 2020, so that no week of 2021 has a same week of the year before: every
week is held against the course of the weeks before, in which two lockdowns and a winter lie.
Windows of a week are looked at, and those of the schedule, 28 days. `--csv FILE` writes the lists,
one a length; `--days N` looks at one length only; `--models DIR` keeps what is learned for another
call of the same code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar, overload

import click
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.bikes_backtest import frame_of
from pipeline.case import Case, find_case
from pipeline.options import DriftOptions
from pipeline.policies import History
from pipeline.steps.past_models import (
    WINDOW,
    PastModels,
    fitted_on,
    late_by,
    model_of,
    stretches_of,
)
from pipeline.steps.replay import WEEK, Look, alarms_table, replay
from pipeline.steps.walks import Walks
from pipeline.tasks import Floats

if TYPE_CHECKING:
    import pandas as pd

FIRST_WEEK = datetime(2021, 1, 4, tzinfo=UTC)
END = datetime(2021, 9, 6, tzinfo=UTC)
MOST_WEEKS = 45
T = TypeVar("T")
KNOWN = {
    "lockdown": (datetime(2021, 3, 22, tzinfo=UTC), datetime(2021, 5, 3, tzinfo=UTC)),
    "August": (datetime(2021, 7, 26, tzinfo=UTC), datetime(2021, 8, 30, tzinfo=UTC)),
}
"""The lockdown began on 20 March in the region of Paris. A look is ordinary when its window holds
nothing of these stretches; it is one of a stretch when its last week lies within."""


class Asked(Sequence[T]):
    """What is made when it is first asked for, and kept."""

    def __init__(self, make: Callable[[int], T], length: int) -> None:
        self._make, self._length, self._made = make, length, dict[int, T]()

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(self._length))]
        if place not in self._made:
            self._made[place] = self._make(place)
        return self._made[place]


def walks_of(case: Case, frame: pd.DataFrame, folder: Path, name: str) -> Walks:
    """That candidate, or the case's first, learned at the start of those weeks that are asked for
    and leave enough before them to learn from, and the examinations of runs over these models.
    """
    candidate = case.candidate(name) if name else case.candidates[0]
    folds = stretches_of(case, frame, most=MOST_WEEKS)
    tables = [frame.iloc[fold.test] for fold in folds]
    weeks, task = len(folds), case.task
    build, plain = partial(candidate.build, 0), partial(task.baseline, case.schema)

    def learned(week: int) -> Any:
        print(f"A model learned until {folds[week].name}", flush=True)
        return model_of(folder, case, candidate.name, build, frame, folds[week])

    models = Asked(learned, weeks)
    baselines = Asked(lambda week: fitted_on(plain, case, frame, folds[week]), weeks)

    def said(week: int) -> Asked[Floats]:
        return Asked(lambda later: task.predict(models[week], tables[later]), weeks)

    history = History(
        # What policies know of all models at once: nobody asks for it here.
        errors=np.full((weeks, weeks), np.nan),
        window=WINDOW,
        alpha=DriftOptions().alpha,
        drifted=lambda *_: False,
        late=late_by(case, frame, folds),
    )
    past = PastModels(
        case=case,
        folds=folds,
        truth=[task.truth(table, case.schema) for table in tables],
        predicted=Asked(said, weeks),
        history=history,
        models=models,
        frame=frame,
        baselines=baselines,
        naive=Asked(lambda week: task.predict(baselines[week], tables[week]), weeks),
    )
    return Walks(models=past, first=0)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--alpha", default=0.05, help="Share of false alarms allowed, per week.")
@click.option("--csv", "target", type=click.Path(path_type=Path), default=None)
@click.option("--days", type=int, multiple=True, help="Days in a window; default: 7 and 28.")
@click.option("--candidate", default="", help="Which is learned; default: the first of the case.")
@click.option("--models", "kept", type=click.Path(path_type=Path), default=None)
def main(
    data: Path,
    alpha: float,
    target: Path | None,
    days: tuple[int, ...],
    kept: Path | None,
    candidate: str,
) -> None:
    """Print the weeks, then one JSON line."""
    if not (data / "bikes").is_dir():
        print(json.dumps({"benchmark": "drift_replay", "skipped": "no real counts here"}))
        return
    case = find_case("bikes")
    frame = frame_of(case, data)
    frame = frame[(frame[case.schema.time] < END).to_numpy()].reset_index(drop=True)
    with TemporaryDirectory() as folder, threadpool_limits(limits=1, user_api="openmp"):
        walks = walks_of(case, frame, kept or Path(folder), candidate)
        print(json.dumps(_looked_at(case, frame, walks, alpha, days, target)))


def _looked_at(
    case: Case,
    frame: pd.DataFrame,
    walks: Walks,
    alpha: float,
    days: tuple[int, ...],
    target: Path | None,
) -> dict[str, object]:
    found: dict[str, object] = {"benchmark": "drift_replay"}
    for length in days or (7, case.windows.current.days):
        print(f"Windows of {length} days, by their last week")
        window = timedelta(days=length)
        looks = alarms_table(
            told(
                replay(
                    case,
                    frame,
                    since=FIRST_WEEK + WEEK - window,
                    until=END,
                    alpha=alpha,
                    window=window,
                    renewal=walks.renewal(),
                )
            )
        )
        if target:
            looks.to_csv(target.with_stem(f"{target.stem}-{length}"), index=False)
        found[f"windows_of_{length}_days"] = counted(looks)
    return found


def told(looks: Iterator[Look]) -> Iterator[Look]:
    """The same looks, each printed as it comes."""
    for look in looks:
        (row,) = alarms_table(iter([look])).to_dict("records")
        print(
            f"{row['newest rows from']}  (champion learned until "
            f"{row['champion learned until']})  {row['columns'] or '-'}  {row['in words']}",
            flush=True,
        )
        yield look


def counted(looks: pd.DataFrame) -> dict[str, int]:
    """Looks and alarms, of the known stretches and of the ordinary ones."""
    import pandas as pd

    alarmed = looks["alarms"] > 0
    last = pd.to_datetime(looks["newest rows from"], utc=True)
    first, ordinary = pd.to_datetime(looks["window from"], utc=True), alarmed | True
    told = {"looks": len(looks), "alarmed": int(alarmed.sum())}
    for name, (start, end) in KNOWN.items():
        within = (last >= start) & (last < end)
        told |= {name: int(within.sum()), f"{name}_alarmed": int((alarmed & within).sum())}
        ordinary &= (last + WEEK <= start) | (first >= end)
    return told | {
        "ordinary": int(ordinary.sum()),
        "ordinary_alarmed": int((alarmed & ordinary).sum()),
    }


if __name__ == "__main__":
    main()
