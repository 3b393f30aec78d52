"""Which cases run, one after the other, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pipeline.case import find_case
from pipeline.errors import StateError
from pipeline.records import RunRecord
from pipeline.runner.chain import Order, Say, run_case
from pipeline.steps.run import new_run_id
from pipeline.store import Store
from pipeline.store.tracking import mirror

__all__ = ["EXIT_CODES", "Order", "run_cases"]

EXIT_CODES = {"done": 0, "stopped": 3, "failed": 4}
"""Of a run, by outcome; of several runs, the highest."""


def run_cases(
    store: Store,
    cases: Sequence[str],
    order: Order,
    *,
    say: Say,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[RunRecord, ...]:
    """Runs every case; one that fails does not stop the others.

    Raises `OptionError` before anything runs, and `StateError` when the home can't be written.
    """
    for case in cases:
        find_case(case)
        order.check(case)
    store.prepare()
    done = tuple(_run(store, case, order, now(), say) for case in cases)
    mirror(store, cases, say=say)
    return done


def _run(store: Store, case: str, order: Order, started: datetime, say: Say) -> RunRecord:
    """A case that another process holds, or whose state is damaged, has failed without a trace."""
    run_id = new_run_id(started)
    try:
        return run_case(store, case, order, run_id=run_id, say=say)
    except StateError as error:
        say(f"{case:<10} not run     {error}")
        return RunRecord(
            case=case,
            run_id=run_id,
            source=order.source,
            as_of=None,
            started=started,
            outcome="failed",
            sentence=str(error),
        )
