"""Parquet files: one is read whole and as declared, or refused with all that is wrong."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import SourceError
from pipeline.sources import content
from pipeline.sources.columns import column_problems, convert_columns, wanted_headers
from pipeline.sources.files import readable
from pipeline.sources.values import Field

MAGIC = b"PAR1"


@dataclass(frozen=True, kw_only=True)
class ParquetFormat:
    """A Parquet file; its columns may be typed, or hold text as a CSV file does."""

    title: str
    """What the file holds, to go on from "can't be read as"."""
    fields: tuple[Field, ...]


def read_parquet(path: Path, form: ParquetFormat) -> pa.Table:
    """The declared columns under their names here, all rows; raises `SourceError`."""
    with readable(path):
        _require_parquet(path, form)
    header, raw = _load(path, form)
    problems = column_problems(header, form.fields)
    if raw.num_rows == 0:
        problems.append("it has columns and no rows: fetch it again")
    else:
        table, refused = convert_columns(raw, form.fields, lambda row: f"row {row + 1}")
        problems += refused
    if problems:
        raise SourceError.for_file(path, form.title, problems)
    return table


def _require_parquet(path: Path, form: ParquetFormat) -> None:
    """The format's own marks at both ends (Apache Parquet, "File format"): a cut loses the last."""
    with path.open("rb") as file:
        start = file.read(content.SAMPLE_BYTES)
        size = file.seek(0, os.SEEK_END)
        file.seek(-min(size, len(MAGIC)), os.SEEK_END)
        end = file.read()
    if not start.startswith(MAGIC):
        found = content.foreign_content(start) or ("a text file" if start else "empty (0 bytes)")
        raise SourceError.for_foreign_content(path, f"{form.title} as Parquet", found)
    if end != MAGIC or size < 2 * len(MAGIC):
        problem = f"it is truncated after {size} bytes: fetch it again"
        raise SourceError.for_file(path, form.title, [problem])


def _load(path: Path, form: ParquetFormat) -> tuple[list[str], pa.Table]:
    try:
        with pq.ParquetFile(path) as file:
            header = list(file.schema_arrow.names)
            return header, file.read(columns=wanted_headers(header, form.fields))
    except (pa.ArrowException, OSError) as error:
        problem = f"its data are damaged ({error}): fetch it again"
        raise SourceError.for_file(path, form.title, [problem]) from error
