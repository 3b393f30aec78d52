"""Brings what a source offers into the table of observations, merged by key and counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.case import Case
from pipeline.errors import SourceError
from pipeline.options import IngestOptions
from pipeline.records import FeedPart, Revision, TableVersion
from pipeline.sources import Request
from pipeline.steps import revised
from pipeline.steps.intake import Window, cuttable, describe_columns, merge
from pipeline.steps.run import Run
from pipeline.steps.view import View
from pipeline.store.arrivals import arriving

LIVE = "live"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The rows of a feed that a run may see, and how many were left out and why."""

    rows: pa.Table
    as_of: datetime
    not_yet_known: int
    outside_days: int


def ingest(run: Run, options: IngestOptions) -> View:
    """Merges the feed up to as_of; raises `SourceError` and changes nothing when it is unusable."""
    case = run.case
    source = case.source(options.source)
    folder = Path(options.data).expanduser() / case.name if options.data else None
    asked = run.now() if options.source == LIVE and not options.as_of else options.moment
    feed = source.fetch(
        Request(
            schema=case.schema,
            folder=folder,
            as_of=asked,
            since=_newest_held(run) if options.source == LIVE else None,
            cache=run.store.cache_folder(case.name),
            files=run.store.files_folder(case.name),
        )
    )
    with arriving(feed.batches, case.schema, run.store.home) as arrival:
        read = cuttable(arrival, case.schema)
        cut = cut_feed(read, case, as_of=asked, days=options.days, latest=run.now())
        window = Window(schema=case.schema, as_of=cut.as_of, days=options.days)

        with run.step("ingest", options) as step:
            run.store.claim(case.name, simulated=source.simulated)
            table = run.store.table(case.name, "observations")
            described = describe_columns(arrival, cut.rows, window)
            merged = merge(table, arrival, cut.rows, window)
            step.table("columns", "Columns of the observations", described)
            step.figure(case.task.volume(run.with_files(cut.rows.to_pandas()), case.schema))
            change = merged.changes
            step.table(
                "revisions",
                "Values that were revised, largest first",
                revised.table(change.revisions, case.schema),
            )
            return step.finish(
                as_of=cut.as_of,
                sentence=_sentence(
                    cut,
                    change.inserted,
                    revised.words(change.updated, change.revisions, case.schema),
                    change.unchanged,
                ),
                publisher=source.publisher,
                licence=source.licence,
                address=source.address,
                simulated=source.simulated,
                note=source.note,
                parts=tuple(
                    FeedPart(name=p.name, sha256=p.sha256, rows=p.rows) for p in feed.parts
                ),
                read=arrival.rows,
                not_yet_known=cut.not_yet_known,
                outside_days=cut.outside_days,
                duplicates=change.duplicates,
                conflicting=change.conflicting,
                inserted=change.inserted,
                updated=change.updated,
                unchanged=change.unchanged,
                withdrawn=change.withdrawn,
                revisions=tuple(
                    Revision(key=key, before=before, after=after)
                    for key, before, after in change.revisions
                ),
                oldest=_extreme(cut.rows, case, pc.min),
                newest=_extreme(cut.rows, case, pc.max),
                observations=TableVersion(
                    table="observations", version=merged.version, rows=merged.rows
                ),
            )


def _newest_held(run: Run) -> datetime | None:
    """The newest time in the table of observations; `None` before the first ingest."""
    table, time = run.store.table(run.case.name, "observations"), run.case.schema.time
    if time is None or not table.exists():
        return None
    found = pc.max(table.read(columns=[time])[time]).as_py()
    return found if isinstance(found, datetime) else None


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
            f"The feed of case {case.name!r} has {read.num_rows} rows and none has a time in "
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
    seen = pc.sum(known).as_py()
    return Cut(
        rows=rows,
        as_of=moment,
        not_yet_known=read.num_rows - seen,
        outside_days=seen - rows.num_rows,
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
    return Cut(rows=read, as_of=moment, not_yet_known=0, outside_days=0)


def _sentence(cut: Cut, inserted: int, revised_words: str, unchanged: int) -> str:
    return (
        f"{cut.rows.num_rows:,} rows up to {cut.as_of:%d %B %Y, %H:%M} UTC: {inserted:,} new, "
        f"{revised_words}, {unchanged:,} as they were."
    )


def _at_most(times: pa.ChunkedArray, limit: datetime) -> pa.ChunkedArray:
    return pc.fill_null(pc.less_equal(times, pa.scalar(limit, times.type)), True)


def _above(times: pa.ChunkedArray, limit: datetime) -> pa.ChunkedArray:
    return pc.fill_null(pc.greater_equal(times, pa.scalar(limit, times.type)), True)


def _extreme(rows: pa.Table, case: Case, function: object) -> datetime | None:
    if case.schema.time is None:
        return None
    found = function(rows[case.schema.time]).as_py()  # type: ignore[operator]
    return found if isinstance(found, datetime) else None
