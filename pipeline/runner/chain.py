"""One run of one case: its notebooks in order, until the end, a failed gate or a failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.case import find_case
from pipeline.errors import OptionError, VigieError
from pipeline.kernels import execute
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.records import DecideRecord, Record, RunRecord
from pipeline.runner.hollow import refuse_hollow
from pipeline.sources import Mode
from pipeline.store import Store
from pipeline.store.locks import hold, owner

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked of a run: where the data comes from, as of when, and other parameters."""

    source: Mode = "sample"
    data: str = ""
    as_of: str = ""
    own: dict[str, Any] = field(default_factory=dict)
    """Parameters of single notebooks, by name; each goes to the notebooks that have it."""
    seconds: int | None = None
    """Time limit of a cell."""

    def values(self, notebook: NotebookName, case: str, home: str, run_id: str) -> dict[str, Any]:
        """The parameters of a notebook."""
        settings = {
            "case": case,
            "source": self.source,
            "data": self.data,
            "home": home,
            "run_id": run_id,
            "as_of": self.as_of,
        }
        fields = NOTEBOOKS[notebook].model_fields
        return settings | {name: value for name, value in self.own.items() if name in fields}

    def check(self, case: str) -> None:
        """Raises `OptionError` before anything runs, for all that a notebook would refuse."""
        find_case(case).source(self.source)
        known = {name for model in NOTEBOOKS.values() for name in model.model_fields}
        unknown = sorted(set(self.own) - known)
        if unknown:
            raise OptionError.for_problems(
                "No notebook has these parameters:",
                [f"{name!r}; there are: {', '.join(sorted(known))}" for name in unknown],
            )
        for notebook, model in NOTEBOOKS.items():
            model.checked(notebook, self.values(notebook, case, "", ""))


def run_case(store: Store, case: str, order: Order, *, run_id: str, say: Say) -> RunRecord:
    """Runs the case's notebooks while holding the case; raises `StateError` when another does.

    A failed gate and a broken notebook are outcomes in the record that it gives back, not errors.
    """
    started = datetime.now(UTC)
    with hold(store.home, case, f"{started:%Y-%m-%d %H:%M} UTC"):
        record = RunRecord(
            case=case,
            run_id=run_id,
            source=order.source,
            as_of=None,
            started=started,
            owner=owner(),
        )
        store.write_run(record)
        for notebook in NOTEBOOKS:
            record = _next(store, record, notebook, order, say)
            if record.outcome != "running":
                break
        final = record.model_copy(
            update={
                "finished": datetime.now(UTC),
                "outcome": "done" if record.outcome == "running" else record.outcome,
            }
        )
        store.write_run(final)
        return final


def _next(
    store: Store, record: RunRecord, notebook: NotebookName, order: Order, say: Say
) -> RunRecord:
    case, run_id = record.case, record.run_id
    decided = store.record(case, run_id, DecideRecord)
    if notebook == "4-train" and decided is not None and decided.decision == "keep":
        say(f"{case:<10} {notebook:<11}  skipped   {decided.sentence}")
        return record
    began = time.monotonic()
    try:
        found = _execute(store, case, run_id, notebook, order)
    except VigieError as error:
        say(f"{case:<10} {notebook:<11}  FAILED    {error}")
        return record.model_copy(
            update={"outcome": "failed", "failed_notebook": notebook, "sentence": str(error)}
        )
    last = found[-1]
    stopped = last.stopped
    say(
        f"{case:<10} {notebook:<11} {time.monotonic() - began:6.1f} s   "
        f"{'STOPPED: ' if stopped else ''}{last.sentence}"
    )
    done = record.model_copy(
        update={
            "as_of": last.as_of,
            "notebooks": (*record.notebooks, notebook),
            "sentence": last.sentence,
            "outcome": "stopped" if stopped else "running",
        }
    )
    store.write_run(done)
    return done


def _execute(
    store: Store, case: str, run_id: str, notebook: NotebookName, order: Order
) -> list[Record]:
    values = order.values(notebook, case, str(store.home), run_id)
    output = store.notebook_path(case, run_id, notebook)
    execute(notebook, output, values, seconds=order.seconds)
    return refuse_hollow(store, case, run_id, notebook)
