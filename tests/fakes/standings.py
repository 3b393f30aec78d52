"""A case as the first page shows it, to be changed by tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.publish.standing import Champion, Data, Decision, Drift, Metric
from pipeline.publish.status import CaseStatus, NewestRun, SiteStatus

NOW = datetime(2024, 10, 1, 6, 13, tzinfo=UTC)


def status(**changes: Any) -> SiteStatus:
    """One healthy case on live data, with changes."""
    return SiteStatus(published=NOW, cases=(case().model_copy(update=changes),))


def case() -> CaseStatus:
    return CaseStatus(
        case="bikes",
        title="Bicycles in Paris",
        question="How many?",
        pages=(),
        health="healthy",
        headline="RMSE 28.1 bicycles/h, 16% below the baseline.",
        newest_run=run("done"),
        last_good_run="r1",
        last_good_finished=NOW,
        champion=champion("aa"),
        metric=Metric(
            name="rmse",
            value=28.1,
            unit="bicycles/h",
            baseline=33.4,
            skill=0.16,
            before=None,
            change=None,
            held_out_start=NOW,
            held_out_end=NOW,
            run_id="r1",
            finished=NOW,
        ),
        data=data(age_hours=3),
        decision=Decision(decision="keep", sentence="Keep: all is well.", run_id="r1"),
        drift=Drift(watched=5, alarms=(), run_id="r1"),
    )


def run(ended: Any, sentence: str = "as it should be") -> NewestRun:
    return NewestRun(run_id="r1", ended=ended, as_of=NOW, finished=NOW, sentence=sentence)


def champion(sha256: str) -> Champion:
    return Champion(
        candidate="boosting",
        title="Gradient boosting",
        run_id="r1",
        sha256=sha256,
        since=NOW,
        learned_start=NOW,
        learned_end=NOW,
        learned_rows=7,
    )


def data(*, age_hours: float, source: Any = "live") -> Data:
    return Data(
        source=source,
        simulated=False,
        note="",
        publisher="City of Paris",
        licence="ODbL",
        address="https://example.org",
        newest=NOW - timedelta(hours=age_hours),
        as_of=NOW,
        rows=7,
        fresh_hours=48,
    )
