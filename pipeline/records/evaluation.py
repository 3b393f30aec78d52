"""The comparison on held-out rows, and who serves."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from pipeline.comparison import Comparison
from pipeline.looks import Looks
from pipeline.records.base import Ground, ModelRef, Part, Record, Scores, Window
from pipeline.records.training import FittedModel
from pipeline.regions import Calibration

MEASURED_IN = "measured_in"
"""Parameter of a roll back by hand: the run in which the champion's scores were measured."""


class SystemScores(Part):
    """One of champion, challenger and baseline on the held-out window."""

    role: Literal["champion", "challenger", "baseline", "predecessor"]
    candidate: str
    run_id: str
    scores: Scores
    level: float = Field(description="share of truths that its regions are to hold")
    coverage: float = Field(description="share that they did hold")
    mean_size: float = Field(description="width in the target's unit, or number of classes")


class SegmentScores(Part):
    """The subject in one segment of the held-out window."""

    by: str
    segment: str
    scores: Scores
    coverage: float | None = Field(default=None, description="share of the truth in its region")
    mean_size: float | None = Field(default=None, description="of the regions")


class HorizonScores(Part):
    """The subject so far ahead of the origins of its forecasts, on the held-out window."""

    by: str = Field(description="in what it is counted: 'hours ahead'")
    ahead: int
    scores: Scores
    baseline: float = Field(description="primary metric of the baseline, so far ahead")
    skill: float | None = Field(description="1 - error / baseline's; none for a perfect baseline")
    coverage: float
    mean_size: float


class Evidence(Part):
    """What speaks for one system over another, in this run and those before."""

    since: datetime = Field(description="as_of of the first look at the question")
    looks: Looks
    gain: float = Field(description="share by which the primary metric is lower, on all the rows")
    rows: int
    start: datetime | None = Field(description="of the rows; none where rows carry no time")


class SegmentGuard(Part):
    """Where the challenger does worst beside the champion, on the held-out window."""

    by: str
    segment: str
    loss: float = Field(description="share by which the challenger's mean loss is higher there")
    p_value: float = Field(description="one-sided, for 'worse there', times the segments tested")
    segments: int


class Refreshed(Part):
    """What is known anew of a model: its regions and what its predictions rest on."""

    calibration: Calibration
    importance: dict[str, float]


class EvaluateRecord(Record):
    """Challenger, champion and baseline on the same held-out window."""

    step: Literal["evaluate"] = "evaluate"
    primary: str
    held_out: Window
    systems: tuple[SystemScores, ...]
    subject: Literal["champion", "challenger"] = Field(
        description="whose example and segments are given"
    )
    comparisons: dict[str, Comparison] = Field(description="'challenger over champion', ...")
    segments: tuple[SegmentScores, ...] = Field(description="by breakdown, the worst first in each")
    horizons: tuple[HorizonScores, ...] = Field(
        default=(), description="nearest first; empty where nothing is foretold"
    )
    evidence: dict[str, Evidence] = Field(
        default_factory=dict, description="by pair, as comparisons; empty in records before 0.2"
    )
    guard: SegmentGuard | None = Field(
        default=None, description="none without a challenger and a champion to compare"
    )
    served: Window | None = Field(
        default=None, description="rows since the champion serves, where it had a predecessor"
    )
    refreshed: dict[str, Refreshed] = Field(
        default_factory=dict, description="by role; empty in records before 0.2"
    )

    def of(self, model: ModelRef) -> SystemScores:
        """The scores of a model that took part; `KeyError` when it didn't."""
        for system in self.systems:
            if (system.candidate, system.run_id) == (model.candidate, model.run_id):
                return system
        raise KeyError(model.candidate)


class PromoteRecord(Record):
    """Who serves from now on."""

    step: Literal["promote"] = "promote"
    action: Literal["promote", "hold", "roll back"]
    champion: FittedModel
    scores: Scores = Field(description="the champion's on the held-out window")
    baseline_scores: Scores
    primary: str
    grounds: tuple[Ground, ...] = Field(
        default=(), description="the numbers of the decision; empty in older records"
    )

    @property
    def by_hand(self) -> bool:
        """Whether it was no notebook that decided, but somebody who rolled back."""
        return MEASURED_IN in self.parameters

    @property
    def measured_in(self) -> str:
        """The run that the scores come from."""
        return str(self.parameters.get(MEASURED_IN, self.run_id))
