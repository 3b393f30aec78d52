"""A schedule as times: which there are, which have been done, and which are due.

What is due follows from the records, not from when a schedule happened to fire: one that comes
late, twice or not at all ends in the same records once it is caught up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipeline.errors import OptionError
from pipeline.options import parse_time
from pipeline.records import RunRecord
from pipeline.runner.order import Order
from pipeline.store import Store

MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
"""Where the grid of every schedule begins, so that whoever asks counts the same times."""
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_every(text: str) -> timedelta:
    """A length such as 7d, 12h, 30m or 2w; raises `OptionError`."""
    found = re.fullmatch(r"(\d+)([mhdw])", text.strip())
    if not found or not int(found.group(1)):
        raise OptionError(f"{text!r} is not a length of time; write it like 7d, 12h, 30m or 2w.")
    return timedelta(**{UNITS[found.group(2)]: int(found.group(1))})


def parse_moment(option: str, text: str) -> datetime:
    """The time that was given as an option; raises `OptionError`."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise OptionError(f"{option}: {error}.") from error


def times(start: datetime, end: datetime, every: timedelta) -> list[datetime]:
    """From `start`, as often as it goes up to `end`, both included; raises `OptionError`."""
    if start > end:
        raise OptionError(
            f"{start.isoformat()} is after {end.isoformat()}. Choose a --to that is not before "
            "--from."
        )
    return [start + number * every for number in range((end - start) // every + 1)]


def orders_at(order: Order, moments: Sequence[datetime]) -> tuple[Order, ...]:
    """The order for each of the as-of times."""
    return tuple(replace(order, as_of=moment.isoformat()) for moment in moments)


def due(
    store: Store, case: str, order: Order, *, every: timedelta, until: datetime
) -> list[datetime]:
    """The times of the schedule after the newest that was done, up to `until`, oldest first.

    A case that has never run is due once, for the newest of them. A run that failed did nothing.
    """
    newest = MONDAY + (until - MONDAY) // every * every
    done = _watermark(store, case, order)
    if done is None:
        return [newest]
    first = MONDAY + ((done - MONDAY) // every + 1) * every
    return times(first, newest, every) if first <= newest else []


def _watermark(store: Store, case: str, order: Order) -> datetime | None:
    records = (store.run_record(case, run_id) for run_id in store.run_ids(case))
    done = [record.as_of for record in records if record is not None and _counts(record, order)]
    return max((moment for moment in done if moment is not None), default=None)


def _counts(record: RunRecord, order: Order) -> bool:
    return record.outcome in ("done", "stopped") and record.source == order.source
