"""Runs the expectations, sends failing rows to quarantine, and holds the gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline import suites
from pipeline.figures import Figure
from pipeline.options import ValidateOptions
from pipeline.records import Finding, IngestRecord, TableVersion
from pipeline.steps.run import Run
from pipeline.steps.view import View
from pipeline.store import REASON, arrivals, project
from pipeline.store.atomic import sha256_of
from pipeline.store.failing import FiledRows, HeldRows

if TYPE_CHECKING:
    import pandas as pd

MOST_COUNTED = 10_000
"""Lines of the table of quarantined rows."""
OUTCOMES = {
    ("gate", False): "stopped the case",
    ("row", False): "rows quarantined",
    ("note", False): "noted",
}


def validate(run: Run, options: ValidateOptions) -> View:
    """Judges all observations known at as_of; the quarantine is what fails now."""
    case, arrived = run.case, run.need(IngestRecord)
    suite = project.suite(case.name)
    allowed = (
        case.gates.most_quarantined
        if options.most_quarantined is None
        else options.most_quarantined
    )
    with judging(run, arrived, suite) as judged, run.step("validate", options) as step:
        failing = judged.failing.count
        stops = judged.stops(allowed)
        quarantine = run.store.table(case.name, "quarantine")
        reasons = _by_reason(judged.failing, case.schema.series)
        version = judged.failing.put(quarantine)
        step.table("expectations", "Expectations", _findings(judged.findings))
        step.table("quarantined", "Rows in quarantine", reasons)
        step.figure(pass_rates(judged.findings))
        return step.finish(
            as_of=arrived.as_of,
            sentence=_sentence(judged.rows, failing, judged.findings, stops),
            stopped=bool(stops),
            inputs=(arrived.observations,),
            suite_sha256=sha256_of(suite),
            findings=judged.findings,
            rows=judged.rows,
            quarantined=failing,
            most_quarantined=allowed,
            quarantine=TableVersion(table="quarantine", version=version, rows=failing),
        )


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the suite found, and the rows that go to quarantine."""

    rows: int
    findings: tuple[Finding, ...]
    failing: HeldRows | FiledRows

    @property
    def stopped_by(self) -> tuple[Finding, ...]:
        """The gates that failed."""
        return tuple(f for f in self.findings if f.severity == "gate" and not f.success)

    def stops(self, allowed: float) -> list[str]:
        """Why the case stops, in sentences; `allowed` is the share of rows that may fail."""
        found = [
            f"{finding.name}: {finding.sentence} Found {finding.observed}."
            for finding in self.stopped_by
        ]
        share = self.failing.count / self.rows
        if share > allowed:
            found.append(
                f"{share:.1%} of the rows failed an expectation; at most {allowed:.1%} may."
            )
        return found


@contextmanager
def judging(run: Run, arrived: IngestRecord, suite: Path) -> Iterator[Judged]:
    """The observations at once, or in batches where they are many and the case's checks allow."""
    case = run.case
    parameters = {"fresh_since": arrived.as_of - case.gates.fresh}
    if case.check_rows_alone and arrived.observations.rows > arrivals.LARGE:
        with _in_batches(run, arrived, suite, parameters) as judged:
            yield judged
        return
    observations = run.store.observations(
        case.name, case.schema, arrived.observations.version, arrived.as_of
    )
    table = case.check_columns(observations.to_pandas(), arrived.as_of)
    verdict = suites.check(table, suite, parameters=parameters)
    reasons = verdict.reasons()
    failing = observations.take(pa.array(list(reasons), pa.int64())).append_column(
        REASON, pa.array(list(reasons.values()), pa.string())
    )
    yield Judged(
        rows=observations.num_rows, findings=verdict.findings, failing=HeldRows(table=failing)
    )


@contextmanager
def _in_batches(
    run: Run, arrived: IngestRecord, suite: Path, parameters: Mapping[str, object]
) -> Iterator[Judged]:
    from pipeline.suites.batched import check_batches

    case = run.case
    with run.store.scan(
        case.name, case.schema, arrived.observations.version, arrived.as_of
    ) as rows:
        verdict = check_batches(
            rows,
            suite,
            parameters=parameters,
            derive=lambda frame: case.check_columns(frame, arrived.as_of),
        )
        yield Judged(rows=rows.count, findings=verdict.findings, failing=verdict.failing)


def pass_rates(findings: tuple[Finding, ...]) -> Figure:
    """Share of failing rows by expectation, as bars."""
    import altair as alt
    import pandas as pd

    from pipeline.figures import INK, SERIES, figure

    rows = pd.DataFrame(
        [
            {
                "expectation": finding.name,
                "failed": "passed" if finding.success else "failed",
                "failing rows (%)": 100 * finding.unexpected / max(finding.evaluated, 1),
            }
            for finding in findings
            if finding.severity == "row"
        ]
    )
    base = alt.Chart(rows).encode(
        y=alt.Y(
            "expectation:N", sort=None, title=None, axis=alt.Axis(labelLimit=220, labelColor=INK)
        ),
        x=alt.X("failing rows (%):Q", title="failing rows, % of all"),
    )
    chart = base.mark_bar(color=SERIES[1], height=12) + base.mark_text(
        align="left", dx=4, color=INK
    ).encode(text=alt.Text("failing rows (%):Q", format=".2f"))
    worst = rows.sort_values("failing rows (%)", ascending=False).iloc[0]
    return figure(
        chart,
        rows,
        name="failing_rows",
        title="Failing rows by expectation",
        words=f"{len(rows)} expectations judge single rows. The most rows, "
        f"{worst['failing rows (%)']:.2f} %, fail {worst['expectation']}.",
        height=22 * len(rows),
    )


def _findings(findings: tuple[Finding, ...]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "expectation": finding.name,
                "outcome": "passed"
                if finding.success
                else OUTCOMES[finding.severity, finding.success],
                "column": finding.column,
                "expected": finding.expected,
                "found": finding.observed,
                "why": finding.sentence,
            }
            for finding in findings
        ]
    )


def _by_reason(failing: HeldRows | FiledRows, series: tuple[str, ...]) -> pd.DataFrame:
    """How many rows failed what, by series where that is no list of the rows themselves."""
    found = failing.counts([REASON, *series], MOST_COUNTED + 1)
    if found.num_rows > MOST_COUNTED:
        found = failing.counts([REASON], MOST_COUNTED)
    frame: pd.DataFrame = found.to_pandas()
    return frame


def _sentence(rows: int, quarantined: int, findings: tuple[Finding, ...], stops: list[str]) -> str:
    if stops:
        return "The case stops here, and its champion keeps serving. " + " ".join(stops)
    passed = sum(finding.success for finding in findings)
    return (
        f"{passed} of {len(findings)} expectations hold; {quarantined:,} of {rows:,} rows "
        f"({quarantined / rows:.2%}) are in quarantine."
    )
