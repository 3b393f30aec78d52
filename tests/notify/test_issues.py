"""One issue a case: opened, followed up, closed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from standings import NOW, status

from pipeline.notify.events import RULES, events
from pipeline.notify.targets import Target, target_of
from pipeline.notify.telling import notify
from pipeline.publish.standing import Drift
from pipeline.publish.status import SiteStatus
from pipeline.store import Store

DRIFTED = Drift(watched=5, alarms=("count",), run_id="r1")


@pytest.fixture
def target(github: Path) -> Target:
    return target_of("github-issues:owner/name", {})


def tell(store: Store, found: SiteStatus, target: Target) -> list[str]:
    said: list[str] = []
    told = events(found, site="", now=NOW)
    notify(store, told, [target], rules=frozenset(RULES), say=said.append)
    return said


def issues(github: Path) -> list[dict[str, Any]]:
    folder = github / "owner_name" / "issues"
    return [json.loads(path.read_text()) for path in sorted(folder.iterdir())]


def test_a_failing_case_opens_one_issue_however_many_runs_fail(
    store: Store, github: Path, target: Target
) -> None:
    for _ in range(3):
        assert [] == tell(store, status(health="failing", headline="It broke."), target)

    (issue,) = issues(github)
    assert ("[Vigie] bikes needs a look", True) == (issue["title"], issue["open"])
    assert "It broke." in issue["texts"][0]


def test_the_issue_is_followed_up_and_closed_when_all_is_well(
    store: Store, github: Path, target: Target
) -> None:
    for found in (
        status(health="failing", drift=DRIFTED),
        status(drift=DRIFTED),
        status(),
    ):
        tell(store, found, target)

    (issue,) = issues(github)
    assert [2, False] == [len(issue["texts"]) - 2, issue["open"]]


def test_a_case_that_is_still_drifting_keeps_its_issue_open(
    store: Store, github: Path, target: Target
) -> None:
    tell(store, status(health="failing", drift=DRIFTED), target)
    tell(store, status(drift=DRIFTED), target)

    assert issues(github)[0]["open"]


def test_a_new_failure_opens_a_new_issue(store: Store, github: Path, target: Target) -> None:
    for health in ("failing", "healthy", "failing"):
        tell(store, status(health=health), target)

    assert [False, True] == [issue["open"] for issue in issues(github)]


def test_a_healthy_case_opens_none(store: Store, github: Path, target: Target) -> None:
    tell(store, status(), target)

    assert not (github / "owner_name" / "issues").exists()


def test_a_refusal_of_github_is_said(
    store: Store, github: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(github))

    (said,) = tell(store, status(health="failing"), target)

    assert "command gh, which is not installed" in said
