"""What every run of a case came to, one row a run: read once, and kept for all later publishes.

Records are never changed once written, so that the row of a run that has ended stays; it is kept in
the home's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeVar

from pydantic import Field

from pipeline.metrics import IN_UNIT_OF_TARGET
from pipeline.publish.runs import Ended, Lives, Run, read_run
from pipeline.publish.still import StillStore
from pipeline.records import (
    DecideRecord,
    DriftRecord,
    EvaluateRecord,
    IngestRecord,
    Part,
    PromoteRecord,
    Record,
    ReportRecord,
    TrainRecord,
    ValidateRecord,
)
from pipeline.store import Store
from pipeline.store.ledger import Line

NEWEST = 60
"""Runs of which a published history keeps every one."""
OLDER = 40
"""Runs before those that it keeps at most: every second, fourth, eighth … one."""
RECENT = 12
"""Newest runs that tell what the last one changed."""
Kind = TypeVar("Kind", bound=Record)
One = TypeVar("One")


class MetricThen(Part):
    """The champion's primary score on the held-out window of a run, after its decision."""

    name: str = Field(description="of the primary score; lower is better")
    value: float = Field(description="the champion's score")
    baseline: float | None = Field(description="the baseline's score on the same rows")
    coverage: float | None = Field(
        description="share of true values inside the intervals or sets of the champion"
    )
    level: float | None = Field(description="share that was promised")


class ChampionThen(Part):
    """Who served after a run."""

    candidate: str = Field(description="name among the candidates of the case")
    title: str = Field(description="name for people")
    run_id: str = Field(description="the run that trained it")
    sha256: str = Field(description="digest of the stored model")


class ColumnThen(Part):
    """One watched column in a run's drift report."""

    column: str = Field(description="name of the column")
    alarm: bool = Field(description="whether it changed beyond chance, and by enough to matter")
    effect: float = Field(description="size of the change, in standard deviations of the reference")
    adjusted_p_value: float = Field(description="Benjamini-Hochberg over all that the run judged")


class ExpectationThen(Part):
    """One expectation in a run."""

    name: str = Field(description="of the expectation")
    severity: Literal["gate", "row", "note"] = Field(
        description="gate: failure stops the run; row: failing rows go to quarantine; note: told"
    )
    success: bool = Field(description="whether it held")
    evaluated: int = Field(description="rows looked at")
    unexpected: int = Field(description="rows that failed")


class DataThen(Part):
    """What had arrived by a run."""

    newest: datetime | None = Field(
        description="time of the newest row; null where rows carry none"
    )
    rows: int = Field(description="observations in the table")
    version: int = Field(description="of the table")
    inserted: int = Field(description="new rows")
    updated: int = Field(description="values that the publisher had revised")
    quarantined: int | None = Field(description="null where the run did not validate")


class RunThen(Part):
    """What one run came to."""

    run_id: str = Field(description="its permanent page is <case>/runs/<run_id>.html")
    as_of: datetime | None = Field(description="the time that the run was made for")
    finished: datetime | None = Field(description="null while it is under way")
    ended: Ended = Field(description="how it ended")
    health: Literal["healthy", "watch", "failing"] = Field(
        description="how the case stood after it"
    )
    headline: str = Field(description="the state in a sentence or two")
    decision: Literal["retrain", "keep", "promote", "hold", "roll back"] | None = Field(
        description="null where the run came to none"
    )
    decided_in: str | None = Field(
        description="the run that decided: an earlier one where its decision was taken over"
    )
    sentence: str = Field(description="the decision and its reason")
    metric: MetricThen | None = Field(description="null where nothing was scored")
    champion: ChampionThen | None = Field(description="null where nothing was decided")
    drift: tuple[ColumnThen, ...] | None = Field(description="null where drift was not measured")
    data: DataThen | None = Field(description="null where nothing arrived")
    expectations: tuple[ExpectationThen, ...] = Field(
        description="empty where the run did not validate"
    )

    @property
    def alarms(self) -> tuple[str, ...]:
        """Columns with an alarm, in the order of the report."""
        return tuple(column.column for column in self.drift or () if column.alarm)

    @property
    def moment(self) -> datetime | None:
        """When the run was made for; for one that never came to its data, when it ended."""
        return self.as_of or self.finished


class History(Part):
    """`cases/<case>/history.json`: what the runs of a case came to, oldest first."""

    schema_version: Literal[1] = Field(
        default=1, description="another one where a field is gone or has another meaning"
    )
    case: str = Field(description="name in addresses and commands")
    title: str = Field(description="name for people")
    unit: str = Field(description="of the target")
    metric_unit: str = Field(
        description="of the newest primary score; empty for one without a unit"
    )
    runs_in_all: int = Field(
        description="runs of the case; of old ones only some are listed when there are many"
    )
    runs: tuple[RunThen, ...] = Field(description="oldest first")


def newest_rows(store: StillStore, case: str, lives: Lives) -> list[RunThen]:
    """A row for each of the newest runs of a case, oldest first."""
    return _rows(store, case, lives, store.lines(case)[-RECENT:])


def keep_rows(store: StillStore, case: str, lives: Lives) -> list[RunThen]:
    """A row for each run of a case that a history names, oldest first; see `thinned`."""
    return _rows(store, case, lives, thinned(store.lines(case)))


