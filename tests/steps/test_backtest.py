from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from multiprocessing import Pipe
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, SCHEMA, TASK, fitted_model, ridge, wave_case, waves

from pipeline.metrics import regression_metrics
from pipeline.records import FoldScores
from pipeline.steps.backtest import Backtest, Competitor, backtest, fitted
from pipeline.workers import Done, Worker, Workers, serve

DAY = timedelta(days=1)
CASE = wave_case()
FRAME = TASK.frame(waves(days=30), SCHEMA)
FOLDS = TASK.folds(FRAME, SCHEMA, count=3, length=5 * DAY, end=FIRST + 28 * DAY)


class Remembers:
    """Says the mean of what it learned, and writes down which rows it has seen."""

    def __init__(self, seen: list[tuple[pd.DataFrame, pd.DataFrame]]) -> None:
        self.seen = seen

    def fit(self, frame: pd.DataFrame, truth: np.ndarray) -> None:
        self.learned, self.mean = frame, truth.mean()
        np.testing.assert_array_equal(frame["value"], truth)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        self.seen.append((self.learned, frame))
        return np.full(len(frame), self.mean)


def run(build: Any, **told: Any) -> Backtest:
    competitor = Competitor(name="mean", title="The mean", build=build, **told)
    ticks = itertools.count(step=1.25)
    return backtest(competitor, CASE, FRAME, FOLDS, seconds=lambda: next(ticks))


def made(*scores: dict[str, float]) -> Backtest:
    """A backtest with these scores by fold."""
    folds = tuple(
        FoldScores(fold=str(n), start=FIRST, end=FIRST, trained_rows=1, scores=found)
        for n, found in enumerate(scores)
    )
    return Backtest(
        name="x",
        title="x",
        baseline=False,
        not_eligible="",
        build=dict,
        folds=folds,
        rows=np.zeros(0, dtype=np.intp),
        truth=np.zeros(0),
        predicted=np.zeros(0),
        seconds=0.0,
    )


def test_each_fold_is_learned_anew_from_what_was_known_at_its_origin() -> None:
    """No fold sees a row of its own window or later while it learns."""
    seen: list[tuple[pd.DataFrame, pd.DataFrame]] = []

    run(lambda: Remembers(seen))

    assert 3 == len(seen)
    by_origin = sorted(seen, key=lambda pair: pair[0]["time"].max())  # folds run side by side
    for fold, (learned, asked) in zip(FOLDS, by_origin, strict=True):
        assert learned["time"].max() + SCHEMA.known_after == fold.origin
        assert fold.origin == asked["time"].min()
        assert asked["time"].max() < fold.end


def test_the_history_columns_of_a_fold_hold_nothing_of_its_days() -> None:
    """The rows of the origin's day look back to before the origin."""
    origin = FOLDS[0].origin
    wild = waves(days=30)
    wild["value"] = wild["value"].where(wild["time"] < origin, 10**6)
    seen: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    competitor = Competitor(name="mean", title="The mean", build=lambda: Remembers(seen))

    backtest(competitor, CASE, TASK.frame(wild, SCHEMA), FOLDS[:1], seconds=lambda: 0.0)

    ((learned, asked),) = seen
    columns = list(TASK.history_columns)
    assert learned[columns].max().max() < 200
    assert asked[asked["time"] < origin + DAY][columns].max().max() < 200
    assert pytest.approx(10**6) == asked[columns].max().max()


def test_predictions_and_truth_of_all_folds_stand_one_after_the_other() -> None:
    """What intervals are fitted on: each prediction beside its truth, fold by fold."""
    found = run(lambda: Remembers([]))
    truth = FRAME["value"].to_numpy()

    np.testing.assert_array_equal(np.concatenate([truth[fold.test] for fold in FOLDS]), found.truth)
    assert found.truth.shape == found.predicted.shape
    first = slice(0, len(FOLDS[0].test))
    assert {truth[FOLDS[0].train].mean()} == set(found.predicted[first])


def test_scores_are_those_of_each_fold() -> None:
    """A fold's record holds its dates, how much was learned, and the scores of its rows."""
    found = run(lambda: Remembers([]))
    fold, record = FOLDS[1], found.folds[1]
    truth = FRAME["value"].to_numpy()

    assert (fold.name, fold.origin, fold.end) == (record.fold, record.start, record.end)
    assert len(fold.train) == record.trained_rows
    mean = np.full(len(fold.test), truth[fold.train].mean())
    expected = regression_metrics(truth[fold.test], mean)["rmse"]
    assert pytest.approx(expected) == record.scores["rmse"]


