"""The expectations of a case: bounds are those of its file with room, for a person to review."""

from __future__ import annotations

import re
from typing import Any

from pipeline.newcase.naming import PAST_STEP
from pipeline.newcase.planning import Plan
from pipeline.tasks import timesteps

ROOM = 0.5
"""Share of a column's range that its bounds leave at either end."""


def expectations(name: str, plan: Plan) -> dict[str, Any]:
    """The suite in Great Expectations' own format."""
    found = [_enough_rows(plan), _unique_key(plan)]
    if plan.time:
        found.append(_fresh(plan.time))
    if plan.rhythm:
        found.append(_on_the_grid(plan.rhythm.every))
    found += [_given(column.name) for column in plan.columns if not column.nullable]
    found += [
        _within(plan, column.name)
        for column in plan.columns
        if column.kind in ("number", "integer") and plan.guess.columns.get(column.name)
    ]
    if plan.classes:
        found.append(_known_class(plan))
    return {"name": name, "expectations": found, "meta": {}}


def _enough_rows(plan: Plan) -> dict[str, Any]:
    return _entry(
        "expect_table_row_count_to_be_between",
        {"min_value": plan.guess.rows // 2},
        "enough-rows",
        f"There are at least half as many rows as the {plan.guess.rows:,} of the first file.",
        severity="critical",
    )


def _unique_key(plan: Plan) -> dict[str, Any]:
    kind, kwargs = (
        ("expect_compound_columns_to_be_unique", {"column_list": list(plan.key)})
        if len(plan.key) > 1
        else ("expect_column_values_to_be_unique", {"column": plan.key[0]})
    )
    return _entry(kind, kwargs, "key-unique", "No two rows share their key.")


def _fresh(time: str) -> dict[str, Any]:
    return _entry(
        "expect_column_max_to_be_between",
        {"column": time, "min_value": {"$PARAMETER": "fresh_since"}},
        "fresh",
        "The newest row is not older than the case allows.",
        severity="critical",
    )


def _on_the_grid(every: str) -> dict[str, Any]:
    return _entry(
        "expect_column_values_to_be_in_set",
        {"column": PAST_STEP, "value_set": [0]},
        "time-on-the-grid",
        f"Times begin {timesteps.a(every)}: those of the first file are {timesteps.apart(every)} "
        f"apart, such as {timesteps.start(0, every):%Y-%m-%d %H:%M} UTC. One between two of these "
        "would be taken for the one before.",
    )


def _given(column: str) -> dict[str, Any]:
    return _entry(
        "expect_column_values_to_not_be_null",
        {"column": column},
        f"{_hyphened(column)}-given",
        f"Every row has a value of {column}.",
    )


def _within(plan: Plan, name: str) -> dict[str, Any]:
    values = plan.guess.numbers(name)
    low, high = min(values), max(values)
    room = ROOM * (high - low) or abs(high) or 1.0
    least = max(low - room, 0.0) if low >= 0 else low - room
    bounds = {"min_value": float(f"{least:.4g}"), "max_value": float(f"{high + room:.4g}")}
    return _entry(
        "expect_column_values_to_be_between",
        {"column": name, **bounds},
        f"{_hyphened(name)}-plausible",
        f"{name} lies within the range of the first file, {low:g} to {high:g}, and half of it more "
        "at either end. Review these bounds.",
    )


def _known_class(plan: Plan) -> dict[str, Any]:
    return _entry(
        "expect_column_values_to_be_in_set",
        {"column": plan.target, "value_set": list(plan.classes)},
        "class-known",
        "The class is one of those that the case declares.",
    )


def _entry(
    kind: str, kwargs: dict[str, Any], name: str, sentence: str, *, severity: str = "warning"
) -> dict[str, Any]:
    return {
        "type": kind,
        "kwargs": kwargs,
        "severity": severity,
        "meta": {"name": name, "sentence": sentence},
    }


def _hyphened(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "column"
