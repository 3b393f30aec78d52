"""How every case stands, read from its records: what `vigie status` says."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipeline.errors import StateError
from pipeline.records import IngestRecord, ReportRecord
from pipeline.store import Store
from pipeline.store.locks import is_held

Outcome = Literal["running", "interrupted", "done", "stopped", "failed", "by hand"]


class CaseStatus(BaseModel):
    """A case's newest run and its champion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    run_id: str
    outcome: Outcome
    source: str | None
    as_of: datetime | None
    finished: datetime | None
    health: str | None
    champion: str | None
    sentence: str


def read_status(store: Store) -> tuple[CaseStatus, ...]:
    """One status a case that has run in this home."""
    return tuple(_status(store, case) for case in store.cases())


def words(found: tuple[CaseStatus, ...], home: Path) -> str:
    """The same for people."""
    if not found:
        return f"Nothing has run in {home}. Start with: vigie run"
    return "\n\n".join(_told(status) for status in found)


def _status(store: Store, case: str) -> CaseStatus:
    run_ids = store.run_ids(case)
    if not run_ids:
        raise StateError(f"{store.home / 'runs' / case} is empty. Remove it, or run the case.")
    newest = store.run_record(case, run_ids[-1])
    report = next(store.records(case, ReportRecord), None)
    arrived = next(store.records(case, IngestRecord), None)
    champion = store.champion(case)
    outcome: Outcome = newest.outcome if newest else "by hand"
    if outcome == "running" and not is_held(store.home, case):
        outcome = "interrupted"
    return CaseStatus(
        case=case,
        run_id=run_ids[-1],
        outcome=outcome,
        source=arrived.source if arrived else None,
        as_of=arrived.as_of if arrived else None,
        finished=newest.finished if newest else None,
        health=report.health if report else None,
        champion=champion.ref.candidate if champion else None,
        sentence=newest.sentence if newest else (report.sentence if report else ""),
    )


def _told(status: CaseStatus) -> str:
    as_of = f"{status.as_of:%Y-%m-%d %H:%M} UTC" if status.as_of else "never"
    return (
        f"{status.case}: {status.outcome}"
        f"{f', {status.health}' if status.health else ''}\n"
        f"  data     {status.source or 'none'}, as of {as_of}\n"
        f"  champion {status.champion or 'none yet'}\n"
        f"  run      {status.run_id}: {status.sentence}"
    )
