"""Which rows of a feed a run may see: those known at its as-of time, in the days asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.case import Case
from pipeline.errors import SourceError
from pipeline.tasks import ALIKE


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The rows of a feed that a run may see, and how many were left out and why."""

    rows: pa.Table
    """Of a large feed, one row for all that are alike."""
    count: int
    as_of: datetime
    oldest: datetime | None
    newest: datetime | None
    not_yet_known: int
    outside_days: int


def cut_feed(
    read: pa.Table,
    case: Case,
    *,
    as_of: datetime | None,
    days: int | None,
    latest: datetime | None = None,
) -> Cut:
    """Leaves out what was not known at `as_of` and what is older than `days` before it.

    Without `as_of` it is the moment at which the newest row became known, or `latest` where a row
    is dated after that: nobody knows it yet. Rows without a time stay,
    for the expectations to judge. Rows of a case that has no time column are known from when they
    are read, at `latest`. Raises `SourceError` when nothing is left, or for a past that such a
    case can't repeat.
    """
    schema = case.schema
    if schema.time is None:
        return _uncut(read, case, as_of=as_of, days=days, latest=latest)
    times = read[schema.time]
    newest = pc.max(times).as_py()
    if not read.num_rows and as_of is not None:
        raise SourceError(
            f"The feed of case {case.name!r} has no row before {as_of.isoformat()}. "
            "Choose a later --as-of."
        )
    if newest is None:
        raise SourceError(
            f"The feed of case {case.name!r} has {_count(read)} rows and none has a time in "
            f"column {schema.time!r}. Check the file's time column."
        )
    moment = as_of or min(newest + schema.known_after, latest or datetime.max.replace(tzinfo=UTC))
    known = _at_most(times, moment - schema.known_after)
    recent = _above(times, moment - timedelta(days=days)) if days else None
    kept = pc.and_(known, recent) if recent is not None else known
    rows = read.filter(kept)
    if not rows.num_rows:
        raise SourceError(
            f"No row of case {case.name!r} was known as of {moment.isoformat()}; the feed runs "
            f"from {pc.min(times).as_py().isoformat()} to {newest.isoformat()}. "
            "Choose a later --as-of."
        )
    seen, kept_rows = _count(read.filter(known)), _count(rows)
    return Cut(
        rows=rows,
        count=kept_rows,
        as_of=moment,
        oldest=pc.min(rows[schema.time]).as_py(),
        newest=pc.max(rows[schema.time]).as_py(),
        not_yet_known=_count(read) - seen,
        outside_days=seen - kept_rows,
    )


def _uncut(
    read: pa.Table,
    case: Case,
    *,
    as_of: datetime | None,
    days: int | None,
    latest: datetime | None,
) -> Cut:
    """All rows; raises `SourceError` for a past that can't be repeated, or an empty feed."""
    moment = as_of or latest
    if moment is None or days or (latest is not None and moment < latest):
        raise SourceError(
            f"The rows of case {case.name!r} carry no time, so that none can be left out by it. "
            "Run it without as_of and without days."
        )
    if not read.num_rows:
        raise SourceError(f"The feed of case {case.name!r} has no rows. Look at its source.")
    return Cut(
        rows=read,
        count=_count(read),
        as_of=moment,
        oldest=None,
        newest=None,
        not_yet_known=0,
        outside_days=0,
    )


def _count(rows: pa.Table) -> int:
    """How many rows these are, or stand for."""
    return int(pc.sum(rows[ALIKE]).as_py() or 0) if ALIKE in rows.column_names else rows.num_rows


def _at_most(times: pa.ChunkedArray, limit: datetime) -> pa.ChunkedArray:
    return pc.fill_null(pc.less_equal(times, pa.scalar(limit, times.type)), True)


def _above(times: pa.ChunkedArray, limit: datetime) -> pa.ChunkedArray:
    return pc.fill_null(pc.greater_equal(times, pa.scalar(limit, times.type)), True)
