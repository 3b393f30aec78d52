"""The records of a home: written whole or not at all, and checked when they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

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
    ValidateRecord,
    notebook_of,
    step_of,
)
from pipeline.seals import path_of
from pipeline.store.atomic import sha256_of, write_bytes
from pipeline.store.folders import Folders

AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(frozen=True, kw_only=True)
class Archive(Folders):
    """What the steps said, the files that they name, and what follows about who serves."""

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

    def newest_validation(self, case: str) -> ValidateRecord:
        """The newest record of validation, by the time that it was made for, whose gates held;
        raises `StateError` when there is none.
        """
        passed = (record for record in self.records(case, ValidateRecord) if not record.stopped)
        newest = max(passed, key=lambda record: (record.as_of, record.run_id), default=None)
        if newest is None:
            raise StateError.for_missing_record(case, "validate", self.home)
        return newest

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


RECORDS_KEPT = 256
"""Records that are held as they were parsed. A notebook asks again and again who was champion."""


def _read(path: Path, kind: type[BaseModel]) -> Any:
    try:
        return _parsed(kind, path.read_bytes())
    except (OSError, ValidationError) as error:
        if isinstance(error, ValidationError) and (found := _of_a_later_version(error)):
            raise StateError.for_later_version(path, found) from error
        raise StateError.for_damaged_file(path, str(error).splitlines()[0]) from error


@lru_cache(maxsize=RECORDS_KEPT)
def _parsed(kind: type[BaseModel], content: bytes) -> Any:
    """By what the file holds, so that one that was written anew is read anew."""
    return kind.model_validate_json(content)


def _of_a_later_version(error: ValidationError) -> str:
    """What only a later version writes: another schema, or fields beside all that are known."""
    for problem in error.errors():
        version = problem["input"]
        if problem["loc"] == ("schema_version",) and isinstance(version, int) and version > 1:
            return f"schema version {version}"
    unknown = {problem["type"] for problem in error.errors()} == {"extra_forbidden"}
    names = sorted(".".join(map(str, problem["loc"])) for problem in error.errors())
    return f"the unknown fields {', '.join(names)}" if unknown else ""
