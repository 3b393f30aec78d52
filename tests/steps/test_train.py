from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, NEWEST_KNOWN, Bench, ridge, wave_case, waves

from pipeline.case import Candidate
from pipeline.errors import OptionError, StateError, StepError
from pipeline.models import load_model
from pipeline.options import TrainOptions
from pipeline.records import FoldScores, TrainRecord
from pipeline.steps.backtest import Backtest
from pipeline.steps.train import choose, competitors

DAY = timedelta(days=1)
BEFORE = ("ingest", "validate")
HELD_OUT = NEWEST_KNOWN - 10 * DAY


class Spy:
    """Says zero, and writes down the newest row that it was shown."""

    def __init__(self, newest: list[pd.Timestamp]) -> None:
        self.newest = newest

    def fit(self, frame: pd.DataFrame, truth: np.ndarray) -> None:
        self.newest.append(frame["time"].max())

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        self.newest.append(frame["time"].max())
        return np.zeros(len(frame))


def candidate(name: str, build: Any = ridge, **told: Any) -> Candidate:
    return Candidate(name=name, title=f"The {name}", build=build, **told)


def trained(bench: Bench, **parameters: Any) -> TrainRecord:
    record = bench.do(*BEFORE, "train", **parameters).record
    assert isinstance(record, TrainRecord)
    return record


def scored(name: str, error: float, **told: Any) -> Backtest:
    fold = FoldScores(fold="1", start=FIRST, end=FIRST, trained_rows=1, scores={"rmse": error})
    settings: dict[str, Any] = {"baseline": False, "not_eligible": ""} | told
    return Backtest(
        name=name,
        title=name,
        build=dict,
        folds=(fold,),
        rows=np.zeros(0, dtype=np.intp),
        truth=np.zeros(0),
        predicted=np.zeros(0),
        seconds=0.0,
        **settings,
    )


def test_the_best_that_may_serve_is_the_challenger() -> None:
    """A lower error is better; what may not serve is passed over."""
    found = [
        scored("baseline", 5.0, baseline=True),
        scored("good", 3.0),
        scored("peeks", 1.0, not_eligible="It peeks."),
        scored("fair", 4.0),
    ]

    assert "good" == choose(found, "rmse").name


def test_the_baseline_is_the_challenger_when_nothing_is_better() -> None:
    """If last week's value is best, it is what goes on."""
    found = [scored("bad", 6.0), scored("baseline", 5.0, baseline=True)]

    assert "baseline" == choose(found, "rmse").name


def test_the_baseline_wins_a_tie() -> None:
    """A model that is no better than the baseline is not worth its keep."""
    found = [scored("same", 5.0), scored("baseline", 5.0, baseline=True)]

    assert "baseline" == choose(found, "rmse").name


def test_the_held_out_window_is_seen_by_no_candidate(bench: Bench) -> None:
    """Neither fitting nor the folds touch a row of the window that evaluates them."""
    newest: list[pd.Timestamp] = []
    bench.case = wave_case(
        candidates=(candidate("ridge"), candidate("spy", lambda seed: Spy(newest)))
    )

    found = trained(bench)

    assert HELD_OUT - timedelta(hours=1) == max(newest)
    assert max(fold.end for each in found.candidates for fold in each.folds) == HELD_OUT
    assert HELD_OUT == found.challenger.ref.learned.end


def test_what_happens_in_the_held_out_window_moves_nothing(bench: Bench) -> None:
    """With other values there, scores, models and intervals are the same to the bit."""
    rows = waves()
    other = rows.assign(value=rows["value"].where(rows["time"] < HELD_OUT, 150 - rows["value"]))

    expected = trained(bench)
    bench.case = wave_case(other)
    found = trained(bench, run_id="run-2")

    assert expected.challenger.ref.sha256 == found.challenger.ref.sha256
    assert expected.challenger.calibration == found.challenger.calibration
    assert [each.scores for each in expected.candidates] == [
        each.scores for each in found.candidates
    ]


def test_newer_rows_of_the_table_are_not_learned_from(bench: Bench) -> None:
    """A run as of the past trains the model that it would have trained then."""
    as_of = str(FIRST + 45 * DAY)
    rows = waves()
    bench.case = wave_case(rows[rows["time"] < FIRST + 45 * DAY])
    expected = trained(bench)
    bench.case = wave_case(rows)
    bench.do(*BEFORE, run_id="run-2")

    found = trained(bench, run_id="run-3", as_of=as_of)

    assert expected.challenger.ref.sha256 == found.challenger.ref.sha256


