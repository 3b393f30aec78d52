"""One filter of a question: a declared column, a comparison, and a value of the column's kind."""

from __future__ import annotations

import csv
import difflib
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from pipeline.errors import OptionError
from pipeline.schema import Column, Schema

Operator = Literal[">=", "<=", "!=", "=", ">", "<", "in", "is"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
"""In the order in which they are looked for: the longer before its beginning."""
Value = str | float | int | bool | datetime

FORM = "write it like 'fuel = petrol', 'mass >= 1200', 'make in FIAT,SEAT' or 'mass is missing'"
_ORDERED = frozenset({">=", "<=", ">", "<"})
_WITHOUT_ORDER = frozenset({"category", "text", "boolean"})
_PRESENCE = ("missing", "present")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Rows are kept where it is true; a missing value makes only `is missing` true."""

    column: str
    operator: Operator
    values: tuple[Value, ...]
    """One, or any number with `in`; `missing` or `present` with `is`."""

    def sql(self) -> tuple[str, list[Value]]:
        """The condition with question marks, and the values that go there."""
        name = quoted(self.column)
        if self.operator == "is":
            return f"{name} IS {'NULL' if self.values == ('missing',) else 'NOT NULL'}", []
        if self.operator == "in":
            return f"{name} IN ({', '.join('?' * len(self.values))})", list(self.values)
        return f"{name} {self.operator} ?", list(self.values)


def quoted(name: str) -> str:
    """A column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def parse_condition(text: str, schema: Schema) -> Condition:
    """From `column operator value`; raises `OptionError` for what isn't one.

    Values of `in` are separated by commas; one that holds a comma stands in double quotes. Times
    are ISO 8601, in UTC where they carry no offset.
    """
    column, rest = _column(text, schema)
    operator = next((each for each in OPERATORS if _begins(rest, each)), None)
    if operator is None:
        raise OptionError(f"{text!r} has no comparison after {column.name!r}: {FORM}.")
    told = rest[len(operator) :].strip()
    if operator == "is" and told not in _PRESENCE:
        raise OptionError(f"{text!r}: 'is' takes 'missing' or 'present', not {told!r}.")
    if operator == "is":
        return Condition(column=column.name, operator=operator, values=(told,))
    if operator in _ORDERED and column.kind in _WITHOUT_ORDER:
        raise OptionError(
            f"{text!r}: the values of column {column.name!r} ({column.kind}) have no order. "
            "Use =, != or in."
        )
    texts = next(csv.reader([told], skipinitialspace=True), []) if operator == "in" else [told]
    values = tuple(_value(each.strip(), column, text) for each in texts)
    if not values:
        raise OptionError(f"{text!r} names no value: {FORM}.")
    return Condition(column=column.name, operator=operator, values=values)


def _column(text: str, schema: Schema) -> tuple[Column, str]:
    """The column that the text begins with, the longest name first, and what comes after it."""
    stripped = text.strip()
    for name in sorted(schema.names, key=len, reverse=True):
        rest = stripped.removeprefix(name)
        if stripped.startswith(name) and any(_begins(rest.lstrip(), each) for each in OPERATORS):
            return schema.column(name), rest.lstrip()
    word = re.split(r"\W", stripped, maxsplit=1)[0]
    begins = next((name for name in schema.names if name in (stripped, word)), None)
    if begins:
        raise OptionError(f"{text!r} has no comparison after {begins!r}: {FORM}.")
    near = difflib.get_close_matches(word, schema.names, n=1)
    meant = f" {near[0]!r} is close to {word!r}." if near else ""
    raise OptionError(
        f"{text!r} begins with no column of the case: {FORM}.{meant} "
        f"Columns: {', '.join(schema.names)}."
    )


def _begins(rest: str, operator: Operator) -> bool:
    if operator.isalpha():
        return rest == operator or rest.startswith(f"{operator} ")
    return rest.startswith(operator)


def _value(told: str, column: Column, text: str) -> Value:
    try:
        return _of_kind(told, column)
    except ValueError as error:
        raise OptionError(
            f"{text!r}: {told!r} is no value of column {column.name!r} ({column.kind}): {error}."
        ) from error


def _of_kind(told: str, column: Column) -> Value:
    if column.kind == "number":
        return _number(told)
    if column.kind == "integer":
        whole = _number(told)
        return int(whole) if whole.is_integer() else whole
    if column.kind == "time":
        return _moment(told)
    if column.kind == "boolean":
        if told not in ("true", "false"):
            raise ValueError("write true or false")
        return told == "true"
    if not told:
        raise ValueError("write a value, or 'is missing'")
    return told


def _number(told: str) -> float:
    try:
        number = float(told)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("write a number such as 12.5")
    return number


def _moment(told: str) -> datetime:
    try:
        moment = datetime.fromisoformat(told)
    except ValueError as error:
        raise ValueError("write a time such as 2021-06-01 or 2021-06-01T06:00:00Z") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
