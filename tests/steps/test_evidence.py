"""Evidence over folds, held-out window and successive runs; rolling back; regions kept fresh."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import FIRST, Bench, evaluate_record, ridge, wave_case, waves

from pipeline.case import Candidate
from pipeline.comparison import Comparison
from pipeline.conformal import GroupedConformal
from pipeline.looks import look
from pipeline.records import EvaluateRecord, Evidence, PromoteRecord, SegmentGuard, TrainRecord
from pipeline.steps.contenders import contenders
from pipeline.steps.differences import grounds
from pipeline.steps.evidence import SERVED, worst_segment
from pipeline.steps.promote import choose
from pipeline.steps.track import tracked

DAY = timedelta(days=1)
CHAIN = ("ingest", "validate", "drift", "decide")
ALL = (*CHAIN, "train", "evaluate", "promote")
KEPT = (*CHAIN, "evaluate", "promote")
Begun = Callable[..., Bench]


def evaluated(bench: Bench, run_id: str) -> EvaluateRecord:
    found = bench.store.record("waves", run_id, EvaluateRecord)
    assert found is not None
    return found


def stale(seed: int) -> Any:
    """Ridge held back so far that it says little more than the mean."""
    model = ridge(seed)
    model.steps[-1][1].set_params(alpha=1e9)
    return model


WEAK = Candidate(name="weak", title="Says the mean", build=stale)


def test_a_track_record_holds_each_row_once_and_none_that_was_learned_from(begun: Begun) -> None:
    """Two folds of a week, then the held-out ten days, which the model itself predicted."""
    bench = begun(*ALL)
    trained = bench.store.record("waves", "run-1", TrainRecord)
    assert trained is not None
    run = bench.run("evaluate")
    frame = bench.case.task.frame(run.validated(), bench.case.schema)

    found = tracked(run, trained.challenger, frame)

    rows = frame.iloc[found.track.rows]
    assert (24 * 48, len(rows)) == (len(set(found.track.rows)), 24 * 48)
    assert FIRST + 36 * DAY == rows["time"].min()
    own = (rows["time"] >= trained.challenger.ref.learned.end).to_numpy()
    np.testing.assert_allclose(
        bench.case.task.predict(found.model, rows[own]), found.track.predicted[own]
    )
    assert not np.allclose(
        bench.case.task.predict(found.model, rows[~own]), found.track.predicted[~own]
    )


def test_regions_of_the_held_out_window_know_nothing_of_its_end(bench: Bench) -> None:
    """Errors of the last day widen no interval of the days before it."""
    as_of = str(FIRST + 60 * DAY)
    rows = waves()
    bench.do(*ALL, as_of=as_of)
    last = rows["time"] >= FIRST + 59 * DAY
    spoiled = rows.assign(value=rows["value"].where(~last, rows["value"] + 60))
    other = Bench(store=type(bench.store)(home=bench.store.home / "other"), case=wave_case(spoiled))
    other.store.prepare()
    other.do(*ALL, as_of=as_of)

    before, after = (
        pd.read_parquet(
            each.store.run_folder("waves", "run-1") / "evaluate" / "predictions.parquet"
        )
        for each in (bench, other)
    )
    early = (before["time"] < FIRST + 59 * DAY).to_numpy()
    pd.testing.assert_frame_equal(before[early], after[early])


def test_the_champion_is_promoted_with_regions_of_the_newest_errors(begun: Begun) -> None:
    """They rest on the held-out window too, and a run that keeps the model renews them."""
    bench = begun(*ALL, as_of=str(FIRST + 50 * DAY))
    first = bench.store.record("waves", "run-1", PromoteRecord)
    second = bench.do(*KEPT, run_id="run-2").record
    trained = bench.store.record("waves", "run-1", TrainRecord)

    assert isinstance(first, PromoteRecord)
    assert isinstance(second, PromoteRecord)
    assert trained is not None
    assert first.champion.ref == second.champion.ref
    calibrations = [
        each.calibration for each in (trained.challenger, first.champion, second.champion)
    ]
    assert all(isinstance(each, GroupedConformal) for each in calibrations)
    assert 3 == len({str(each) for each in calibrations})
    assert {"series", "value", "wind"} == set(second.champion.importance)
    assert second.champion.importance["value"] > 0.5


def test_a_challenger_that_was_held_is_looked_at_again(begun: Begun) -> None:
    """The next run trains nothing, and asks the same question with the new rows and a lower level;
    a repeated run asks nothing new.
    """
    bench = begun(*ALL, as_of=str(FIRST + 48 * DAY))
    bench.case = wave_case(candidates=(WEAK,))
    bench.do(*ALL, run_id="run-2", as_of=str(FIRST + 52 * DAY), retrain="always")
    pair = "challenger over champion"
    first = evaluated(bench, "run-2").evidence[pair]

    held = bench.do(*KEPT, run_id="run-3", as_of=str(FIRST + 55 * DAY), retrain="never").record
    second = evaluated(bench, "run-3").evidence[pair]
    bench.do(*KEPT, run_id="run-4", as_of=str(FIRST + 55 * DAY), retrain="never")

    assert isinstance(held, PromoteRecord)
    assert "hold" == held.action
    assert "surely worse" in held.sentence
    assert (1, 2) == (len(first.looks.levels), len(second.looks.levels))
    assert second.looks.level < first.looks.level
    assert first.since == second.since
    assert second.looks == evaluated(bench, "run-4").evidence[pair].looks


def test_a_challenger_too_old_to_serve_is_no_longer_asked_about(begun: Begun) -> None:
    """After as long as a champion may live, its question is closed."""
    bench = begun(*ALL, as_of=str(FIRST + 48 * DAY))
    bench.case = wave_case(candidates=(WEAK,))
    bench.do(*ALL, run_id="run-2", as_of=str(FIRST + 52 * DAY), retrain="always")
    bench.case = wave_case(waves(days=90), candidates=(WEAK,))
    later = str(FIRST + 81 * DAY)
    bench.do("ingest", "validate", run_id="run-3", as_of=later)

    roles = dict(contenders(bench.run("evaluate", "run-3", as_of=later)))

    assert {"champion", "baseline"} == set(roles)


def test_a_champion_that_does_worse_than_its_predecessor_is_rolled_back(bench: Bench) -> None:
    """A weak model that came to serve, by whatever way, gives the place back after enough days."""
    bench.do(*ALL, as_of=str(FIRST + 46 * DAY))
    bench.case = wave_case(candidates=(WEAK,))
    bench.do(*ALL, run_id="run-2", as_of=str(FIRST + 48 * DAY), retrain="always")
    _crown_challenger(bench, "run-2")

    record = bench.do(*KEPT, run_id="run-3", as_of=str(FIRST + 60 * DAY), retrain="never").record

    assert isinstance(record, PromoteRecord)
    assert "roll back" == record.action
    assert ("ridge", "run-1") == (record.champion.ref.candidate, record.champion.ref.run_id)
    assert "Roll the champion back: the model before erred " in record.sentence
    assert 12 == evaluated(bench, "run-3").comparisons["predecessor over champion"].n
    served = evaluated(bench, "run-3").served
    assert served is not None
    assert FIRST + 48 * DAY == served.start
    champion = bench.store.champion("waves")
    assert champion is not None
    assert "ridge" == champion.ref.candidate


def _crown_challenger(bench: Bench, run_id: str) -> None:
    trained = bench.store.record("waves", run_id, TrainRecord)
    held = bench.store.record("waves", run_id, PromoteRecord)
    assert trained is not None
    assert held is not None
    bench.store.write_record(
        held.model_copy(update={"action": "promote", "champion": trained.challenger})
    )


def evidence(gain: float, level: float) -> Evidence:
    looks = look(None, rows=100, kept=0, planned=1, alpha=level)
    return Evidence(
        since=datetime.fromisoformat("2024-02-01T00:00:00+00:00"),
        looks=looks,
        gain=gain,
        rows=100,
        start=FIRST,
    )


def record(guard: SegmentGuard | None = None, **more: Any) -> EvaluateRecord:
    pairs = {"challenger over champion": 0.001, "challenger over baseline": 0.001}
    return evaluate_record(
        {"challenger": 4.0, "champion": 5.0, "baseline": 6.0},
        pairs | {"champion over baseline": 0.001},
        guard=guard,
        **more,
    )


def test_each_look_has_its_own_level() -> None:
    """A p-value below alpha, but not below what this look may spend, is held."""
    told = {"challenger over champion": evidence(0.2, 0.0005)}

    found = choose(record(evidence=told), alpha=0.05, margin=0.01)

    assert "hold" == found.action
    assert "which may be mere chance" in found.sentence


def test_the_gain_is_that_of_all_rows_compared() -> None:
    """20 % on the held-out window are not enough when folds and window together say less."""
    told = {"challenger over champion": evidence(0.005, 0.02)}

    found = choose(record(evidence=told), alpha=0.05, margin=0.01)

    assert "hold" == found.action
    assert "erred 0.5% less than it on 100 rows since" in found.sentence


@pytest.mark.parametrize(
    ("loss", "p_value", "action"),
    [(0.3, 0.01, "hold"), (0.3, 0.2, "promote"), (0.05, 0.01, "promote")],
    ids=["surely worse", "by chance", "hardly"],
)
def test_a_challenger_surely_worse_in_one_segment_is_held(
    loss: float, p_value: float, action: str
) -> None:
    """Better on average is not enough for those who live there."""
    guard = SegmentGuard(by="series", segment="north", loss=loss, p_value=p_value, segments=2)

    found = choose(record(guard), alpha=0.05, margin=0.01)

    assert action == found.action
    told = "surely worse in series north: its mean loss there is 30% higher"
    assert (told in found.sentence) == (action == "hold")


def test_every_number_of_a_promotion_has_its_name_its_unit_and_its_limit() -> None:
    """Of each pair that was compared, and of the guard, whoever serves in the end."""
    guard = SegmentGuard(by="series", segment="north", loss=0.3, p_value=0.4, segments=2)
    told = {"challenger over champion": evidence(0.2, 0.04)}

    found = {
        each.name: (round(each.value, 3), each.unit, each.limit and round(each.limit, 3))
        for each in grounds(record(guard, evidence=told), alpha=0.05, margin=0.01)
    }

    pair, segment = "Challenger beside champion", "Guard, series north"
    assert (20.0, "%", 1.0) == found[f"{pair}: error (RMSE) lower by"]
    assert (0.1, "%", 3.995) == found[f"{pair}: how often chance alone shows as much (p-value)"]
    assert (100.0, "rows", None) == found[f"{pair}: rows compared since 1 January 2024"]
    assert (30.0, "%", 10.0) == found[f"{segment}: challenger's mean loss above the champion's by"]
    assert (33.333, "%", 1.0) == found["Challenger beside baseline: error (RMSE) lower by"]


def test_the_guard_finds_the_segment() -> None:
    """Good in the north and bad in the south: the south is named, with p times two segments."""
    rows = waves(days=20)
    random = np.random.default_rng(0)
    truth = rows["value"].to_numpy()
    noise = random.normal(size=len(rows))
    south = (rows["series"] == "south").to_numpy()

    found = worst_segment(
        wave_case(), rows, truth + np.where(south, 2, 0.5) * noise, truth + random.normal(size=960)
    )

    assert found is not None
    assert ("series", "south", 2) == (found.by, found.segment, found.segments)
    assert found.p_value < 0.01
    assert found.loss == pytest.approx(3, rel=0.35)


def test_a_segment_that_is_a_little_worse_hides_none_that_is_much_worse() -> None:
    """In the north the errors are 1 % larger at every hour, as sure as can be; in the south they
    are half as large again, by other noise.
    """
    rows = waves(days=20)
    random = np.random.default_rng(0)
    truth, noise, other = rows["value"].to_numpy(), *random.normal(size=(2, len(rows)))
    south = (rows["series"] == "south").to_numpy()
    alone = [
        worst_segment(wave_case(), rows[part], (truth + 1.01 * noise)[part], (truth + noise)[part])
        for part in (~south, south)
    ]

    found = worst_segment(
        wave_case(), rows, truth + np.where(south, 1.5 * other, 1.01 * noise), truth + noise
    )

    assert found is not None
    assert alone[0] is not None
    assert alone[0].p_value < found.p_value < 0.05
    assert ("south", 2) == (found.segment, found.segments)


def test_a_predecessor_needs_level_and_margin_too() -> None:
    """A little better, or by chance, is no reason to go back."""

    def action(p_value: float, gain: float) -> str:
        pair = Comparison(
            n=20, mean_difference=0.0, relative_difference=0.0, statistic=0.0, p_value=p_value
        )
        told = {"challenger over champion": 0.5, "champion over baseline": 0.001}
        held = evaluate_record(
            {"challenger": 5.0, "champion": 5.0, "baseline": 6.0, "predecessor": 4.0},
            told,
            evidence={SERVED: evidence(gain, 0.02)},
        )
        comparisons = held.comparisons | {SERVED: pair}
        held = held.model_copy(update={"comparisons": comparisons})
        return choose(held, alpha=0.05, margin=0.01).action

    assert ["roll back", "hold", "hold"] == [
        action(0.01, 0.1),
        action(0.03, 0.1),
        action(0.01, 0.001),
    ]
