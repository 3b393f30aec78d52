"""Which cases run, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipeline.case import find_case
from pipeline.errors import HeldError, StateError
from pipeline.runner.chain import Say, run_case
from pipeline.runner.order import Order
from pipeline.steps.run import new_run_id
from pipeline.store import Store
from pipeline.store.tracking import mirror

__all__ = ["EXIT_CODES", "Order", "Ran", "exit_code", "run_cases"]

Outcome = Literal["done", "stopped", "failed", "held"]
EXIT_CODES: dict[Outcome, int] = {"done": 0, "stopped": 3, "held": 5, "failed": 4}
"""Of a run, by outcome, the worst last."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of a case: the run that stands, and whether it is a new one."""

    case: str
    outcome: Outcome
    sentence: str
    run_id: str
    new: bool


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """That of the worst outcome."""
    order = list(EXIT_CODES)
    return EXIT_CODES[max(outcomes, key=order.index, default="done")]


def run_cases(
    store: Store,
    cases: Sequence[str],
    order: Order,
    *,
    say: Say,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Ran, ...]:
    """Runs every case; one that fails does not stop the others.

    Raises `OptionError` before anything runs, and `StateError` when the home can't be written.
    """
    for case in cases:
        find_case(case)
        order.check(case)
    store.prepare()
    done = tuple(_run(store, case, order, new_run_id(now()), say) for case in cases)
    mirror(store, cases, say=say)
    return done


def _run(store: Store, case: str, order: Order, run_id: str, say: Say) -> Ran:
    """A case that another run holds, or whose state is damaged, leaves no trace of a run."""
    try:
        record = run_case(store, case, order, run_id=run_id, say=say)
    except StateError as error:
        say(f"{case:<10} not run     {error}")
        outcome: Outcome = "held" if isinstance(error, HeldError) else "failed"
        return Ran(case=case, outcome=outcome, sentence=str(error), run_id=run_id, new=False)
    return Ran(
        case=case,
        outcome="failed" if record.outcome == "running" else record.outcome,
        sentence=record.sentence,
        run_id=record.run_id,
        new=record.run_id == run_id,
    )
