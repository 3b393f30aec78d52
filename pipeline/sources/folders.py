"""The folder of a case's files, and the feed of one whose CSV files are all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.errors import SourceError
from pipeline.sources import ROWS_PER_BATCH, Feed, Part, Request, Source
from pipeline.sources.delimited import CsvFormat
from pipeline.sources.files import list_files
from pipeline.sources.streams import Reading, stream_csv

Observations = Callable[[pa.Table, Request], pa.Table]
"""The publisher's rows in the schema of a case, those not newer than asked for."""


def folder_of(data: str, case: str, source: Source) -> Path | None:
    """`DIR/<case>`; where that isn't there, the first folder beside it in which the source's files
    may lie as well (`Source.also_in`). `None` without a DIR.
    """
    if not data:
        return None
    own = Path(data).expanduser() / case
    others = (own.parent / name for name in getattr(source, "also_in", ()))
    return next((folder for folder in (own, *others) if folder.is_dir()), own)


def csv_feed(
    request: Request, names: str, form: CsvFormat, observations: Observations, *, what: str
) -> Feed:
    """The rows of every file of the folder whose name fits `names`; `what` tells a reader of them.

    Raises `SourceError`, also while batches are taken.
    """
    if request.folder is None:
        raise SourceError.for_unnamed_folder(what)
    paths = list_files(request.folder, names)
    if not paths:
        found = [path.name for path in list_files(request.folder, "*")]
        raise SourceError.for_no_files(request.folder, [f"{names} ({form.title})"], found)
    parts: list[Part] = []
    return Feed(parts=parts, batches=_batches(paths, parts, request, form, observations))


def _batches(
    paths: tuple[Path, ...],
    parts: list[Part],
    request: Request,
    form: CsvFormat,
    observations: Observations,
) -> Iterator[pa.RecordBatch]:
    """The rows of the files; adds each file to `parts` when it has been read."""
    parts.clear()
    for path in paths:
        reading = Reading()
        for batch in stream_csv(path, form, reading):
            table = observations(pa.Table.from_batches([batch]), request)
            yield from table.to_batches(max_chunksize=ROWS_PER_BATCH)
        parts.append(Part(name=path.name, sha256=reading.sha256, rows=reading.rows))
