"""The drift alarms of every week of 2021 on the real Paris counters.

`python -m benchmarks.drift_replay --data DIR` prints the list of weeks with their alarms and
sentences and, last, one JSON line. The columns are watched, and the predictions and errors of a
model that learned in 2020. The counts begin in September 2020, so that no week of 2021 has
a same week of the year before: every week is held against the course of all weeks before it, in
which two lockdowns and a winter lie. `--csv FILE` writes the list.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.bikes_backtest import frame_of
from pipeline.case import Case, find_case
from pipeline.steps.backtest import fitted
from pipeline.steps.replay import Champion, replay

if TYPE_CHECKING:
    import pandas as pd

FIRST_WEEK = datetime(2021, 1, 4, tzinfo=UTC)
LEARNED = datetime(2020, 12, 7, tzinfo=UTC)
"""Four weeks before, so that the first week has errors to be compared with."""
END = datetime(2021, 9, 6, tzinfo=UTC)
KNOWN = {
    "lockdown": (datetime(2021, 3, 29, tzinfo=UTC), datetime(2021, 5, 3, tzinfo=UTC)),
    "August": (datetime(2021, 7, 26, tzinfo=UTC), datetime(2021, 8, 30, tzinfo=UTC)),
}
"""Weeks that begin within these stretches are not ordinary."""


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
    weeks = replay(case, frame, since=FIRST_WEEK, until=END, alpha=alpha, champion=champion)
    for week in weeks.to_dict("records"):
        print(f"{week['window start']:%Y-%m-%d}  {week['columns'] or '-'}  {week['in words']}")
    if target:
        weeks.to_csv(target, index=False)
    alarmed = weeks["alarms"] > 0
    within = {
        name: (weeks["window start"] >= start) & (weeks["window start"] < end)
        for name, (start, end) in KNOWN.items()
    }
    ordinary = ~(within["lockdown"] | within["August"])
    print(
        json.dumps(
            {
                "benchmark": "drift_replay",
                "weeks": len(weeks),
                "alarmed_weeks": int(alarmed.sum()),
                **{f"{name}_alarmed": int((alarmed & rows).sum()) for name, rows in within.items()},
                "ordinary_weeks": int(ordinary.sum()),
                "ordinary_alarmed": int((alarmed & ordinary).sum()),
            }
        )
    )


if __name__ == "__main__":
    main()
