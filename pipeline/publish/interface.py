"""Every address of the service as a page tells it, from the service's own OpenAPI document, each
with a call that works.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.publish import markup
from pipeline.publish.status import SiteStatus

SERVICE = "$VIGIE"
KEY = '-H "Authorization: Bearer $KEY"'
JSON = "-H 'Content-Type: application/json'"
FORM = "application/x-www-form-urlencoded"
PICTURES = "multipart/form-data"
FEW_ROWS = "limit=5"
TAKE_EXAMPLE = 'import json, sys; print(json.dumps({"records": [json.load(sys.stdin)["example"]]}))'
PLAIN_VALUES = {"string": "…", "number": 1, "integer": 1, "boolean": True}
Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Field:
    """A parameter or a field of a record."""

    name: str
    required: bool
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method at an address."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Field, ...]
    fields: tuple[Field, ...]
    """Of a record that is sent."""
    calls: tuple[str, ...]
    """Shell commands."""


@dataclass(frozen=True, kw_only=True)
class Interface:
    """The document, and what the site knows of its cases."""

    document: Object
    status: SiteStatus

    def blocks(self) -> Iterator[str]:
        """A section a case, one of the service's own addresses, and why a call is refused."""
        titles = {case.case: case.title for case in self.status.cases}
        grouped: dict[str, list[Operation]] = {}
        for path, methods in self.document["paths"].items():
            case = path.split("/")[2] if path.startswith("/v1/") and path.count("/") > 2 else ""
            for method, held in methods.items():
                grouped.setdefault(case, []).append(self._operation(path, method, held))
        for case, operations in sorted(grouped.items(), key=lambda group: (not group[0], group[0])):
            title = titles.get(case, case) or "The service itself"
            yield markup.heading(2, title)
            yield markup.block("interface.html.j2", operations=operations, group=case or "service")
        yield markup.heading(2, "When it refuses")
        yield markup.block("refusals.html.j2", refusals=self._refusals())

    def _operation(self, path: str, method: str, held: Object) -> Operation:
        record = self._record(held)
        return Operation(
            method=method.upper(),
            path=path,
            summary=held["summary"],
            description=held.get("description", ""),
            parameters=tuple(
                Field(
                    name=one["name"],
                    required=bool(one.get("required")),
                    meaning=one.get("description", ""),
                )
                for one in held.get("parameters", ())
            ),
            fields=tuple(
                Field(
                    name=name,
                    required=name in record.get("required", ()),
                    meaning=one.get("description", ""),
                )
                for name, one in record.get("properties", {}).items()
            ),
            calls=tuple(self._calls(path, method, held, record)),
        )

    def _calls(self, path: str, method: str, held: Object, record: Object) -> Iterator[str]:
        key = () if {} in held["security"] else (KEY,)
        content = held.get("requestBody", {}).get("content", {})
        if method == "get":
            few = any(one["name"] == "limit" for one in held.get("parameters", ()))
            yield _curl(f"{path}?{FEW_ROWS}" if few else path, *key)
        elif FORM in content:
            yield _curl(path, *key, "-d grant_type=client_credentials")
        elif path.endswith("/predict"):
            model = _curl(path.removesuffix("predict") + "model", *key)
            example = f"python3 -c {shlex.quote(TAKE_EXAMPLE)}"
            yield " |\n".join([model, example, _curl(path, *key, JSON, "-d @-")])
            if PICTURES in content:
                yield _curl(path, *key, "-F picture=@PICTURE.jpg")
        elif record:
            body = json.dumps({"records": [_filled(record)]}, ensure_ascii=False)
            yield _curl(path, *key, JSON, f"-d {shlex.quote(body)}")

    def _record(self, held: Object) -> Object:
        """The schema of one record of the body; empty where it has no records."""
        content = held.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return {}
        body = self._resolved(content["application/json"]["schema"])
        items = body.get("properties", {}).get("records", {}).get("items", {})
        kinds = [self._resolved(kind) for kind in items.get("anyOf", (items,))]
        # True values come by the call that they belong to, or by key: the former is always there.
        by_call = [kind for kind in kinds if "call" in kind.get("properties", {})]
        return (by_call or kinds)[0]

    def _resolved(self, schema: Object) -> Object:
        if "$ref" not in schema:
            return schema
        found: Object = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found

    def _refusals(self) -> list[tuple[str, str]]:
        """Status and reason of every answer that is none."""
        found = {
            (status, answer["description"])
            for methods in self.document["paths"].values()
            for held in methods.values()
            for status, answer in held["responses"].items()
            if not status.startswith("2")
        }
        return sorted(found)


def _curl(address: str, *options: str) -> str:
    """A call, each option on a line of its own."""
    return " \\\n  ".join([f'curl -sS "{SERVICE}{address}"', *options])


def _filled(record: Object) -> dict[str, Any]:
    """A record with something in every field that it must have."""
    return {
        name: _value(one)
        for name, one in record["properties"].items()
        if name in record.get("required", ())
    }


def _value(schema: Object) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("pattern") == "^[0-9a-f]{16}$":
        return "0123456789abcdef"
    if schema.get("minimum") == 0:
        return 0
    return PLAIN_VALUES.get(schema.get("type", "string"), "…")
