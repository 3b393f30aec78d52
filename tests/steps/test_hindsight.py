from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from hand_made import Bench, wave_case

from pipeline.metrics import score_label
from pipeline.records import EvaluateRecord

STEPS = ("ingest", "validate", "drift", "decide", "train", "evaluate")
CASE = wave_case()


def table(bench: Bench, name: str) -> pd.DataFrame:
    folder = bench.store.run_folder("waves", "run-1")
    return pd.read_csv(folder / "evaluate" / f"{name}.csv")


def test_a_case_that_looks_back_tells_who_would_have_won_and_chooses_nobody(bench: Bench) -> None:
    """Each candidate on all held-out rows, learned anew; the comparison is as without it."""
    plain = bench.do(*STEPS).record
    bench.case = wave_case(windows=replace(CASE.windows, hindsight=timedelta(days=5)))

    looked = bench.do("evaluate").record
    told, where = table(bench, "hindsight"), table(bench, "hindsight_winners")

    assert isinstance(plain, EvaluateRecord)
    assert isinstance(looked, EvaluateRecord)
    assert ["ridge", "baseline"] == told["candidate"].tolist()
    assert {plain.held_out.rows} == set(told["rows"])
    assert (plain.systems, plain.comparisons) == (looked.systems, looked.comparisons)
    label = score_label(CASE.task.primary, CASE.schema.column(CASE.schema.target).unit)
    scores = {system.candidate: system.scores["rmse"] for system in looked.systems}
    assert pytest.approx(scores["baseline"], abs=1e-4) == told[label].iloc[1]
    assert told[label].iloc[0] < told[label].iloc[1]
    series = where[where["by"] == "series"]
    won = (series["winner"] == "ridge").sum()
    assert f"{won} of {len(series)}" == told["wins by series"].iloc[0]


def test_a_case_that_does_not_look_back_says_nothing_of_it(bench: Bench) -> None:
    """No table, and the notebook's cell shows none."""
    view = bench.do(*STEPS)

    assert not view.tables("hindsight").shown
    assert all("hindsight" not in file.name for file in view.record.files)
