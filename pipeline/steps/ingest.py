"""Brings what a source offers into the table of observations, merged by key and counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pyarrow.compute as pc

from pipeline.options import IngestOptions
from pipeline.records import FeedPart, Revision, TableVersion
from pipeline.sources import Feed, Request, Source
from pipeline.sources.folders import folder_of
from pipeline.steps import revised
from pipeline.steps.cutting import Cut, cut_feed
from pipeline.steps.intake import Window, cuttable, describe_columns, merge
from pipeline.steps.run import Run
from pipeline.steps.view import View
from pipeline.store.arrivals import Arrival, arriving
from pipeline.store.changes import Counts
from pipeline.store.tables import Merge

LIVE = "live"


def ingest(run: Run, options: IngestOptions) -> View:
    """Merges the feed up to as_of; raises `SourceError` and changes nothing when it is unusable."""
    case = run.case
    source = case.source(options.source)
    asked = run.now() if options.source == LIVE and not options.as_of else options.moment
    request = _request(run, options, asked)
    feed = source.fetch(request)
    with arriving(feed.batches, case.schema, run.store.home) as arrival:
        read = cuttable(arrival, case.task, case.schema)
        cut = cut_feed(read, case, as_of=asked, days=options.days, latest=run.now())
        window = Window(schema=case.schema, as_of=cut.as_of, days=options.days)

        with run.step("ingest", options) as step:
            run.store.claim(case.name, simulated=source.simulated)
            table = run.store.table(case.name, "observations")
            with ThreadPoolExecutor(1) as beside:
                described = beside.submit(describe_columns, arrival, cut.rows, window)
                merged = merge(table, arrival, cut.rows, window)
                volume = case.task.volume(run.with_files(cut.rows.to_pandas()), case.schema)
            step.table("columns", "Columns of the observations", described.result())
            step.figure(volume)
            revisions = revised.table(merged.changes.revisions, case.schema)
            step.table("revisions", "Values that were revised, largest first", revisions)
            return step.finish(
                as_of=cut.as_of,
                sentence=_sentence(run, cut, merged.changes) + _found_in(request, case.name),
                **_told_of_source(source, feed),
                **_counted(arrival, cut, merged),
            )


def _request(run: Run, options: IngestOptions, asked: datetime | None) -> Request:
    case = run.case
    return Request(
        schema=case.schema,
        folder=folder_of(options.data, case.name, case.source(options.source)),
        as_of=asked,
        since=_newest_held(run) if options.source == LIVE else None,
        cache=run.store.cache_folder(case.name),
        files=run.store.files_folder(case.name),
    )


def _told_of_source(source: Source, feed: Feed) -> dict[str, Any]:
    """What the record says of where the rows came from."""
    return {
        "publisher": source.publisher,
        "licence": source.licence,
        "address": source.address,
        "simulated": source.simulated,
        "note": source.note,
        "parts": tuple(FeedPart(name=p.name, sha256=p.sha256, rows=p.rows) for p in feed.parts),
    }


def _counted(arrival: Arrival, cut: Cut, merged: Merge) -> dict[str, Any]:
    """What the record says of the rows."""
    change = merged.changes
    return {
        "read": arrival.rows,
        "not_yet_known": cut.not_yet_known,
        "outside_days": cut.outside_days,
        "duplicates": change.duplicates,
        "conflicting": change.conflicting,
        "inserted": change.inserted,
        "updated": change.updated,
        "unchanged": change.unchanged,
        "withdrawn": change.withdrawn,
        "revisions": tuple(
            Revision(key=key, before=before, after=after) for key, before, after in change.revisions
        ),
        "oldest": cut.oldest,
        "newest": cut.newest,
        "observations": TableVersion(
            table="observations", version=merged.version, rows=merged.rows
        ),
    }


def _newest_held(run: Run) -> datetime | None:
    """The newest time in the table of observations; `None` before the first ingest."""
    table, time = run.store.table(run.case.name, "observations"), run.case.schema.time
    if time is None or not table.exists():
        return None
    found = pc.max(table.read(columns=[time])[time]).as_py()
    return found if isinstance(found, datetime) else None


def _found_in(request: Request, case: str) -> str:
    """Where files were found, when that isn't the folder of the case."""
    if request.folder is None or request.folder.name == case:
        return ""
    return f" Read from the folder {request.folder.name!r}, since there is none {case!r}."


def _sentence(run: Run, cut: Cut, change: Counts) -> str:
    revised_words = revised.words(change.updated, change.revisions, run.case.schema)
    return (
        f"{cut.count:,} rows up to {cut.as_of:%d %B %Y, %H:%M} UTC: {change.inserted:,} "
        f"new, {revised_words}, {change.unchanged:,} as they were."
    )
