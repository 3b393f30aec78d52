"""Which rows may fail an expectation, told in SQL over tables of any size.

A suspicion is never the verdict: it holds for every row that Great Expectations would fail, and
for others where SQL and Great Expectations might see things differently. What it does not hold for
need not be looked at again. An expectation that can't be told in SQL has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.schema import Column
from pipeline.store.changes import quoted
from pipeline.store.summaries import ColumnSummary, absent

Entry = Mapping[str, Any]

EXACT = 2**53
"""Up to here a whole number is itself as a double: pandas makes doubles of integers with gaps."""
NUMBERS = ("number", "integer")
TEXTS = ("category", "text")
PLAIN = {
    "expect_column_values_to_be_between": {"min_value", "max_value", "strict_min", "strict_max"},
    "expect_column_values_to_be_in_set": {"value_set"},
    "expect_column_values_to_not_be_in_set": {"value_set"},
    "expect_column_values_to_be_null": set[str](),
    "expect_column_values_to_not_be_null": set[str](),
}
"""Expectations that have a suspicion, and the arguments with which they have it."""
OF_ONE_TEXT = frozenset(
    {
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_not_match_regex",
    }
)
"""Expectations whose verdict on a text is the same in whichever row it stands."""
CONDITIONS = frozenset({"row_condition", "condition_parser", "ignore_row_if"})


NEVER = "false"


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """A condition in SQL, with a value for each of its question marks."""

    sql: str
    values: tuple[object, ...] = ()

    @property
    def never(self) -> bool:
        """Whether it holds for no row."""
        return self.sql == NEVER


def any_of(suspicions: list[Suspicion]) -> Suspicion:
    """True where one of them is, or none where there are none."""
    return Suspicion(
        sql=" OR ".join(f"({each.sql})" for each in suspicions if not each.never) or NEVER,
        values=tuple(value for each in suspicions for value in each.values),
    )


def suspicion(entry: Entry, column: Column, values: Mapping[str, object]) -> Suspicion | None:
    """Which rows may fail an expectation about a column of the table; `None`: SQL can't tell.

    `values` are those of the suite's parameters.
    """
    kind, arguments = entry["type"], _resolved(entry, values)
    if not set(arguments) <= PLAIN.get(kind, set()) | {"column", "mostly"} or kind not in PLAIN:
        return None
    (name,) = quoted([column.name])
    if kind.endswith("_null"):
        missing = absent(column)
        return Suspicion(sql=missing if "_not_" in kind else f"NOT ({missing})")
    if kind.endswith("_between"):
        return _outside(name, column, arguments)
    return _by_set(name, column, arguments.get("value_set"), among="_not_" in kind)


def of_values(column: Column, found: list[object]) -> Suspicion:
    """The rows that hold one of the values."""
    (name,) = quoted([column.name])
    if not found:
        return Suspicion(sql=NEVER)
    return Suspicion(sql=f"{name} IN ({', '.join('?' for _ in found)})", values=tuple(found))


def judges_texts(entry: Entry, column: Column) -> bool:
    """Whether the verdict on a row rests on one text of it, and nothing else."""
    conditioned = CONDITIONS & set(entry["kwargs"])
    return entry["type"] in OF_ONE_TEXT and column.kind in TEXTS and not conditioned


def clears(entry: Entry, values: Mapping[str, object], told: ColumnSummary) -> bool:
    """Whether no row fails an expectation that has a suspicion, by what is known of its column."""
    kind, arguments = entry["type"], _resolved(entry, values)
    if kind.endswith("_null"):
        return told.missing == (0 if "_not_" in kind else told.rows)
    if not kind.endswith("_between"):
        return False
    if told.lowest is None or told.highest is None:
        return told.missing == told.rows
    low, high = arguments.get("min_value"), arguments.get("max_value")
    within = [_above(told.lowest, low, strict=bool(arguments.get("strict_min")))]
    within += [_above(high, told.highest, strict=bool(arguments.get("strict_max")))]
    within += [not isinstance(end, int) or abs(end) <= EXACT for end in (told.lowest, told.highest)]
    return all(within)


def _above(value: Any, other: Any, *, strict: bool) -> bool:
    """Whether one end of a range lies above another; one that isn't given always does."""
    if value is None or other is None:
        return True
    return bool(value > other if strict else value >= other)


def _resolved(entry: Entry, values: Mapping[str, object]) -> dict[str, Any]:
    """Arguments with their parameters filled in; an unknown one stays as it is."""

    def plain(value: object) -> object:
        named = value.get("$PARAMETER") if isinstance(value, dict) else None
        return values.get(named, value) if isinstance(named, str) else value

    return {name: plain(value) for name, value in entry["kwargs"].items() if value is not None}


def _outside(name: str, column: Column, arguments: dict[str, Any]) -> Suspicion | None:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    ends = [end for end in (low, high) if end is not None]
    comparable = _is_exact if column.kind in NUMBERS else _is_moment
    if column.kind not in (*NUMBERS, "time") or not ends or not all(map(comparable, ends)):
        return None
    if low is not None and high is not None and low > high:
        return None
    terms = []
    if low is not None:
        terms.append(f"{name} {'<=' if arguments.get('strict_min') else '<'} ?")
    if high is not None:
        terms.append(f"{name} {'>=' if arguments.get('strict_max') else '>'} ?")
    if column.kind == "integer":
        terms.append(f"{name} NOT BETWEEN -{EXACT} AND {EXACT}")
    return Suspicion(sql=" OR ".join(terms), values=tuple(ends))


def _by_set(name: str, column: Column, chosen: object, *, among: bool) -> Suspicion | None:
    if column.kind not in TEXTS or not isinstance(chosen, list) or not chosen:
        return None
    if not all(isinstance(value, str) for value in chosen):
        return None
    words = "IN" if among else "NOT IN"
    return Suspicion(sql=f"{name} {words} ({', '.join('?' for _ in chosen)})", values=tuple(chosen))


def _is_exact(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= EXACT


def _is_moment(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None
