"""How every notebook of a case stands: fresh, stale and why, running, failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pipeline.case import find_cases
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.records import CheckRecord, DecideRecord, Part, RunRecord
from pipeline.runner.order import Order
from pipeline.runner.past import Past, stopped
from pipeline.runner.stamps import Chain, begin, resting
from pipeline.store import Store
from pipeline.store.locks import Holder, holder

State = Literal["fresh", "stale", "running", "failed", "waits", "not needed"]
NEVER = "it has never run"


class StepState(Part):
    """A notebook, and what the next run would make of it."""

    notebook: NotebookName
    state: State
    why: str = ""
    run_id: str | None = None


def step_states(store: Store, case: str) -> tuple[StepState, ...]:
    """The notebooks of a case, in order, as of what was asked for last; none of a case that is
    gone.
    """
    declared = find_cases().get(case)
    if declared is None:
        return ()
    living, running = holder(store.home, case), _running(store, case)
    if living is not None and running is not None:
        return tuple(_while_running(running, living))
    chain = begin(store, declared, _asked_last(store, case))
    return tuple(_at_rest(chain, Past.of(chain)))


def lines(check: CheckRecord | None, states: tuple[StepState, ...]) -> list[str]:
    """One line for all that is as it should be, and one for each of the others."""
    told = [
        f"{state.notebook:<10} {state.state}{': ' if state.why else ''}{state.why}"
        for state in states
        if state.state not in ("fresh", "not needed")
    ]
    looked = f", looked at {check.looked:%Y-%m-%d %H:%M} UTC" if check else ""
    return told or ([f"all fresh{looked}"] if states else [])


def _asked_last(store: Store, case: str) -> Order:
    check = store.check(case)
    if check is None:
        return Order()
    return Order(source=check.source, data=check.data, as_of=check.asked_as_of, own=check.own)


def _running(store: Store, case: str) -> RunRecord | None:
    found = (store.run_record(case, run_id) for run_id in sorted(store.run_ids(case), reverse=True))
    newest = next((record for record in found if record is not None), None)
    return newest if newest is not None and newest.outcome == "running" else None


def _while_running(run: RunRecord, living: Holder) -> Iterator[StepState]:
    at_work = False
    for notebook in NOTEBOOKS:
        maker = run.maker(notebook)
        if maker is not None:
            yield StepState(notebook=notebook, state="fresh", run_id=maker)
        elif at_work:
            yield StepState(notebook=notebook, state="waits")
        else:
            at_work = True
            yield StepState(
                notebook=notebook, state="running", why=f"by {living}", run_id=run.run_id
            )


def _at_rest(chain: Chain, past: Past) -> Iterator[StepState]:
    reason = ""
    for notebook in NOTEBOOKS:
        if reason:
            yield StepState(notebook=notebook, state="waits", why=reason)
            continue
        if notebook == "4-train" and chain.keeps:
            kept = chain.need("3-drift", DecideRecord)
            yield StepState(notebook=notebook, state="not needed", why=kept.sentence)
            continue
        maker = past.fresh(chain, notebook)
        if maker is None:
            yield _not_fresh(chain, past, notebook)
            reason = f"for {notebook}"
            continue
        yield StepState(notebook=notebook, state="fresh", run_id=maker)
        chain = chain.after(notebook, maker)
        if stopped(chain, notebook):
            reason = f"a gate of {notebook} stopped the case"


def _not_fresh(chain: Chain, past: Past, notebook: NotebookName) -> StepState:
    newest = past.runs[0] if past.runs else None
    if newest is not None and newest.failed_notebook == notebook:
        why = f"{newest.failure or 'error'}: {newest.sentence}"
        return StepState(notebook=notebook, state="failed", why=why, run_id=newest.run_id)
    made = past.newest(notebook)
    reasons = past.why_stale(chain, resting(chain, notebook), made) if made else [NEVER]
    return StepState(
        notebook=notebook,
        state="stale",
        why="; ".join(reasons),
        run_id=made.run_id if made else None,
    )
