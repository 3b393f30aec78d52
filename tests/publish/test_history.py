"""What runs came to, row by row, and what is kept of it for the next publish."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from pipeline.publish import history, read_status
from pipeline.publish.changes import changes
from pipeline.publish.due import next_due
from pipeline.publish.history import keep_past, newest_rows, thinned
from pipeline.publish.rows import RunThen
from pipeline.publish.sparks import spark
from pipeline.publish.still import StillStore

DAY = timedelta(days=1)


def keep_rows(store: StillStore, case: str, lives: Any) -> tuple[RunThen, ...]:
    """The rows of the newest runs."""
    return keep_past(store, case, lives).newest


def alive(*_: Any) -> bool:
    """Somebody works on every case."""
    return True


def a_fortnight(home: Any, runs: int = 2) -> None:
    """Runs a day apart; the error grows by 1 from run to run."""
    start = datetime(2021, 9, 9, 22, tzinfo=UTC)
    for place in range(runs):
        home.scores = {"rmse": 25.0 + place, "r2": 0.9}
        home.run(run_id=f"run-{place}", as_of=start + place * DAY, champion_run="run-0")


def test_a_row_holds_what_the_records_of_its_run_hold(home: Any) -> None:
    """Score, baseline, champion, drift, data and expectations, each as it was recorded."""
    home.run(run_id="1")
    (row,) = keep_rows(StillStore.of(home.store), "bikes", alive)

    assert ("1", "done", "watch", "promote") == (row.run_id, row.ended, row.health, row.decision)
    assert (home.scores["rmse"], home.baseline) == (row.metric.value, row.metric.baseline)
    assert ("Gradient boosting, Poisson loss", "1") == (row.champion.title, row.champion.run_id)
    assert ("temperature",) == row.alarms
    assert ["count", "wind", "temperature"] == [column.column for column in row.drift]
    assert (7, 1234555, 3) == (row.data.version, row.data.rows, row.data.quarantined)
    assert [("count in range", 3)] == [(one.name, one.unexpected) for one in row.expectations]


def test_a_run_that_was_stopped_is_a_row_without_a_score(home: Any) -> None:
    """It is failing, with the sentence of the gate, and has no champion of its own."""
    home.sentence["validate"] = "Too few rows."
    home.run(
        run_id="1", notebooks=("1-ingest", "2-validate"), outcome="stopped", stopped="validate"
    )
    (row,) = keep_rows(StillStore.of(home.store), "bikes", alive)

    assert ("failing", "Too few rows.", None, None, None) == (
        row.health,
        row.headline,
        row.metric,
        row.champion,
        row.drift,
    )


def test_a_run_that_has_ended_is_read_once(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next time only what has changed is read: here a second run, and the first one anew after
    its own record has become another."""
    read: list[str] = []
    known = history.read_row

    def counted(store: Any, case: str, run_id: str, lives: Any) -> Any:
        read.append(run_id)
        return known(store, case, run_id, lives)

    monkeypatch.setattr(history, "read_row", counted)
    home.run(run_id="1")
    first = keep_rows(StillStore.of(home.store), "bikes", alive)
    home.run(run_id="2")
    second = keep_rows(StillStore.of(home.store), "bikes", alive)

    assert ["1", "2"] == read
    assert first == second[:1]

    home.run(run_id="1", notebooks=("1-ingest",), outcome="failed", failed="2-validate")
    third = keep_rows(StillStore.of(home.store), "bikes", alive)

    assert ["1", "2", "1"] == read
    assert "failed" == third[0].ended


@pytest.mark.parametrize("outcome", ["running", "by hand"])
def test_a_run_that_may_go_on_is_not_kept(home: Any, outcome: str) -> None:
    """One under way, and one that a notebook began by itself, are read every time."""
    by_hand = outcome == "by hand"
    home.run(run_id="1", outcome="running", notebooks=("1-ingest",), by_hand=by_hand)
    keep_rows(StillStore.of(home.store), "bikes", alive)
    home.run(run_id="1", outcome="done", by_hand=by_hand)

    assert keep_rows(StillStore.of(home.store), "bikes", alive)[0].metric is not None


def test_the_newest_rows_are_read_without_writing_state(home: Any) -> None:
    """`vigie status` leaves nothing but the cache behind."""
    a_fortnight(home, runs=3)

    assert ["run-0", "run-1", "run-2"] == [
        row.run_id for row in newest_rows(StillStore.of(home.store), "bikes", alive)
    ]
    assert {"cache", "runs"} == {path.name for path in home.store.home.iterdir()}


def test_a_long_history_is_thinned_where_it_is_old(home: Any) -> None:
    """The newest runs are all there, the first run too, and the number is bounded."""
    home.run(run_id="1")
    (row,) = keep_rows(StillStore.of(home.store), "bikes", alive)
    rows = [row.model_copy(update={"run_id": f"{place:05d}"}) for place in range(5000)]
    kept = [found.run_id for found in thinned(rows)]

    assert history.NEWEST < len(kept) <= history.NEWEST + history.OLDER
    assert sorted(set(kept)) == kept
    assert "00000" == kept[0]
    assert [found.run_id for found in rows[-history.NEWEST :]] == kept[-history.NEWEST :]
    assert tuple(rows[:90]) == thinned(rows[:90])


