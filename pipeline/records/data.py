"""What arrived, and what the expectations say of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from pipeline.records.base import Part, Record, Severity, TableVersion


class FeedPart(Part):
    """One file, page or simulation that the observations came from."""

    name: str
    sha256: str
    rows: int


class Revision(Part):
    """A published value that its publisher changed later."""

    key: str
    before: float
    after: float


class IngestRecord(Record):
    """What arrived, and what it changed in the table of observations."""

    step: Literal["ingest"] = "ingest"
    publisher: str
    licence: str
    address: str
    simulated: bool
    note: str
    parts: tuple[FeedPart, ...]
    read: int
    not_yet_known: int = Field(description="rows left out because they are newer than as_of")
    outside_days: int = Field(description="rows left out because parameter days asked for it")
    duplicates: int = Field(description="rows equal to another in every column, kept once")
    conflicting: int = Field(description="rows whose key came more than once with other values")
    inserted: int
    updated: int
    unchanged: int
    withdrawn: int = Field(description="conflicting rows that a later feed settled")
    revisions: tuple[Revision, ...] = Field(description="the largest changes of the target")
    oldest: datetime | None
    newest: datetime | None
    observations: TableVersion


class Finding(Part):
    """One expectation and how it went."""

    name: str
    expectation: str = Field(description="Great Expectations' name of its kind")
    column: str = Field(description="columns, comma-separated; empty for the whole table")
    severity: Severity
    success: bool
    evaluated: int = Field(description="rows looked at")
    unexpected: int = Field(description="rows that failed; 0 where no single row is judged")
    observed: str
    expected: str
    sentence: str


class ValidateRecord(Record):
    """What the expectations found, and which rows they took out."""

    step: Literal["validate"] = "validate"
    suite_sha256: str
    findings: tuple[Finding, ...]
    rows: int
    quarantined: int
    most_quarantined: float
    quarantine: TableVersion
