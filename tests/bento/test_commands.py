"""The commands around the service, as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from toy_service import promote, toy_case

import pipeline.case
from pipeline.cli import commands
from pipeline.errors import VigieError
from pipeline.store import Store

RECORD = {"counter": "north", "hour": "2021-03-08T07:00:00Z"}
Command = Callable[..., Result]


@pytest.fixture
def vigie(store: Store, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command on the home of the toy case."""
    monkeypatch.setattr(pipeline.case, "find_case", lambda name: toy_case())

    def run(*words: str, **more: Any) -> Result:
        return CliRunner().invoke(commands, [*words, "--home", str(store.home)], **more)

    return run


def test_a_prediction_is_told_in_words(vigie: Command) -> None:
    """The value, its unit and its interval; simulated data is called so."""
    found = vigie("predict", "toy", "--json", json.dumps(RECORD))

    assert 0 == found.exit_code, found.output
    line, note = found.stdout.splitlines()
    assert " bicycles/h, between " in line
    assert line.endswith(" in 90% of cases")
    assert note.startswith("SIMULATED DATA")


def test_records_may_come_by_standard_input(vigie: Command) -> None:
    """As many lines as records, in their order."""
    found = vigie("predict", "toy", input=json.dumps([RECORD, RECORD | {"counter": "south"}]))

    values = [float(line.split()[0]) for line in found.stdout.splitlines()[:2]]
    assert values[0] < values[1]


def test_more_records_than_a_call_may_hold_are_asked_in_pieces(
    vigie: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the answers of one piece, in their order; a fault is told by its place among all."""
    records = [RECORD | {"counter": ("north", "south")[place % 2]} for place in range(5)]
    whole = vigie("predict", "toy", "--raw", input=json.dumps(records))
    monkeypatch.setenv("VIGIE_MOST_RECORDS", "2")

    found = vigie("predict", "toy", "--raw", input=json.dumps(records))
    wrong = vigie("predict", "toy", input=json.dumps([*records[:3], {"counter": "north"}]))

    assert json.loads(whole.stdout) == json.loads(found.stdout)
    assert 5 == len(json.loads(found.stdout)["predictions"])
    assert "records/3/hour" in str(wrong.exception)


def test_the_answer_of_the_service_can_be_had_whole(vigie: Command) -> None:
    """As JSON, for programs."""
    found = vigie("predict", "toy", "--json", json.dumps(RECORD), "--raw")

    answer = json.loads(found.stdout)
    assert ["toy", 0.9, 1] == [answer["case"], answer["level"], len(answer["predictions"])]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--json", '{"counter": "nowhere", "hour": "2021-03-08T07:00:00Z"}'], "'nowhere' is not"),
        (["--json", '{"counter": "north"}'], "records/0/hour"),
        (["--json", json.dumps(RECORD), "--interval", "0.93"], "choose among 0.9"),
        (["--json", "{counter: north}"], "The records are not JSON"),
    ],
)
def test_what_cannot_be_predicted_is_told_by_field(
    vigie: Command, words: list[str], told: str
) -> None:
    """As an error that `main` prints, with what is wrong."""
    found = vigie("predict", "toy", *words)

    assert isinstance(found.exception, VigieError)
    assert told in str(found.exception)


def test_a_roll_back_says_who_serves(vigie: Command, store: Store) -> None:
    """The champion before is the champion again, and a second roll back goes forth."""
    first = store.champion("toy")
    promote(store, "20210309T000000-bbbb", alpha=1000.0)
    second = store.champion("toy")

    found = vigie("rollback", "toy")

    assert 0 == found.exit_code, found.output
    assert "Rolled back by hand: ridge of run 20210308T000000-aaaa serves again" in found.stdout
    assert first
    assert second
    assert first.ref == getattr(store.champion("toy"), "ref", None)
    assert 0 == vigie("rollback", "toy").exit_code
    assert second.ref == getattr(store.champion("toy"), "ref", None)


def test_nothing_to_go_back_to_is_told(vigie: Command, tmp_path: Path) -> None:
    """It names the case and the home."""
    found = vigie("rollback", "toy")

    assert isinstance(found.exception, VigieError)
    assert "'toy' has had no other champion" in str(found.exception)
