"""What a run found, without what differs between two runs that found the same.

Left out are times of the clock, seconds taken, ids of runs, and what only says how much of a feed
was in the table before. All else counts: numbers, sentences, table versions, and the bytes of every
file, in which ids of runs are blanked.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pipeline.records import RECORDS, STEPS, Artifact, Record
from pipeline.store import Store
from pipeline.store.ids import RUN_ID

LEFT_OUT = frozenset({"run_id", "started", "finished", "seconds"})
LEFT_OUT_OF_INGEST = frozenset(
    {"inserted", "updated", "unchanged", "withdrawn", "revisions", "sentence"}
)
ENDED = ("done", "stopped")


def contents(store: Store, case: str) -> dict[str, dict[str, Any]]:
    """For every as-of time that the case ran for, what the run found that stands for it."""
    found: dict[str, dict[str, Any]] = {}
    for run_id in store.run_ids(case):
        whole = store.run_record(case, run_id)
        if whole is not None and whole.as_of is not None and whole.outcome in ENDED:
            found[whole.as_of.isoformat()] = content(store, case, run_id)
    return found


def content(store: Store, case: str, run_id: str) -> dict[str, Any]:
    """What the run found, by step, with its outcome."""
    whole = store.run_record(case, run_id)
    found: dict[str, Any] = {"outcome": whole.outcome if whole else ""}
    for step in STEPS:
        record = store.record(case, run_id, RECORDS[step])
        if record is not None:
            found[step] = _told(store, record)
    return found


def _told(store: Store, record: Record) -> Any:
    left_out = LEFT_OUT | (LEFT_OUT_OF_INGEST if record.step == "ingest" else frozenset())
    fields = record.model_dump(mode="json", exclude={"files", *left_out})
    files = {file.path: _bytes(store, record, file) for file in record.files}
    return {**_without(fields), "files": files}


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(item) for name, item in value.items() if name not in LEFT_OUT}
    if isinstance(value, list):
        return [_without(item) for item in value]
    return RUN_ID.sub("RUN", value) if isinstance(value, str) else value


def _bytes(store: Store, record: Record, file: Artifact) -> str:
    """Digest of the file's bytes, ids of runs blanked where it is text."""
    content = (store.run_folder(record.case, record.run_id) / file.path).read_bytes()
    if file.kind in ("figure", "table"):
        content = RUN_ID.sub("RUN", content.decode()).encode()
    return hashlib.sha256(content).hexdigest()
