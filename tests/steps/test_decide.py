"""Whether to train a challenger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hand_made import FIRST, NEWEST_KNOWN, Bench, drift_record, fitted_model, wave_case

from pipeline.comparison import tolerance_limit
from pipeline.records import DecideRecord, DriftRecord
from pipeline.shift import ColumnShift
from pipeline.steps.decide import choose, drifted_share, stand, worst_expected
from pipeline.steps.reasons import Reason, Standing, grounds

CASE = wave_case()
DECIDED = ("ingest", "validate", "drift", "decide")
Begun = Callable[..., Bench]
QUIET = Standing(
    error=5.0,
    limit=7.0,
    drifted=0.0,
    alarmed=(),
    trained_days_ago=20.0,
    learned_days_ago=20.0,
)


def chosen(asked: str = "auto", **changes: Any) -> Reason:
    return choose(CASE, replace(QUIET, **changes), asked)


@pytest.mark.parametrize("asked", ["auto", "never", "always"])
def test_without_a_champion_one_is_trained(asked: str) -> None:
    """The first run always trains, even when training was forbidden: there is nothing to keep."""
    found = choose(CASE, stand(CASE, drift_record(champion_error=None), None, None), asked)

    assert Reason(trigger="first", sentence="Retrain: no model serves yet.") == found


def test_what_is_asked_for_is_done() -> None:
    """A person's word stands above the numbers, good or bad."""
    assert "asked" == chosen("always").trigger
    assert Reason(trigger="", sentence="Keep: it was asked for.") == chosen("never", error=100.0)


def test_an_error_above_the_limit_calls_for_training() -> None:
    """The sentence holds both numbers, with the unit."""
    assert (
        Reason(
            trigger="performance",
            sentence="Retrain: the champion errs more than it should: RMSE 7.01 waves/h over the "
            "newest rows, where its backtest lets expect 7 at most.",
        )
    ) == chosen(error=7.01)


def test_an_error_at_the_limit_is_kept() -> None:
    """Only what is above the limit counts; the sentence says how near the others are."""
    assert (
        Reason(
            trigger="",
            sentence="Keep: the champion errs no more than expected (RMSE 7 waves/h over the "
            "newest rows; 7 at most), and the newest model's knowledge is 20 days old (28 at "
            "most).",
        )
    ) == chosen(error=7.0)


@pytest.mark.parametrize(("days", "trigger"), [(28.0, ""), (28.5, "age"), (90.0, "age")])
def test_what_was_learned_long_ago_calls_for_training(days: float, trigger: str) -> None:
    """As old as the case says, and no older."""
    assert trigger == chosen(learned_days_ago=days).trigger


def test_drift_counts_by_what_it_means_to_the_champion() -> None:
    """An alarm in a column that hardly matters is told, one in a column that does is acted on."""
    minor = chosen(alarmed=("wind",), drifted=0.1)
    major = chosen(alarmed=("value",), drifted=0.25)

    assert "" == minor.trigger
    assert "wind has changed but only 10% of what it goes by lies there" in minor.sentence
    assert "drift" == major.trigger
    assert (
        "Retrain: value has changed, and 25% of what the champion goes by lies there (25% is "
        "enough)."
    ) == major.sentence


def test_importance_that_was_not_measured_is_no_reason() -> None:
    """A champion of an older version has none on record."""
    assert drifted_share({}, ("value",)) is None
    assert drifted_share({"value": 0.0}, ("value",)) is None
    assert 0.75 == drifted_share({"value": 3.0, "wind": 1.0}, ("value", "hail"))
    assert "" == chosen(alarmed=("value",), drifted=None).trigger


def test_after_a_training_the_next_one_waits_for_new_rows() -> None:
    """A baseline that serves on, or a bad week, is no reason to train every week again."""
    found = chosen(error=9.0, trained_days_ago=7.0)

    assert "" == found.trigger
    assert found.sentence.startswith("Keep for now: the champion errs more than it should")
    assert "a challenger was trained 7 days ago, and the next waits until 10 days" in found.sentence


