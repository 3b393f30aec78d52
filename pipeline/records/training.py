"""Every candidate on the folds, and the models that were fitted."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from pipeline.records.base import ModelRef, Part, Record, Scores
from pipeline.regions import Calibration

BASELINE = "baseline"
"""What the baseline is called among the candidates."""


class FoldScores(Part):
    """A candidate on one fold."""

    fold: str
    start: datetime | None = Field(description="none where it isn't time that divides")
    end: datetime
    trained_rows: int
    scores: Scores


class CandidateScores(Part):
    """A candidate on all folds; `scores` are means over folds."""

    name: str
    title: str
    baseline: bool
    not_eligible: str = Field(description="why it may not become champion; empty when it may")
    folds: tuple[FoldScores, ...]
    scores: Scores
    spread: Scores = Field(description="standard deviation over folds")
    skill: float = Field(description="1 - error / baseline's error, primary metric, fold means")
    seconds: float


class FittedModel(Part):
    """A model as it was stored, what its backtest promises, and its calibration."""

    ref: ModelRef
    calibration: Calibration = Field(description="makes intervals or sets of classes")
    backtest: Scores = Field(description="means over the folds")
    worst_fold: float = Field(description="primary metric on its worst fold")
    windows: tuple[float, ...] = Field(
        default=(),
        description="primary metric on every window of its backtest that is as long as the "
        "current one, oldest first; empty where it was not measured",
    )
    independent: float = Field(default=0, description="how many such windows the backtest is long")
    importance: dict[str, float] = Field(
        default_factory=dict,
        description="share by which the error grows when a column is shuffled; empty where it was "
        "not measured",
    )


class TrainRecord(Record):
    """Every candidate on the folds, and the fitted challenger."""

    step: Literal["train"] = "train"
    primary: str
    candidates: tuple[CandidateScores, ...]
    left_out: dict[str, str] = Field(
        default_factory=dict, description="why candidates could not run, by name"
    )
    challenger: FittedModel
    baseline: FittedModel
