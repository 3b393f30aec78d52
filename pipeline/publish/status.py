"""What the status page and `status.json` say of every case: the same numbers, from records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from pipeline.metrics import unit_of_score
from pipeline.publish.captions import Caption
from pipeline.publish.changes import changes
from pipeline.publish.due import Due, next_due
from pipeline.publish.plan import planned_pages
from pipeline.publish.rows import RunThen
from pipeline.publish.runs import Ended, Lives, Run, read_run
from pipeline.publish.standing import (
    Champion,
    Data,
    Decision,
    Drift,
    Metric,
    read_champion,
    read_data,
    read_decision,
    read_drift,
    read_metric,
    rolled_back,
)
from pipeline.records import Part, ReportRecord
from pipeline.store import Store

Health = Literal["healthy", "watch", "failing"]
Captions = Callable[[str], Caption]
Rows = Callable[[str], Sequence[RunThen]]
"""What the runs of a case came to, oldest first; the newest ones at least."""
GOES_ON = "The last champion keeps serving."
NOBODY = "No champion serves yet."
UNTIL_NEXT = "The next run judges it on the newest data."


class PageLink(Part):
    """A page of a case."""

    name: str = Field(description="as the tabs of the case call it")
    address: str = Field(description="relative to the site's root")


class NewestRun(Part):
    """The newest run of a case and how it ended."""

    run_id: str = Field(description="its permanent page is <case>/runs/<run_id>.html")
    ended: Ended = Field(description="how it ended")
    as_of: datetime | None = Field(description="the time that it was made for")
    finished: datetime | None = Field(
        description="null while it is under way, or when it was interrupted"
    )
    sentence: str = Field(description="what it ended with, such as the error")


class CaseStatus(Part):
    """One case on the first page."""

    case: str = Field(description="name in addresses and commands")
    title: str = Field(description="name for people")
    question: str = Field(description="what the case answers")
    pages: tuple[PageLink, ...] = Field(description="its pages, the overview first")
    health: Health = Field(
        description="as the newest run left it; see the method for what each means"
    )
    headline: str = Field(description="the state in a sentence or two")
    newest_run: NewestRun = Field(description="also one that failed")
    last_good_run: str | None = Field(description="newest run that ended with a report")
    last_good_finished: datetime | None = Field(description="when that run ended")
    champion: Champion | None = Field(description="null until a run has promoted one")
    metric: Metric | None = Field(description="from the last run that decided about the champion")
    data: Data | None = Field(description="what the newest ingest found")
    decision: Decision | None = Field(description="of the newest run that came to one")
    drift: Drift | None = Field(description="of the newest run that measured it")
    changes: tuple[str, ...] = Field(
        default=(), description="what the newest run changed against the one before it"
    )
    looked: datetime | None = Field(
        default=None, description="the newest time at which a run was made or nothing was due"
    )
    due: Due | None = Field(default=None, description="null where no schedule is known")


class SiteStatus(Part):
    """The whole of `status.json`."""

    schema_version: Literal[1] = Field(
        default=1, description="another one where a field is gone or has another meaning"
    )
    published: datetime = Field(description="when this file was written")
    cases: tuple[CaseStatus, ...] = Field(description="every case that has run, by name")


def site_status(
    store: Store,
    captions: Captions,
    now: datetime,
    lives: Lives,
    *,
    rows: Rows,
    every: timedelta | None = None,
) -> SiteStatus:
    """Every case that has run in this home, in the order of their names."""
    cases = [case for case in store.cases() if store.run_ids(case)]
    return SiteStatus(
        published=now,
        cases=tuple(
            case_status(store, case, captions(case), lives, rows=rows(case), every=every)
            for case in cases
        ),
    )


def case_status(
    store: Store,
    case: str,
    caption: Caption,
    lives: Lives,
    *,
    rows: Sequence[RunThen],
    every: timedelta | None,
) -> CaseStatus:
    """How a case stands after its newest run; `rows` are at least its newest runs."""
    newest = read_run(store, case, store.run_ids(case)[-1], lives)
    report = next(store.records(case, ReportRecord), None)
    promotion = store.promotion(case)
    health, headline = _verdict(newest, report, serves=promotion is not None)
    if by_hand := rolled_back(store, case):
        health, headline = "watch", f"{by_hand.sentence} {UNTIL_NEXT}"
    data, check = read_data(store, case, caption.fresh), store.check(case)
    newest_run = _newest_run(newest, store, case)
    moments = (check.looked if check else None, newest_run.finished)
    looked = max((moment for moment in moments if moment), default=None)
    score = promotion.primary if promotion else ""
    return CaseStatus(
        case=case,
        title=caption.title,
        question=caption.question,
        pages=tuple(
            PageLink(name=page.name, address=f"{case}/{page.file}.html")
            for page in planned_pages(store, case)
        ),
        health=health,
        headline=headline,
        newest_run=newest_run,
        last_good_run=report.run_id if report else None,
        last_good_finished=report.finished if report else None,
        champion=read_champion(store, promotion) if promotion else None,
        metric=read_metric(store, promotion, caption.unit, rows) if promotion else None,
        data=data,
        decision=read_decision(store, case),
        drift=read_drift(store, case),
        changes=changes(rows, unit_of_score(score, caption.unit)),
        looked=looked,
        due=next_due(rows, looked, every, live=data is not None and data.source == "live"),
    )


def _newest_run(run: Run, store: Store, case: str) -> NewestRun:
    whole = store.run_record(case, run.run_id)
    finished = [record.finished for record in run.records]
    as_of = [record.as_of for record in run.records]
    return NewestRun(
        run_id=run.run_id,
        ended=run.ended,
        as_of=as_of[-1] if as_of else whole.as_of if whole else None,
        finished=whole.finished if whole else max(finished, default=None),
        sentence=run.sentence,
    )


def _verdict(run: Run, report: ReportRecord | None, *, serves: bool) -> tuple[Health, str]:
    """Health and headline: the newest report's, unless the newest run came to no good end."""
    broken: Mapping[Ended, str] = {
        "stopped": f"Stopped by a gate: {run.sentence}",
        "failed": f"Notebook {run.failed_notebook} failed: {run.sentence}",
        "interrupted": "The newest run was interrupted before its end.",
    }
    if run.ended in broken:
        return "failing", _followed(broken[run.ended], GOES_ON if serves else NOBODY)
    if report is None:
        return "watch", "No run of this case has come to its report yet."
    return report.health, report.headline


def _followed(words: str, sentence: str) -> str:
    """Both, in one line; an error of several lines keeps them, and the sentence gets its own."""
    separator = "\n" if "\n" in words else " " if words.endswith((".", "!", "?")) else ". "
    return f"{words}{separator}{sentence}"
