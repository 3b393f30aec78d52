"""Once per change, to everybody, whoever is down."""

from __future__ import annotations

import pytest
from standings import NOW, champion, data, run, status
from told import Listener

from pipeline.errors import StateError
from pipeline.notify.events import RULES, events
from pipeline.notify.telling import notify
from pipeline.publish.standing import Drift
from pipeline.publish.status import SiteStatus
from pipeline.store import Store

SITE = "https://owner.example/vigie/"


def tell(store: Store, found: SiteStatus, *targets: Listener, rules: str = "") -> list[str]:
    said: list[str] = []
    told = events(found, site=SITE, now=NOW)
    notify(store, told, targets, rules=frozenset(rules.split() or RULES), say=said.append)
    return said


def test_a_healthy_case_is_no_news(store: Store) -> None:
    listener = Listener()
    tell(store, status(), listener)

    assert [] == listener.heard


def test_a_change_is_told_once_and_the_way_back_too(store: Store) -> None:
    listener = Listener()
    failing = status(health="failing", headline="Notebook 4-train failed.")
    for found in (status(), failing, failing, status()):
        tell(store, found, listener)

    assert ["failing", "healthy"] == [event.state for event in listener.heard]


def test_a_message_carries_the_sentence_the_number_and_the_link(store: Store) -> None:
    listener = Listener()
    tell(store, status(health="watch", headline="RMSE has grown."), listener)

    assert listener.heard[0].text.splitlines() == [
        "Bicycles in Paris: watch",
        "RMSE has grown.",
        "rmse 28.1 bicycles/h; the baseline has 33.4",
        "https://owner.example/vigie/bikes/runs/r1.html",
    ]


@pytest.mark.parametrize(
    ("rule", "changed", "state"),
    [
        ("gate", {"newest_run": run("stopped", "Too many rows.")}, "stopped"),
        ("drift", {"drift": Drift(watched=5, alarms=("count",), run_id="r2")}, "count"),
        ("freshness", {"data": data(age_hours=49)}, "late"),
        ("champion", {"champion": champion("bb")}, "bb"),
        ("status", {"health": "watch"}, "watch"),
    ],
)
def test_each_rule_has_its_event(store: Store, rule: str, changed: dict, state: str) -> None:
    listener = Listener()
    tell(store, status(), listener)
    tell(store, status(**changed), listener)

    assert [(rule, state)] == [(event.rule, event.state) for event in listener.heard]


def test_files_are_never_late(store: Store) -> None:
    listener = Listener()
    tell(store, status(data=data(age_hours=9000, source="files")), listener)

    assert [] == listener.heard


def test_only_the_rules_that_were_asked_for_are_told(store: Store) -> None:
    listener = Listener()
    tell(store, status(health="failing", data=data(age_hours=99)), listener, rules="freshness")

    assert ["freshness"] == listener.rules


def test_a_target_that_was_down_is_told_the_next_time_and_stops_nobody(store: Store) -> None:
    down, up = Listener(name="down", problem="it answered 503"), Listener(name="up")
    failing = status(health="failing")
    said = tell(store, failing, down, up)
    down.problem = ""
    tell(store, failing, down, up)

    assert ["down was not told of bikes, status: it answered 503"] == said
    assert (["status"], ["status"]) == (down.rules, up.rules)


def test_a_damaged_memory_is_named(store: Store) -> None:
    listener = Listener()
    tell(store, status(), listener)
    (path,) = (store.home / "notified").iterdir()
    path.write_text("{")

    with pytest.raises(StateError, match="is damaged"):
        tell(store, status(), listener)
