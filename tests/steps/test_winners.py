"""Who wins where: by segment, among candidates that may serve, ties to the baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
from hand_made import FIRST, wave_case, waves

from pipeline.records import FoldScores
from pipeline.steps.backtest import Backtest
from pipeline.steps.winners import winners

CASE = wave_case()
FRAME = CASE.task.frame(waves(days=3), CASE.schema)
TRUTH = FRAME["value"].to_numpy()
NORTH = (FRAME["series"] == "north").to_numpy()


def candidate(name: str, north: float, elsewhere: float, **told: Any) -> Backtest:
    """A candidate that is off by so much in one series and in the others."""
    fold = FoldScores(fold="1", start=FIRST, end=FIRST, trained_rows=1, scores={"rmse": 1.0})
    settings: dict[str, Any] = {"baseline": False, "not_eligible": ""} | told
    return Backtest(
        name=name,
        title=name,
        build=dict,
        folds=(fold,),
        rows=np.arange(len(FRAME)),
        truth=TRUTH,
        predicted=TRUTH + np.where(NORTH, north, elsewhere),
        seconds=0.0,
        **settings,
    )


def won(*rivals: Backtest) -> dict[str, str]:
    table = winners(rivals, CASE, FRAME)
    chosen = table[table["by"] == "series"]
    return dict(zip(chosen["segment"], chosen["winner"], strict=True))


BASELINE = candidate("baseline", 2.0, 2.0, baseline=True)


def test_one_candidate_may_win_here_and_another_there() -> None:
    found = won(candidate("good", 1.0, 3.0), BASELINE)

    assert "good" == found["north"]
    assert {"baseline"} == {winner for series, winner in found.items() if series != "north"}


def test_a_tie_is_the_baselines() -> None:
    assert {"baseline"} == set(won(candidate("same", 2.0, 2.0), BASELINE).values())


def test_a_candidate_that_may_not_serve_wins_nothing() -> None:
    """However good it is."""
    found = won(candidate("peeks", 0.0, 0.0, not_eligible="It peeks."), BASELINE)

    assert {"baseline"} == set(found.values())


def test_the_gain_is_that_over_the_baseline_in_the_segment() -> None:
    table = winners([candidate("good", 1.0, 1.0), BASELINE], CASE, FRAME)

    assert {50.0} == set(table["better than baseline (%)"])
    assert {2.0} == set(table["of the baseline"])
    assert len(FRAME) == table[table["by"] == "series"]["rows"].sum()


def test_a_perfect_baseline_is_beaten_by_nobody() -> None:
    table = winners(
        [candidate("good", 1.0, 1.0), candidate("baseline", 0.0, 0.0, baseline=True)], CASE, FRAME
    )

    assert {"baseline"} == set(table["winner"])
    assert {0.0} == set(table["better than baseline (%)"])
