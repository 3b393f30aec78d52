"""What every record is made of, and the order of the steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from pipeline.options import NotebookName

SCHEMA_VERSION = 1
StepName = Literal[
    "ingest", "validate", "drift", "decide", "train", "evaluate", "promote", "report"
]
STEPS: tuple[StepName, ...] = (
    "ingest",
    "validate",
    "drift",
    "decide",
    "train",
    "evaluate",
    "promote",
    "report",
)
STEPS_OF: dict[NotebookName, tuple[StepName, ...]] = {
    "1-ingest": ("ingest",),
    "2-validate": ("validate",),
    "3-drift": ("drift", "decide"),
    "4-train": ("train",),
    "5-evaluate": ("evaluate", "promote"),
    "6-report": ("report",),
}
Scores = dict[str, float]
Severity = Literal["gate", "row", "note"]


class Part(BaseModel):
    """Base of everything in a record."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Artifact(Part):
    """A file that a step wrote, with what it shows."""

    name: str
    kind: Literal["figure", "trend", "table", "model", "data"] = Field(
        description="a trend is a figure of the page of trends"
    )
    path: str = Field(description="relative to the folder of the run")
    sha256: str
    rows: int | None = None
    title: str = ""
    alt: str = Field(default="", description="what a figure shows, in words")


class TableVersion(Part):
    """A version of a table that a step read or wrote."""

    table: Literal["observations", "quarantine"]
    version: int
    rows: int


class Sample(Part):
    """Which rows take part where a case has more than models learn from."""

    rows: int
    of: int = Field(description="rows that there are, less those in quarantine")
    which: str = Field(description="'drawn with seed 7'")

    @property
    def told(self) -> str:
        return f"{self.rows:,} of {self.of:,} rows take part, {self.which}."


class Window(Part):
    """A stretch of time, start included, end not."""

    start: datetime | None = Field(description="none where rows carry no time")
    end: datetime = Field(description="without a time: the moment at which the rows were known")
    rows: int
    division: str = Field(
        default="", description="how rows are kept apart for testing, beside by time"
    )
    sample: Sample | None = Field(
        default=None, description="of which rows of the case; none where all take part"
    )


class Ground(Part):
    """A number that a decision rests on."""

    name: str = Field(description="what the number is, in words")
    value: float
    unit: str = Field(default="", description="'%' for a share in per cent; empty for a count")
    limit: float | None = Field(
        default=None, description="what it was held against, in the same unit; none for nothing"
    )
    rule: str = Field(default="", description="what the limit means, in words")

    @classmethod
    def of_share(
        cls, name: str, share: float, *, limit: float | None = None, rule: str = ""
    ) -> Self:
        """Of a share and its limit between 0 and 1: pages tell both in per cent."""
        return cls(
            name=name,
            value=100 * share,
            unit="%",
            limit=None if limit is None else 100 * limit,
            rule=rule,
        )


class ModelRef(Part):
    """A fitted model: which candidate, in which run it was trained, and its bytes' digest."""

    candidate: str
    run_id: str
    path: str = Field(description="relative to the folder of the run that trained it")
    sha256: str
    learned: Window


class Record(Part):
    """What every step says of itself."""

    schema_version: Literal[1] = 1
    step: StepName
    case: str
    run_id: str
    source: Literal["live", "files", "sample"]
    as_of: datetime
    started: datetime
    finished: datetime
    code_version: str
    lock_digest: str
    parameters: dict[str, Any]
    inputs: tuple[TableVersion, ...] = ()
    files: tuple[Artifact, ...] = ()
    stopped: bool = Field(default=False, description="a gate failed: the case stops here")
    sentence: str = Field(description="what was found or decided, and the reason")

    def file(self, name: str) -> Artifact:
        """The file of that name; `KeyError` when the step wrote none."""
        found = [file for file in self.files if file.name == name]
        if not found:
            raise KeyError(name)
        return found[0]
