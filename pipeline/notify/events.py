"""What could be told of a case: one event a rule, always there, with a state that may change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline.notify.service import Answered, Limits
from pipeline.publish.status import CaseStatus, SiteStatus

CALM = frozenset({"healthy", "none", "passed", "fresh", "answering"})
"""States that are no news at first sight; a change to them is."""
RULES = {
    "status": "a case became healthy, watch or failing",
    "drift": "columns began or ceased to differ from what the champion learned from or was last "
    "examined on",
    "gate": "a run was stopped by a failed gate, or got past it again",
    "freshness": "the newest data became too old, or fresh again",
    "champion": "another model serves",
    "errors": "too many calls of the service failed, or few enough again",
}
SERVICE = "service"
"""Stands for a case in what is told of the service as a whole."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """How a case stands by one rule."""

    case: str
    rule: str
    state: str
    """What is compared with the state that was told before."""
    title: str
    sentence: str
    number: str
    """The figure that it rests on, with its unit; empty when there is none."""
    link: str
    """The page with more; empty when the site's address was not given."""
    well: bool
    """Whether nothing at all is wrong with the case."""

    @property
    def key(self) -> str:
        return f"{self.case}/{self.rule}"

    def is_news(self, told: str | None) -> bool:
        """Whether this differs from what was told; calm is no news to who was told nothing."""
        return self.state != told and not (told is None and self.calm)

    @property
    def calm(self) -> bool:
        return _calm(self.rule, self.state)

    @property
    def text(self) -> str:
        """The message in plain words, a fact a line."""
        lines = [self.title, self.sentence, self.number, self.link]
        return "\n".join(line for line in lines if line)


def events(status: SiteStatus, *, site: str, now: datetime) -> list[Event]:
    """Every event of every case; `site` is the published site's address, or empty."""
    return [event for case in status.cases for event in _of_case(case, site, now)]


def of_service(
    answered: Answered, limits: Limits, status: SiteStatus, *, site: str
) -> Iterator[Event]:
    """The event of the service's failures; none when there were too few calls to conclude from.

    It leads to the newest run of the case that failed most often, which may have made the cause.
    """
    if answered.calls < limits.least:
        return
    worst = next((case for case in status.cases if case.case == answered.most_of), None)
    failing = answered.rate > limits.rate
    minutes = answered.within.total_seconds() / 60
    told = f"{answered.failed:,.0f} of {answered.calls:,.0f} calls of the last {minutes:,.0f} min"
    most = f", most of them of {answered.most_of}" if answered.most_of else ""
    yield Event(
        case=SERVICE,
        rule="errors",
        state="failing" if failing else "answering",
        title=f"Service: {'calls fail' if failing else 'answers as it should again'}",
        sentence=f"{told} failed with an error of the service{most}.",
        number=f"{answered.rate:.1%} failed; {limits.rate:.1%} may",
        link=_page_of_run(worst, site) if worst else site,
        well=not failing,
    )


def _page_of_run(case: CaseStatus, site: str) -> str:
    """The page of the newest run, which keeps its address."""
    address = f"{case.case}/runs/{case.newest_run.run_id}.html"
    return f"{site.rstrip('/')}/{address}" if site else ""


def _of_case(case: CaseStatus, site: str, now: datetime) -> list[Event]:
    link = _page_of_run(case, site)
    found = list(_states(case, now))
    well = all(_calm(rule, state) for rule, state, *_ in found)
    return [
        Event(
            case=case.case,
            rule=rule,
            state=state,
            title=f"{case.title}: {title}",
            sentence=sentence,
            number=number,
            link=link,
            well=well,
        )
        for rule, state, title, sentence, number in found
    ]


def _states(case: CaseStatus, now: datetime) -> Iterator[tuple[str, str, str, str, str]]:
    """Rule, state, title, sentence and number of every event of the case."""
    run, decided = case.newest_run, case.decision.sentence if case.decision else ""
    yield "status", case.health, case.health, case.headline, _metric(case)
    if run.ended == "stopped":
        yield "gate", "stopped", "stopped by a gate", run.sentence, ""
    else:
        yield "gate", "passed", "past its gates again", run.sentence, ""
    if case.drift:
        alarms = ", ".join(sorted(case.drift.alarms)) or "none"
        title = f"drift in {alarms}" if case.drift.alarms else "no drift any more"
        count = f"{len(case.drift.alarms)} of {case.drift.watched} columns"
        yield "drift", alarms, title, decided, count
    if case.champion:
        title = f"{case.champion.title} serves from now on"
        yield "champion", case.champion.sha256, title, decided, _metric(case)
    # Files and samples are as old as they are; only a live feed can be late.
    if case.data and case.data.newest and case.data.source == "live":
        age = (now - case.data.newest).total_seconds() / 3600
        told = f"The newest row is of {case.data.newest:%Y-%m-%d %H:%M} UTC."
        number = f"{age:,.0f} hours old; {case.data.fresh_hours:,.0f} are allowed"
        if age > case.data.fresh_hours:
            yield "freshness", "late", "its data are late", told, number
        else:
            yield "freshness", "fresh", "its data are fresh again", told, number


def _calm(rule: str, state: str) -> bool:
    """Whether the state is as it should be; who serves is neither good nor bad."""
    return state in CALM or rule == "champion"


def _metric(case: CaseStatus) -> str:
    found = case.metric
    if found is None:
        return ""
    told = f"{found.name} {found.value:.3g} {found.unit}".rstrip()
    return told if found.baseline is None else f"{told}; the baseline has {found.baseline:.3g}"
