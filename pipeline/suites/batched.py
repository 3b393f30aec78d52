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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline.records import Finding
from pipeline.store.failing import Failing, FiledRows, HeldRows
from pipeline.store.scans import Scan
from pipeline.suites import reading
from pipeline.suites.judging import Derive, Judge


@dataclass(frozen=True, kw_only=True)
class BatchedVerdict:
    """What a suite found, in the order of its file."""

    findings: tuple[Finding, ...]
    failing: HeldRows | FiledRows
    """The rows that failed a row expectation, while the scan is open."""


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
    order = [reading.name_of(entry) for entry in entries]
    failing = Failing(rows=rows, order=order)
    judge = Judge(rows=rows, suite=suite, values=values, derive=derive, failing=failing)
    by_row = [entry for entry in entries if entry["severity"] == "warning"]
    found = list(judge.findings(by_row))
    with ThreadPoolExecutor(1) as beside:
        # The failing rows are all known; no other expectation tells of any.
        writing = beside.submit(failing.rows_with_reasons)
        found += judge.findings([entry for entry in entries if entry not in by_row])
        written = writing.result()
    return BatchedVerdict(
        findings=tuple(sorted(found, key=lambda finding: order.index(finding.name))),
        failing=written,
    )
