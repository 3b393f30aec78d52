"""The page of what retraining policies would have cost: the newest replay, or how to get one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.publish import markup, words
from pipeline.publish.downloads import Downloads, Origin, told_of
from pipeline.records import PolicyRecord
from pipeline.steps.view import figure_shown, table_shown
from pipeline.store import Store
from pipeline.store.replays import read_replay, replay_folder

SAME = frozenset({"never", "by performance", "by drift", "always"})
"""Policies that are called alike in every case; that by the calendar says how often."""
STEP = "policies"
"""What the folder of the replay's files is called on the site."""


def policy_blocks(store: Store, case: str, folder: Path) -> Iterator[str]:
    """What stands between the page's head and its end; files are copied below `folder`."""
    record = read_replay(store.home, case)
    calendar = [each.policy for each in record.prices if each.policy not in SAME] if record else []
    yield markup.block("policies.html.j2", case=case, record=record, calendar=calendar)
    if record is None:
        return
    home, downloads = replay_folder(store.home, case), Downloads()
    downloads.add(home, record.files, _origin(record), folder)
    for file in record.files:
        shown = table_shown if file.kind == "table" else figure_shown
        yield markup.raw_html(downloads.linked(shown(file, home, STEP).page))
    yield markup.block("policies_origin.html.j2", record=record)


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
