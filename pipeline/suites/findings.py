"""What an expectation found, in words, and which rows failed it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, cast

from pipeline.records import Finding
from pipeline.suites.reading import SEVERITIES, SUBJECTS

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

SHOWN_VALUES = 5


def finding(result: ExpectationValidationResult, table: pd.DataFrame) -> Finding:
    """One expectation's result, in words."""
    config = config_of(result)
    meta = config.meta or {}
    by_row = judges_rows(result)
    return Finding(
        name=meta["name"],
        expectation=config.type,
        column=column_of(result),
        severity=SEVERITIES[config.severity.value],
        success=bool(result.success),
        evaluated=int(result.result.get("element_count", len(table))),
        unexpected=int(result.result["unexpected_count"]) if by_row else 0,
        observed=_observed_rows(result, table, meta.get("show"))
        if by_row
        else words(result.result.get("observed_value", "")),
        expected=_expected(config.type, config.kwargs),
        sentence=meta["sentence"],
    )


def judges_rows(result: ExpectationValidationResult) -> bool:
    """Whether rows were judged one by one, rather than the values of a column together."""
    return {"element_count", "unexpected_count"} <= set(result.result)


def positions(result: ExpectationValidationResult) -> list[int]:
    """Positions of the failing rows, ascending."""
    return sorted(int(position) for position in result.result.get("unexpected_index_list") or [])


def _observed_rows(
    result: ExpectationValidationResult, table: pd.DataFrame, show: str | None
) -> str:
    """How many rows failed and by which values, or between which values they all lie.

    The column `show` tells the failing rows by all of its values, in place of a few of their own.
    """
    told = f"{result.result['unexpected_count']:,} of {result.result['element_count']:,} rows"
    column = show or column_of(result)
    failing = positions(result)
    if column not in table:
        return told
    if not failing:
        judged = column_of(result)
        return f"{told}{range_words(ends(table[judged])) if judged in table else ''}"
    seen = [words(value) for value in table[column].iloc[failing].dropna().drop_duplicates()]
    return failing_words(told, seen, whole=bool(show))


def failing_words(told: str, seen: list[str], *, whole: bool) -> str:
    """How many rows failed, and by which values: a few of them unless all are to be told."""
    shown = seen if whole or len(seen) <= SHOWN_VALUES else [*seen[:SHOWN_VALUES], "…"]
    return ": ".join([told, *([", ".join(shown)] if shown else [])])


def ends(values: pd.Series[Any]) -> list[Any]:
    """The lowest and the highest, of numbers and times; nothing of others."""
    known = values.dropna()
    ordered = not known.empty and known.dtype.kind in "iufM"
    return [known.min(), known.max()] if ordered else []


def range_words(found: list[Any]) -> str:
    """Between which values all lie."""
    if not found:
        return ""
    low, high = words(min(found)), words(max(found))
    return f"; all values {low}" if low == high else f"; values from {low} to {high}"


def _expected(kind: str, kwargs: Mapping[str, Any]) -> str:
    """An expectation's type and arguments as words: 'values to be at least 0 and below 72'."""
    told_kind = kind.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    ends = [
        ("above" if kwargs.get("strict_min") else "at least", kwargs.get("min_value")),
        ("below" if kwargs.get("strict_max") else "at most", kwargs.get("max_value")),
    ]
    bounds = " and ".join(f"{word} {words(end)}" for word, end in ends if end is not None)
    told = {*SUBJECTS, "batch_id", "min_value", "max_value", "strict_min", "strict_max"}
    rest = [f"{key.replace('_', ' ')} {words(kwargs[key])}" for key in kwargs if key not in told]
    return ", ".join([told_kind.removesuffix("between") + bounds, *rest])


def words(value: object) -> str:
    """A value as a page shows it."""
    if isinstance(value, (list, tuple, set)):
        return ", ".join(words(each) for each in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.4g}"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}"
    return "nothing" if value is None else str(value)


def config_of(result: ExpectationValidationResult) -> ExpectationConfiguration:
    return cast("ExpectationConfiguration", result.expectation_config)


def name_in(result: ExpectationValidationResult) -> str:
    return str((config_of(result).meta or {})["name"])


def column_of(result: ExpectationValidationResult) -> str:
    kwargs = config_of(result).kwargs
    subjects = (kwargs[subject] for subject in SUBJECTS if subject in kwargs)
    return ", ".join(s if isinstance(s, str) else ", ".join(map(str, s)) for s in subjects)
