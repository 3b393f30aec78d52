"""What earlier runs of a case have done, and whether it still stands."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.records import RECORDS, STEPS_OF, IngestRecord, RunRecord
from pipeline.runner.stamps import UNKNOWN, Chain, Resting, differences, resting


@dataclass(frozen=True, kw_only=True)
class Past:
    """The runs of a case, the one that was started last first."""

    runs: tuple[RunRecord, ...]

    @classmethod
    def of(cls, chain: Chain) -> Past:
        store, case = chain.store, chain.case.name
        records = (store.run_record(case, run_id) for run_id in store.run_ids(case))
        found = [record for record in records if record is not None]
        found.sort(key=lambda run: run.run_id, reverse=True)
        return cls(runs=tuple(found))

    def family(self, run_id: str, notebook: NotebookName) -> set[str]:
        """The run and those that took the notebook over from it."""
        return {run_id} | {run.run_id for run in self.runs if run.reused.get(notebook) == run_id}

    def fresh(self, chain: Chain, notebook: NotebookName) -> str | None:
        """The newest run whose execution of the notebook still stands; `None` when none does."""
        now = resting(chain, notebook)
        made = (run for run in self.runs if notebook in run.notebooks)
        return next((run.run_id for run in made if not self.why_stale(chain, now, run)), None)

    def why_stale(self, chain: Chain, now: Resting, run: RunRecord) -> list[str]:
        """Why the run's execution of the notebook does not stand any more, in words."""
        notebook = now.notebook
        before = run.stamps.get(notebook, {})
        wanted = now.without(self.family(run.run_id, notebook))
        found = []
        if wanted.get("feed") == UNKNOWN:
            before = before | {"feed": UNKNOWN}
            if not chain.order.trusts_source:
                found.append("what the source holds is known only by reading it")
        found += differences(before, wanted)
        if not found and not _whole(chain, notebook, run):
            found.append("what it left is gone")
        if not found and notebook == "1-ingest" and not _same_table(chain, run):
            found.append("the table of observations was changed since")
        return found

    def newest(self, notebook: NotebookName) -> RunRecord | None:
        """The newest run that executed the notebook."""
        return next((run for run in self.runs if notebook in run.notebooks), None)

    def standing(self, chain: Chain) -> RunRecord | None:
        """The newest run of what is asked, when it ended and goes by the executions of the chain;
        `None` when it does not: status and site would then tell of something else.
        """
        order = chain.order
        asked = (order.moment, order.source)
        same = (run for run in self.runs if (run.asked_as_of, run.source) == asked)
        newest = next(same, None)
        if newest is None or newest.outcome not in ("done", "paused", "stopped"):
            return None
        makers = _makers(newest)
        if order.until is not None:
            return newest if chain.makers.items() <= makers.items() else None
        return newest if makers == chain.makers else None


def plan(chain: Chain, past: Past) -> tuple[Chain, NotebookName | None]:
    """The chain with all that can be taken over from its beginning on, and the first notebook
    that must be executed; `None` when none must.
    """
    for notebook in NOTEBOOKS:
        if notebook == "4-train" and chain.keeps:
            continue
        maker = None if chain.order.is_anew(notebook) else past.fresh(chain, notebook)
        if maker is None:
            return chain, notebook
        chain = chain.after(notebook, maker)
        if stopped(chain, notebook) or chain.order.ends_with(notebook):
            break
    return chain, None


def stopped(chain: Chain, notebook: NotebookName) -> bool:
    """Whether a gate of the notebook ended the case."""
    found = [chain.record(notebook, RECORDS[step]) for step in STEPS_OF[notebook]]
    return any(record is not None and record.stopped for record in found)


def _makers(run: RunRecord) -> dict[str, str]:
    return {**run.reused, **dict.fromkeys(run.notebooks, run.run_id)}


def _whole(chain: Chain, notebook: NotebookName, run: RunRecord) -> bool:
    store, case = chain.store, chain.case.name
    return store.notebook_path(case, run.run_id, notebook).is_file() and all(
        store.record(case, run.run_id, RECORDS[step]) is not None for step in STEPS_OF[notebook]
    )


def _same_table(chain: Chain, run: RunRecord) -> bool:
    """A run as of a set time stands on its version; one of all that there is needs the newest."""
    if chain.order.as_of:
        return True
    store, case = chain.store, chain.case.name
    record = store.record(case, run.run_id, IngestRecord)
    held = store.table(case, "observations").newest_version()
    return record is not None and record.observations.version == held
