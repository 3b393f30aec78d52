"""Trends over HTTP: a question as query parameters, the answer as JSON or CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import available_timezones

from bento.champion import Champion
from bento.problems import query_problem
from bento.replies import Reply
from bento.requests import invalid_query
from pipeline.errors import OptionError
from pipeline.schema import Schema
from pipeline.trends import AGGREGATES, BUCKETS, Question
from pipeline.trends.questions import MOST_ROWS

CSV: Final = b"text/csv"
SINGLE: Final = ("bucket", "zone", "column", "limit", "offset", "format")
REPEATED: Final = {"by": "by", "where": "where", "aggregate": "aggregates"}
UNIQUE: Final = ("by", "aggregate")
FORMATS: Final = ("json", "csv")
WHOLE: Final = ("limit", "offset")


def answer_trends(
    champion: Champion, parameters: Sequence[tuple[str, str]], *, wants_csv: bool
) -> Reply:
    """Raises `RequestError` with everything that is wrong with the question."""
    schema = champion.case.schema
    single = _single(parameters)
    problems = [
        query_problem("by", f"{value[:60]!r} is none of {', '.join(groups(schema))}")
        for name, value in parameters
        if name == "by" and value not in groups(schema)
    ]
    if problems:
        raise invalid_query(problems)
    single.setdefault("column", usual_column(schema))
    wants_csv = single.pop("format", "csv" if wants_csv else "json") == "csv"
    asked: dict[str, Any] = {
        name: int(value) if name in WHOLE else value for name, value in single.items()
    }
    for parameter, name in REPEATED.items():
        asked[name] = tuple(value for known, value in parameters if known == parameter)
    try:
        question = Question.of(schema, **asked)
    except OptionError as error:
        lines = str(error).splitlines()
        problems = [query_problem("", line.removeprefix("  - ")) for line in lines[1:] or lines]
        raise invalid_query(problems) from error
    found = champion.observations.answer(question)
    links = ((b"x-total-count", str(found.total).encode()),)
    if wants_csv:
        return Reply(found.csv().encode(), media_type=CSV + b"; charset=utf-8", headers=links)
    content = {
        "case": champion.case.name,
        "column": question.column,
        "unit": schema.column(question.column).unit,
        "simulated": champion.card.simulated,
        "total": found.total,
        "limit": question.limit,
        "offset": question.offset,
        "rows": found.records(),
    }
    return Reply.of(content, headers=links)


def _single(parameters: Sequence[tuple[str, str]]) -> dict[str, str]:
    names = [name for name, _ in parameters]
    problems = [
        query_problem(name, "unknown parameter")
        for name in sorted(set(names) - {*SINGLE, *REPEATED})
    ]
    problems += [
        query_problem(name, "given more than once") for name in SINGLE if names.count(name) > 1
    ]
    found = {name: value for name, value in parameters if name in SINGLE}
    for name in WHOLE:
        if name in found and not (
            found[name].isascii() and found[name].isdigit() and len(found[name]) < 10
        ):
            problems.append(query_problem(name, f"not a whole number: {found[name][:60]!r}"))
    problems += [
        query_problem(name, "it is empty: leave it out, or name one")
        for name, value in found.items()
        if not value
    ]
    problems += [
        query_problem(name, f"{value[:60]!r} is given more than once")
        for name, value in sorted({pair for pair in parameters if parameters.count(pair) > 1})
        if name in UNIQUE
    ]
    if found.get("format", "json") not in FORMATS:
        problems.append(query_problem("format", f"choose among {', '.join(FORMATS)}"))
    if problems:
        raise invalid_query(problems)
    return found


def groups(schema: Schema) -> list[str]:
    """Columns by which rows can be put together: none that is called like an aggregate."""
    return [
        column.name
        for column in schema.columns
        if column.kind in ("category", "text", "integer", "boolean")
        and column.name not in AGGREGATES
    ]


def usual_column(schema: Schema) -> str:
    """The target, or the first column of numbers where the target holds none."""
    numbers = _numbers(schema)
    return schema.target if schema.target in numbers or not numbers else numbers[0]


def _numbers(schema: Schema) -> list[str]:
    return [column.name for column in schema.columns if column.kind in ("number", "integer")]


def parameters(schema: Schema) -> list[dict[str, Any]]:
    """Of the query, as OpenAPI has them."""
    numbers = _numbers(schema)
    columns = "|".join(map(re.escape, schema.names))
    found = [
        _parameter("by", "one row for each value of these columns", _several(groups(schema))),
        _parameter(
            "where",
            "only rows that fit, such as 'fuel = petrol', 'mass >= 1200', 'mass is missing'",
            {
                "type": "array",
                "items": {"type": "string", "pattern": f"^({columns}) is (missing|present)$"},
            },
        ),
        _parameter(
            "aggregate",
            "what is told of each; default: mean and count",
            _several(AGGREGATES if numbers else ("count",)),
        ),
        _parameter(
            "column",
            f"which column; default: {usual_column(schema)}",
            {"type": "string", "enum": numbers or [schema.target]},
        ),
        _parameter(
            "limit", "rows of a page", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}
        ),
        _parameter(
            "offset",
            "rows before the page",
            {"type": "integer", "minimum": 0, "maximum": 10**9 - 1},
        ),
        _parameter(
            "format", "json or csv; else by Accept", {"type": "string", "enum": list(FORMATS)}
        ),
    ]
    if schema.time is not None:
        zones = {"type": "string", "enum": ["UTC", *sorted(available_timezones() - {"UTC"})]}
        found += [
            _parameter(
                "bucket",
                "one row for each stretch of time",
                {"type": "string", "enum": list(BUCKETS)},
            ),
            _parameter("zone", "time zone of the buckets", zones),
        ]
    return found


def _parameter(name: str, words: str, kind: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": words, "schema": kind}


def _several(names: Sequence[str]) -> dict[str, Any]:
    items = {"type": "string", "enum": list(names)}
    return {"type": "array", "items": items, "uniqueItems": True}
