"""From records to bundles: what was promoted, and no other model."""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.case import Case, find_cases
from pipeline.errors import ServiceError, StateError
from pipeline.packaging.bundles import (
    CALIBRATIONS,
    CARD,
    HISTORY,
    MODEL,
    OBSERVATIONS,
    Bundle,
    DriftState,
    ModelCard,
    read_bundles,
)
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
from pipeline.store.atomic import write_bytes

if TYPE_CHECKING:
    import pyarrow as pa


def export_champions(
    store: Store,
    folder: Path,
    *,
    cases: Mapping[str, Case] | None = None,
) -> tuple[Bundle, ...]:
    """Writes `<folder>/<case>/` for every case that has a champion, all of them or nothing.

    What was in `folder` is replaced. Raises `ServiceError` when no case has a champion and
    `StateError` for a model that isn't the one that was promoted.
    """
    known = find_cases() if cases is None else cases
    promotions = {name: store.promotion(name) for name in known}
    chosen = {name: found for name, found in promotions.items() if found is not None}
    if not chosen:
        raise ServiceError(
            f"No case has a champion in {store.home} yet: there is nothing to serve. "
            f"Run one first: vigie run --home {store.home}."
        )

    def fill(new: Path) -> None:
        for name, promotion in chosen.items():
            _write(store, known[name], promotion, new / name)

    _replace_folder(folder, fill)
    return read_bundles(folder)


def _recent(rows: pa.Table, case: Case) -> pa.Table:
    """As much of the newest past as a prediction looks back on, in the key's order.

    Where it looks at no past, one of the newest rows: to try the model out, and as an example.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if case.schema.time is None or not rows.num_rows:
        return rows.slice(0, 1)
    times = rows[case.schema.time]
    newest = pc.max(times).as_py()
    if not case.task.history:
        return rows.filter(pc.equal(times, pa.scalar(newest, times.type))).slice(0, 1)
    first = newest - case.task.history
    return rows.filter(pc.greater(times, pa.scalar(first, times.type)))


def _write(store: Store, case: Case, promotion: PromoteRecord, folder: Path) -> None:
    checked = _newest(store, promotion, ValidateRecord)
    rows = store.validated(case.name, case.schema, checked)
    history = _recent(rows, case)
    calibrations = _calibrations(store, promotion)
    files = {
        MODEL: store.model_bytes(case.name, promotion.champion.ref),
        HISTORY: _parquet(history),
        OBSERVATIONS: _parquet(rows),
        CALIBRATIONS: LADDER.dump_json(calibrations),
    }
    levels = tuple(each.level for each in calibrations)
    card = _card(store, case, promotion, checked, rows, history, files, levels)
    for name, content in files.items():
        write_bytes(folder / name, content)
    write_bytes(folder / CARD, (card.model_dump_json(indent=1) + "\n").encode())


def _parquet(rows: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd")
    return buffer.getvalue()


def _card(
    store: Store,
    case: Case,
    promotion: PromoteRecord,
    checked: ValidateRecord,
    rows: pa.Table,
    history: pa.Table,
    files: Mapping[str, bytes],
    levels: tuple[float, ...],
) -> ModelCard:
    champion = promotion.champion.ref
    calibration = promotion.champion.calibration
    trained = _record(store, case.name, champion.run_id, TrainRecord)
    feed = _newest(store, promotion, IngestRecord)
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
        history_sha256=hashlib.sha256(files[HISTORY]).hexdigest(),
        observations_sha256=hashlib.sha256(files[OBSERVATIONS]).hexdigest(),
        calibrations_sha256=hashlib.sha256(files[CALIBRATIONS]).hexdigest(),
        learned=champion.learned,
        promoted_as_of=promotion.as_of,
        data_as_of=_newest_time(history, case),
        data_version=checked.inputs[0].version,
        primary=promotion.primary,
        measured=_measured(store, promotion).held_out,
        scores=promotion.scores,
        baseline_scores=promotion.baseline_scores,
        drift=_drift(store, case.name),
        support=support(rows, case, champion.learned.end),
        categories=categories(rows, case, champion.learned.end),
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
    return _newest(store, measured, EvaluateRecord)


def _calibrations(store: Store, promotion: PromoteRecord) -> tuple[Calibration, ...]:
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


def _newest(store: Store, of: Record, kind: type[AnyRecord]) -> AnyRecord:
    """The record of that run, else the newest before it: a step with nothing new is skipped."""
    for record in store.records(of.case, kind):
        if record.run_id <= of.run_id:
            return record
    return _record(store, of.case, of.run_id, kind)


def _replace_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fills a new folder beside the old one and puts it in its place; nothing is left half."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise StateError.for_failed_write(folder, error) from error
    try:
        (work / "new").mkdir()
        fill(work / "new")
        _swap(folder, work / "new", work / "old")
    except OSError as error:
        raise StateError.for_failed_write(folder, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _swap(folder: Path, new: Path, old: Path) -> None:
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
