"""Champion, score, data, decision and drift of a case: the newest of each, as records hold them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal

from pydantic import Field

from pipeline.metrics import unit_of_score
from pipeline.publish.changes import relative_change
from pipeline.publish.rows import RunThen
from pipeline.records import (
    DecideRecord,
    DriftRecord,
    EvaluateRecord,
    IngestRecord,
    ModelRef,
    Part,
    PromoteRecord,
    TrainRecord,
)
from pipeline.store import Store


class Champion(Part):
    """Who serves, since when, and what it learned from."""

    candidate: str = Field(description="name among the candidates of the case")
    title: str = Field(description="name for people")
    run_id: str = Field(description="the run that trained it")
    sha256: str = Field(description="digest of the stored model")
    since: datetime = Field(description="end of the run that promoted it")
    learned_start: datetime | None = Field(description="null where rows carry no time")
    learned_end: datetime = Field(description="end of what it learned from, not included")
    learned_rows: int = Field(description="rows that it learned from")
    sample: str = Field(
        default="", description="which rows of the case take part; empty where all do"
    )


class Metric(Part):
    """The champion's primary score on the held-out window, beside the baseline's."""

    name: str = Field(description="of the primary score; lower is better")
    value: float = Field(description="the champion's score")
    unit: str = Field(description="empty for a score without a unit")
    baseline: float | None = Field(description="the baseline's score on the same rows")
    skill: float | None = Field(description="1 - value / baseline; below zero: worse than it")
    before: float | None = Field(description="the score in the run before that was scored")
    change: float | None = Field(description="value / before - 1; below zero: a smaller error")
    held_out_start: datetime | None = Field(description="null where rows carry no time")
    held_out_end: datetime = Field(description="end of the held-out window, not included")
    run_id: str = Field(description="the run that it comes from")
    finished: datetime = Field(description="end of the run that it comes from")


class Data(Part):
    """What the newest ingest found."""

    source: Literal["live", "files", "sample"] = Field(
        description="live: the publisher; files: a folder; sample: simulated"
    )
    simulated: bool = Field(description="true: nothing was measured")
    note: str = Field(description="what a reader should know of the data")
    publisher: str = Field(description="who publishes the data")
    licence: str = Field(description="of the data")
    address: str = Field(description="the publisher's page, where there is one")
    newest: datetime | None = Field(
        description="time of the newest row; null where rows carry none"
    )
    as_of: datetime = Field(description="no row known later was seen")
    rows: int = Field(description="observations in the table")
    fresh_hours: float = Field(description="age of the newest row from which live data are late")


class Decision(Part):
    """The last decision: to keep or retrain, or what came of the retraining."""

    decision: Literal["retrain", "keep", "promote", "hold", "roll back"] = Field(
        description="in one word"
    )
    sentence: str = Field(description="with its reason")
    run_id: str = Field(description="the run that decided")
    training: str = Field(
        default="",
        description="whether a model was to be trained, and why, where the sentence "
        "tells what came of it; empty after a roll back by hand",
    )


class Drift(Part):
    """Which watched columns have moved away from what the champion learned from or was last
    examined on.
    """

    watched: int = Field(description="number of columns that are watched")
    alarms: tuple[str, ...] = Field(description="names of those with an alarm")
    run_id: str = Field(description="the run that measured")


def read_champion(store: Store, promotion: PromoteRecord) -> Champion:
    """The champion of the newest promotion, since the first run of the unbroken line of them."""
    model = promotion.champion.ref
    return Champion(
        candidate=model.candidate,
        title=_title(store, promotion.case, model),
        run_id=model.run_id,
        sha256=model.sha256,
        since=store.serving_since(promotion),
        learned_start=model.learned.start,
        learned_end=model.learned.end,
        learned_rows=model.learned.rows,
        sample=model.learned.sample.told if model.learned.sample else "",
    )


def _title(store: Store, case: str, model: ModelRef) -> str:
    trained = store.record(case, model.run_id, TrainRecord)
    known = {found.name: found.title for found in trained.candidates} if trained else {}
    return known.get(model.candidate, model.candidate)


def read_metric(
    store: Store, promotion: PromoteRecord, unit: str, rows: Sequence[RunThen] = ()
) -> Metric | None:
    """The primary score from the run that last decided about the champion; `rows` are its past."""
    name = promotion.primary
    evaluated = store.record(promotion.case, promotion.measured_in, EvaluateRecord)
    if evaluated is None or name not in promotion.scores:
        return None
    value, baseline = promotion.scores[name], promotion.baseline_scores.get(name)
    before = _score_before(rows, promotion)
    return Metric(
        name=name,
        value=value,
        unit=unit_of_score(name, unit),
        baseline=baseline,
        skill=1 - value / baseline if baseline else None,
        before=before,
        change=relative_change(before, value) if before is not None else None,
        held_out_start=evaluated.held_out.start,
        held_out_end=evaluated.held_out.end,
        run_id=promotion.measured_in,
        finished=evaluated.finished if promotion.by_hand else promotion.finished,
    )


def _score_before(rows: Sequence[RunThen], promotion: PromoteRecord) -> float | None:
    """In the newest run before that one; a run may be repeated for the same time."""
    scored = [
        row.metric.value
        for row in takewhile(lambda row: row.run_id != promotion.run_id, rows)
        if row.metric and row.metric.name == promotion.primary
        if row.as_of and row.as_of <= promotion.as_of
    ]
    return scored[-1] if scored else None


def read_data(store: Store, case: str, fresh: timedelta) -> Data | None:
    record = next(store.records(case, IngestRecord), None)
    if record is None:
        return None
    return Data(
        source=record.source,
        simulated=record.simulated,
        note=record.note,
        publisher=record.publisher,
        licence=record.licence,
        address=record.address,
        newest=record.newest,
        as_of=record.as_of,
        rows=record.observations.rows,
        fresh_hours=fresh / timedelta(hours=1),
    )


def read_decision(store: Store, case: str) -> Decision | None:
    """That of the newest run that came to one, or of a roll back by hand since."""
    promoted, decided = rolled_back(store, case), next(store.records(case, DecideRecord), None)
    if promoted is None and decided is not None:
        promoted = store.record(case, decided.run_id, PromoteRecord)
    if promoted is not None:
        same_run = decided is not None and decided.run_id == promoted.run_id
        return Decision(
            decision=promoted.action,
            sentence=promoted.sentence,
            run_id=promoted.run_id,
            training=decided.sentence if decided is not None and same_run else "",
        )
    if decided is None:
        return None
    return Decision(decision=decided.decision, sentence=decided.sentence, run_id=decided.run_id)


def rolled_back(store: Store, case: str) -> PromoteRecord | None:
    """The roll back by hand that no run has followed."""
    newest = next(iter(reversed(store.run_ids(case))), "")
    record = store.record(case, newest, PromoteRecord) if newest else None
    return record if record is not None and record.by_hand else None


def read_drift(store: Store, case: str) -> Drift | None:
    record = next(store.records(case, DriftRecord), None)
    if record is None:
        return None
    return Drift(
        watched=len(record.columns),
        alarms=tuple(found.column for found in record.columns if found.alarm),
        run_id=record.run_id,
    )