def test_rows_in_quarantine_are_not_learned_from(bench: Bench) -> None:
    """A value out of range counts as missing, in the target and in the past of others."""
    rows = waves()
    wild = rows.assign(value=rows["value"].where(rows.index % 50 > 0, 9999.0))
    bench.case = wave_case(rows[rows.index % 50 > 0])
    expected = trained(bench)
    bench.case = wave_case(wild)
    bench.store = replace(bench.store, home=bench.store.home.with_name("other"))

    found = trained(bench)

    assert expected.challenger.ref.sha256 == found.challenger.ref.sha256


def test_the_stored_models_are_what_was_fitted(bench: Bench) -> None:
    """Challenger and baseline are files of the run, checked by digest, ready to forecast."""
    found = trained(bench)

    for model in (found.challenger, found.baseline):
        content = bench.store.model_bytes("waves", model.ref)
        frame = bench.case.task.frame(waves(), bench.case.schema).tail(5)
        assert np.isfinite(bench.case.task.predict(load_model(content), frame)).all()
    assert ("ridge", "baseline") == (
        found.challenger.ref.candidate,
        found.baseline.ref.candidate,
    )


def test_the_same_rows_and_seed_give_the_same_record(bench: Bench) -> None:
    """Apart from times and ids, a second training says what the first said."""
    first, second = (
        trained(bench, run_id=name).model_dump(exclude={"run_id", "started", "finished"})
        for name in ("run-1", "run-2")
    )
    for record in (first, second):
        for each in record["candidates"]:
            del each["seconds"]
        for role in ("challenger", "baseline"):
            del record[role]["ref"]["run_id"]

    assert first == second


def test_the_seed_reaches_the_candidates(bench: Bench) -> None:
    """Each is built with the seed of the run."""
    seeds: set[int] = set()

    def build(seed: int) -> Any:
        seeds.add(seed)
        return ridge(seed)

    bench.case = wave_case(candidates=(candidate("ridge", build),))
    trained(bench, seed=42)

    assert {42} == seeds


def test_folds_and_level_can_be_chosen(bench: Bench) -> None:
    """The parameters take the place of the case's own."""
    found = trained(bench, folds=3, level=0.5)

    assert {3} == {len(each.folds) for each in found.candidates}
    assert 0.5 == found.challenger.calibration.level


def test_folds_are_consecutive_and_end_at_the_held_out_window(bench: Bench) -> None:
    """Two weeks before the window, one after the other."""
    found = trained(bench)

    assert [(HELD_OUT - 14 * DAY, HELD_OUT - 7 * DAY), (HELD_OUT - 7 * DAY, HELD_OUT)] == [
        (fold.start, fold.end) for fold in found.candidates[0].folds
    ]


def test_more_folds_than_there_are_rows_for_are_refused(bench: Bench) -> None:
    """The error names the folds that have nothing to learn from."""
    with pytest.raises(StepError, match="Some folds have no rows"):
        trained(bench, folds=30)


def test_single_candidates_can_be_asked_for() -> None:
    """Names with commas, blanks and all; the baseline always takes part."""
    case = wave_case(candidates=(candidate("a"), candidate("b"), candidate("c")))

    found = competitors(case, TrainOptions(candidates=" c , a,"))

    assert ["baseline", "c", "a"] == [each.name for each in found]


def test_without_names_all_candidates_compete() -> None:
    """Titles and eligibility go with them."""
    case = wave_case(candidates=(candidate("a"), candidate("b", not_eligible="It peeks.")))

    found = competitors(case, TrainOptions())

    assert ["Baseline: same hour a day before", "The a", "The b"] == [e.title for e in found]
    assert ["", "", "It peeks."] == [e.not_eligible for e in found]
    assert [True, False, False] == [e.baseline for e in found]


def test_an_unknown_candidate_is_told_with_the_known_ones() -> None:
    """A slip in a name is answered with those of the case."""
    with pytest.raises(OptionError, match="no candidate 'rigde'"):
        competitors(wave_case(), TrainOptions(candidates="rigde"))


