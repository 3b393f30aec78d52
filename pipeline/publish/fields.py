"""The fields of the published JSON files as tables, from the same schemas that tests hold to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pipeline.publish import markup
from pipeline.publish.machines import SCHEMAS, schema

KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """A line of a table."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """The fields of one object."""

    title: str
    meaning: str
    fields: tuple[Field, ...]


def blocks() -> Iterator[str]:
    """For each file a heading and its tables, as blocks of a page's source."""
    for name, kind in SCHEMAS.items():
        yield markup.heading(2, f"Fields of {name}.json")
        yield markup.block("fields.html.j2", tables=tables(kind), schema=f"schemas/{name}")


def tables(kind: type[BaseModel]) -> list[Table]:
    """The file's own fields first, then those of each object within it."""
    whole = schema(kind, "")
    parts = whole.get("$defs", {})
    return [_table("The file", whole), *(_table(name, part) for name, part in parts.items())]


def _table(title: str, part: dict[str, Any]) -> Table:
    fields = tuple(
        Field(name=name, kind=_kind(held), meaning=held.get("description", ""))
        for name, held in part["properties"].items()
    )
    return Table(
        title=title, meaning=str(part.get("description", "")).split("\n\n")[0], fields=fields
    )


def _kind(held: dict[str, Any]) -> str:
    if "anyOf" in held:
        return " or ".join(_kind(one) for one in held["anyOf"])
    if "enum" in held:
        return " or ".join(f"“{value}”" for value in held["enum"])
    if held.get("type") == "array":
        return f"list of {_kind(held['items'])}" if "items" in held else "list"
    return _plain_kind(held)


def _plain_kind(held: dict[str, Any]) -> str:
    if "$ref" in held:
        return str(held["$ref"]).rpartition("/")[2]
    if "const" in held:
        return str(held["const"])
    return "time, ISO 8601" if held.get("format") == "date-time" else KINDS[held["type"]]
