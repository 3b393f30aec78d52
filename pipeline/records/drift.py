"""What has changed, and whether to train."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.records.base import Ground, Record, Window
from pipeline.shift import ColumnShift


class DriftRecord(Record):
    """The newest window against what the champion learned from or was last examined on."""

    step: Literal["drift"] = "drift"
    reference: Window
    current: Window
    alpha: float
    material: float = Field(default=0.1, description="least effect of an alarm")
    columns: tuple[ColumnShift, ...] = Field(description="watched columns, the target among them")
    together: ColumnShift | None = Field(
        default=None, description="all number columns at once, by a classifier"
    )
    champion_shifts: tuple[ColumnShift, ...] = Field(
        default=(),
        description="the champion's predictions and errors on rows it had not learned from",
    )
    champion_error: float | None = Field(description="primary metric on the current window")
    expected_error: float | None = Field(description="the same in the champion's own backtest")
    worst_expected_error: float | None = Field(
        description="the error above which the champion counts as degraded"
    )


class DecideRecord(Record):
    """Whether to train a challenger."""

    step: Literal["decide"] = "decide"
    decision: Literal["retrain", "keep"]
    champion_age_days: float | None
    trigger: Literal["", "first", "asked", "performance", "drift", "age"] = Field(
        default="", description="what made it retrain; empty for keep"
    )
    error: float | None = Field(default=None, description="primary metric in the current window")
    limit: float | None = Field(
        default=None, description="what the champion's backtest says the error stays below"
    )
    drifted: float | None = Field(
        default=None, description="share of the champion's importance in columns with an alarm"
    )
    trained_days_ago: float | None = Field(
        default=None, description="since the newest training, of whichever model"
    )
    grounds: tuple[Ground, ...] = Field(
        default=(), description="the numbers of the decision; empty in older records"
    )
