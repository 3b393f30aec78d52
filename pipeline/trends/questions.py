"""A question about trends: by what, since when, which numbers. One that can't be asked of the
case is refused with all that is wrong with it.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, Self, get_args

from pipeline.errors import OptionError
from pipeline.schema import Schema
from pipeline.trends.conditions import Condition, parse_condition, quoted

Bucket = Literal["hour", "weekday", "day", "week", "month", "year"]
BUCKETS: tuple[Bucket, ...] = get_args(Bucket)
Aggregate = Literal["mean", "sum", "min", "max", "count"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)
UTC = "UTC"
MOST_ROWS = 100_000

_FUNCTIONS: dict[Aggregate, str] = {
    "mean": "avg",
    "sum": "sum",
    "min": "min",
    "max": "max",
    "count": "count",
}
_GROUPS = frozenset({"category", "text", "integer", "boolean"})
_NUMBERS = frozenset({"number", "integer"})


@dataclass(frozen=True, kw_only=True)
class Question:
    """One row of the answer for each combination of `by` and time bucket.

    `hour` (0 to 23) and `weekday` are of the clock; the other buckets begin on the date given,
    weeks on Monday. `count` counts the values that are there.
    """

    column: str
    """What is aggregated: the target, or another column."""
    aggregates: tuple[Aggregate, ...]
    by: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    bucket: Bucket | None = None
    zone: str = UTC
    """Time zone of the buckets."""
    limit: int = 1000
    offset: int = 0

    @classmethod
    def of(
        cls,
        schema: Schema,
        *,
        by: tuple[str, ...] = (),
        where: tuple[str, ...] = (),
        bucket: str | None = None,
        zone: str = UTC,
        aggregates: tuple[str, ...] = (),
        column: str = "",
        limit: int = 1000,
        offset: int = 0,
    ) -> Self:
        """From words, as a person or a request gives them; raises `OptionError` for all problems.

        Without aggregates they are mean and count, of a column that is no number count alone;
        without a column it is the target.
        """
        chosen = column or schema.target
        problems: list[str] = []
        conditions: list[Condition] = []
        for text in where:
            try:
                conditions.append(parse_condition(text, schema))
            except OptionError as error:
                problems.append(str(error))
        problems += _name_problems(schema, by, chosen)
        if chosen in schema.names:
            aggregates = aggregates or _usual(schema, chosen)
            problems += _aggregate_problems(schema, chosen, aggregates)
        problems += _bucket_problems(schema, bucket, zone)
        problems += _clashes(by, bucket, aggregates)
        problems += _page_problems(limit, offset)
        if problems:
            raise OptionError.for_problems("The trends can't be asked for:", problems)
        return cls(
            column=chosen,
            aggregates=tuple(each for each in AGGREGATES if each in aggregates),
            by=by,
            where=tuple(conditions),
            bucket=next((each for each in BUCKETS if each == bucket), None),
            zone=zone,
            limit=limit,
            offset=offset,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the answer's columns."""
        return (*self.by, *([self.bucket] if self.bucket else []), *self.aggregates)

    def numbers(self) -> list[str]:
        """SQL of each aggregate."""
        return [f"{_FUNCTIONS[each]}({quoted(self.column)})" for each in self.aggregates]


def bucket_sql(bucket: Bucket, time: str, zone: str) -> tuple[str, list[str]]:
    """SQL of a bucket of a UTC time, and the values that go to its question marks."""
    # A cast would go through the library of time zones, which takes ten times as long.
    instant = f"make_timestamp(epoch_us({quoted(time)}))"
    local = instant if zone == UTC else f"timezone(?, timezone('UTC', {instant}))"
    values = [] if zone == UTC else [zone]
    if bucket == "hour":
        return f"CAST(hour({local}) AS INTEGER)", values
    if bucket == "weekday":
        return f"CAST(isodow({local}) AS INTEGER)", values
    return f"CAST(date_trunc('{bucket}', {local}) AS DATE)", values


def _usual(schema: Schema, column: str) -> tuple[Aggregate, ...]:
    return ("mean", "count") if schema.column(column).kind in _NUMBERS else ("count",)


def _name_problems(schema: Schema, by: tuple[str, ...], column: str) -> Iterator[str]:
    known = ", ".join(schema.names)
    for name in dict.fromkeys((*by, column)):
        if name not in schema.names:
            yield f"there is no column {name!r}. Choose among: {known}"
    for name in by:
        if by.count(name) > 1:
            yield f"by names {name!r} more than once"
        elif name in schema.names and schema.column(name).kind not in _GROUPS:
            kind = schema.column(name).kind
            remedy = "choose a bucket for it" if kind == "time" else "use a condition on it"
            yield f"column {name!r} ({kind}) makes no groups: {remedy}"


def _aggregate_problems(schema: Schema, column: str, aggregates: tuple[str, ...]) -> Iterator[str]:
    for each in aggregates:
        if each not in AGGREGATES:
            yield f"there is no aggregate {each!r}. Choose among: {', '.join(AGGREGATES)}"
    kind = schema.column(column).kind
    if kind not in _NUMBERS and set(aggregates) - {"count"}:
        yield f"column {column!r} ({kind}) holds no numbers: ask for its count or another column"


def _bucket_problems(schema: Schema, bucket: str | None, zone: str) -> Iterator[str]:
    if bucket is not None and bucket not in BUCKETS:
        yield f"there is no bucket {bucket!r}. Choose among: {', '.join(BUCKETS)}"
    if bucket is not None and schema.time is None:
        yield f"the case has no time, so no bucket {bucket!r}: leave it out"
    if zone != UTC and zone not in _zones():
        yield f"there is no time zone {zone!r}. Write it like Europe/Paris"


@cache
def _zones() -> set[str]:
    """Looked for in folders of some hundred files."""
    return zoneinfo.available_timezones()


def _clashes(by: tuple[str, ...], bucket: str | None, aggregates: tuple[str, ...]) -> Iterator[str]:
    for name in by:
        if name in aggregates or name == bucket:
            yield f"column {name!r} and {name!r} of the answer are called alike: leave one out"


def _page_problems(limit: int, offset: int) -> Iterator[str]:
    if not 1 <= limit <= MOST_ROWS:
        yield f"limit = {limit!r}: choose 1 to {MOST_ROWS}"
    if offset < 0:
        yield f"offset = {offset!r}: choose 0 or more"
