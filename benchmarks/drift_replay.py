"""The drift alarms of every week of 2021 on the real Paris counters.

`python -m benchmarks.drift_replay --data DIR` prints the list of weeks with their alarms and
sentences and, last, one JSON line. The columns are watched, and the predictions and errors of a
model that learned in 2020. The counts begin in September 2020, so that no week of 2021 has
a same week of the year before: every week is held against the course of all weeks before it, in
which two lockdowns and a winter lie. Windows of a
week are looked at, and those of the schedule, 28 days. `--csv FILE` writes the lists, one a length.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.bikes_backtest import frame_of
from pipeline.case import Case, find_case
from pipeline.steps.backtest import fitted
from pipeline.steps.replay import WEEK, Champion, replay

if TYPE_CHECKING:
    import pandas as pd

FIRST_WEEK = datetime(2021, 1, 4, tzinfo=UTC)
LEARNED = datetime(2020, 12, 7, tzinfo=UTC)
"""Four weeks before, so that the first week has errors to be compared with."""
END = datetime(2021, 9, 6, tzinfo=UTC)
KNOWN = {
    "lockdown": (datetime(2021, 3, 22, tzinfo=UTC), datetime(2021, 5, 3, tzinfo=UTC)),
    "August": (datetime(2021, 7, 26, tzinfo=UTC), datetime(2021, 8, 30, tzinfo=UTC)),
}
"""The lockdown began on 20 March in the region of Paris. A look is ordinary when its window holds
nothing of these stretches; it is one of a stretch when its last week lies within."""


def learned_champion(case: Case, frame: pd.DataFrame) -> Champion:
    """The case's first candidate as it was learned before the first week, and never again."""
    fold = case.task.held_out(frame, case.schema, start=LEARNED, end=END)
    rows = frame.iloc[fold.train]
    candidate = next(each for each in case.candidates if not each.not_eligible)
    model = fitted(partial(candidate.build, 0), rows, case.task.truth(rows, case.schema), cores=1)
    return Champion(model=model, frame=frame, learned=LEARNED)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--alpha", default=0.05, help="Share of false alarms allowed, per week.")
@click.option("--csv", "target", type=click.Path(path_type=Path), default=None)
def main(data: Path, alpha: float, target: Path | None) -> None:
    """Print the weeks, then one JSON line."""
    if not (data / "bikes").is_dir():
        print(json.dumps({"benchmark": "drift_replay", "skipped": "no real counts here"}))
        return
    case = find_case("bikes")
    frame = frame_of(case, data)
    champion = learned_champion(case, frame)
    found: dict[str, object] = {"benchmark": "drift_replay"}
    for days in (7, case.windows.current.days):
        print(f"Windows of {days} days, by their last week")
        looks = replay(
            case,
            frame,
            since=FIRST_WEEK,
            until=END,
            alpha=alpha,
            window=timedelta(days=days),
            champion=champion,
        )
        for look in looks.to_dict("records"):
            last = look["window end"] - WEEK
            print(f"{last:%Y-%m-%d}  {look['columns'] or '-'}  {look['in words']}")
        if target:
            looks.to_csv(target.with_stem(f"{target.stem}-{days}"), index=False)
        found[f"windows_of_{days}_days"] = counted(looks)
    print(json.dumps(found))


def counted(looks: pd.DataFrame) -> dict[str, int]:
    """Looks and alarms, of the known stretches and of the ordinary ones."""
    alarmed = looks["alarms"] > 0
    last, ordinary = looks["window end"] - WEEK, alarmed | True
    told = {"looks": len(looks), "alarmed": int(alarmed.sum())}
    for name, (start, end) in KNOWN.items():
        within = (last >= start) & (last < end)
        told |= {name: int(within.sum()), f"{name}_alarmed": int((alarmed & within).sum())}
        ordinary &= (looks["window end"] <= start) | (looks["window start"] >= end)
    return told | {
        "ordinary": int(ordinary.sum()),
        "ordinary_alarmed": int((alarmed & ordinary).sum()),
    }


if __name__ == "__main__":
    main()
