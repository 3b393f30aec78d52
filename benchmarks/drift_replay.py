"""The drift alarms of every week of 2021 on the real Paris counters.

`python -m benchmarks.drift_replay --data DIR` prints the list of weeks with their alarms and
sentences and, last, one JSON line. The counts begin in September 2020, so that no week of 2021 has
a same week of the year before: every week is held against the course of all weeks before it, in
which two lockdowns and a winter lie. `--csv FILE` writes the list.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks.bikes_backtest import frame_of
from pipeline.case import find_case
from pipeline.steps.replay import replay

FIRST_WEEK = datetime(2021, 1, 4, tzinfo=UTC)
END = datetime(2021, 9, 6, tzinfo=UTC)
KNOWN = {
    "lockdown": (datetime(2021, 3, 29, tzinfo=UTC), datetime(2021, 5, 3, tzinfo=UTC)),
    "August": (datetime(2021, 7, 26, tzinfo=UTC), datetime(2021, 8, 30, tzinfo=UTC)),
}
"""Weeks that begin within these stretches are not ordinary."""


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
    weeks = replay(case, frame_of(case, data), since=FIRST_WEEK, until=END, alpha=alpha)
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
