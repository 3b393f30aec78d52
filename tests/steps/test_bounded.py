"""A case with more rows than models learn from: which take part, and that every record says so."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hand_made import Bench, wave_case, waves
from tables import expect, part_case, parts, petal_case, petals

from pipeline.bounds import Drawn, Newest
from pipeline.case import Case
from pipeline.errors import StepError
from pipeline.records import (
    STEPS,
    DriftRecord,
    EvaluateRecord,
    StepName,
    TrainRecord,
    ValidateRecord,
    Window,
)
from pipeline.steps.run import Run
from pipeline.store import Store, project


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """An empty home; the target of whichever case has to be there."""

    def suite(case: str) -> Path:
        return expect(tmp_path, {"parts": "weight", "petals": "flower", "waves": "value"}[case])

    monkeypatch.setattr(project, "suite", suite)
    return Bench(store=Store.at(tmp_path / "home"))


def ran(bench: Bench, case: Case, *, until: StepName = "validate") -> Run:
    bench.case = case
    bench.do(*STEPS[: STEPS.index(until) + 1])
    return bench.run("report")


def windows(run: Run) -> list[Window]:
    drift, trained = run.need(DriftRecord), run.need(TrainRecord)
    evaluated = run.need(EvaluateRecord)
    learned = [model.ref.learned for model in (trained.challenger, trained.baseline)]
    return [drift.reference, drift.current, *learned, evaluated.held_out]


def test_every_record_says_which_rows_take_part(bench: Bench) -> None:
    """And how many there are: nothing is left out in silence."""
    run = ran(bench, part_case(bound=Drawn(most=600, seed=3)), until="report")
    told = "600 of 1,200 rows take part, drawn with seed 3."

    for window in windows(run):
        assert window.sample is not None
        assert told == window.sample.told
    for kind in (DriftRecord, TrainRecord, EvaluateRecord):
        assert told in run.need(kind).sentence
    card = pd.read_csv(run.store.run_folder("parts", run.run_id) / "report" / "card.csv")
    assert told in card.set_index("what").loc["Learned from", "value"]
    assert 600 == len(run.validated())


def test_the_rows_that_take_part_are_those_of_the_whole_table(bench: Bench) -> None:
    """As they are there, in its order, of all times; quarantined ones are not among them."""
    rows = parts()
    rows.loc[::40, "weight"] = float("nan")
    run = ran(bench, part_case(rows, bound=Drawn(most=600)))
    whole = run.store.validated("parts", run.case.schema, run.need(ValidateRecord)).to_pandas()
    found = run.validated()

    expected = whole[whole["id"].isin(found["id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(expected, found)
    sample = run.sample
    assert sample is not None
    assert (600, len(whole)) == (sample.rows, sample.of)


def test_a_case_within_its_bound_is_as_it_was(bench: Bench) -> None:
    """With exactly as many rows as the bound allows nothing is drawn, and nothing said."""
    run = ran(bench, part_case(bound=Drawn(most=1_200)), until="drift")
    found = run.need(DriftRecord)

    assert found.reference.sample is None
    assert "take part" not in found.sentence
    assert 1_200 == len(run.validated())


def test_the_newest_rows_take_part_in_a_forecast(bench: Bench) -> None:
    """Without gaps; what is older is neither learned from nor compared."""
    rows = waves()
    half = len(rows) // 2
    run = ran(bench, wave_case(rows, bound=Newest(most=half)))
    found = run.validated()

    assert found["time"].min() >= rows["time"].sort_values().iloc[len(rows) - half]
    assert half == len(found)
    assert run.sample is not None
    assert f"{half:,} of {len(rows):,} rows take part, the newest." == run.sample.told


def test_too_few_rows_for_the_folds_of_a_forecast_are_told(bench: Bench) -> None:
    """The error says how far they reach, and what would do."""
    with pytest.raises(StepError, match=r"newest .* reach back . days; .* bound=Drawn\(most=…"):
        ran(bench, wave_case(bound=Newest(most=200))).validated()


def test_rows_without_a_time_that_were_drawn_before_are_not_new(bench: Bench) -> None:
    """Those that have come since are: the champion knows the others, also when others are drawn."""
    bound = Drawn(most=400)
    ran(bench, petal_case(bound=bound), until="promote")
    more = pd.concat([petals(), petals(200, seed=9, first=600)], ignore_index=True)
    bench.case = petal_case(more, bound=bound)
    record = bench.do("ingest", "validate", "drift", run_id="run-2").record
    assert isinstance(record, DriftRecord)
    run = bench.run("drift", "run-2")
    new = int((run.validated()["id"] >= 600).sum())

    assert f"{new} rows have come or changed" in record.sentence
    assert new == record.current.rows
    assert 400 - new == record.reference.rows
