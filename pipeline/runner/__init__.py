"""Which cases run, where, and what came of each."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from pipeline.case import find_case
from pipeline.errors import HeldError, OptionError, StateError
from pipeline.kernels import ready
from pipeline.records import RunRecord
from pipeline.runner.chain import run_case
from pipeline.runner.executors import cores_of_worker, spread, was_lost
from pipeline.runner.order import Order
from pipeline.runner.overlap import asked_moments, replay
from pipeline.runner.schedule import due, orders_at
from pipeline.runner.standing import seal_case
from pipeline.runner.tracks import Tracks
from pipeline.saying import Say
from pipeline.store import Store
from pipeline.store.ids import RunIds
from pipeline.store.tracking import mirror

__all__ = ["EXIT_CODES", "Order", "Ran", "exit_code", "run_cases", "run_due", "run_orders"]

Outcome = Literal["done", "paused", "stopped", "failed", "held"]
EXIT_CODES: dict[Outcome, int] = {"done": 0, "paused": 0, "stopped": 3, "held": 5, "failed": 4}
"""Of a run, by outcome, the worst last."""
Clock = Callable[[], datetime]
Ended = Callable[[str], None]


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


def clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def run_cases(
    store: Store,
    cases: Sequence[str],
    order: Order,
    *,
    say: Say,
    now: Clock = clock,
    jobs: int = 1,
    cluster: str = "",
) -> tuple[Ran, ...]:
    """Runs every case, `jobs` at once or on a Dask cluster; one that fails stops no other.

    Raises `OptionError` before anything runs, and `StateError` when the home can't be written.
    """
    orders = dict.fromkeys(cases, (order,))
    found = run_orders(store, orders, say=say, now=now, jobs=jobs, cluster=cluster)
    return tuple(ran for case in cases for ran in found[case])


def run_due(
    store: Store,
    cases: Sequence[str],
    order: Order,
    *,
    every: timedelta,
    say: Say,
    now: Clock = clock,
    jobs: int = 1,
    cluster: str = "",
) -> tuple[Ran, ...]:
    """Runs what a schedule has due: for every case the times since the newest that was done.

    They end with the as-of time of the order, or with now. Raises as `run_cases`.
    """
    if order.source == "sample" and not order.as_of:
        raise OptionError(
            "Simulated data end at a set time, and a schedule goes on: say with --as-of up to when "
            "it is due, or choose another --source."
        )
    for case in cases:
        find_case(case)
        order.check(case)
    until = order.request_moment or now()
    orders: dict[str, Sequence[Order]] = {}
    for case in cases:
        moments = due(store, case, order, every=every, until=until)
        orders[case] = orders_at(order, moments)
        if not moments:
            say(f"{case:<10} nothing due  as of {until:%Y-%m-%d %H:%M} UTC")
            store.looked(case, now())
    found = run_orders(store, orders, say=say, now=now, jobs=jobs, cluster=cluster)
    return tuple(ran for case in cases for ran in found[case])


def run_orders(
    store: Store,
    orders: Mapping[str, Sequence[Order]],
    *,
    say: Say,
    now: Clock = clock,
    jobs: int = 1,
    cluster: str = "",
    replayed: bool = False,
) -> dict[str, tuple[Ran, ...]]:
    """Runs the orders of every case, in order; a case ends with the first that failed.

    Orders that are `replayed` go on past failures, overlap where a case has two cores, and say one
    line each in place of one a notebook. Raises as `run_cases`.
    """
    for case, asked in orders.items():
        find_case(case)
        for order in asked:
            order.check(case)
    store.prepare()
    ticket = uuid.uuid4().hex
    with (
        tracking(store, orders, say, cluster=cluster) as ended,
        spread(jobs, cluster, ticket, say) as place,
    ):
        work = {
            case: place.executor.submit(
                _work,
                store,
                case,
                tuple(replace(order, ticket=ticket, cores=place.cores) for order in asked),
                place.say,
                now,
                replayed=replayed,
                ended=ended,
            )
            for case, asked in orders.items()
        }
        found = {case: _result(case, done, say) for case, done in work.items()}
    mirror(store, [case for case in orders if found[case]], say=say)
    for case, asked in orders.items():
        if found[case] and found[case][-1].outcome in ("done", "stopped"):
            seal_case(store, case, asked[-1])
    return found


@contextmanager
def tracking(
    store: Store, orders: Mapping[str, Sequence[Order]], say: Say, *, cluster: str
) -> Iterator[Ended | None]:
    """What is called with a case when a run of it has ended, so that MLflow is told while others
    go on; `None` where there are no others, or they are done by workers elsewhere.
    """
    if cluster or sum(map(len, orders.values())) < 2:
        yield None
        return
    tracks = Tracks(store)
    if any(_has_new(store, case, asked) for case, asked in orders.items()):
        tracks.prepare()
    try:
        yield tracks.soon
    except BaseException:
        tracks.stop()
        raise
    tracks.end(say)


def _has_new(store: Store, case: str, orders: Iterable[Order]) -> bool:
    """Whether there is a moment among them that was never asked for."""
    known = asked_moments(store, case)
    return any(order.moment not in known for order in orders)


def _result(case: str, done: Future[tuple[Ran, ...]], say: Say) -> tuple[Ran, ...]:
    """What came of a case; one whose workers were lost again and again has failed."""
    try:
        return done.result()
    except Exception as error:
        if not was_lost(error):
            raise
        sentence = f"The workers that ran it were lost: {error}"
        say(f"{case:<10} not run     {sentence}")
        return (Ran(case=case, outcome="failed", sentence=sentence, run_id="", new=False),)


def _work(
    store: Store,
    case: str,
    orders: Sequence[Order],
    say: Say,
    now: Clock,
    *,
    replayed: bool,
    ended: Ended | None,
) -> tuple[Ran, ...]:
    """What a thread or a worker does for a case."""
    cores = orders[0].cores or cores_of_worker() if orders else 1
    own = [replace(order, cores=cores) for order in orders]
    done: list[Ran] = []
    for ran in (_replayed if replayed else _in_turn)(store, case, own, say, now):
        done.append(ran)
        if ended is not None and ran.new:
            ended(case)
    return tuple(done)


def _in_turn(
    store: Store, case: str, orders: Sequence[Order], say: Say, now: Clock
) -> Iterator[Ran]:
    """Ends with the first that failed."""
    ids = RunIds(store.run_ids(case), now)
    for order in orders:
        ran = _run(store, case, order, ids.new(), say)
        yield ran
        if ran.outcome in ("held", "failed"):
            return


def _replayed(
    store: Store, case: str, orders: Sequence[Order], say: Say, now: Clock
) -> Iterator[Ran]:
    """Says a line of each order; only who holds the case can end it early."""
    before = set(store.run_ids(case))
    ids = RunIds(before, now)
    if _has_new(store, case, orders):
        ready(orders[0].engine)
    shared = [replace(order, overlaps=(order.cores or 1) > 1) for order in orders]
    found = replay(store, case, shared, say=_unsaid, new_id=ids.new)
    for order, result in zip(orders, found, strict=False):
        if isinstance(result, StateError):
            ran, seconds = _not_run(case, "", result), 0.0
        else:
            ran = _ran(case, result, new=result.run_id not in before)
            seconds = _seconds(result) if ran.new else 0.0
        say(_line(ran, order, seconds))
        yield ran


def _unsaid(line: str) -> None:
    """Where only the end of a run is told."""


def _line(ran: Ran, order: Order, seconds: float) -> str:
    how = ran.outcome if ran.new or ran.outcome in ("failed", "held") else "as before"
    return f"{ran.case:<10} {order.as_of[:16]} {seconds:6.1f} s   {how:<9} {ran.sentence}"


def _seconds(record: RunRecord) -> float:
    return (record.finished - record.started).total_seconds() if record.finished else 0.0


def _run(store: Store, case: str, order: Order, run_id: str, say: Say) -> Ran:
    """A case that another run holds, or whose state is damaged, leaves no trace of a run."""
    try:
        record = run_case(store, case, order, run_id=run_id, say=say)
    except StateError as error:
        say(f"{case:<10} not run     {error}")
        return _not_run(case, run_id, error)
    return _ran(case, record, new=record.run_id == run_id)


def _not_run(case: str, run_id: str, error: StateError) -> Ran:
    outcome: Outcome = "held" if isinstance(error, HeldError) else "failed"
    return Ran(case=case, outcome=outcome, sentence=str(error), run_id=run_id, new=False)


def _ran(case: str, record: RunRecord, *, new: bool) -> Ran:
    return Ran(
        case=case,
        outcome="failed" if record.outcome == "running" else record.outcome,
        sentence=record.sentence,
        run_id=record.run_id,
        new=new,
    )
