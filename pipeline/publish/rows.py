"""What one run of a case came to, in one row, as histories publish it field by field."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from pipeline.publish.runs import Ended
from pipeline.records import Part


class MetricThen(Part):
    """The champion's primary score on the held-out window of a run, after its decision."""

    name: str = Field(description="of the primary score; lower is better")
    value: float = Field(description="the champion's score")
    baseline: float | None = Field(description="the baseline's score on the same rows")
    coverage: float | None = Field(
        description="share of true values inside the intervals or sets of the champion"
    )
    level: float | None = Field(description="share that was promised")


class ChampionThen(Part):
    """Who served after a run."""

    candidate: str = Field(description="name among the candidates of the case")
    title: str = Field(description="name for people")
    run_id: str = Field(description="the run that trained it")
    sha256: str = Field(description="digest of the stored model")


class ColumnThen(Part):
    """One watched column in a run's drift report."""

    column: str = Field(description="name of the column")
    alarm: bool = Field(description="whether it changed beyond chance, and by enough to matter")
    effect: float = Field(description="size of the change, in standard deviations of the reference")
    adjusted_p_value: float = Field(description="Benjamini-Hochberg over all that the run judged")
    sentence: str = Field(
        default="", description="what has changed, in words; empty without an alarm"
    )


class ExpectationThen(Part):
    """One expectation in a run."""

    name: str = Field(description="of the expectation")
    severity: Literal["gate", "row", "note"] = Field(
        description="gate: failure stops the run; row: failing rows go to quarantine; note: told"
    )
    success: bool = Field(description="whether it held")
    evaluated: int = Field(description="rows looked at")
    unexpected: int = Field(description="rows that failed")


class DataThen(Part):
    """What had arrived by a run."""

    newest: datetime | None = Field(
        description="time of the newest row; null where rows carry none"
    )
    rows: int = Field(description="observations in the table")
    version: int = Field(description="of the table")
    inserted: int = Field(description="new rows")
    updated: int = Field(description="values that the publisher had revised")
    quarantined: int | None = Field(description="null where the run did not validate")


class RunThen(Part):
    """What one run came to."""

    run_id: str = Field(description="its permanent page is <case>/runs/<run_id>.html")
    as_of: datetime | None = Field(description="the time that the run was made for")
    finished: datetime | None = Field(description="null while it is under way")
    ended: Ended = Field(description="how it ended")
    health: Literal["healthy", "watch", "failing"] = Field(
        description="how the case stood after it"
    )
    headline: str = Field(description="the state in a sentence or two")
    decision: Literal["retrain", "keep", "promote", "hold", "roll back"] | None = Field(
        description="null where the run came to none"
    )
    decided_in: str | None = Field(
        description="the run that decided: an earlier one where its decision was taken over"
    )
    sentence: str = Field(description="the decision and its reason")
    training: str = Field(
        default="",
        description="whether a model was to be trained, and why; empty where it was not decided",
    )
    metric: MetricThen | None = Field(description="null where nothing was scored")
    champion: ChampionThen | None = Field(description="null where nothing was decided")
    drift: tuple[ColumnThen, ...] | None = Field(description="null where drift was not measured")
    data: DataThen | None = Field(description="null where nothing arrived")
    expectations: tuple[ExpectationThen, ...] = Field(
        description="empty where the run did not validate"
    )

    @property
    def alarms(self) -> tuple[str, ...]:
        """Columns with an alarm, in the order of the report."""
        return tuple(column.column for column in self.drift or () if column.alarm)

    @property
    def moment(self) -> datetime | None:
        """When the run was made for; for one that never came to its data, when it ended."""
        return self.as_of or self.finished
