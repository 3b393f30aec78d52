"""A suite over more rows than fit into memory, with the findings that the whole would give.

Of expectations that look at one row at a time, SQL counts the rows and tells which may fail
(`screening`), where what the files say of a column doesn't clear all of them already; Great
Expectations judges those, as it judges distinct texts in place of all rows that hold them. Those
of uniqueness see the rows that agree with another, those of a lowest, highest or different value
see these values. What SQL can't tell sees all rows, in batches where each row is judged on its
own, else whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline.records import Finding
from pipeline.store.changes import quoted
from pipeline.store.scans import Scan
from pipeline.suites import reading
from pipeline.suites.judging import Derive, Judge

REASON = "reason"


@dataclass(frozen=True, kw_only=True)
class BatchedVerdict:
    """What a suite found, in the order of its file."""

    findings: tuple[Finding, ...]
    failing: pa.Table
    """Key of each row that failed a row expectation, and `reason`: the names, comma-separated."""


def check_batches(
    rows: Scan, suite: Path, *, parameters: Mapping[str, object], derive: Derive
) -> BatchedVerdict:
    """Judges rows as `check` does; `derive` adds columns to any stretch of whole rows.

    Raises `SuiteError` as `check` does.
    """
    whole = reading.read(suite)
    values = {**whole.suite_parameters, **parameters}
    reading.require_parameters(suite, whole, values)
    entries = reading.entries(suite)
    judge = Judge(rows=rows, suite=suite, values=values, derive=derive)
    found = list(judge.findings(entries))
    order = [reading.name_of(entry) for entry in entries]
    return BatchedVerdict(
        findings=tuple(sorted(found, key=lambda finding: order.index(finding.name))),
        failing=_reasons(judge.failing, rows.key, order),
    )


def _reasons(failing: list[pa.Table], key: tuple[str, ...], order: list[str]) -> pa.Table:
    """Each key once, with the names of what it failed, in the order of the suite."""
    if not failing:
        return pa.table({**{name: pa.array([]) for name in key}, REASON: pa.array([], pa.string())})
    import duckdb

    names = ", ".join(quoted(list(key)))
    with duckdb.connect(config={"threads": 2}) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("failing", pa.concat_tables(failing))
        database.register("suite", pa.table({"name": order, "place": range(len(order))}))
        query = (
            f"SELECT {names}, string_agg(suite.name, ', ' ORDER BY place) AS {REASON} "
            f"FROM failing JOIN suite USING (name) GROUP BY {names}"
        )
        typed = pa.schema([failing[0].schema.field(name) for name in key])
        found = database.sql(query).to_arrow_table()
        return found.cast(typed.append(pa.field(REASON, pa.string())))
