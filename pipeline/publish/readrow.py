"""The row of a run, from its records and those that it took over."""

from __future__ import annotations

from typing import TypeVar

from pipeline.publish.rows import (
    ChampionThen,
    ColumnThen,
    DataThen,
    ExpectationThen,
    MetricThen,
    RunThen,
)
from pipeline.publish.runs import Lives, Run, read_run
from pipeline.records import (
    DecideRecord,
    DriftRecord,
    EvaluateRecord,
    IngestRecord,
    PromoteRecord,
    Record,
    ReportRecord,
    TrainRecord,
    ValidateRecord,
)
from pipeline.store import Store

Kind = TypeVar("Kind", bound=Record)


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
        training=decided.sentence if decided else "",
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
            sentence=found.sentence if found.alarm else "",
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
