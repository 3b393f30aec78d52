"""What the service answers, as types: the documentation is made from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model


class Answer(BaseModel):
    """Base of everything that is answered."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelVersion(Answer):
    """Which model has answered."""

    candidate: str
    run_id: str = Field(description="the run that trained it")
    sha256: str = Field(description="first twelve digits of its digest")
    learned_until: datetime


class PredictAnswer(Answer):
    """Predictions in the order of the records."""

    case: str
    target: str
    unit: str
    model: ModelVersion
    simulated: bool = Field(description="true when the model learned from simulated data")
    level: float = Field(description="share of the truth that the regions are made to hold")
    predictions: list[Any]


def answer_model(prediction: type[BaseModel], name: str) -> type[PredictAnswer]:
    """The answers of one case, whose task says what a prediction is."""
    described = Field(description="in the order of the records")
    return create_model(name, __base__=PredictAnswer, predictions=(list[prediction], described))  # type: ignore[valid-type]


class CaseSummary(Answer):
    """A case that can be asked."""

    case: str
    title: str
    question: str
    simulated: bool
    predict: str = Field(description="address that takes records")
    model: str = Field(description="address of the model card")


class CasesAnswer(Answer):
    """All cases that are served."""

    cases: list[CaseSummary]
