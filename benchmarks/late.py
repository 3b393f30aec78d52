"""A schedule with calls that are dropped and doubled, against one that is kept.

`python -m benchmarks.late` calls `vigie run --due` for 100 times of a schedule of the tests' case
`tiny`: once each in one home; in another, at random, not at all, once, twice or three times, and
once at the end. It prints one JSON line: how many calls were dropped and doubled, and whether both
homes hold the same records. Notebooks are executed in this process, without kernels.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click

from benchmarks.small import FAKES, LIGHT

sys.path.insert(0, str(FAKES))

EVERY = timedelta(hours=8)
CALLS = (0, 0, 1, 1, 1, 2, 3)
"""How often a time of the schedule is called: two of seven are dropped, two doubled."""


def call(home: Path, moments: Sequence[datetime], calls: Sequence[int]) -> None:
    """Calls so often at each of the times."""
    from pipeline.runner import Order, run_due
    from pipeline.store import Store

    for moment, times in zip(moments, calls, strict=True):
        order = Order(as_of=moment.isoformat(), own=LIGHT)
        for _ in range(times):
            run_due(Store.at(home), ["tiny"], order, every=EVERY, say=_unsaid)


def _unsaid(line: str) -> None:
    if "FAILED" in line or "not run" in line:
        raise click.ClickException(line)


def measure(folder: Path, count: int, seed: int) -> dict[str, object]:
    """Both schedules, and what they left."""
    import in_process
    from small_cases.tiny import LAST_KNOWN

    import pipeline.runner
    from pipeline.runner.content import contents
    from pipeline.store import Store

    in_process.apply(setattr)
    pipeline.runner.mirror = lambda *given, **named: None  # MLflow is a view of the records.
    moments = [LAST_KNOWN - number * EVERY for number in reversed(range(count))]
    chance = random.Random(seed)
    calls = [1, *(chance.choice(CALLS) for _ in moments[2:]), 1]
    began = time.monotonic()
    call(folder / "plain", moments, [1] * count)
    call(folder / "disturbed", moments, calls)
    plain, disturbed = (
        contents(Store.at(folder / name), "tiny") for name in ("plain", "disturbed")
    )
    return {
        "benchmark": "late",
        "measured": "records of a schedule with dropped and doubled calls, against one without",
        "scheduled": count,
        "dropped": sum(times == 0 for times in calls),
        "doubled": sum(times > 1 for times in calls),
        "records": {"plain": len(plain), "disturbed": len(disturbed)},
        "runs": len(Store.at(folder / "disturbed").run_ids("tiny")),
        "equal": plain == disturbed,
        "seconds": round(time.monotonic() - began, 1),
        "ratio": sum(disturbed.get(moment) == plain[moment] for moment in plain) / count,
    }


@click.command()
@click.option("--count", default=100, show_default=True, help="Times of the schedule.")
@click.option("--seed", default=3, show_default=True, help="Of what is dropped and doubled.")
def main(count: int, seed: int) -> None:
    """Print what both schedules left as one JSON line."""
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), count, seed)))


if __name__ == "__main__":
    main()
