"""What the service answers, as types: the documentation is made from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model


class Answer(BaseModel):
    """Base of everything that is answered."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelVersion(Answer):
    """Which model has answered."""

    candidate: str
    run_id: str = Field(description="the run that trained it")
    version: str = Field(description="first twelve digits of the sha256 of its file")
    learned_until: datetime


class DataVersion(Answer):
    """Which observations the answer rests on, beside what was sent."""

    version: int = Field(description="version of the table of observations")
    newest: datetime | None = Field(description="time of the newest of them")


class PredictAnswer(Answer):
    """Predictions in the order of the records."""

    call: str = Field(description="id of this call, to send the true value to later")
    case: str
    target: str
    unit: str
    model: ModelVersion
    data: DataVersion
    simulated: bool = Field(description="true when the model learned from simulated data")
    level: float = Field(description="share of the truth that the regions are made to hold")
    predictions: list[Any]


def answer_model(prediction: type[BaseModel], name: str) -> type[PredictAnswer]:
    """The answers of one case, whose task says what a prediction is."""
    flag = Field(
        description="a number that was sent lies outside of those that the model has learned from"
    )
    one = create_model(prediction.__name__, __base__=prediction, extrapolating=(bool, flag))
    described = Field(description="in the order of the records")
    return create_model(name, __base__=PredictAnswer, predictions=(list[one], described))  # type: ignore[valid-type]


class CaseSummary(Answer):
    """A case that can be asked."""

    case: str
    title: str
    question: str
    kind: str = Field(description="forecasting, regression or classification")
    simulated: bool
    predict: str = Field(description="address that takes records")
    model: str = Field(description="address of the model card")
    metrics: str = Field(description="address of the scores")
    trends: str = Field(description="address of the observations over time")


class CasesAnswer(Answer):
    """All cases that are served."""

    cases: list[CaseSummary]


class Measured(Answer):
    """Scores, and what they were measured on."""

    start: datetime | None
    end: datetime
    rows: int
    scores: dict[str, float] = Field(description="by name; in the unit of the target, or a share")


class MetricsAnswer(Answer):
    """How good the model is: on data that it has not learned from, and in service."""

    case: str
    target: str
    unit: str
    model: ModelVersion
    primary: str = Field(description="the score that decides on promotion")
    held_out: Measured
    baseline: Measured = Field(description="the baseline on the same rows")
    in_service: Measured | None = Field(
        description="on logged predictions whose true value has come; null where none has"
    )


class TrendsAnswer(Answer):
    """A page of rows, in the order of their groups and then of time."""

    case: str
    column: str
    unit: str
    simulated: bool = Field(description="true when the observations are simulated")
    total: int = Field(description="rows that there are on all pages")
    limit: int
    offset: int
    rows: list[dict[str, str | float | bool | None]]


class ActualsAnswer(Answer):
    """What became of true values that were sent."""

    case: str
    received: int
    matched: int = Field(description="logged predictions that they are the truth of")
    complete: bool = Field(
        description="false while predictions of large calls are still looked through: more may be "
        "matched, and count from then on"
    )


class TokenAnswer(Answer):
    """A token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the kind of token, not one
    expires_in: int = Field(description="seconds")
    scope: str


class HealthAnswer(Answer):
    """Whether the service is up."""

    status: Literal["ok"] = "ok"
