"""The drift alarms of every week of 2021 on the real Paris counters, as the schedule looks at them.

`python -m benchmarks.drift_replay --data DIR` prints the list of weeks with their alarms and
sentences and, last, one JSON line. A model is learned at the start of every week; the champion is
renewed from them as on a schedule, by the tests of runs, and what it learned from or was last
examined on is the reference. The counts begin in September 2020, so
that no week of 2021 has a same week of the year before: every week is held against the course of
the weeks before, in which two lockdowns and a winter lie. Windows of a week are looked at, and
those of the schedule, 28 days. `--csv FILE` writes the lists, one a length; `--days N` looks at one
length only.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from threadpoolctl import threadpool_limits

from benchmarks.bikes_backtest import frame_of
from pipeline.case import Case, find_case
from pipeline.steps.past_models import PastModels, stretches_of
from pipeline.steps.replay import WEEK, alarms_table, replay
from pipeline.steps.walks import Walks

if TYPE_CHECKING:
    import pandas as pd

FIRST_WEEK = datetime(2021, 1, 4, tzinfo=UTC)
END = datetime(2021, 9, 6, tzinfo=UTC)
MOST_WEEKS = 45
KNOWN = {
    "lockdown": (datetime(2021, 3, 22, tzinfo=UTC), datetime(2021, 5, 3, tzinfo=UTC)),
    "August": (datetime(2021, 7, 26, tzinfo=UTC), datetime(2021, 8, 30, tzinfo=UTC)),
}
"""The lockdown began on 20 March in the region of Paris. A look is ordinary when its window holds
nothing of these stretches; it is one of a stretch when its last week lies within."""


def walks_of(case: Case, frame: pd.DataFrame, folder: Path) -> Walks:
    """The case's first candidate, learned at the start of every week that leaves enough before it
    to learn from, and the examinations of runs over these models.
    """
    candidate = next(each for each in case.candidates if not each.not_eligible)
    folds = stretches_of(case, frame, most=MOST_WEEKS)
    models = PastModels.learned(case, frame, folds, candidate, folder, partial(print, flush=True))
    return Walks(models=models, first=0)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--alpha", default=0.05, help="Share of false alarms allowed, per week.")
@click.option("--csv", "target", type=click.Path(path_type=Path), default=None)
@click.option("--days", type=int, multiple=True, help="Days in a window; default: 7 and 28.")
def main(data: Path, alpha: float, target: Path | None, days: tuple[int, ...]) -> None:
    """Print the weeks, then one JSON line."""
    if not (data / "bikes").is_dir():
        print(json.dumps({"benchmark": "drift_replay", "skipped": "no real counts here"}))
        return
    case = find_case("bikes")
    frame = frame_of(case, data)
    frame = frame[(frame[case.schema.time] < END).to_numpy()].reset_index(drop=True)
    with TemporaryDirectory() as folder, threadpool_limits(limits=1, user_api="openmp"):
        walks = walks_of(case, frame, Path(folder))
    found: dict[str, object] = {"benchmark": "drift_replay"}
    for length in days or (7, case.windows.current.days):
        print(f"Windows of {length} days, by their last week")
        window = timedelta(days=length)
        looks = alarms_table(
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
        for look in looks.to_dict("records"):
            print(
                f"{look['newest rows from']}  (champion learned until "
                f"{look['champion learned until']})  {look['columns'] or '-'}  {look['in words']}"
            )
        if target:
            looks.to_csv(target.with_stem(f"{target.stem}-{length}"), index=False)
        found[f"windows_of_{length}_days"] = counted(looks)
    print(json.dumps(found))


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
