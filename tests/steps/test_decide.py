from __future__ import annotations

from datetime import timedelta

import pytest
from hand_made import NEWEST_KNOWN, Bench, drift_record, fitted_model, wave_case

from pipeline.records import DecideRecord, DriftRecord, FittedModel
from pipeline.steps.decide import choose

CASE = wave_case()


def aged(days: float) -> FittedModel:
    return fitted_model(end=NEWEST_KNOWN - timedelta(days=days))


def test_without_a_champion_one_is_trained() -> None:
    """The first run always trains."""
    unknown = drift_record(champion_error=None, expected_error=None, worst_expected_error=None)

    assert (True, "Retrain: there is no champion yet.") == choose(CASE, unknown, None, "auto")


@pytest.mark.parametrize("asked", ["never", "always"])
def test_without_a_champion_what_was_asked_is_of_no_account(asked: str) -> None:
    """There is nothing to keep, even when training was forbidden."""
    unknown = drift_record(champion_error=None)

    assert (True, "Retrain: there is no champion yet.") == choose(CASE, unknown, None, asked)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("always", (True, "Retrain: it was asked for.")),
        ("never", (False, "Keep: it was asked for.")),
    ],
)
def test_what_is_asked_for_is_done(asked: str, expected: tuple[bool, str]) -> None:
    """A person's word stands above the numbers, good or bad."""
    for found in (drift_record(), drift_record(champion_error=100.0)):
        assert expected == choose(CASE, found, aged(10), asked)


def test_an_error_above_the_limit_calls_for_training() -> None:
    """The sentence holds both numbers, with the unit."""
    found = choose(CASE, drift_record(champion_error=7.01), aged(10), "auto")

    assert (
        True,
        "Retrain: RMSE 7.01 waves/h in the newest window is above 7, the worst that its backtest "
        "allows.",
    ) == found


def test_an_error_at_the_limit_is_kept() -> None:
    """Only what is above the limit counts as degraded."""
    retrain, sentence = choose(CASE, drift_record(champion_error=7.0), aged(10), "auto")

    assert not retrain
    assert sentence == (
        "Keep: RMSE 7 waves/h in the newest window is within 7, and the champion is 10 days old."
    )


@pytest.mark.parametrize(("days", "expected"), [(28.0, False), (28.5, True), (90, True)])
def test_an_old_champion_calls_for_training(days: float, expected: bool) -> None:
    """What it learned may be as old as the case says, and no older."""
    retrain, sentence = choose(CASE, drift_record(), aged(days), "auto")

    assert expected == retrain
    assert ("over 28" in sentence) == expected


def test_a_baseline_that_serves_calls_for_training() -> None:
    """Each run tries anew whether a model has become better, old or not."""
    serving = fitted_model("baseline", end=NEWEST_KNOWN - timedelta(days=1))

    assert (
        True,
        "Retrain: the baseline serves, with RMSE 5 waves/h in the newest window; a model may have "
        "become better.",
    ) == choose(CASE, drift_record(), serving, "auto")


def test_columns_that_changed_are_no_reason_by_themselves() -> None:
    """Drift without loss of accuracy is told and not acted on."""
    retrain, _ = choose(
        CASE, drift_record(sentence="3 of 3 columns have changed."), aged(1), "auto"
    )

    assert not retrain


def test_the_decision_is_recorded_with_the_champions_age(bench: Bench) -> None:
    """A first run retrains; with a champion of ten days a second one keeps it."""
    first = bench.do("ingest", "validate", "drift", "decide").record
    bench.do("train", "evaluate", "promote")
    second = bench.do("ingest", "validate", "drift", "decide", run_id="run-2").record

    assert isinstance(first, DecideRecord)
    assert isinstance(second, DecideRecord)
    assert ("retrain", None) == (first.decision, first.champion_age_days)
    assert ("keep", 10.0) == (second.decision, second.champion_age_days)
    assert second.sentence.startswith("Keep: RMSE ")


def test_a_parameter_of_the_run_decides(bench: Bench) -> None:
    """retrain=always reaches the step."""
    bench.do("ingest", "validate", "drift", "decide", "train", "evaluate", "promote")

    asked = bench.do("ingest", "validate", "drift", "decide", run_id="run-2", retrain="always")

    assert "Retrain: it was asked for." == asked.record.sentence


def test_the_decision_rests_on_the_tables_of_the_drift_step(bench: Bench) -> None:
    """Its record names the same versions."""
    decided = bench.do("ingest", "validate", "drift", "decide").record
    drifted = bench.store.record("waves", "run-1", DriftRecord)

    assert drifted is not None
    assert drifted.inputs == decided.inputs != ()
