"""From a file's columns to the declared ones; what doesn't fit is told in words.

Every problem names the column, what was found and the remedy.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources.refusals import has_no_offset, has_offset, refusal, remedy_for
from pipeline.sources.values import Field, ValueKind, is_text

SHOWN_COLUMNS = 20


def wanted_headers(found: Sequence[str], fields: Sequence[Field]) -> list[str]:
    """Headers of the file that are declared and there once, in the file's order."""
    declared = {field.header for field in fields}
    return [header for header in found if header in declared and found.count(header) == 1]


def convert_columns(
    raw: pa.Table, fields: Sequence[Field], place: Callable[[int], str]
) -> tuple[pa.Table, list[str]]:
    """Columns of the declared names and kinds, and the problems of those that are refused.

    `place` words where a row, from 0, is found in the file. A column that the file lacks is null.
    """
    columns: dict[str, pa.ChunkedArray] = {}
    problems: list[str] = []
    for field in fields:
        values = column_of(raw, field.header)
        if 0 < len(values) == values.null_count and field.header in raw.column_names:
            problems += [] if field.optional else [_empty_problem(field, len(values))]
        try:
            columns[field.name] = field.kind.convert(values)
        except pa.ArrowException:
            problems.append(_value_problem(field, values, place))
    return pa.table(columns), problems


def column_of(raw: pa.Table, header: str) -> pa.ChunkedArray:
    """The values of a column as they are; nulls where the file lacks it."""
    if raw.schema.get_field_index(header) < 0 and header not in raw.column_names:
        return pa.chunked_array([pa.nulls(raw.num_rows, pa.string())])
    values = raw.column(header)
    if pa.types.is_dictionary(values.type):
        return pc.cast(values, values.type.value_type)
    return values


def column_problems(found: Sequence[str], fields: Sequence[Field]) -> list[str]:
    """Missing, renamed and repeated columns, and a file that has none of those expected."""
    wanted = [field.header for field in fields]
    repeated = [header for header in dict.fromkeys(wanted) if found.count(header) > 1]
    missing = [field.header for field in fields if _is_missing(field, found)]
    if not set(wanted) & set(found):
        return [_foreign_problem(found, wanted)]
    return [
        *(_missing_problem(header, sorted(set(found) - set(wanted))) for header in missing),
        *(
            f"column {header!r} is there {found.count(header)} times: keep one"
            for header in repeated
        ),
        *([f"the columns found are {_listed(found)}"] if missing else []),
    ]


def _value_problem(field: Field, values: pa.ChunkedArray, place: Callable[[int], str]) -> str:
    mixture = _mixture_problem(field, values, place)
    if mixture:
        return mixture
    refused = refusal(values, field.kind)
    if not refused.rows:
        return f"column {field.header!r} as a whole isn't {field.kind.wanted}: {field.kind.remedy}"
    row = refused.rows[0]
    value = values[row].as_py()
    of_type = "" if is_text(values.type) else f" of type {values.type}"
    least = "" if refused.complete else "at least "
    count = f" ({least}{len(refused.rows)} such values)" if len(refused.rows) > 1 else ""
    return (
        f"column {field.header!r}{of_type}: {value!r} in {place(row)} isn't "
        f"{field.kind.wanted}{count}: {remedy_for(value, field.kind)}"
    )


def _empty_problem(field: Field, rows: int) -> str:
    return f"column {field.header!r} is empty in all {rows} rows: fetch the file again"


def _mixture_problem(
    field: Field, values: pa.ChunkedArray, place: Callable[[int], str]
) -> str | None:
    """Times with and without a zone in one column: the latter could mean anything."""
    if not holds_times(field.kind) or not is_text(values.type):
        return None
    texts = [(value or "").strip() for value in values.to_pylist()]
    zoned = next((row for row, text in enumerate(texts) if has_offset(text)), None)
    naive = next((row for row, text in enumerate(texts) if has_no_offset(text)), None)
    if zoned is None or naive is None:
        return None
    return (
        f"column {field.header!r} mixes times with a zone ({texts[zoned]!r} in {place(zoned)}) "
        f"and without one ({texts[naive]!r} in {place(naive)}): export all with their offset "
        "from UTC"
    )


@cache
def holds_times(kind: ValueKind) -> bool:
    """Whether the kind converts to times."""
    empty = pa.chunked_array([pa.array([], pa.string())])
    return bool(pa.types.is_timestamp(kind.convert(empty).type))


def _is_missing(field: Field, found: Sequence[str]) -> bool:
    return not field.optional and field.header not in found


def _missing_problem(header: str, others: Sequence[str]) -> str:
    near = difflib.get_close_matches(header, others, n=1)
    if near:
        return f"column {header!r} is missing; {near[0]!r} is close: rename it if it is the same"
    return f"column {header!r} is missing: export the file with all its columns"


def _foreign_problem(found: Sequence[str], wanted: Sequence[str]) -> str:
    return (
        f"it has none of the expected columns ({_listed(wanted)}): it looks like a file of "
        f"something else. Found: {_listed(found)}"
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:SHOWN_COLUMNS])
    more = len(names) - SHOWN_COLUMNS
    return f"{shown} and {more} more" if more > 0 else shown
