from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, NEWEST_KNOWN, Bench, ridge, wave_case, waves

from pipeline.case import Candidate
from pipeline.errors import StateError, StepError
from pipeline.metrics import regression_metrics
from pipeline.records import EvaluateRecord, PromoteRecord, SegmentScores, TrainRecord
from pipeline.steps.contenders import contenders
from pipeline.steps.evaluate import evaluate, prepare
from pipeline.steps.evaluation_views import segment_errors

DAY = timedelta(days=1)
TRAINED = ("ingest", "validate", "drift", "decide", "train")
ALL = (*TRAINED, "evaluate", "promote")
CASE = wave_case()
Begun = Callable[..., Bench]


def evaluated(bench: Bench, *steps: Any, **parameters: Any) -> EvaluateRecord:
    record = bench.do(*(steps or TRAINED), "evaluate", **parameters).record
    assert isinstance(record, EvaluateRecord)
    return record


def recorded(bench: Bench) -> EvaluateRecord:
    found = bench.store.record("waves", "run-1", EvaluateRecord)
    assert found is not None
    return found


def roles(bench: Bench, run_id: str = "run-1", **parameters: Any) -> dict[str, str]:
    found = contenders(bench.run("evaluate", run_id, **parameters))
    return {role: model.ref.run_id for role, model in found}


def predictions(bench: Bench, run_id: str = "run-1") -> pd.DataFrame:
    folder = bench.store.run_folder("waves", run_id)
    return pd.read_parquet(folder / "evaluate" / "predictions.parquet")


def weaker(seed: int) -> Any:
    """Ridge held back so far that it says little more than the mean."""
    model = ridge(seed)
    model.steps[-1][1].set_params(alpha=1e9)
    return model


def test_a_first_run_compares_challenger_and_baseline(begun: Begun) -> None:
    """Without a champion there are two systems and one pair."""
    found = recorded(begun(*TRAINED, "evaluate"))

    assert ["challenger", "baseline"] == [system.role for system in found.systems]
    assert ["challenger over baseline"] == list(found.comparisons)
    assert "challenger" == found.subject


def test_a_second_run_compares_all_three(begun: Begun) -> None:
    """Challenger over champion, and both over the baseline, on the same rows."""
    bench = begun(*ALL, as_of=str(FIRST + 45 * DAY))

    found = evaluated(bench, run_id="run-2", retrain="always")

    assert ["challenger", "champion", "baseline"] == [system.role for system in found.systems]
    assert {
        "challenger over champion",
        "challenger over baseline",
        "champion over baseline",
    } == set(found.comparisons)
    assert 1 == len({system.scores["n"] for system in found.systems})


def test_scores_are_of_the_held_out_window_and_nothing_else(begun: Begun) -> None:
    """Its predictions are written beside the truth; the scores follow from them."""
    bench = begun(*TRAINED, "evaluate")
    found = recorded(bench)
    rows = predictions(bench)

    assert (NEWEST_KNOWN - 10 * DAY, NEWEST_KNOWN) == (found.held_out.start, found.held_out.end)
    assert 2 * 240 == len(rows) == found.held_out.rows
    assert found.held_out.start == rows["time"].min()
    assert (
        pytest.approx(regression_metrics(rows["value"], rows["prediction"])["rmse"])
        == (found.systems[0].scores["rmse"])
    )


def test_intervals_hold_their_prediction_and_the_share_of_truth_that_is_told(
    begun: Begun,
) -> None:
    """Coverage and width follow from the ends that were written."""
    bench = begun(*TRAINED, "evaluate")
    found = recorded(bench)
    rows = predictions(bench)
    inside = rows["value"].between(rows["low"], rows["high"])
    challenger = found.systems[0]

    assert (rows["low"] <= rows["prediction"]).all()
    assert (rows["prediction"] <= rows["high"]).all()
    assert (rows["low"] >= 0).all()
    assert pytest.approx(inside.mean()) == challenger.coverage
    assert pytest.approx((rows["high"] - rows["low"]).mean()) == challenger.mean_size
    # 480 truths at 90 %: three standard deviations of a binomial are 4 points, and neighbouring
    # errors are independent in this case.
    assert 0.86 <= challenger.coverage <= 0.94
    assert f"90% intervals hold {challenger.coverage:.1%} of the truth." in found.sentence


def test_every_system_has_intervals_of_its_own(begun: Begun) -> None:
    """The baseline's are as good as the share they are meant for, and wider."""
    challenger, baseline = recorded(begun(*TRAINED, "evaluate")).systems

    assert 0.86 <= baseline.coverage <= 0.94
    assert challenger.mean_size < baseline.mean_size


