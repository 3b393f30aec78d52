"""The card of a champion, from the records of the runs that made and judged it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.case import Case
from pipeline.errors import StateError
from pipeline.packaging.bundles import CALIBRATIONS, HISTORY, OBSERVATIONS, DriftState, ModelCard
from pipeline.packaging.contents import upload_field, with_contents
from pipeline.packaging.support import categories, example, support
from pipeline.records import (
    DriftRecord,
    EvaluateRecord,
    IngestRecord,
    PromoteRecord,
    Record,
    TrainRecord,
    ValidateRecord,
)
from pipeline.regions import LADDER, LADDERS, Calibration
from pipeline.store import AnyRecord, Store, project

if TYPE_CHECKING:
    import pyarrow as pa


def card_of(
    store: Store,
    case: Case,
    promotion: PromoteRecord,
    checked: ValidateRecord,
    learned: pa.Table,
    history: pa.Table,
    digests: Mapping[str, str],
    levels: tuple[float, ...],
) -> ModelCard:
    champion = promotion.champion.ref
    calibration = promotion.champion.calibration
    trained = _record(store, case.name, champion.run_id, TrainRecord)
    feed = newest(store, promotion, IngestRecord)
    titles = {candidate.name: candidate.title for candidate in trained.candidates}
    return ModelCard(
        case=case.name,
        title=case.title,
        question=case.question,
        kind=case.task.kind,
        target=case.schema.target,
        unit=case.schema.column(case.schema.target).unit,
        candidate=champion.candidate,
        candidate_title=titles.get(champion.candidate, champion.candidate),
        run_id=champion.run_id,
        source=feed.source,
        simulated=feed.simulated,
        publisher=feed.publisher,
        licence=feed.licence,
        address=feed.address,
        sha256=champion.sha256,
        history_sha256=digests[HISTORY],
        observations_sha256=digests[OBSERVATIONS],
        calibrations_sha256=digests[CALIBRATIONS],
        learned=champion.learned,
        promoted_as_of=promotion.as_of,
        data_as_of=_newest_time(history, case),
        data_version=checked.inputs[0].version,
        primary=promotion.primary,
        measured=_measured(store, promotion).held_out,
        scores=promotion.scores,
        baseline_scores=promotion.baseline_scores,
        drift=_drift(store, case.name),
        support=support(learned, case, champion.learned.end),
        categories=categories(learned, case, champion.learned.end),
        level=calibration.level,
        levels=levels,
        floor=case.task.floor,
        calibration=calibration,
        example=with_contents(example(history, case), case, store.files_folder(case.name)),
        upload=upload_field(case.task.request_model(case.schema, "Record")),
        code_version=project.code_version(),
    )


def _newest_time(history: pa.Table, case: Case) -> datetime | None:
    import pyarrow.compute as pc

    if case.schema.time is None:
        return None
    newest: datetime | None = pc.max(history[case.schema.time]).as_py()
    return newest


def _measured(store: Store, promotion: PromoteRecord) -> EvaluateRecord:
    """The evaluation that the promotion's scores are of."""
    measured = promotion.model_copy(update={"run_id": promotion.measured_in})
    return newest(store, measured, EvaluateRecord)


def calibrations_of(store: Store, promotion: PromoteRecord) -> tuple[Calibration, ...]:
    """The champion's own, and those of the other levels of its evaluation, by level; only its own
    where that run kept no others.
    """
    own = promotion.champion.calibration
    found = _measured(store, promotion)
    files = [file for file in found.files if file.name == LADDERS]
    others: tuple[Calibration, ...] = ()
    if files:
        import pyarrow.parquet as pq

        role = found.of(promotion.champion.ref).role
        content = store.file_bytes(promotion.case, found.run_id, files[0])
        kept = pq.read_table(io.BytesIO(content)).to_pylist()
        (text,) = [row["calibrations"] for row in kept if row["role"] == role]
        others = LADDER.validate_json(text)
    return tuple(sorted({**{c.level: c for c in others}, own.level: own}.values(), key=_level))


def _level(calibration: Calibration) -> float:
    return calibration.level


def _drift(store: Store, case: str) -> DriftState | None:
    found = next(iter(store.records(case, DriftRecord)), None)
    if found is None:
        return None
    columns = tuple(shift.column for shift in found.columns if shift.alarm)
    return DriftState(as_of=found.as_of, columns=columns, sentence=found.sentence)


def _record(store: Store, case: str, run_id: str, kind: type[AnyRecord]) -> AnyRecord:
    found = store.record(case, run_id, kind)
    if found is None:
        raise StateError.for_missing_record(case, kind.model_fields["step"].default, store.home)
    return found


def newest(store: Store, of: Record, kind: type[AnyRecord]) -> AnyRecord:
    """The record of that run, else the newest before it: a step with nothing new is skipped."""
    for record in store.records(of.case, kind):
        if record.run_id <= of.run_id:
            return record
    return _record(store, of.case, of.run_id, kind)
