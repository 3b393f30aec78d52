"""How runs ended, and which of them made what a page shows: the newest that got that far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.options import NotebookName
from pipeline.publish.still import StillStore
from pipeline.records import RECORDS, STEPS_OF, DecideRecord, PromoteRecord, Record, RunRecord
from pipeline.store import Store

Ended = Literal["done", "paused", "stopped", "failed", "running", "interrupted"]
Lives = Callable[[Path, str], bool]
"""Whether a living process holds a case of a home folder."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run and how it ended."""

    run_id: str
    ended: Ended
    sentence: str
    failed_notebook: str
    records: tuple[Record, ...]
    """What its steps wrote, in the order of the steps."""


def read_run(store: Store, case: str, run_id: str, lives: Lives) -> Run:
    """The run as its records tell; one that a notebook began by itself has no record of its own."""
    found = (store.record(case, run_id, kind) for kind in RECORDS.values())
    records = tuple(record for record in found if record is not None)
    whole = store.run_record(case, run_id)
    ended = _ended(whole, records, lives=lambda: lives(store.home, case))
    return Run(
        run_id=run_id,
        ended=ended,
        sentence=_sentence(whole, records, ended),
        failed_notebook=whole.failed_notebook if whole else "",
        records=records,
    )


def _ended(
    whole: RunRecord | None, records: tuple[Record, ...], *, lives: Callable[[], bool]
) -> Ended:
    if whole is None:
        return "stopped" if any(record.stopped for record in records) else "done"
    if whole.outcome == "running" and not lives():
        return "interrupted"
    return whole.outcome


def _sentence(whole: RunRecord | None, records: tuple[Record, ...], ended: Ended) -> str:
    stopped = [record.sentence for record in records if record.stopped]
    if ended == "stopped" and stopped:
        return stopped[-1]
    return whole.sentence if whole else ""


def run_with_notebook(store: Store, case: str, name: NotebookName) -> str | None:
    """The newest run in which the notebook was executed to its end; `None` when there is none."""
    for brief in reversed(StillStore.of(store).briefs(case)):
        if name in brief.executed and store.notebook_path(case, brief.run_id, name).is_file():
            return brief.run_id
    return None


def why_older(newest: Run, name: NotebookName) -> str:
    """Why a notebook's page is not from the newest run, as the end of a sentence."""
    if any(isinstance(found, PromoteRecord) and found.by_hand for found in newest.records):
        return "nothing has run since the champion was rolled back by hand."
    if any(record.step in STEPS_OF[name] for record in newest.records):
        return "nothing that it rests on has changed since."
    kept = any(
        isinstance(found, DecideRecord) and found.decision == "keep" for found in newest.records
    )
    if newest.ended == "done" and kept:
        return "the newest run kept the champion and trained nothing."
    return {
        "done": "the newest run did not execute this notebook.",
        "stopped": "the newest run was stopped by a gate before it came here.",
        "failed": f"the newest run failed in notebook {newest.failed_notebook}.",
        "running": "the newest run is still under way.",
        "paused": "the newest run was asked to go no further.",
        "interrupted": "the newest run was interrupted before it came here.",
    }[newest.ended]
