"""One run of one case: what still stands is taken over, the other notebooks are executed in order,
until the end, a failed gate or a failure.

A run is done in parts: it comes to a stop before each notebook, so that runs may take turns.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal

from pipeline.case import find_case
from pipeline.errors import SourceError, VigieError
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.records import RECORDS, STEPS_OF, DecideRecord, Record, RunRecord
from pipeline.runner.hollow import refuse_hollow
from pipeline.runner.order import Order
from pipeline.runner.past import Past, stopped
from pipeline.runner.performing import Early, drop_early, perform
from pipeline.runner.retries import retrying
from pipeline.runner.stamps import Chain, begin, resting
from pipeline.runner.standing import note_look, standing_run
from pipeline.saying import Say
from pipeline.store import Store
from pipeline.store.locks import Held, hold, owner

END: Final = "end"
Part = NotebookName | Literal["end"]
Parts = Generator[Part, None, RunRecord]
"""Gives the notebook that is to follow, does it when asked for the next; after the last one `END`,
before it is told that the run has ended; then the record.
"""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a run has at hand while it goes on."""

    chain: Chain
    past: Past
    record: RunRecord
    say: Say
    held: Held
    early: Early


def run_case(store: Store, case: str, order: Order, *, run_id: str, say: Say) -> RunRecord:
    """The run that stands afterwards: a new one called `run_id`, or an earlier one when nothing
    that it rests on has changed.

    Holds the case while notebooks run; raises `HeldError` when another run does. A failed gate and
    a broken notebook are outcomes in the record that it gives back, not errors.
    """
    found = standing_run(store, case, order, say)
    if found is not None:
        return found
    with holding(store, case, order) as held:
        found = standing_run(store, case, order, say)
        if found is not None:
            return found
        return _end_of(in_parts(store, case, order, run_id=run_id, say=say, held=held))


def holding(store: Store, case: str, order: Order) -> AbstractContextManager[Held]:
    """Holds the case from now on; raises `HeldError` when another run does."""
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return hold(store.home, case, since, ticket=order.ticket)


def _end_of(parts: Parts) -> RunRecord:
    while True:
        try:
            next(parts)
        except StopIteration as ended:
            record: RunRecord = ended.value
            return record


def in_parts(
    store: Store,
    case: str,
    order: Order,
    *,
    run_id: str,
    say: Say,
    held: Held,
    early: Early | None = None,
) -> Parts:
    """A new run of a case that is held. One that is closed before its end was interrupted."""
    chain = begin(store, find_case(case), order)
    record = RunRecord(
        case=case,
        run_id=run_id,
        source=order.source,
        as_of=None,
        asked_as_of=order.moment,
        started=datetime.now(UTC),
        owner=owner(),
    )
    work = Work(
        chain=chain,
        past=Past.of(chain),
        record=record,
        say=say,
        held=held,
        early={} if early is None else early,
    )
    store.write_run(record)
    final = yield from _through(work)
    if final.failure != "interrupted":
        # Who waits for an earlier date's end before this one is told does so here. An interrupt is
        # told at once, so that nothing else begins.
        try:
            yield END
        except GeneratorExit:
            store.write_run(final)
            raise
    held.check()
    store.write_run(final)
    note_look(store, order, final, new=True)
    return final


def _through(work: Work) -> Parts:
    outcome, store, case = "done", work.chain.store, work.chain.case
    for notebook in NOTEBOOKS:
        if notebook == "4-train" and work.chain.keeps:
            decided = work.chain.need("3-drift", DecideRecord)
            _say(work, notebook, "  skipped   ", decided.sentence)
            continue
        try:
            yield notebook
            if notebook == "4-train":
                drop_early(work.early, store, case.name, work.record.run_id)
            work = _next(work, notebook)
        except VigieError as error:
            _say(work, notebook, "  FAILED    ", str(error))
            broken = {"failed_notebook": notebook, "failure": error.failure}
            return _ended(work.record, "failed", sentence=str(error), **broken)
        except (KeyboardInterrupt, GeneratorExit):
            broken = {"failed_notebook": notebook, "failure": "interrupted"}
            told = "It was interrupted; the next run goes on from there."
            work.chain.store.write_run(_ended(work.record, "failed", sentence=told, **broken))
            raise
        if stopped(work.chain, notebook):
            outcome = "stopped"
            break
        if work.chain.order.ends_with(notebook):
            outcome = "paused"
            break
    return _ended(work.record, outcome)


def _ended(record: RunRecord, outcome: str, **changes: object) -> RunRecord:
    return record.model_copy(
        update={"finished": datetime.now(UTC), "outcome": outcome, **changes},
    )


def _next(work: Work, notebook: NotebookName) -> Work:
    """The work after one notebook more, taken over or executed."""
    chain, record = work.chain, work.record
    work.held.check()
    maker = None if chain.order.is_anew(notebook) else work.past.fresh(chain, notebook)
    began = time.monotonic()
    if maker is not None:
        last = _last(chain.after(notebook, maker), notebook)
        told = "  as before "
        done = record.model_copy(update={"reused": {**record.reused, notebook: maker}})
    else:
        stamp = resting(chain, notebook).without({record.run_id})
        last = _execute(work, notebook)[-1]
        told = f"{time.monotonic() - began:6.1f} s   {'STOPPED: ' if last.stopped else ''}"
        done = record.model_copy(
            update={
                "notebooks": (*record.notebooks, notebook),
                "stamps": {**record.stamps, notebook: stamp},
            }
        )
    _say(work, notebook, told, last.sentence)
    done = done.model_copy(update={"as_of": last.as_of, "sentence": last.sentence})
    chain.store.write_run(done)
    chain = chain.after(notebook, maker or record.run_id)
    return replace(work, chain=chain, record=done)


def _last(chain: Chain, notebook: NotebookName) -> Record:
    return chain.need(notebook, RECORDS[STEPS_OF[notebook][-1]])


def _execute(work: Work, notebook: NotebookName) -> list[Record]:
    chain, record = work.chain, work.record
    store, case, order = chain.store, record.case, chain.order
    if notebook == "4-train" and order.is_anew(notebook):
        store.forget_folds(case)

    def waits(error: SourceError, seconds: float) -> None:
        _say(work, notebook, "  waits     ", f"{error} Trying again in {seconds:.0f} s.")

    early = work.early.pop(notebook, None)
    if early is not None:
        early.result()
    else:
        retrying(lambda: perform(store, case, order, record.run_id, notebook), waits)
    return refuse_hollow(store, case, record.run_id, notebook)


def _say(work: Work, notebook: NotebookName, how: str, sentence: str) -> None:
    work.say(f"{work.record.case:<10} {notebook:<11}{how}{sentence}")