def test_a_model_that_learned_from_the_window_is_refused(begun: Begun) -> None:
    """With a longer window, the champion would be scored on rows that it knows."""
    as_of = str(FIRST + 50 * DAY)
    bench = begun(*ALL, as_of=as_of)
    bench.do("ingest", "validate", run_id="run-2", as_of=as_of)
    bench.case = wave_case(windows=replace(CASE.windows, held_out=20 * DAY))

    with pytest.raises(StepError) as caught:
        bench.do("evaluate", run_id="run-2", as_of=as_of)

    assert "The champion 'ridge' learned from rows up to 2024-02-10T00:00:00+00:00" in str(
        caught.value
    )
    assert "within the held-out window from 2024-01-31T00:00:00+00:00" in str(caught.value)
    assert bench.store.record("waves", "run-2", EvaluateRecord) is None


def test_what_was_prepared_counts_only_for_the_models_that_take_part(begun: Begun) -> None:
    """A promotion that comes between the preparing and the evaluation changes who does; the record
    is the one of an evaluation that was not prepared.
    """
    bench = begun(*TRAINED, as_of=str(FIRST + 40 * DAY))
    bench.do("ingest", "validate", run_id="run-2")
    options = {"run_id": "run-2"}
    run, plain = bench.run("evaluate", **options), bench.run("evaluate", **options)
    with pytest.raises(StateError):
        prepare(run)
    bench.do("evaluate", "promote", as_of=str(FIRST + 40 * DAY))
    prepare(run)
    bench.do(*ALL, run_id="run-1a", as_of=str(FIRST + 45 * DAY), retrain="always")

    view = evaluate(run, run.settings)  # type: ignore[arg-type]
    unprepared = evaluate(plain, plain.settings)  # type: ignore[arg-type]
    timeless = {"started", "finished"}

    assert view.record.model_dump(exclude=timeless) == unprepared.record.model_dump(
        exclude=timeless
    )
    assert isinstance(view.record, EvaluateRecord)
    assert "challenger" in [system.role for system in view.record.systems]


def test_nothing_is_prepared_by_hand(bench: Bench) -> None:
    """The steps before may still be missing, and are done when their result is asked for."""
    run = replace(bench.run("evaluate"), by_hand=True)
    prepare(run)

    assert {} == run.found


def test_without_a_new_training_the_champion_is_evaluated(begun: Begun) -> None:
    """A run that keeps its champion compares it with the baseline of its training."""
    bench = begun(*ALL)

    found = evaluated(bench, "ingest", "validate", run_id="run-2")

    assert [("champion", "run-1"), ("baseline", "run-1")] == [
        (system.role, system.run_id) for system in found.systems
    ]
    assert "champion" == found.subject
    assert {"champion over baseline"} == set(found.comparisons)


def test_a_challenger_that_is_the_champion_is_one_system(begun: Begun) -> None:
    """Trained again on the same rows it is the same file: there is nothing to compare, and the
    promotion says so.
    """
    bench = begun(*ALL)
    bench.do(*TRAINED, run_id="run-2", retrain="always")

    assert {"champion": "run-1", "baseline": "run-2"} == roles(bench, "run-2")
    told = bench.do("evaluate", "promote", run_id="run-2").record.sentence
    assert "Hold the champion: training gave the very same model" in told


def test_errors_are_told_by_how_far_ahead(begun: Begun) -> None:
    """24 hours of a day that begins at midnight, each beside the baseline's, as a loop finds them;
    the chart is there with its words.
    """
    bench = begun(*TRAINED, "evaluate")
    found = recorded(bench)
    told = predictions(bench)
    lag = told["time"].dt.hour + 1

    assert list(range(1, 25)) == [each.ahead for each in found.horizons]
    assert {"hours ahead"} == {each.by for each in found.horizons}
    for each in found.horizons:
        rows = told[lag == each.ahead]
        squares = (rows["value"] - rows["prediction"]) ** 2
        held = (rows["low"] <= rows["value"]) & (rows["value"] <= rows["high"])
        assert np.sqrt(squares.mean()) == pytest.approx(each.scores["rmse"])
        assert held.mean() == pytest.approx(each.coverage)
        assert each.skill == pytest.approx(1 - each.scores["rmse"] / each.baseline)
    assert "hours ahead" in found.file("horizon").alt


def test_without_training_and_champion_there_is_nothing_to_evaluate(begun: Begun) -> None:
    """In a run of the runner, the missing training is named."""
    bench = begun("ingest", "validate")

    with pytest.raises(StateError, match="no record of step 'train'"):
        bench.do("evaluate")


