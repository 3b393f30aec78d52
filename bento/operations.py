"""The addresses in the OpenAPI document: what each takes, answers and refuses."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from bento import problems
from bento.champion import Champion
from bento.trends import parameters as trend_parameters
from bento.uploads import FORM, form_schema
from pipeline.keys import SCOPES
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


def of_case(champion: Champion, settings: Settings) -> dict[str, Any]:
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


def of_service(settings: Settings) -> dict[str, Any]:
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
