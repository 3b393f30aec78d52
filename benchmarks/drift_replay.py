"""The drift alarms of every week of 2021 on the real Paris counters, as the schedule looks at them.

`python -m benchmarks.drift_replay --data DIR` prints the list of weeks with their alarms and
sentences and, last, one JSON line. The champion is learned and renewed as on a schedule, and what
it learned from or was last examined on is the reference. The counts begin in September 2020, so
that no week of 2021 has a same week of the year before: every week is held against the course of
the weeks before, in which two lockdowns and a winter lie. Windows of a week are looked at, and
those of the schedule, 28 days. `--csv FILE` writes the lists, one a length; `--days N` looks at one
length only.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.bikes_backtest import frame_of
from pipeline.case import Case, find_case
from pipeline.steps.backtest import fitted
from pipeline.steps.renewal import Learn, Renewal
from pipeline.steps.replay import WEEK, alarms_table, replay

if TYPE_CHECKING:
    import pandas as pd

FIRST_WEEK = datetime(2021, 1, 4, tzinfo=UTC)
END = datetime(2021, 9, 6, tzinfo=UTC)
KNOWN = {
    "lockdown": (datetime(2021, 3, 22, tzinfo=UTC), datetime(2021, 5, 3, tzinfo=UTC)),
    "August": (datetime(2021, 7, 26, tzinfo=UTC), datetime(2021, 8, 30, tzinfo=UTC)),
}
"""The lockdown began on 20 March in the region of Paris. A look is ordinary when its window holds
nothing of these stretches; it is one of a stretch when its last week lies within."""


def learner(case: Case, frame: pd.DataFrame) -> Learn:
    """The case's first candidate, learned from what was known at a moment; each moment once."""
    candidate = next(each for each in case.candidates if not each.not_eligible)

    @cache
    def learn(until: datetime) -> Any:
        fold = case.task.held_out(frame, case.schema, start=until, end=until + WEEK)
        rows = frame.iloc[fold.train]
        truth = case.task.truth(rows, case.schema)
        return fitted(partial(candidate.build, 0), rows, truth, cores=1)

    return learn


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
    renewal = Renewal(case=case, frame=frame, learn=learner(case, frame))
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
                renewal=renewal,
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
