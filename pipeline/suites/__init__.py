"""Runs a Great Expectations suite over a table and tells which rows failed which expectation.

The suite file is Great Expectations' own JSON, and what a failure does follows its own severity:
critical is a gate, warning sends rows to quarantine, info is a note. What could not be evaluated
never counts as passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.records import Finding
from pipeline.suites.findings import finding
from pipeline.suites.findings import positions as positions_of
from pipeline.suites.reading import read, require_parameters
from pipeline.suites.running import rehearse
from pipeline.suites.running import results as results_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Verdict", "check", "rehearse"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a suite found, in the order of its file."""

    findings: tuple[Finding, ...]
    failing: dict[str, list[int]]
    """Name of a row expectation -> positions in the table of the rows that failed it, ascending;
    expectations without a failing row are left out."""

    @property
    def stopped_by(self) -> tuple[Finding, ...]:
        """The gates that failed."""
        return tuple(f for f in self.findings if f.severity == "gate" and not f.success)

    def reasons(self) -> dict[int, str]:
        """Position of each failing row, ascending -> names of what it failed, comma separated."""
        names: dict[int, list[str]] = {}
        for name, positions in self.failing.items():
            for position in positions:
                names.setdefault(position, []).append(name)
        return {position: ", ".join(names[position]) for position in sorted(names)}


def check(table: pd.DataFrame, suite: Path, *, parameters: Mapping[str, object]) -> Verdict:
    """Judge a table by a suite file.

    `parameters` are the values for `{"$PARAMETER": name}` in the suite; those that the suite
    doesn't ask for are left alone. Rows are told by position, whatever the table's index. A row
    expectation with `mostly` succeeds as it says, and still names every row that failed it.

    Raises `SuiteError` for a suite that can't be used, a parameter that is missing, and an
    expectation that could not be evaluated.
    """
    expectations = read(suite)
    values = {**expectations.suite_parameters, **parameters}
    require_parameters(suite, expectations, values)
    positioned = table.reset_index(drop=True)
    results = results_of(positioned, suite, expectations, values)
    findings = tuple(finding(result, positioned) for result in results)
    failing = {
        found.name: positions_of(result)
        for found, result in zip(findings, results, strict=True)
        if found.severity == "row" and found.unexpected
    }
    return Verdict(findings=findings, failing=failing)