def test_candidates_of_which_none_may_serve_are_refused() -> None:
    """Nothing could come of such a run; the reason is told."""
    case = wave_case(candidates=(candidate("a"), candidate("b", not_eligible="It peeks.")))

    with pytest.raises(OptionError, match=r"None of the candidates \['b'\].*It peeks"):
        competitors(case, TrainOptions(candidates="b"))


def test_a_candidate_that_this_machine_lacks_something_for_is_left_out(bench: Bench) -> None:
    """The others compete; the page and the record say why it did not."""
    absent = candidate("far", missing=lambda: "It needs a telescope.")
    bench.case = wave_case(candidates=(candidate("near"), absent))

    view = bench.do(*BEFORE, "train")

    assert {"far": "It needs a telescope."} == view.record.left_out
    assert "Left out: far. It needs a telescope." in view.record.sentence
    rows = list(csv.DictReader(io.StringIO(view.table("candidates").text)))
    assert ["far", "left out: It needs a telescope."] == [
        rows[-1]["candidate"],
        rows[-1]["may serve"],
    ]


def test_a_candidate_that_is_asked_for_and_cannot_run_is_an_error() -> None:
    """What somebody names is not left out in silence."""
    absent = candidate("far", missing=lambda: "It needs a telescope.")

    with pytest.raises(OptionError, match=r"far: It needs a telescope\."):
        competitors(wave_case(candidates=(absent,)), TrainOptions(candidates="far"))


def test_what_may_not_serve_is_scored_all_the_same(bench: Bench) -> None:
    """Its score is on the page with the reason why it is not chosen."""
    bench.case = wave_case(
        candidates=(
            candidate("fair", lambda seed: Spy([])),
            candidate("peeks", not_eligible="It peeks."),
        )
    )
    view = bench.do(*BEFORE, "train")
    rows = list(csv.DictReader(io.StringIO(view.table("candidates").text)))

    assert ["peeks", "baseline", "fair"] == [row["candidate"] for row in rows]
    assert ["It peeks.", "yes", "yes"] == [row["may serve"] for row in rows]
    assert isinstance(view.record, TrainRecord)
    assert "baseline" == view.record.challenger.ref.candidate


def test_skill_is_measured_against_the_baseline(bench: Bench) -> None:
    """The share of the baseline's error that is avoided; none for the baseline itself."""
    found = {each.name: each for each in trained(bench).candidates}

    assert 0.0 == found["baseline"].skill
    ratio = found["ridge"].scores["rmse"] / found["baseline"].scores["rmse"]
    assert pytest.approx(1 - ratio) == found["ridge"].skill


def test_the_sentence_names_the_challenger_and_its_gain(bench: Bench) -> None:
    """Who won, with which error, and how far below the baseline."""
    sentence = trained(bench).sentence

    assert sentence.startswith("2 candidates on 2 folds. The challenger is ridge: RMSE 4.")
    assert "below the baseline's" in sentence


def test_the_figure_holds_every_candidate_on_every_fold(bench: Bench) -> None:
    """A point each, and the words name the best and the worst."""
    file = trained(bench).file("folds")

    assert 2 * 2 == file.rows
    assert "Lowest mean RMSE: ridge" in file.alt
    assert "highest: baseline" in file.alt


def test_training_without_a_validation_is_refused(bench: Bench) -> None:
    """In a run of the runner, a missing step is an error that names it."""
    bench.do("ingest")

    with pytest.raises(StateError, match="no record of step 'validate'"):
        bench.do("train")


def test_a_model_that_can_not_be_stored_leaves_no_record(bench: Bench) -> None:
    """A candidate that needs pickle is refused by name, and the step has not happened."""
    bench.case = wave_case(candidates=(candidate("odd", lambda seed: Perfect()),))

    with pytest.raises(Exception, match="Perfect"):
        trained(bench)
    assert bench.store.record("waves", "run-1", TrainRecord) is None


class Perfect:
    """Knows every answer, and holds a function that can't be stored."""

    def __init__(self) -> None:
        self.answers = {
            (name, time): value
            for name, time, value in waves()[["series", "time", "value"]].itertuples(index=False)
        }
        self.function = lambda: None

    def fit(self, frame: pd.DataFrame, truth: np.ndarray) -> None:
        return

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        keys = zip(frame["series"], frame["time"], strict=True)
        return np.array([self.answers[key] + 1 for key in keys])
