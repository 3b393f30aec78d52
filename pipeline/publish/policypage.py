"""The page of what retraining policies would have cost: the newest replay, or how to get one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.case import find_cases
from pipeline.publish import markup, words
from pipeline.publish.downloads import Downloads, Origin, told_of
from pipeline.records import IngestRecord, PolicyRecord
from pipeline.steps.view import figure_shown, table_shown
from pipeline.store import Store
from pipeline.store.replays import read_replay, replay_folder

SAME = frozenset({"never", "by performance", "by drift", "always"})
"""Policies that are called alike in every case; that by the calendar says how often."""
STEP = "policies"
"""What the folder of the replay's files is called on the site."""


@dataclass(frozen=True, kw_only=True)
class Short:
    """A past that is too short to be replayed."""

    found: int
    """Stretches that there are."""
    needed: int
    days: int
    """Length of a stretch."""
    enough: int
    """Days of rows that are missing, at most."""


def policy_blocks(store: Store, case: str, folder: Path) -> Iterator[str]:
    """What stands between the page's head and its end; files are copied below `folder`."""
    record = read_replay(store.home, case)
    calendar = [each.policy for each in record.prices if each.policy not in SAME] if record else []
    short = _too_short(store, case) if record is None else None
    examined = record is not None and all(each.unexamined is not None for each in record.prices)
    yield markup.block(
        "policies.html.j2",
        case=case,
        record=record,
        calendar=calendar,
        short=short,
        examined=examined,
    )
    if record is None:
        return
    home, downloads = replay_folder(store.home, case), Downloads()
    downloads.add(home, record.files, _origin(record), folder)
    for file in record.files:
        shown = table_shown if file.kind == "table" else figure_shown
        yield markup.raw_html(downloads.linked(shown(file, home, STEP).page))
    yield markup.block("policies_origin.html.j2", record=record)


def _too_short(store: Store, name: str) -> Short | None:
    """`None` where the past is long enough, has no stretches, or nothing is known of it."""
    from pipeline.steps.past_models import FEWEST, stretch_of, stretches_between

    case, arrived = find_cases().get(name), next(store.records(name, IngestRecord), None)
    if case is None or arrived is None or arrived.oldest is None or arrived.newest is None:
        return None
    length = stretch_of(case)
    if not length:
        return None
    found = stretches_between(case, arrived.oldest, arrived.newest)
    if found >= FEWEST:
        return None
    return Short(
        found=found, needed=FEWEST, days=length.days, enough=(FEWEST - found) * length.days
    )


def _origin(record: PolicyRecord) -> Origin:
    """A replay is made outside of runs and notebooks."""
    return Origin(
        case=record.case,
        run_id="",
        step=STEP,
        notebook="",
        as_of=words.stamp(record.as_of),
        tables=told_of(record.inputs),
        code=record.code_version,
        libraries=record.lock_digest,
    )
