"""The OpenAPI document of the champions found: addresses and types come from their cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from pydantic_core import to_json

import pipeline
from bento import problems
from bento.answers import (
    ActualsAnswer,
    CasesAnswer,
    HealthAnswer,
    MetricsAnswer,
    TokenAnswer,
    TrendsAnswer,
)
from bento.champion import Champion
from bento.problems import ProblemDetails
from bento.trends import parameters as trend_parameters
from bento.uploads import FORM, form_schema
from pipeline.keys import SCOPES
from pipeline.packaging.bundles import ModelCard
from pipeline.packaging.settings import PublicGroup, Settings

COMMON: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "The request can't be read.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A field or parameter does not fit; `errors` names each.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "Over a hundred headers.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many calls; Retry-After says when to call again.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of the service.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too many calls are waiting, or a file is out of reach; "
    "Retry-After says when to call again.",
}
LOCKED: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.UNAUTHORIZED: "No key, or one that is not valid.",
    HTTPStatus.FORBIDDEN: "The key's scope is too small.",
}
WITH_BODY: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.REQUEST_TIMEOUT: "The body came too slowly.",
    HTTPStatus.CONFLICT: "The service keeps no log of its predictions.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too many bytes.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not declared as what is taken here.",
}
MOST_NAMED: Final = 1000
"""Values of a field above which the document does not list them all."""
ANSWERS: Final[tuple[type[BaseModel], ...]] = (
    CasesAnswer,
    ModelCard,
    MetricsAnswer,
    TrendsAnswer,
    ActualsAnswer,
    TokenAnswer,
    HealthAnswer,
    ProblemDetails,
)


def document_bytes(champions: Mapping[str, Champion], settings: Settings) -> bytes:
    """The document as it is sent."""
    return to_json(document(champions, settings))


def document(champions: Mapping[str, Champion], settings: Settings) -> dict[str, Any]:
    """OpenAPI 3.1."""
    bodies = [body for each in champions.values() for body in (each.body, each.truths)]
    replies = [each.reply for each in champions.values()]
    _, found = models_json_schema(
        [
            *((body, "validation") for body in bodies),
            *((kind, "serialization") for kind in (*replies, *ANSWERS)),
        ],
        ref_template="#/components/schemas/{model}",
    )
    schemas = found["$defs"]
    for champion in champions.values():
        _name_values(champion, schemas)
    paths: dict[str, Any] = {}
    for champion in champions.values():
        paths |= _tagged(_paths(champion, settings), champion.case.name)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vigie",
            "version": pipeline.__version__,
            "description": INTRODUCTION,
        },
        "tags": [
            *(
                {"name": each.case.name, "description": each.case.title}
                for each in champions.values()
            ),
            {"name": OWN, "description": "all cases, tokens, and whether the service is up"},
        ],
        "servers": [{"url": "."}],
        "paths": paths | _tagged(_own_paths(settings), OWN),
        "components": {"schemas": schemas, "securitySchemes": SCHEMES},
    }


OWN: Final = "service"
INTRODUCTION: Final = (
    "For every case: predictions of the model that serves it, with intervals or sets of classes; "
    "trends of what was observed; how good the model is; its card. A key is sent as "
    "`Authorization: Bearer …` and made with `vigie keys add`. Whatever is refused says why, "
    "with each field named (RFC 9457). [Try it](./try) asks from a form."
)


def _tagged(paths: dict[str, Any], tag: str) -> dict[str, Any]:
    """With all operations in one group."""
    for operations in paths.values():
        for operation in operations.values():
            operation["tags"] = [tag]
    return paths


SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key (`vigie keys add`), or a token made of one.",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def _paths(champion: Champion, settings: Settings) -> dict[str, Any]:
    name = champion.case.name
    predict = _content(champion.body.__name__)
    if champion.card.example is not None:
        predict["application/json"]["example"] = {"records": [champion.card.example]}
    if champion.upload is not None:
        predict[FORM.decode()] = form_schema(champion.upload, champion.card.levels)
    return {
        f"/v1/{name}/predict": {
            "post": _locked(
                settings,
                f"{name}_predict",
                champion.case.question,
                champion.reply.__name__,
                description=f"Predicts {champion.case.schema.column(champion.card.target).label}. "
                "Scope: predict.",
                body=predict,
            )
        },
        f"/v1/{name}/actuals": {
            "post": _locked(
                settings,
                f"{name}_actuals",
                "True values, when they have come",
                "ActualsAnswer",
                description="They are joined to logged predictions. Scope: admin.",
                body=_content(champion.truths.__name__),
            )
        },
        f"/v1/{name}/trends": {
            "get": _locked(
                settings,
                f"{name}_trends",
                f"Observations over time: {champion.case.title}",
                "TrendsAnswer",
                description="Scope: read.",
                parameters=trend_parameters(champion.case.schema),
                other={"text/csv": {"schema": {"type": "string"}}},
            )
        },
        f"/v1/{name}/metrics": {
            "get": _locked(
                settings,
                f"{name}_metrics",
                "How good the model is",
                "MetricsAnswer",
                description="Scope: read.",
            )
        },
        f"/v1/{name}/model": {
            "get": _locked(
                settings,
                f"{name}_model",
                f"Model card of: {champion.case.title}",
                "ModelCard",
                description="Scope: read.",
            )
        },
    }


def _own_paths(settings: Settings) -> dict[str, Any]:
    form = {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "grant_type": {"type": "string", "enum": ["client_credentials"]},
                    "scope": {"type": "string", "enum": list(SCOPES)},
                },
            }
        }
    }
    token = _locked(
        settings,
        "token",
        "A short-lived token of a key",
        "TokenAnswer",
        description="With the key's scopes, or one or some of them (separated by spaces).",
        body=form,
        always=True,
    )
    token["requestBody"]["required"] = False
    return {
        "/v1/cases": {
            "get": _locked(
                settings,
                "cases",
                "The cases that are served",
                "CasesAnswer",
                description="Scope: read.",
            )
        },
        "/token": {"post": token},
        "/healthz": {"get": _open(settings, "healthz", "Whether the service is up", "health")},
        "/readyz": {"get": _open(settings, "readyz", "Whether it can answer calls", "health")},
    }


def _locked(
    settings: Settings,
    name: str,
    summary: str,
    answer: str,
    *,
    description: str,
    body: dict[str, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None,
    other: dict[str, Any] | None = None,
    always: bool = False,
) -> dict[str, Any]:
    """An operation that needs a key."""
    is_open = settings.open and not always
    refusals = dict(COMMON) | dict(LOCKED) | (dict(WITH_BODY) if body else {})
    content = _content(answer) | (other or {})
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "description": description,
        "security": [{}] if is_open else [{"bearer": []}, {"key": []}],
        "responses": {"200": {"description": summary, "content": content}} | _refused(refusals),
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    if parameters is not None:
        operation["parameters"] = parameters
    return operation


def _open(settings: Settings, name: str, summary: str, group: PublicGroup) -> dict[str, Any]:
    """An operation that the operator can make public."""
    public = group in settings.public or settings.open
    return {
        "operationId": name,
        "summary": summary,
        "security": [{}] if public else [{"bearer": []}, {"key": []}],
        "responses": {"200": {"description": summary, "content": _content("HealthAnswer")}}
        | _refused(dict(COMMON) | ({} if public else dict(LOCKED))),
    }


def _refused(statuses: Mapping[HTTPStatus, str]) -> dict[str, Any]:
    return {
        str(status.value): {
            "description": text,
            "content": _content("ProblemDetails", problems.MEDIA_TYPE),
        }
        for status, text in sorted(statuses.items())
    }


def _content(kind: str, media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{kind}"}}}


def _name_values(champion: Champion, schemas: dict[str, Any]) -> None:
    """Fields of which only some values are taken list them: so forms can offer them."""
    level = champion.card.level
    schemas[champion.body.__name__]["properties"]["interval"] |= {"enum": [level, None]}
    for name, kind in schemas.items():
        owner = name.startswith(champion.words) and name.removeprefix(champion.words)
        if owner not in ("Record", "TruthsOfKey"):
            continue
        for field, values in _known_values(champion, owner == "Record").items():
            if field in kind.get("properties", {}) and len(values) <= MOST_NAMED:
                kind["properties"][field] |= {"enum": values}


def _known_values(champion: Champion, record: bool) -> dict[str, list[Any]]:
    if not record:
        return {}
    known: dict[str, Iterable[Any]] = {**champion.card.categories, **champion.values()}
    return {name: list(values) for name, values in known.items()}
