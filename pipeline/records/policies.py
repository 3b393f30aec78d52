"""What retraining policies would have cost: a replay over the past of a case, outside of runs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from pipeline.records.base import Artifact, Part, TableVersion, Window


class PolicyPrice(Part):
    """One policy over the whole replay."""

    policy: str
    retrainings: int
    error: float = Field(description="primary metric over all stretches that were judged")
    learned: tuple[datetime, ...] = Field(description="the retrainings, oldest first")
    changed: tuple[datetime, ...] = Field(
        default=(), description="when another model came to serve, oldest first"
    )
    unexamined: float | None = Field(
        default=None,
        description="the error, had every model served from its training on, without an "
        "examination; none in older records, whose error is that one",
    )
    unexamined_retrainings: int | None = Field(
        default=None, description="how often the policy would have trained then"
    )


class PolicyRecord(Part):
    """One replay of a case's policies; the newest takes the place of the one before."""

    schema_version: Literal[1] = 1
    case: str
    source: Literal["live", "files", "sample"]
    as_of: datetime
    started: datetime
    finished: datetime
    code_version: str
    lock_digest: str
    inputs: tuple[TableVersion, ...]
    candidate: str
    title: str = Field(description="what the candidate is")
    primary: str
    alpha: float
    stretch_days: float = Field(description="a model is learned at the start of every stretch")
    window: int = Field(description="stretches in the current window")
    limits_from: int = Field(description="first stretches, which only set the limits")
    replayed: Window = Field(description="the stretches that were judged")
    prices: tuple[PolicyPrice, ...]
    files: tuple[Artifact, ...] = Field(description="paths relative to the folder of the replay")
    sentence: str
