"""The same steps on cases that forecast nothing: classes without a time, numbers by group."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hand_made import Bench, Frame
from tables import expect, part_case, parts, petal_case, petals

from bento.loading import load_champion
from bento.requests import parse
from pipeline.errors import StepError
from pipeline.packaging import export_champions
from pipeline.packaging.rollback import roll_back
from pipeline.packaging.settings import Settings
from pipeline.records import (
    MEASURED_IN,
    DriftRecord,
    EvaluateRecord,
    PromoteRecord,
    StepName,
    TrainRecord,
)
from pipeline.store import Store, project

ALL: tuple[StepName, ...] = (
    "ingest",
    "validate",
    "drift",
    "decide",
    "train",
    "evaluate",
    "promote",
    "report",
)


@pytest.fixture
def flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A home with classes and no time."""
    suite = expect(tmp_path, "flower")
    monkeypatch.setattr(project, "suite", lambda case: suite)
    return Bench(store=Store.at(tmp_path / "home"), case=petal_case())


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A home with numbers, batches and a time."""
    suite = expect(tmp_path, "weight")
    monkeypatch.setattr(project, "suite", lambda case: suite)
    return Bench(store=Store.at(tmp_path / "home"), case=part_case())


def test_classes_without_a_time_go_through_all_steps(flowers: Bench, tmp_path: Path) -> None:
    """The model beats the shares of the classes, its sets hold the truth, and it is served."""
    told = flowers.do(*ALL).record.sentence
    trained = flowers.store.record("petals", "run-1", TrainRecord)
    evaluated = flowers.store.record("petals", "run-1", EvaluateRecord)
    promoted = flowers.store.record("petals", "run-1", PromoteRecord)
    assert trained
    assert evaluated
    assert promoted

    assert told.startswith("Log loss ")
    assert "below the baseline" in told
    assert "logistic" == promoted.champion.ref.candidate
    assert promoted.scores["log_loss"] < 0.6 < promoted.baseline_scores["log_loss"]
    assert promoted.scores["accuracy_low"] < promoted.scores["accuracy"]
    held_out = evaluated.held_out
    assert held_out.start is None
    assert 0.84 < evaluated.systems[0].coverage
    assert 1 <= evaluated.systems[0].mean_size < 3
    assert 600 == trained.challenger.ref.learned.rows + held_out.rows

    (bundle,) = export_champions(flowers.store, tmp_path / "out", cases={"petals": flowers.case})
    champion = load_champion(bundle, flowers.case, Settings())
    body = json.dumps({"records": [bundle.card.example, {"length": 33.0}]}).encode()
    answer = champion.reply.model_validate(
        champion.answer(parse(champion.body, body).records).content
    )

    sets = [
        champion.answer(parse(champion.body, body).records, level=level).content["predictions"]
        for level in bundle.card.levels
    ]
    sizes = [sum(len(each["set"]) for each in found) for found in sets]
    assert champion.compiled is not None
    assert (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99) == bundle.card.levels
    assert sorted(sizes) == sizes

    one, other = answer.model_dump()["predictions"]
    assert pytest.approx(1.0) == sum(one["probabilities"].values())
    assert "rose" == other["prediction"]
    assert "rose" in other["set"]


def test_rows_that_arrive_later_are_the_current_window(flowers: Bench) -> None:
    """Without a time, what has come since the champion learned is compared with what it learned;
    the same rows stay held out.
    """
    flowers.do(*ALL)
    longer = petals(200, seed=8, first=600).assign(length=lambda rows: rows["length"] + 15)
    grown = pd.concat([petals(), longer], ignore_index=True)
    flowers.case = petal_case(grown)

    flowers.do("ingest", "validate", "drift", run_id="run-2")
    found = flowers.store.record("petals", "run-2", DriftRecord)
    assert found

    assert (600, 200) == (found.reference.rows, found.current.rows)
    assert "200 rows have come or changed since the champion learned." in found.sentence
    assert ["length"] == [column.column for column in found.columns if column.alarm]


def test_while_nothing_arrives_the_rows_held_out_are_compared(flowers: Bench) -> None:
    """A comparison that must show nothing, and says what it is."""
    flowers.do("ingest", "validate", "drift")
    found = flowers.store.record("petals", "run-1", DriftRecord)
    assert found

    assert "the rows held out are compared with the others" in found.sentence
    assert not [column for column in found.columns if column.alarm]


def test_numbers_by_group_go_through_all_steps(weights: Bench) -> None:
    """No batch is on both sides, and what is tested is newer than what was learned."""
    weights.do(*ALL)
    evaluated = weights.store.record("parts", "run-1", EvaluateRecord)
    promoted = weights.store.record("parts", "run-1", PromoteRecord)
    assert evaluated
    assert promoted

    assert "boosted" == promoted.champion.ref.candidate
    assert promoted.scores["r2"] > 0.95
    assert promoted.champion.ref.learned.end <= (evaluated.held_out.start or 0)
    assert 0.82 < evaluated.systems[0].coverage <= 1
    rows = parts()
    newest = rows["made"] >= evaluated.held_out.start
    batches = weights.case.task.held_out(
        weights.case.task.frame(rows, weights.case.schema),
        weights.case.schema,
        start=evaluated.held_out.start,
        end=evaluated.held_out.end,
    )
    held, learned = rows.iloc[batches.test], rows.iloc[batches.train]
    assert held.index.isin(rows.index[newest]).all()
    assert not set(held["batch"]) & set(learned["batch"])
    assert evaluated.held_out.rows == len(held)


def test_a_caller_may_ask_for_other_levels(weights: Bench, tmp_path: Path) -> None:
    """Each level has intervals of its own, calibrated on the same errors: the higher the wider,
    and each holds about its share of rows that it was not made of.
    """
    weights.do(*ALL)
    (bundle,) = export_champions(weights.store, tmp_path / "out", cases={"parts": weights.case})
    fresh = parts(seed=99)
    champion = load_champion(bundle, weights.case, Settings())
    names = set(champion.fields)
    rows = fresh[sorted(names)].head(400)
    records = json.loads(rows.to_json(orient="records", date_format="iso"))
    body = parse(champion.body, json.dumps({"records": records}).encode())
    truth = fresh[weights.case.schema.target].to_numpy()[: len(rows)]

    widths, covered = [], []
    for level in bundle.card.levels:
        found = champion.answer(body.records, level=level).content["predictions"]
        widths.append(sum(each["high"] - each["low"] for each in found))
        pairs = zip(found, truth, strict=True)
        covered.append(sum(each["low"] <= t <= each["high"] for each, t in pairs) / len(truth))

    assert champion.compiled is not None
    assert {0.5, 0.8, 0.9, 0.95} <= set(bundle.card.levels)
    assert sorted(widths) == widths
    for level, share in zip(bundle.card.levels, covered, strict=True):
        assert share >= level - 0.1


def test_the_run_after_a_roll_back_goes_on_from_it(weights: Bench) -> None:
    """The champion that was put back is the one that the next run compares with and keeps."""
    weights.do(*ALL, run_id="20210301T000000-a")
    first = weights.store.promotion("parts")
    trained = weights.store.record("parts", "20210301T000000-a", TrainRecord)
    assert first
    assert trained
    baseline = {"run_id": "20210302T000000-b", "champion": trained.baseline}
    weights.store.write_record(
        first.model_copy(update={**baseline, "parameters": {MEASURED_IN: first.run_id}})
    )

    told = roll_back(weights.store, weights.case).sentence
    weights.do(*ALL, run_id="20990101T000000-c")
    evaluated = weights.store.record("parts", "20990101T000000-c", EvaluateRecord)
    after = weights.store.promotion("parts")

    assert "boosted of run 20210301T000000-a serves again in place of baseline" in told
    assert evaluated
    assert "champion" in {system.role for system in evaluated.systems}
    assert evaluated.of(first.champion.ref)
    assert after
    assert ("hold", first.champion.ref) == (after.action, after.champion.ref)


def test_a_champion_of_another_division_is_not_compared(flowers: Bench) -> None:
    """It may have learned from what is held out now; the error says so."""
    flowers.do(*ALL)
    task = replace(flowers.case.task, division=replace(flowers.case.task.division, held_out=0.4))
    flowers.case = petal_case(task=task)

    with pytest.raises(StepError, match="learned under another division of the rows"):
        flowers.do("ingest", "validate", "train", "evaluate", run_id="run-2")


def test_a_label_that_no_expectation_set_aside_is_named(flowers: Bench) -> None:
    """A class that was not declared can't be learned by accident."""
    odd = petals().assign(flower=lambda rows: rows["flower"].where(rows["id"] != 5, "tulip"))
    flowers.case = petal_case(sources={"sample": Frame(rows=odd)})

    with pytest.raises(StepError, match="'tulip' are not among the classes iris, lily, rose"):
        flowers.do("ingest", "validate", "train")
