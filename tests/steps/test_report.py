from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hand_made import (
    FIRST,
    NEWEST_KNOWN,
    Bench,
    drift_record,
    evaluate_record,
    fitted_model,
    promote_record,
    suite,
    wave_case,
    waves,
)

from pipeline.errors import StateError
from pipeline.records import RECORDS, EvaluateRecord, PromoteRecord, ReportRecord
from pipeline.shift import ColumnShift
from pipeline.steps.report import find_troubles, history_figure, read_history
from pipeline.steps.view import View
from pipeline.store import Store, project

DAY = timedelta(days=1)
ALL = ("ingest", "validate", "drift", "decide", "train", "evaluate", "promote", "report")
KEEPING = tuple(step for step in ALL if step != "train")
CASE = wave_case()
Begun = Callable[..., Bench]


def evaluated(coverage: float = 0.9) -> EvaluateRecord:
    """The model that serves, with the share of truth that its 90 % intervals hold."""
    found = evaluate_record({"challenger": 4.0, "baseline": 5.0}, {})
    (system, baseline) = found.systems
    ours = system.model_copy(update={"candidate": "ridge", "coverage": coverage})
    return found.model_copy(update={"systems": (ours, baseline)})


def shifted(*, alarm: bool) -> ColumnShift:
    return ColumnShift(
        column="wind",
        kind="number",
        distance=0.4,
        p_value=0.001,
        adjusted_p_value=0.001,
        effect=1.0,
        alarm=alarm,
        reference_mean=1.0,
        current_mean=2.0,
        sentence="wind has doubled.",
        missing_reference=0.0,
        missing_current=0.0,
        new_categories=(),
    )


def pairs(view: View, name: str) -> dict[str, str]:
    return {row["what"]: row["value"] for row in csv.DictReader(io.StringIO(view.table(name).text))}


def test_nothing_to_watch_is_no_trouble() -> None:
    """A stable window, a good champion and intervals that hold: an empty list."""
    quiet = drift_record(columns=(shifted(alarm=False),))

    assert [] == find_troubles(CASE, quiet, evaluated(), promote_record())


@pytest.mark.parametrize(
    ("drifted", "coverage", "promoted", "expected"),
    [
        ({"columns": (shifted(alarm=True),)}, 0.9, {}, "Drift in wind."),
        (
            {"champion_error": 7.1},
            0.9,
            {},
            "The champion's error is above 7, the worst that was expected.",
        ),
        ({}, 0.84, {}, "Its 90% intervals hold only 84.0% of the truth."),
        (
            {},
            0.9,
            {"scores": {"rmse": 5.1}},
            "The baseline does better on the newest window.",
        ),
    ],
    ids=["column", "error", "coverage", "baseline"],
)
def test_each_trouble_is_told_in_a_sentence(
    drifted: dict[str, Any], coverage: float, promoted: dict[str, Any], expected: str
) -> None:
    """A changed column, a degraded champion, intervals too narrow, a baseline that is better."""
    found = find_troubles(
        CASE, drift_record(**drifted), evaluated(coverage), promote_record(**promoted)
    )

    assert [expected] == found


@pytest.mark.parametrize(
    ("drifted", "coverage", "promoted"),
    [
        ({"champion_error": 7.0}, 0.9, {}),
        ({"champion_error": None, "worst_expected_error": None}, 0.9, {}),
        ({}, 0.851, {}),
        ({}, 0.9, {"scores": {"rmse": 5.0}}),
    ],
    ids=["at the limit", "no champion yet", "within the slack", "as good as the baseline"],
)
def test_what_is_within_its_limits_is_no_trouble(
    drifted: dict[str, Any], coverage: float, promoted: dict[str, Any]
) -> None:
    """The limits themselves are allowed."""
    found = find_troubles(
        CASE, drift_record(**drifted), evaluated(coverage), promote_record(**promoted)
    )

    assert [] == found


def test_a_healthy_case_has_a_headline_of_one_line(begun: Begun) -> None:
    """The champion's error, and how it stands to the baseline's."""
    record = begun(*ALL[:-1]).do("report").record

    assert isinstance(record, ReportRecord)
    assert "healthy" == record.health
    assert record.headline.startswith("RMSE 5.2 waves/h, 11% below the baseline.")
    assert record.headline == record.sentence


def test_a_case_with_troubles_is_to_be_watched(bench: Bench) -> None:
    """The headline goes on with what to watch."""
    rows = waves()
    rows["wind"] = rows["wind"].where(rows["time"] < NEWEST_KNOWN - 10 * DAY, 3 * rows["wind"])
    bench.case = wave_case(rows)

    record = bench.do(*ALL).record

    assert isinstance(record, ReportRecord)
    assert "watch" == record.health
    assert "wind" in record.headline


def test_a_baseline_that_is_better_is_told_as_such() -> None:
    """The headline says above where the champion's error is higher."""
    from pipeline.steps.report import _headline

    worse = promote_record(scores={"rmse": 6.0})

    assert "RMSE 6 waves/h, 20% above the baseline." == _headline(CASE, worse, [])


def test_a_baseline_that_serves_is_told_in_words() -> None:
    """The headline says that last day's value is what a caller gets."""
    from pipeline.steps.report import _headline

    serving = promote_record(champion=fitted_model("baseline"), scores={"rmse": 5.0})

    assert "The baseline serves, same hour a day before: RMSE 5 waves/h." == _headline(
        CASE, serving, []
    )


