"""The OpenAPI document of the champions found: addresses and types come from their cases."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import pipeline
from bento import problems
from bento.answers import CasesAnswer
from bento.champion import Champion
from bento.problems import ProblemDetails
from pipeline.packaging.bundles import ModelCard

REFUSALS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "The body is not JSON.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Over 1 MiB, or over 1,000 records.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not declared as plain JSON.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A field does not fit; `errors` names each.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of the service.",
}


def document(champions: Mapping[str, Champion]) -> dict[str, Any]:
    """OpenAPI 3.1."""
    bodies = [champion.body for champion in champions.values()]
    answers: list[type[BaseModel]] = [
        *(champion.reply for champion in champions.values()),
        CasesAnswer,
        ModelCard,
        ProblemDetails,
    ]
    _, schemas = models_json_schema(
        [
            *((body, "validation") for body in bodies),
            *((kind, "serialization") for kind in answers),
        ],
        ref_template="#/components/schemas/{model}",
    )
    paths = {"/v1/cases": {"get": _get("cases", "The cases that are served", CasesAnswer)}}
    for name, champion in champions.items():
        paths[f"/v1/{name}/predict"] = {"post": _predict(champion)}
        paths[f"/v1/{name}/model"] = {
            "get": _get(f"{name}_model", f"Model card of: {champion.case.title}", ModelCard)
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Vigie", "version": pipeline.__version__},
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def _predict(champion: Champion) -> dict[str, Any]:
    refused = {
        str(status.value): _response(text, ProblemDetails, problems.MEDIA_TYPE)
        for status, text in REFUSALS.items()
    }
    content = _content(champion.body)
    if champion.card.example is not None:
        content["application/json"]["example"] = {"records": [champion.card.example]}
    return {
        "operationId": f"{champion.case.name}_predict",
        "summary": champion.case.question,
        "description": f"Predicts {champion.case.schema.column(champion.card.target).label}.",
        "requestBody": {"required": True, "content": content},
        "responses": {"200": _response("Predictions", champion.reply), **refused},
    }


def _get(name: str, summary: str, kind: type[BaseModel]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": _response(summary, kind)},
    }


def _response(
    text: str, kind: type[BaseModel], media_type: str = "application/json"
) -> dict[str, Any]:
    return {"description": text, "content": _content(kind, media_type)}


def _content(kind: type[BaseModel], media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}