def test_every_number_has_its_name_its_unit_and_its_limit() -> None:
    """What the sentence leaves out is in the record, in words and numbers."""
    known = grounds(CASE, replace(QUIET, newest="the newest 10 days"))

    assert [
        ("Champion's error (RMSE) over the newest 10 days", 5.0, "waves/h", 7.0),
        ("Share of what the champion goes by in columns that changed", 0.0, "%", 25.0),
        ("Age of what the newest model learned", 20.0, "days", 28.0),
        ("Time since the newest training", 20.0, "days", 10.0),
    ] == [(each.name, each.value, each.unit, each.limit) for each in known]


def test_the_limit_is_what_the_next_window_of_the_backtest_stays_below() -> None:
    """Hahn's limit over windows as long as the current one; the share that matters at least."""
    windows = (5.0, 9.0, 4.0, 6.0)
    champion = fitted_model().model_copy(update={"windows": windows, "independent": 4.0})
    steady = champion.model_copy(update={"windows": (5.0, 5.01, 4.99, 5.0)})

    expected = tolerance_limit(windows, independent=4.0, share=0.95)
    assert pytest.approx(expected) == worst_expected(champion, CASE, alpha=0.05)
    assert pytest.approx(1.5 * 5.0) == worst_expected(steady, CASE, alpha=0.05)


def test_a_champion_without_windows_has_its_worst_fold() -> None:
    """Records of older versions hold no more."""
    assert 1.5 * 6.0 == worst_expected(fitted_model(), CASE, alpha=0.05)


def test_the_numbers_come_from_the_records() -> None:
    """Error and alarms from the drift step, age from the newest training."""
    alarm = ColumnShift(
        column="wind",
        kind="number",
        distance=0.5,
        p_value=0.001,
        adjusted_p_value=0.002,
        effect=1.0,
        alarm=True,
        reference_mean=1.0,
        current_mean=2.0,
        sentence="Mean wind is higher.",
        missing_reference=0.0,
        missing_current=0.0,
        new_categories=(),
    )
    champion = fitted_model(end=NEWEST_KNOWN - timedelta(days=12)).model_copy(
        update={"importance": {"wind": 1.0, "value": 3.0}}
    )

    found = stand(CASE, drift_record(columns=(alarm,)), champion, None)

    assert found == Standing(
        error=5.0,
        limit=9.0,
        drifted=0.25,
        alarmed=("wind",),
        trained_days_ago=None,
        learned_days_ago=12.0,
        newest="the newest 10 days",
    )


def test_the_decision_is_recorded_with_the_champions_age(begun: Begun) -> None:
    """A first run retrains; with a champion of ten days a second one keeps it."""
    bench = begun(*DECIDED, "train", "evaluate", "promote")
    first = bench.store.record("waves", "run-1", DecideRecord)
    second = bench.do(*DECIDED, run_id="run-2").record

    assert isinstance(first, DecideRecord)
    assert isinstance(second, DecideRecord)
    assert ("retrain", None) == (first.decision, first.champion_age_days)
    assert ("keep", 10.0) == (second.decision, second.champion_age_days)
    assert second.sentence.startswith("Keep: the champion errs no more than expected (RMSE ")
    assert () == first.grounds
    assert second.error == second.grounds[0].value


def test_a_baseline_that_serves_is_not_trained_against_every_run(bench: Bench) -> None:
    """It is judged by its errors and the age of the newest training, as every champion."""
    bench.case = wave_case(candidates=())
    bench.do(
        "ingest",
        "validate",
        "drift",
        "decide",
        "train",
        "evaluate",
        "promote",
        as_of=str(FIRST + timedelta(days=50)),
    )
    found = bench.do(*DECIDED, run_id="run-2").record

    assert isinstance(found, DecideRecord)
    assert ("keep", "", 10.0) == (found.decision, found.trigger, found.trained_days_ago)


def test_a_parameter_of_the_run_decides(begun: Begun) -> None:
    """retrain=always reaches the step."""
    bench = begun(*DECIDED, "train", "evaluate", "promote")

    asked = bench.do(*DECIDED, run_id="run-2", retrain="always")

    assert "Retrain: it was asked for." == asked.record.sentence


def test_the_decision_rests_on_the_tables_of_the_drift_step(begun: Begun) -> None:
    """Its record names the same versions."""
    bench = begun(*DECIDED)
    decided = bench.store.record("waves", "run-1", DecideRecord)
    drifted = bench.store.record("waves", "run-1", DriftRecord)

    assert drifted is not None
    assert decided is not None
    assert drifted.inputs == decided.inputs != ()
