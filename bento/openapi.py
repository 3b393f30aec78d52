"""The OpenAPI document of the champions found: addresses and types come from their cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from pydantic_core import to_json

import pipeline
from bento.answers import (
    ActualsAnswer,
    CasesAnswer,
    HealthAnswer,
    MetricsAnswer,
    TokenAnswer,
    TrendsAnswer,
)
from bento.champion import Champion
from bento.operations import of_case, of_service
from bento.problems import ProblemDetails
from pipeline.packaging.bundles import ModelCard
from pipeline.packaging.settings import Settings

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
        paths |= _tagged(of_case(champion, settings), champion.case.name)
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
        "paths": paths | _tagged(of_service(settings), OWN),
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