def test_a_champion_whose_training_is_not_on_record_is_told(begun: Begun) -> None:
    """Its baseline was stored there; the remedy is to train again."""
    bench = begun(*ALL)
    bench.do("ingest", "validate", run_id="run-2")
    (bench.store.run_folder("waves", "run-1") / "train" / "record.json").unlink()

    with pytest.raises(StepError, match=r"no record of its training. Train again"):
        bench.do("evaluate", run_id="run-2")


def test_the_champion_of_a_later_date_takes_no_part(begun: Begun) -> None:
    """As of the past, its own challenger and baseline are all there is."""
    bench = begun(*ALL)
    bench.do(*TRAINED, run_id="run-2", as_of=str(FIRST + 45 * DAY))

    assert {"challenger": "run-2", "baseline": "run-2"} == roles(
        bench, "run-2", as_of=str(FIRST + 45 * DAY)
    )


def test_a_spike_after_the_date_moves_no_score(begun: Begun) -> None:
    """Rows of a later run are in the table, a thousandfold; a run as of the past is as it was."""
    as_of = FIRST + 45 * DAY
    rows = waves()
    bench = begun(*TRAINED, "evaluate", as_of=str(as_of))
    expected = recorded(bench)
    before = predictions(bench)
    bench.case = wave_case(
        rows.assign(value=rows["value"].where(rows["time"] < as_of, 1000 * rows["value"]))
    )
    bench.do("ingest", "validate", run_id="run-2")

    found = evaluated(bench, run_id="run-3", as_of=str(as_of))

    assert [system.scores for system in expected.systems] == [
        system.scores for system in found.systems
    ]
    pd.testing.assert_frame_equal(before, predictions(bench, "run-3"))


def test_errors_are_broken_down_by_series_and_by_step(begun: Begun) -> None:
    """Every segment has scores; together they hold all rows, once a breakdown."""
    bench = begun(*TRAINED, "evaluate")
    found = recorded(bench)
    rows = predictions(bench)

    assert ["series"] * 2 + ["hour of day (UTC)"] * 24 == [s.by for s in found.segments]
    north = rows[rows["series"] == "north"]
    assert (
        pytest.approx(regression_metrics(north["value"], north["prediction"])["rmse"])
        == (found.segments[0].scores["rmse"])
    )
    assert 480 == sum(s.scores["n"] for s in found.segments if s.by == "series")


def test_the_worst_segments_stand_first(bench: Bench) -> None:
    """The table of series begins with the one of the largest error."""
    rows = waves()
    noise = np.random.default_rng(1).normal(0, 15, len(rows))
    bench.case = wave_case(rows.assign(value=rows["value"] + noise * (rows["series"] == "south")))

    text = bench.do(*TRAINED, "evaluate").table("worst").text

    assert ["south", "north"] == [row["series"] for row in csv.DictReader(io.StringIO(text))]


def test_the_figure_names_the_worst_step() -> None:
    """The words say where the error is highest, and how high."""
    segments = tuple(
        SegmentScores(by="weekday", segment=day, scores={"rmse": error})
        for day, error in [("Mon", 1.0), ("Tue", 7.25), ("Wed", 3.0)]
    )

    found = segment_errors(segments, CASE)

    assert "Highest at Tue: 7.25 waves/h." == found.alt
    assert 3 == found.rows


def test_systems_stand_best_first_with_what_they_learned_until(bench: Bench) -> None:
    """The table is sorted by the score that decides."""
    bench.case = wave_case(candidates=(Candidate(name="weak", title="Weak", build=weaker),))
    text = bench.do(*TRAINED, "evaluate").table("systems").text
    rows = list(csv.DictReader(io.StringIO(text)))

    assert sorted(float(row["RMSE"]) for row in rows) == [float(row["RMSE"]) for row in rows]
    assert {"2024-02-20 00:00"} == {row["learned until"] for row in rows}


def test_a_window_too_short_for_a_test_is_pooled_with_the_folds(bench: Bench) -> None:
    """A week of daily origins can't tell models apart; with 14 of the backtest it may."""
    bench.case = wave_case(windows=replace(CASE.windows, held_out=7 * DAY))

    found = evaluated(bench)

    assert 21 == found.comparisons["challenger over baseline"].n
    assert 21 * 48 == found.evidence["challenger over baseline"].rows


def test_the_champion_of_the_same_run_done_again_is_still_compared(begun: Begun) -> None:
    """Evaluating twice in one run finds the promotion of the first time, and holds."""
    bench = begun(*ALL)
    again = bench.do("evaluate", "promote").record

    assert isinstance(again, PromoteRecord)
    assert "hold" == again.action
    trained = bench.store.record("waves", "run-1", TrainRecord)
    assert trained is not None
    assert trained.challenger.ref == again.champion.ref
