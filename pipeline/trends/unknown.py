"""Values that a question asks for and no observation has: likely misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace

from pipeline.errors import OptionError
from pipeline.schema import Schema
from pipeline.trends.answers import Answer, OpenObservations
from pipeline.trends.questions import Question

SHOWN = 10


def require_known_values(question: Question, answer: Answer, opened: OpenObservations) -> None:
    """Raises `OptionError` when the answer is empty for values that are in no row, with those that
    are close, or some that there are.
    """
    problems = list(_problems(question, opened)) if _is_empty(question, answer, opened) else []
    if problems:
        raise OptionError.for_problems("No row fits:", problems)


def _is_empty(question: Question, answer: Answer, opened: OpenObservations) -> bool:
    if question.by or question.bucket:
        return not answer.total and not question.offset
    counted = opened.answer(replace(question, aggregates=("count",)))
    return [row[0] for row in counted.rows] == [0]


def _problems(question: Question, opened: OpenObservations) -> Iterator[str]:
    schema = opened.observations.schema
    for condition in question.where:
        named = schema.column(condition.column).kind in ("category", "text")
        if not named or condition.operator not in ("=", "in"):
            continue
        known = _values(condition.column, opened, schema)
        for value in condition.values:
            if value not in known:
                yield f"column {condition.column!r} never is {value!r}{_others(str(value), known)}"


def _values(column: str, opened: OpenObservations, schema: Schema) -> list[str]:
    asked = Question.of(schema, by=(column,), aggregates=("count",), limit=100_000)
    return [str(row[0]) for row in opened.answer(asked).rows if row[0] is not None]


def _others(value: str, known: list[str]) -> str:
    folded = {name.casefold(): name for name in known}
    near = [folded[each] for each in difflib.get_close_matches(value.casefold(), folded, n=3)]
    if near:
        return f"; close to it: {', '.join(near)}"
    more = f" and {len(known) - SHOWN:,} more" if len(known) > SHOWN else ""
    return f". There are: {', '.join(known[:SHOWN])}{more}"