def test_seconds_are_told_by_the_clock_that_is_given() -> None:
    """Those of all fits together, though they go side by side, and no other clock."""
    ticks: dict[int, Iterator[float]] = defaultdict(lambda: itertools.count(step=1.25))
    competitor = Competitor(name="mean", title="The mean", build=lambda: Remembers([]))
    told = backtest(
        competitor, CASE, FRAME, FOLDS, seconds=lambda: next(ticks[threading.get_ident()])
    )

    assert 3 * 1.25 == told.seconds


class AskedWorker(Worker):
    """Counts how often it was asked."""

    times = 0

    def do(self, work: bytes, item: bytes) -> Done:
        AskedWorker.times += 1
        return super().do(work, item)


def test_workers_come_to_the_same_as_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit, fold by fold, for a model of scikit-learn's."""
    competitor = Competitor(name="ridge", title="Ridge", build=partial(ridge, 0))
    by_threads = backtest(competitor, CASE, FRAME, FOLDS, seconds=time.monotonic)
    ours, theirs = Pipe()
    monkeypatch.setattr(Workers, "standing", [AskedWorker(0, ours)])
    thread = threading.Thread(target=serve, args=(theirs,))
    thread.start()
    try:
        by_workers = backtest(competitor, CASE, FRAME, FOLDS, seconds=time.monotonic)
    finally:
        ours.close()
        thread.join(60)
        theirs.close()

    assert len(FOLDS) == AskedWorker.times
    assert by_threads.predicted.tobytes() == by_workers.predicted.tobytes()
    assert by_threads.folds == by_workers.folds


def test_what_competes_is_told_on() -> None:
    """Name, title and whether it may serve go with the scores."""
    found = run(lambda: Remembers([]), not_eligible="It peeks.", baseline=True)

    assert ("mean", "The mean", "It peeks.", True) == (
        found.name,
        found.title,
        found.not_eligible,
        found.baseline,
    )


def test_scores_are_means_over_folds_with_their_spread() -> None:
    """Mean and standard deviation, fold by fold with equal weight."""
    found = made({"rmse": 1.0}, {"rmse": 3.0})

    assert ({"rmse": 2.0}, {"rmse": 1.0}) == (found.scores, found.spread)


def test_a_single_fold_has_no_spread() -> None:
    """One fold tells nothing of how folds differ."""
    assert {"rmse": 0.0} == made({"rmse": 2.0}).spread


def test_a_score_that_a_fold_lacks_is_left_out() -> None:
    """A fold of constant truth has no R²: the mean over the others would be another quantity."""
    assert {"rmse": 2.0} == made({"rmse": 1.0, "r2": 0.5}, {"rmse": 3.0}).scores


def test_the_worst_fold_is_the_one_with_the_highest_error() -> None:
    """What the champion's errors are held against later."""
    assert 3.0 == made({"rmse": 1.0}, {"rmse": 3.0}, {"rmse": 2.0}).worst("rmse")


def test_learning_twice_gives_the_same_model() -> None:
    """A seed makes all that is random the same."""
    truth = FRAME["value"].to_numpy()
    rows = FOLDS[0].train

    one, other = (
        fitted(lambda: ridge(3), FRAME.iloc[rows], truth[rows]).predict(FRAME) for _ in range(2)
    )

    np.testing.assert_array_equal(one, other)


def test_the_hand_made_model_has_a_backtest() -> None:
    """The record that other tests stand on is one that a backtest could have given."""
    assert fitted_model().worst_fold >= fitted_model().backtest["rmse"]


class Counts:
    """Learns in many small parts side by side, as a forest does, and counts those at work."""

    def __init__(self, at_work: list[int], most: list[int]) -> None:
        self.at_work, self.most = at_work, most

    def part(self) -> None:
        self.at_work.append(1)
        self.most.append(len(self.at_work))
        time.sleep(0.005)
        self.at_work.pop()

    def fit(self, frame: pd.DataFrame, truth: np.ndarray) -> None:
        joblib.Parallel()(joblib.delayed(self.part)() for _ in range(8))

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return np.zeros(len(frame))


@pytest.mark.parametrize("cores", [1, 2])
def test_folds_and_their_parts_together_take_no_more_than_the_cores_they_may(
    monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    """Three folds of eight parts each."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", str(cores))
    at_work: list[int] = []
    most: list[int] = []
    run(lambda: Counts(at_work, most))

    assert cores >= max(most)


def test_a_fit_alone_keeps_to_the_cores_it_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the environment allows, however many there are."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    most: list[int] = []
    at_work: list[int] = []
    fitted(lambda: Counts(at_work, most), FRAME, FRAME["value"].to_numpy())

    assert 1 == max(most)
