"""The home folder: tables, runs, records and models. The only package that knows its paths.

Layout below `home`: `tables/<case>/observations|quarantine` (Delta); in `runs/<case>/<run id>/`
`run.json`, `<notebook>.ipynb`, `<step>/record.json` and the step's files; `checks/<case>.json`,
the newest look at a case; `files/<case>/`, what its rows refer to, such as pictures; `mlflow.db`;
`cache/<case>/` for what live sources fetched and what can be computed again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import pyarrow as pa
from pydantic import ValidationError

from pipeline.errors import StateError
from pipeline.records import (
    Artifact,
    CheckRecord,
    FittedModel,
    ModelRef,
    PromoteRecord,
    Record,
    RunRecord,
    StepName,
    TableVersion,
    ValidateRecord,
    notebook_of,
    step_of,
)
from pipeline.schema import Schema
from pipeline.seals import home_at, path_of
from pipeline.store.atomic import sha256_of, write_bytes
from pipeline.store.changes import COPY
from pipeline.store.failing import REASON as REASON
from pipeline.store.order import in_order_of_time
from pipeline.store.scans import Scan, scanning
from pipeline.store.tables import Table
from pipeline.store.without import rows_without
from pipeline.trends import Observations

KINDS = ({"kind": "real"}, {"kind": "simulated"})
"""What the file of a claim may hold."""

AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(frozen=True, kw_only=True)
class Store:
    """All state of one home."""

    home: Path

    @classmethod
    def at(cls, home: str | Path = "") -> Self:
        """The store in `home`, else in VIGIE_HOME, else in the checkout's `var`."""
        return cls(home=home_at(home))

    def prepare(self) -> None:
        """Makes the folder; raises `StateError` when nothing can be written there."""
        write_bytes(self.home / ".vigie", b"home of Vigie; see README.md\n")

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

    def validated(self, case: str, schema: Schema, record: ValidateRecord) -> pa.Table:
        """The observations that a validation judged, less those that it quarantined, by key.

        Where the schema tells parts from their sums, the parts only.
        """
        (read,) = record.inputs
        return self._kept(case, schema, read, record.quarantine, record.as_of)

    def judged(self, case: str, schema: Schema, record: Record) -> pa.Table:
        """The validated rows that a later step read: its inputs name both table versions."""
        read, quarantine = record.inputs
        return self._kept(case, schema, read, quarantine, record.as_of)

    def _kept(
        self,
        case: str,
        schema: Schema,
        read: TableVersion,
        quarantine: TableVersion,
        as_of: datetime,
    ) -> pa.Table:
        rows = self.observations(case, schema, read.version, as_of)
        failing = self.table(case, "quarantine").read(quarantine.version)
        kept = rows_without(rows, failing, (*schema.key, COPY))
        if schema.parts is not None:
            kept = kept.filter(kept[schema.parts])
        return kept.select(list(schema.names))

    def newest_validation(self, case: str) -> ValidateRecord:
        """The newest record of validation, by the time that it was made for, whose gates held;
        raises `StateError` when there is none.
        """
        passed = (record for record in self.records(case, ValidateRecord) if not record.stopped)
        newest = max(passed, key=lambda record: (record.as_of, record.run_id), default=None)
        if newest is None:
            raise StateError.for_missing_record(case, "validate", self.home)
        return newest

    def trends(self, case: str, schema: Schema, record: ValidateRecord) -> Observations:
        """What `validated` holds, to be asked for trends file by file, without reading it whole."""
        (read,) = record.inputs
        return Observations(
            files=self.table(case, "observations").files(read.version),
            schema=schema,
            without=self.table(case, "quarantine").read(record.quarantine.version),
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

    @property
    def calls_file(self) -> Path:
        """The call log of the service: VIGIE_CALLS, or of this home."""
        return Path(os.environ.get("VIGIE_CALLS") or self.home / "calls.db")

    def cache_folder(self, case: str) -> Path:
        """Where a live source keeps what it fetched; may be removed at any time."""
        return self.home / "cache" / case

    def folds_folder(self, case: str) -> Path:
        """Predictions of folds, by the digest of what they follow from."""
        return self.cache_folder(case) / "folds"

    def forget_folds(self, case: str) -> None:
        """So that every candidate is fitted anew on every fold."""
        shutil.rmtree(self.folds_folder(case), ignore_errors=True)

    def files_folder(self, case: str) -> Path:
        """What the rows of a case refer to, such as pictures: state, as the tables are."""
        return self.home / "files" / case

    def run_folder(self, case: str, run_id: str) -> Path:
        return self.home / "runs" / case / run_id

    def notebook_path(self, case: str, run_id: str, notebook: str) -> Path:
        """Where the executed copy of a notebook is."""
        return self.run_folder(case, run_id) / f"{notebook}.ipynb"

    def run_ids(self, case: str) -> list[str]:
        """Runs of a case, oldest first: by as-of time, so that a replay of the past is no news;
        of one as-of time by id, which begins with the time of the start.
        """
        folder = self.home / "runs" / case
        if not folder.is_dir():
            return []
        return in_order_of_time(
            [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]
        )

    def cases(self) -> list[str]:
        """Cases that have run here."""
        folder = self.home / "runs"
        if not folder.is_dir():
            return []
        return sorted(entry.name for entry in folder.iterdir() if entry.is_dir())

    def write_run(self, record: RunRecord) -> None:
        path = self.run_folder(record.case, record.run_id) / "run.json"
        write_bytes(path, record.model_dump_json(indent=1).encode())

    def run_record(self, case: str, run_id: str) -> RunRecord | None:
        """What is known of a run as a whole; `None` for one that a notebook began by itself."""
        path = self.run_folder(case, run_id) / "run.json"
        return _read(path, RunRecord) if path.exists() else None

    def write_record(self, record: Record) -> None:
        """Writes the record, whole or not at all; the last thing that a step does."""
        path = self._record_path(record.case, record.run_id, record.step)
        write_bytes(path, (record.model_dump_json(indent=1) + "\n").encode())

    def record(self, case: str, run_id: str, kind: type[AnyRecord]) -> AnyRecord | None:
        """A step's record in a run, or the one that the run took over from an earlier one, or
        `None`; raises `StateError` for a damaged one.
        """
        step = step_of(kind)
        path = self._record_path(case, run_id, step)
        if not path.exists():
            whole = self.run_record(case, run_id)
            maker = whole.reused.get(notebook_of(step)) if whole else None
            if maker is None:
                return None
            path = self._record_path(case, maker, step)
        return _read(path, kind) if path.exists() else None

    def records(self, case: str, kind: type[AnyRecord]) -> Iterator[AnyRecord]:
        """All records of a step, newest run first, each once."""
        seen: set[str] = set()
        for run_id in reversed(self.run_ids(case)):
            record = self.record(case, run_id, kind)
            if record is not None and record.run_id not in seen:
                seen.add(record.run_id)
                yield record

    def write_check(self, record: CheckRecord) -> None:
        """Writes when a case was looked at last, whole or not at all."""
        path = self._check_path(record.case)
        write_bytes(path, (record.model_dump_json(indent=1) + "\n").encode())

    def looked(self, case: str, moment: datetime) -> None:
        """Notes that there was nothing to do when the case was looked at."""
        known = self.check(case)
        if known is not None:
            self.write_check(known.model_copy(update={"looked": moment, "new": False}))

    def check(self, case: str) -> CheckRecord | None:
        """The newest look at a case; `None` before the first. A look at the seal is one too."""
        path, sealed = self._check_path(case), path_of(self.home, case)
        if not path.exists():
            return None
        record: CheckRecord = _read(path, CheckRecord)
        touched = datetime.fromtimestamp(sealed.stat().st_mtime, UTC) if sealed.exists() else None
        if touched is None or touched <= record.looked:
            return record
        return record.model_copy(update={"looked": touched, "new": False})

    def champion(self, case: str, as_of: datetime | None = None) -> FittedModel | None:
        """Who serves at `as_of` (default: now): the newest promotion that was known then."""
        promotion = self.promotion(case, as_of)
        return promotion.champion if promotion else None

    def promotion(self, case: str, as_of: datetime | None = None) -> PromoteRecord | None:
        """The newest decision about the champion up to `as_of`, by the time it was made for."""
        return next(iter(self.promotions(case, as_of)), None)

    def promotions(self, case: str, as_of: datetime | None = None) -> list[PromoteRecord]:
        """Decisions about the champion up to `as_of`, newest first.

        One whose notebook was refused afterwards, or was killed before it ended, doesn't count.
        """
        known = [
            record
            for record in self.records(case, PromoteRecord)
            if (as_of is None or record.as_of <= as_of) and self.stands(record)
        ]
        return sorted(known, key=lambda record: (record.as_of, record.run_id), reverse=True)

    def serving_since(self, promotion: PromoteRecord) -> datetime:
        """When the newest champion began to serve: the end of the first run of the unbroken line
        of decisions for it, up to `promotion`, the newest.
        """
        who, since = promotion.champion.ref.sha256, promotion.finished
        for record in self.promotions(promotion.case):
            if record.champion.ref.sha256 != who:
                break
            since = record.finished
        return since

    def stands(self, record: Record) -> bool:
        """Whether the notebook that wrote the record was not refused or killed afterwards."""
        whole = self.run_record(record.case, record.run_id)
        return whole is None or notebook_of(record.step) in whole.notebooks

    def model_bytes(self, case: str, model: ModelRef) -> bytes:
        """The model's file, checked by digest; raises `StateError` when it isn't what was kept."""
        return self._checked(self.run_folder(case, model.run_id) / model.path, model.sha256)

    def file_bytes(self, case: str, run_id: str, file: Artifact) -> bytes:
        """A file that a step wrote, checked by digest; raises `StateError`."""
        return self._checked(self.run_folder(case, run_id) / file.path, file.sha256)

    def _checked(self, path: Path, digest: str) -> bytes:
        found = sha256_of(path)
        if found != digest:
            raise StateError.for_damaged_file(
                path, f"sha256 is {found[:12]}…, the record says {digest[:12]}…"
            )
        return path.read_bytes()

    def _record_path(self, case: str, run_id: str, step: StepName) -> Path:
        return self.run_folder(case, run_id) / step / "record.json"

    def _check_path(self, case: str) -> Path:
        return self.home / "checks" / f"{case}.json"


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        if isinstance(error, ValidationError) and (found := _of_a_later_version(error)):
            raise StateError.for_later_version(path, found) from error
        raise StateError.for_damaged_file(path, str(error).splitlines()[0]) from error


def _of_a_later_version(error: ValidationError) -> str:
    """What only a later version writes: another schema, or fields beside all that are known."""
    for problem in error.errors():
        version = problem["input"]
        if problem["loc"] == ("schema_version",) and isinstance(version, int) and version > 1:
            return f"schema version {version}"
    unknown = {problem["type"] for problem in error.errors()} == {"extra_forbidden"}
    names = sorted(".".join(map(str, problem["loc"])) for problem in error.errors())
    return f"the unknown fields {', '.join(names)}" if unknown else ""


def _kind(path: Path) -> str:
    """Whose data a case's tables hold, as `claim` wrote it."""
    try:
        held = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise StateError.for_damaged_file(path, str(error)) from error
    if held not in KINDS:
        raise StateError.for_damaged_file(path, f"it says {str(held)[:60]!r}")
    return str(held["kind"])
