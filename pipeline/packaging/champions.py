"""From records to bundles: what was promoted, and no other model."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
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
from pipeline.store.atomic import sha256_of, write_bytes

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


def _newest_in(path: Path, case: Case) -> pa.Table:
    """Of the rows in a file those that `_recent` may need."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    name, typed = case.schema.time, case.schema.arrow()
    rows = ds.dataset(path)
    if name is None:
        return rows.head(1).cast(typed)
    newest = pc.max(pq.read_table(path, columns=[name])[name])
    since = newest.as_py() - (case.task.history or timedelta(0))
    return (
        rows.to_table(filter=ds.field(name) >= pa.scalar(since, newest.type))
        .select(typed.names)
        .cast(typed)
    )


def _observations(
    store: Store, case: Case, checked: ValidateRecord, path: Path
) -> tuple[pa.Table, pa.Table]:
    """Writes all validated rows; gives those that models learn from, and the newest ones. Where not
    all of them take part, all of them are never in memory at once.
    """
    import pyarrow.parquet as pq

    within = store.within(case.name, case.schema, checked, case.takes)
    rows = store.validated(case.name, case.schema, checked, within)
    if within is None:
        pq.write_table(rows, path, compression="zstd")
        return rows, _recent(rows, case)
    store.write_validated(case.name, case.schema, checked, path)
    return rows, _recent(_newest_in(path, case), case)


def _write(store: Store, case: Case, promotion: PromoteRecord, folder: Path) -> None:
    checked = newest(store, promotion, ValidateRecord)
    folder.mkdir(parents=True, exist_ok=True)
    learned, history = _observations(store, case, checked, folder / OBSERVATIONS)
    calibrations = calibrations_of(store, promotion)
    files = {
        MODEL: store.model_bytes(case.name, promotion.champion.ref),
        HISTORY: _parquet(history),
        CALIBRATIONS: LADDER.dump_json(calibrations),
    }
    levels = tuple(each.level for each in calibrations)
    for name, content in files.items():
        write_bytes(folder / name, content)
    digests = {name: sha256_of(folder / name) for name in (*files, OBSERVATIONS)}
    card = card_of(store, case, promotion, checked, learned, history, digests, levels)
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
