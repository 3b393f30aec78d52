"""The champion before, back in service by hand, as a decision on record like any other."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.case import Case
from pipeline.errors import ServiceError
from pipeline.records import MEASURED_IN, PromoteRecord
from pipeline.store import Store, locks, project
from pipeline.store.ids import RunIds


def roll_back(store: Store, case: Case) -> PromoteRecord:
    """Makes the newest champion of a case that differs from the present one serve again.

    Raises `ServiceError` when there has been no other, and `StateError` while the case runs or
    when the model's file isn't what was promoted.
    """
    moment = datetime.now(UTC)
    with locks.hold(store.home, case.name, moment.isoformat()):
        known = store.promotions(case.name)
        present = known[0] if known else None
        before = next(
            (each for each in known if present and each.champion.ref != present.champion.ref), None
        )
        if present is None or before is None:
            raise ServiceError(
                f"Case {case.name!r} has had no other champion in {store.home}: there is nothing "
                "to go back to."
            )
        store.model_bytes(case.name, before.champion.ref)
        run_id = RunIds(store.run_ids(case.name), lambda: moment).new()
        record = _record(present, before, moment, f"{run_id}-rollback")
        store.write_record(record)
    return record


def _record(
    present: PromoteRecord, before: PromoteRecord, moment: datetime, run_id: str
) -> PromoteRecord:
    """The decision before, made again after the present one."""
    gone, back = present.champion.ref, before.champion.ref
    return before.model_copy(
        update={
            "run_id": run_id,
            "as_of": present.as_of,
            "started": moment,
            "finished": moment,
            "code_version": project.code_version(),
            "lock_digest": project.lock_digest(),
            "inputs": present.inputs,
            "action": "roll back",
            "grounds": (),
            "parameters": {MEASURED_IN: before.measured_in},
            "sentence": f"Rolled back by hand: {back.candidate} of run {back.run_id} serves again "
            f"in place of {gone.candidate} of run {gone.run_id}.",
        }
    )
