"""A run as a whole, and the looks at a case between runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from pipeline.errors import Failure
from pipeline.records.base import Part, Record


class ReportRecord(Record):
    """The case in one line, for the status page."""

    step: Literal["report"] = "report"
    health: Literal["healthy", "watch", "failing"]
    headline: str
    history_runs: int


class RunRecord(Part):
    """One run of a case through its notebooks; written at the start, and again at the end."""

    schema_version: Literal[1] = 1
    case: str
    run_id: str
    source: Literal["live", "files", "sample"]
    as_of: datetime | None
    asked_as_of: str = Field(default="", description="ISO time; empty: the newest of the data")
    started: datetime
    finished: datetime | None = None
    outcome: Literal["running", "done", "paused", "stopped", "failed"] = "running"
    notebooks: tuple[str, ...] = Field(default=(), description="those that were executed, in order")
    reused: dict[str, str] = Field(
        default_factory=dict,
        description="notebooks taken over from earlier runs, since nothing that they rest on had "
        "changed, each with the run that executed it",
    )
    stamps: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="what every executed notebook rested on: by name a version, digest or value",
    )
    failed_notebook: str = ""
    failure: Failure | Literal[""] = Field(
        default="", description="how the failed notebook ended, in one word"
    )
    sentence: str = ""
    owner: str = Field(default="", description="process and machine that runs it")

    def maker(self, notebook: str) -> str | None:
        """The run whose execution of the notebook this run goes by; `None` when none does."""
        return self.run_id if notebook in self.notebooks else self.reused.get(notebook)


class CheckRecord(Part):
    """The newest look at a case: what was asked, and which run stands; outside of all runs."""

    schema_version: Literal[1] = 1
    case: str
    looked: datetime
    as_of: datetime | None = Field(description="the as-of time of the run that stands")
    run_id: str = Field(description="the run that stands")
    new: bool = Field(description="whether there was anything to do")
    source: Literal["live", "files", "sample"]
    data: str
    asked_as_of: str
    own: dict[str, Any]
