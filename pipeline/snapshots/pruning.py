"""Keeps a home small: old runs and old table versions go, what the champion needs stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipeline.records import RECORDS, IngestRecord, Record, TableVersion, ValidateRecord
from pipeline.store import Store
from pipeline.store.locks import hold

TableName = Literal["observations", "quarantine"]
LAST_DECISIONS = 2


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What was removed of a case."""

    runs: int
    files: int
    """Data files of table versions that no kept run has read."""


def prune_home(store: Store, keep: int) -> dict[str, Cut]:
    """Cuts every case down to its newest `keep` runs and what these and the champions need.

    Raises `StateError` when a case is being run.
    """
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, to prune"
    found = {}
    for case in store.cases():
        with hold(store.home, case, since):
            found[case] = _prune(store, case, keep)
    return found


def needed(store: Store, case: str, keep: int) -> set[str]:
    """Runs that stay: the newest, those that hold the models of their champions, and those that
    they took notebooks over from.

    The newest two decisions about the champion stay too, so that one can go back.
    """
    kept = set(store.run_ids(case)[-keep:])
    for place, record in enumerate(store.promotions(case)):
        if place < LAST_DECISIONS or record.run_id in kept:
            kept |= {record.run_id, record.champion.ref.run_id}
    runs = [store.run_record(case, run_id) for run_id in kept]
    return kept.union(*(run.reused.values() for run in runs if run is not None))


def _prune(store: Store, case: str, keep: int) -> Cut:
    kept = needed(store, case, keep)
    gone = [run_id for run_id in store.run_ids(case) if run_id not in kept]
    for run_id in gone:
        shutil.rmtree(store.run_folder(case, run_id))
    read = _versions(store, case, kept)
    files = sum(store.table(case, name).forget_all_but(read[name]) for name in read)
    return Cut(runs=len(gone), files=files)


def _versions(store: Store, case: str, kept: Iterable[str]) -> dict[TableName, set[int]]:
    """The table versions that the steps of these runs read or wrote."""
    read: dict[TableName, set[int]] = {"observations": set(), "quarantine": set()}
    for run_id in kept:
        for kind in RECORDS.values():
            record = store.record(case, run_id, kind)
            for version in _named_in(record) if record else ():
                read[version.table].add(version.version)
    return read


def _named_in(record: Record) -> Iterable[TableVersion]:
    yield from record.inputs
    if isinstance(record, IngestRecord):
        yield record.observations
    if isinstance(record, ValidateRecord):
        yield record.quarantine