def test_a_run_more_leaves_the_choice_among_old_ones_as_it_is() -> None:
    """What was read of old runs for one publish is all that the next needs of them."""
    chosen = [set(thinned(range(number))) - {number - 1} for number in range(2, 2000)]
    anew = [len(now - before) for before, now in pairwise(chosen)]

    assert max(anew) <= 1


def test_changes_are_told_against_the_run_before(home: Any) -> None:
    """Score, champion, drift and health, each in a sentence; nothing for a first run."""
    a_fortnight(home)
    rows = keep_rows(StillStore.of(home.store), "bikes", alive)
    calm = rows[0].model_copy(
        update={
            "health": "healthy",
            "drift": tuple(one.model_copy(update={"alarm": False}) for one in rows[0].drift),
            "champion": rows[0].champion.model_copy(update={"sha256": "other", "title": "Ridge"}),
        }
    )

    assert () == changes(rows[:1], "bikes/h")
    assert ("RMSE rose by 4.0% to 26\N{NO-BREAK SPACE}bikes/h.",) == changes(rows, "bikes/h")
    assert (
        "Watch now, healthy before.",
        "A new champion serves: Gradient boosting, Poisson loss, after Ridge.",
        "RMSE rose by 4.0% to 26\N{NO-BREAK SPACE}bikes/h.",
        "Drift began in temperature.",
    ) == changes([calm, rows[1]], "bikes/h")
    assert "Drift ended in temperature." in changes([rows[0], calm], "bikes/h")


@pytest.mark.parametrize("apart", [DAY, timedelta(0)], ids=["a day later", "for the same time"])
def test_a_score_is_set_beside_that_of_the_run_before(home: Any, apart: timedelta) -> None:
    """Whether the run before was made for an earlier time or for the same one; the first has
    nothing beside it."""
    start = datetime(2021, 9, 9, 22, tzinfo=UTC)
    home.scores = {"rmse": 20.0}
    home.run(run_id="a", as_of=start)
    first = read_status(home.store, now=start).cases[0].metric
    home.scores = {"rmse": 25.0}
    home.run(run_id="b", as_of=start + apart, champion_run="a")
    second = read_status(home.store, now=start).cases[0].metric

    assert (None, None) == (first.before, first.change)
    assert (20.0, 0.25) == (second.before, second.change)


def test_a_spark_line_says_what_it_shows(home: Any) -> None:
    """Number of runs, first and last value, lowest and highest; nothing for a single run."""
    a_fortnight(home, runs=3)
    rows = keep_rows(StillStore.of(home.store), "bikes", alive)
    drawn = spark(rows, "bikes/h")

    assert "" == spark(rows[:1], "bikes/h")
    assert (
        'aria-label="RMSE over 3 runs since 9 September 2021: from 25\N{NO-BREAK SPACE}bikes/h '
        'to 27\N{NO-BREAK SPACE}bikes/h, lowest 25, highest 27."'
    ) in drawn
    assert 'points="4.0,28.0 60.0,16.0 116.0,4.0"' in drawn


def test_the_next_run_is_due_after_the_newest_look(home: Any) -> None:
    """As the schedule was stated; else as runs on a live feed came; else nobody knows."""
    a_fortnight(home, runs=4)
    rows = keep_rows(StillStore.of(home.store), "bikes", alive)
    looked = rows[-1].finished
    stated = next_due(rows, looked, timedelta(hours=6), live=False)
    guessed = next_due(rows, looked, None, live=True)

    assert (looked + timedelta(hours=6), 6.0, True) == (
        stated.next,
        stated.every_hours,
        stated.stated,
    )
    assert (looked + DAY, 24.0, False) == (guessed.next, guessed.every_hours, guessed.stated)
    assert next_due(rows, looked, None, live=False) is None
    assert next_due(rows[:2], looked, None, live=True) is None


def test_the_first_page_tells_only_what_is_new(home: Any, published: Any) -> None:
    """A score that stayed is no news there; where nothing changed at all, it says so."""
    start = datetime(2021, 9, 9, 22, tzinfo=UTC)
    for place in range(2):
        home.run(run_id=f"run-{place}", as_of=start + place * DAY, champion_run="run-0")
    page = (published().output / "index.html").read_text()
    home.scores = {"rmse": 30.0, "r2": 0.9}
    home.run(run_id="run-2", as_of=start + 2 * DAY, champion_run="run-0")
    later = (published().output / "index.html").read_text()

    assert "Nothing has changed: health, champion, drift and error are as they were." in page
    assert "RMSE rose by 17%" in later
    assert "Nothing has changed" not in later
