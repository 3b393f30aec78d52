"""The home folder: tables, runs, records and models. The only package that knows its paths.

Layout below `home`: `tables/<case>/observations|quarantine` (Delta); in `runs/<case>/<run id>/`
`run.json`, `<notebook>.ipynb`, `<step>/record.json` and the step's files; `checks/<case>.json`,
the newest look at a case; `files/<case>/`, what its rows refer to, such as pictures; `mlflow.db`;
`cache/<case>/` for what live sources fetched and what can be computed again.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa

from pipeline.bounds import Bound
from pipeline.errors import StateError
from pipeline.records import Record, TableVersion, ValidateRecord
from pipeline.schema import Schema
from pipeline.store.archive import AnyRecord as AnyRecord
from pipeline.store.archive import Archive
from pipeline.store.atomic import write_bytes
from pipeline.store.bounded import Validated
from pipeline.store.bounded import Within as Within
from pipeline.store.changes import COPY
from pipeline.store.failing import REASON as REASON
from pipeline.store.scans import Scan, scanning
from pipeline.store.tables import Table
from pipeline.store.without import rows_without
from pipeline.trends import Observations

KINDS = ({"kind": "real"}, {"kind": "simulated"})
"""What the file of a claim may hold."""


@dataclass(frozen=True, kw_only=True)
class Store(Archive):
    """All state of one home: its folders, its records, and its tables."""

    def table(self, case: str, name: Literal["observations", "quarantine"]) -> Table:
        return Table(path=self.home / "tables" / case / name)

    def observations(self, case: str, schema: Schema, version: int, as_of: datetime) -> pa.Table:
        """The observations at a version that were known at `as_of`, sorted by key."""
        rows = self.table(case, "observations").read(
            version, time=schema.time, not_after=as_of - schema.known_after
        )
        return rows.sort_by([(name, "ascending") for name in (*schema.key, COPY)])

    def scan(
        self, case: str, schema: Schema, version: int, as_of: datetime
    ) -> AbstractContextManager[Scan]:
        """The rows of `observations`, in no order, without reading them whole."""
        files = self.table(case, "observations").files(version)
        return scanning(files, schema, as_of - schema.known_after, self.home)

    def validated(
        self, case: str, schema: Schema, record: ValidateRecord, within: Within | None = None
    ) -> pa.Table:
        """The observations that a validation judged, less those that it quarantined, by key; of
        them those that take part, where `within` says so.

        Where the schema tells parts from their sums, the parts only.
        """
        (read,) = record.inputs
        return self._kept(case, schema, read, record.quarantine, record.as_of, within)

    def write_validated(
        self, case: str, schema: Schema, record: ValidateRecord, path: Path
    ) -> None:
        """What `validated` gives, as a Parquet file of rows that needn't fit into memory."""
        (read,) = record.inputs
        self._bounded(case, schema, read, record.quarantine, record.as_of).write(path)

    def judged(
        self, case: str, schema: Schema, record: Record, within: Within | None = None
    ) -> pa.Table:
        """The validated rows that a later step read: its inputs name both table versions."""
        read, quarantine = record.inputs
        return self._kept(case, schema, read, quarantine, record.as_of, within)

    def within(
        self, case: str, schema: Schema, record: ValidateRecord, bound: Bound
    ) -> Within | None:
        """Which of the validated rows take part; `None` where they are no more than `bound` says.

        Raises `CaseError` where rows that belong together are more.
        """
        (read,) = record.inputs
        if read.rows <= bound.most:
            return None
        found = self._bounded(case, schema, read, record.quarantine, record.as_of)
        return found.within(bound)

    def _bounded(
        self,
        case: str,
        schema: Schema,
        read: TableVersion,
        quarantine: TableVersion,
        as_of: datetime,
    ) -> Validated:
        return Validated(
            files=self.table(case, "observations").files(read.version),
            failing=self._failing_keys(case, schema, quarantine),
            schema=schema,
            not_after=as_of - schema.known_after,
            home=self.home,
        )

    def _kept(
        self,
        case: str,
        schema: Schema,
        read: TableVersion,
        quarantine: TableVersion,
        as_of: datetime,
        within: Within | None,
    ) -> pa.Table:
        if within is not None:
            return self._bounded(case, schema, read, quarantine, as_of).rows(within)
        rows = self.observations(case, schema, read.version, as_of)
        failing = self._failing_keys(case, schema, quarantine)
        kept = rows_without(rows, failing, (*schema.key, COPY))
        if schema.parts is not None:
            kept = kept.filter(kept[schema.parts])
        return kept.select(list(schema.names))

    def _failing_keys(self, case: str, schema: Schema, quarantine: TableVersion) -> pa.Table:
        table = self.table(case, "quarantine")
        return table.read(quarantine.version, columns=[*schema.key, COPY])

    def trends(self, case: str, schema: Schema, record: ValidateRecord) -> Observations:
        """What `validated` holds, to be asked for trends file by file, without reading it whole."""
        (read,) = record.inputs
        return Observations(
            files=self.table(case, "observations").files(read.version),
            schema=schema,
            without=self._failing_keys(case, schema, record.quarantine),
            key=(*schema.key, COPY),
            not_after=record.as_of - schema.known_after,
        )

    def claim(self, case: str, *, simulated: bool) -> None:
        """Marks whose data the case's tables hold; raises `StateError` on a mixture."""
        path = self.home / "tables" / case / "kind.json"
        asked = "simulated" if simulated else "real"
        if path.exists():
            held = _kind(path)
            if held != asked:
                raise StateError.for_mixed_sources(self.home, case, held, asked)
        else:
            write_bytes(path, json.dumps({"kind": asked}).encode())


def _kind(path: Path) -> str:
    """Whose data a case's tables hold, as `claim` wrote it."""
    try:
        held = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise StateError.for_damaged_file(path, str(error)) from error
    if held not in KINDS:
        raise StateError.for_damaged_file(path, f"it says {str(held)[:60]!r}")
    return str(held["kind"])
