"""From records to bundles: what was promoted, and no other model."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Mapping
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
    read_bundles,
)
from pipeline.packaging.cards import calibrations_of, card_of, newest
from pipeline.records import (
    PromoteRecord,
    ValidateRecord,
)
from pipeline.regions import LADDER
from pipeline.store import Store
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
    checked = newest(store, promotion, ValidateRecord)
    rows = store.validated(case.name, case.schema, checked)
    within = store.within(case.name, case.schema, checked, case.takes)
    learned = store.validated(case.name, case.schema, checked, within) if within else rows
    history = _recent(rows, case)
    calibrations = calibrations_of(store, promotion)
    files = {
        MODEL: store.model_bytes(case.name, promotion.champion.ref),
        HISTORY: _parquet(history),
        OBSERVATIONS: _parquet(rows),
        CALIBRATIONS: LADDER.dump_json(calibrations),
    }
    levels = tuple(each.level for each in calibrations)
    card = card_of(store, case, promotion, checked, learned, history, files, levels)
    for name, content in files.items():
        write_bytes(folder / name, content)
    write_bytes(folder / CARD, (card.model_dump_json(indent=1) + "\n").encode())


def _parquet(rows: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd")
    return buffer.getvalue()


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
