"""The OpenAPI document of the champions of a home, without loading a model: for pages that tell of
the service while none runs. It leaves out what only rows can tell: an example, values of fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel

from bento.answers import PredictAnswer, answer_model
from bento.bodies import actuals_body, predict_body
from bento.champion import Champion, type_words
from bento.openapi import document
from pipeline.case import Case, find_cases
from pipeline.packaging.contents import upload_field
from pipeline.packaging.settings import Settings
from pipeline.records import PromoteRecord
from pipeline.store import Store


@dataclass(frozen=True, kw_only=True)
class Card:
    """What the document takes of a model card."""

    target: str
    level: float
    levels: tuple[float, ...]
    example: None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Described:
    """What the document takes of a champion."""

    case: Case
    card: Card
    body: type[BaseModel]
    truths: type[BaseModel]
    reply: type[PredictAnswer]
    upload: str | None

    @property
    def words(self) -> str:
        """What the names of this case's types begin with."""
        return type_words(self.case.name)

    def values(self) -> dict[str, list[str]]:
        """None are known without the observations."""
        return {}


def describe(
    store: Store, *, cases: Mapping[str, Case] | None = None, settings: Settings | None = None
) -> dict[str, Any]:
    """What the service would answer at `/openapi.json`, of every case that has a champion."""
    known = find_cases() if cases is None else cases
    asked = settings or Settings()
    promotions = {name: store.promotion(name) for name in known}
    described = {
        name: _described(known[name], promotion, asked)
        for name, promotion in promotions.items()
        if promotion is not None
    }
    return document(cast("Mapping[str, Champion]", described), asked)


def _described(case: Case, promotion: PromoteRecord, settings: Settings) -> Described:
    words, level = type_words(case.name), promotion.champion.calibration.level
    record = case.task.request_model(case.schema, f"{words}Record")
    upload = upload_field(record)
    return Described(
        case=case,
        card=Card(target=case.schema.target, level=level, levels=(level,)),
        body=predict_body(record, f"{words}Request", settings, (level,), upload),
        truths=actuals_body(record, case.schema, f"{words}Truths", settings),
        reply=answer_model(case.task.answer_model(f"{words}Prediction"), f"{words}Answer"),
        upload=upload,
    )