def test_a_baseline_without_error_is_no_obstacle() -> None:
    """A series that never changes is forecast by its last value: nothing is divided by zero."""
    from pipeline.steps.report import _headline

    perfect = promote_record(scores={"rmse": 0.0}, baseline_scores={"rmse": 0.0})

    assert "RMSE 0 waves/h, 0% below the baseline." == _headline(CASE, perfect, [])


def test_the_answer_says_what_holds_today(begun: Begun) -> None:
    """Date, rows, champion, errors and the sentences of the steps."""
    answer = pairs(begun(*ALL[:-1]).do("report"), "answer")

    assert "29 February 2024, 23:00 UTC" == answer["Data up to"]
    assert "2,880, of which 0 in quarantine" == answer["Rows"]
    assert "Ridge regression on the past" == answer["Champion"]
    assert "same hour a day before" in answer["RMSE of the baseline"]
    assert answer["Promotion"].startswith("Promote the first champion:")
    assert answer["Decision"] == "Retrain: no model serves yet."


def test_the_card_says_what_the_model_is_made_of(begun: Begun) -> None:
    """Question, target, what it learned from, scores, publisher, note and digest."""
    bench = begun(*ALL[:-1])
    view = bench.do("report")
    card = pairs(view, "card")
    champion = bench.store.champion("waves")

    assert champion is not None
    assert champion.ref.sha256 == card["sha256 of the model"]
    assert "How many waves will come?" == card["Question"]
    assert "2,400 rows, 1 January 2024 to 20 February 2024" == card["Learned from"]
    assert ("Nobody (MIT)", "Waves that nobody saw.") == (
        card["Publisher of the data"],
        card["To be aware of"],
    )
    assert "RMSE 5.2 waves/h" in card["Scores on the held-out window"]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A home with three runs, of days 45, 50 and 60."""
    folder = tmp_path_factory.mktemp("past")
    expectations = suite(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project, "suite", lambda case: expectations)
        bench = Bench(store=Store.at(folder / "home"))
        for number, day in enumerate((45, 50), 1):
            bench.do(*ALL, run_id=f"run-{number}", as_of=str(FIRST + day * DAY))
        bench.do(*KEEPING, run_id="run-3")
        yield bench


def runs_of(view: View) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(view.table("runs").text)))


def test_the_history_has_a_row_a_run_newest_first(past: Bench) -> None:
    """Each with its date, scores, decision and promotion."""
    rows = runs_of(past.do("report", run_id="run-3"))

    assert ["run-3", "run-2", "run-1"] == [row["run"] for row in rows]
    assert ["2024-03-01 00:00", "2024-02-20 00:00", "2024-02-15 00:00"] == [
        row["as of"] for row in rows
    ]
    assert "promote" == rows[-1]["promotion"]
    assert "retrain" == rows[-1]["decision"]
    assert all(float(row["RMSE champion"]) > 0 for row in rows)


def test_the_history_of_a_past_date_ends_there(past: Bench) -> None:
    """A report as of the past knows no run of a later date."""
    rows = runs_of(past.do("report", run_id="run-2", as_of=str(FIRST + 50 * DAY)))

    assert ["run-2", "run-1"] == [row["run"] for row in rows]


def test_the_length_of_the_history_can_be_chosen(past: Bench) -> None:
    """The newest runs are kept, and their number is recorded."""
    view = past.do("report", run_id="run-3", runs=2)

    assert isinstance(view.record, ReportRecord)
    assert 2 == view.record.history_runs
    assert ["run-3", "run-2"] == [row["run"] for row in runs_of(view)]


def test_the_history_is_drawn_run_by_run(begun: Begun) -> None:
    """The words of the figure give the newest run's two errors."""
    bench = begun(*ALL[:-1])
    promoted = bench.store.record("waves", "run-1", PromoteRecord)
    assert promoted is not None

    found = history_figure(read_history(bench.store, "waves", promoted, 10), CASE)

    assert found.alt.startswith("1 run. In the newest, as of 1 March 2024, the champion has ")
    assert f"{promoted.scores['rmse']:.3g} waves/h" in found.alt
    assert 1 == found.rows


def test_a_run_without_decision_and_drift_has_empty_cells(bench: Bench) -> None:
    """A promotion by hand, from a home that was cleaned up, is shown with what is known."""
    bench.store.prepare()
    record = promote_record()
    bench.store.write_record(record)

    (row,) = read_history(bench.store, "waves", record, 10).to_dict("records")

    assert ("", "") == (row["decision"], row["alarms"])


def test_a_report_needs_a_promotion(bench: Bench) -> None:
    """Without the step before there is nothing to tell."""
    with pytest.raises(StateError, match="no record of step 'promote'"):
        bench.do("report")


def test_the_same_rows_give_the_same_records_in_another_home(bench: Bench) -> None:
    """All eight records are equal apart from times: numbers, sentences, and the digest of every
    figure, table and model.
    """
    other = Bench(store=Store.at(bench.store.home.with_name("other")), case=bench.case)

    assert everything(bench) == everything(other)


def everything(bench: Bench) -> list[dict[str, Any]]:
    bench.do(*ALL)
    found = []
    for kind in RECORDS.values():
        record = bench.store.record("waves", "run-1", kind)
        assert record is not None
        told = record.model_dump(exclude={"started", "finished"})
        for candidate in told.get("candidates", ()):
            del candidate["seconds"]
        found.append(told)
    return found