def _rows(store: StillStore, case: str, lives: Lives, lines: Sequence[Line]) -> list[RunThen]:
    """From what is kept of runs that have ended, and from the records of the others."""
    plain = Store(home=store.home)

    def read(run_id: str) -> RunThen:
        return read_row(plain, case, run_id, lives)

    ended = [line for line in lines if line.stat]
    kept = store.worked_out(case, "row", lambda name: read(name).model_dump_json(), lines=ended)
    known = dict(zip((line.run_id for line in ended), kept, strict=True))
    return [
        RunThen.model_validate_json(known[line.run_id]) if line.stat else read(line.run_id)
        for line in lines
    ]


def history(case: str, title: str, unit: str, rows: Sequence[RunThen], runs_in_all: int) -> History:
    """The history as it is published: the newest runs, and some of those before."""
    names = [row.metric.name for row in rows if row.metric]
    return History(
        case=case,
        title=title,
        unit=unit,
        metric_unit=unit_of_score(names[-1], unit) if names else "",
        runs_in_all=runs_in_all,
        runs=tuple(rows),
    )


def unit_of_score(name: str, unit: str) -> str:
    """The unit of a score, where `unit` is that of the target; empty for one without."""
    return unit if name in IN_UNIT_OF_TARGET else ""


def thinned(runs: Sequence[One]) -> tuple[One, ...]:
    """The newest of all runs, and of the older ones at most so many, at even distances from the
    oldest on.

    The distance is a power of two. As runs are added, the choice among the old ones stays, until
    every second one of it is dropped.
    """
    older, newest = runs[:-NEWEST], runs[-NEWEST:]
    distance = 1
    while len(older) > OLDER * distance:
        distance *= 2
    return (*older[::distance], *newest)


def read_row(store: Store, case: str, run_id: str, lives: Lives) -> RunThen:
    """What a run came to, from its records and those that it took over."""
    run = read_run(store, case, run_id, lives)
    whole = store.run_record(case, run_id)
    report, promoted = _of(run, ReportRecord), _of(run, PromoteRecord)
    decided = _of(run, DecideRecord)
    last = promoted or decided
    as_of = [record.as_of for record in run.records]
    finished = [record.finished for record in run.records]
    came_to_end = run.ended == "done" and report is not None
    broken = run.ended in {"stopped", "failed", "interrupted"}
    return RunThen(
        run_id=run_id,
        as_of=as_of[-1] if as_of else whole.as_of if whole else None,
        finished=whole.finished if whole else max(finished, default=None),
        ended=run.ended,
        health="failing" if broken else report.health if report else "watch",
        headline=report.headline if report and came_to_end else run.sentence,
        decided_in=last.run_id if last else None,
        decision=promoted.action if promoted else decided.decision if decided else None,
        sentence=last.sentence if last else run.sentence,
        metric=_metric(promoted, _of(run, EvaluateRecord)),
        champion=_champion(store, promoted),
        drift=_drift(_of(run, DriftRecord)),
        data=_data(_of(run, IngestRecord), _of(run, ValidateRecord)),
        expectations=_expectations(_of(run, ValidateRecord)),
    )


def _of(run: Run, kind: type[Kind]) -> Kind | None:
    return next((found for found in run.records if isinstance(found, kind)), None)


def _metric(promoted: PromoteRecord | None, evaluated: EvaluateRecord | None) -> MetricThen | None:
    if promoted is None or promoted.primary not in promoted.scores:
        return None
    ref = promoted.champion.ref
    systems = evaluated.systems if evaluated else ()
    serving = next(
        (one for one in systems if (one.candidate, one.run_id) == (ref.candidate, ref.run_id)), None
    )
    return MetricThen(
        name=promoted.primary,
        value=promoted.scores[promoted.primary],
        baseline=promoted.baseline_scores.get(promoted.primary),
        coverage=serving.coverage if serving else None,
        level=serving.level if serving else None,
    )


def _champion(store: Store, promoted: PromoteRecord | None) -> ChampionThen | None:
    if promoted is None:
        return None
    ref = promoted.champion.ref
    trained = store.record(promoted.case, ref.run_id, TrainRecord)
    titles = {found.name: found.title for found in trained.candidates} if trained else {}
    return ChampionThen(
        candidate=ref.candidate,
        title=titles.get(ref.candidate, ref.candidate),
        run_id=ref.run_id,
        sha256=ref.sha256,
    )


def _drift(record: DriftRecord | None) -> tuple[ColumnThen, ...] | None:
    if record is None:
        return None
    return tuple(
        ColumnThen(
            column=found.column,
            alarm=found.alarm,
            effect=found.effect,
            adjusted_p_value=found.adjusted_p_value,
        )
        for found in record.columns
    )


def _data(arrived: IngestRecord | None, checked: ValidateRecord | None) -> DataThen | None:
    if arrived is None:
        return None
    return DataThen(
        newest=arrived.newest,
        rows=arrived.observations.rows,
        version=arrived.observations.version,
        inserted=arrived.inserted,
        updated=arrived.updated,
        quarantined=checked.quarantined if checked else None,
    )


def _expectations(checked: ValidateRecord | None) -> tuple[ExpectationThen, ...]:
    return tuple(
        ExpectationThen(
            name=found.name,
            severity=found.severity,
            success=found.success,
            evaluated=found.evaluated,
            unexpected=found.unexpected,
        )
        for found in (checked.findings if checked else ())
    )
