from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hand_made import FIRST, Bench, evaluate_record, ridge, wave_case
from hypothesis import given
from hypothesis import strategies as st

from pipeline.case import Candidate
from pipeline.errors import StateError
from pipeline.records import BASELINE, PromoteRecord, TrainRecord
from pipeline.steps.promote import choose
from pipeline.steps.verdicts import Choice

DAY = timedelta(days=1)
TRAINED = ("ingest", "validate", "drift", "decide", "train")
ALL = (*TRAINED, "evaluate", "promote")
ALPHA, MARGIN = 0.05, 0.01
Begun = Callable[..., Bench]


def first(challenger: float, baseline: float, p_value: float, **limits: float) -> Choice:
    """The choice of a first run."""
    found = evaluate_record(
        {"challenger": challenger, "baseline": baseline}, {"challenger over baseline": p_value}
    )
    return choose(found, **({"alpha": ALPHA, "margin": MARGIN} | limits))


def later(
    errors: tuple[float, float, float], p_values: tuple[float, float, float], **limits: float
) -> Choice:
    """RMSE of challenger, champion, baseline; p-values of challenger over champion, challenger
    over baseline, champion over baseline.
    """
    pairs = ("challenger over champion", "challenger over baseline", "champion over baseline")
    found = evaluate_record(
        dict(zip(("challenger", "champion", "baseline"), errors, strict=True)),
        dict(zip(pairs, p_values, strict=True)),
    )
    return choose(found, **({"alpha": ALPHA, "margin": MARGIN} | limits))


def kept(champion: float, baseline: float, p_value: float) -> Choice:
    """The choice of a run that trained nothing."""
    found = evaluate_record(
        {"champion": champion, "baseline": baseline}, {"champion over baseline": p_value}
    )
    return choose(found, alpha=ALPHA, margin=MARGIN)


def test_a_first_challenger_that_beats_the_baseline_is_promoted() -> None:
    """Its sentence holds the gain and what it means; the test's numbers are in the table."""
    found = first(4.0, 5.0, 0.01)

    assert "challenger" == found.role
    assert (
        "Promote the first champion: the challenger erred 20.0% less than the baseline on the "
        "held-out window, more than chance would explain."
    ) == found.sentence


@pytest.mark.parametrize(
    ("challenger", "p_value"),
    [(4.96, 0.001), (4.0, 0.06), (5.0, 0.5), (6.0, 0.99)],
    ids=["margin", "chance", "tie", "worse"],
)
def test_a_first_challenger_that_does_not_beat_the_baseline_leaves_it_the_place(
    challenger: float, p_value: float
) -> None:
    """Margin and significance are both needed; else last day's value serves."""
    found = first(challenger, 5.0, p_value)

    assert "baseline" == found.role
    assert found.sentence.startswith("Promote the baseline: the challenger erred ")


def test_a_baseline_that_nobody_beat_on_the_folds_is_not_compared_with_itself() -> None:
    """It is its own challenger: the sentence says why, and not that it is 0 % better."""
    found = evaluate_record({"challenger": 5.0, "baseline": 5.0}, {"challenger over baseline": 1.0})
    same = [each.model_copy(update={"candidate": BASELINE}) for each in found.systems]

    chosen = choose(found.model_copy(update={"systems": tuple(same)}), alpha=ALPHA, margin=MARGIN)

    assert "baseline" == chosen.role
    assert (
        "Promote the baseline: no candidate that may serve was better than it on the folds."
    ) == chosen.sentence


def test_a_challenger_that_beats_champion_and_baseline_is_promoted() -> None:
    """Better by the margin and beyond chance than what serves."""
    found = later((4.0, 5.0, 6.0), (0.01, 0.001, 0.01))

    assert "challenger" == found.role
    assert (
        "Promote the challenger: it erred 20.0% less than the champion on the held-out window, "
        "more than chance would explain."
    ) == found.sentence


@pytest.mark.parametrize(
    ("challenger", "p_value", "why"),
    [
        (
            4.96,
            0.001,
            "more than chance would explain, but less than the 1.0% that makes a change worth it",
        ),
        (4.0, 0.06, "which may be mere chance"),
        (5.0, 0.5, "which may be mere chance"),
        (6.0, 0.99, "surely worse: more than chance would explain"),
    ],
    ids=["margin", "chance", "tie", "worse"],
)
def test_the_champion_stays_against_a_challenger_that_is_not_better(
    challenger: float, p_value: float, why: str
) -> None:
    """A gain below the margin, a gain by chance, a tie and a loss: hold, and say why."""
    found = later((challenger, 5.0, 9.0), (p_value, 0.001, 0.001))

    assert "champion" == found.role
    assert found.sentence.startswith("Hold the champion: the challenger erred ")
    assert why in found.sentence


def test_a_worse_challenger_is_told_as_higher() -> None:
    """The sentence has no minus sign to stumble over."""
    found = later((6.0, 5.0, 9.0), (0.99, 0.1, 0.1))

    assert "erred 20.0% more than it" in found.sentence


def test_a_challenger_that_does_not_beat_the_baseline_is_not_promoted() -> None:
    """Better than a bad champion is not enough while the baseline is as good."""
    found = later((5.0, 6.0, 5.02), (0.001, 0.45, 0.10))

    assert "champion" == found.role
    assert (
        "Hold the champion: the challenger is better than it, but not surely better than the "
        "baseline: it erred 0.4% less than the baseline on the held-out window, which may be mere "
        "chance."
    ) == found.sentence


def test_a_baseline_that_beats_every_model_is_promoted() -> None:
    """When last day's value is better than what serves and than what was trained, it serves."""
    found = later((5.0, 6.0, 4.0), (0.001, 0.99, 0.999))

    assert "baseline" == found.role
    assert (
        "Promote the baseline: it erred 33.3% less than the champion on the held-out window, more "
        "than chance would explain."
    ) == found.sentence


def test_a_champion_as_good_as_the_baseline_stays() -> None:
    """The baseline needs margin and significance too."""
    assert "champion" == later((6.0, 5.0, 4.97), (0.9, 0.9, 0.999)).role
    assert "champion" == later((6.0, 5.0, 4.0), (0.9, 0.9, 0.9)).role


def test_without_a_challenger_the_champion_stays() -> None:
    """A run that trained nothing promotes nothing."""
    assert Choice(
        role="champion",
        action="hold",
        sentence="Hold the champion: no new model was trained that could take its place.",
    ) == kept(4.0, 5.0, 0.01)


def test_a_challenger_that_is_the_champion_itself_is_told_so() -> None:
    """Trained again on the same rows: there was a training, and there is nothing to compare."""
    found = evaluate_record({"champion": 4.0, "baseline": 5.0}, {"champion over baseline": 0.01})

    told = choose(found, alpha=ALPHA, margin=MARGIN, same=True).sentence

    assert (
        "Hold the champion: training gave the very same model once more, from the same rows."
    ) == told


def test_without_a_challenger_the_baseline_can_take_over() -> None:
    """A champion that has become worse than last day's value makes way for it."""
    assert "baseline" == kept(5.0, 4.0, 0.999).role


@pytest.mark.parametrize(("alpha", "role"), [(0.05, "champion"), (0.1, "challenger")])
def test_the_level_of_significance_can_be_chosen(alpha: float, role: str) -> None:
    """A p-value up to alpha, itself included, is beyond chance."""
    assert role == later((4.0, 5.0, 6.0), (0.1, 0.01, 0.1), alpha=alpha).role


@pytest.mark.parametrize(("margin", "role"), [(0.25, "challenger"), (0.26, "champion")])
def test_the_margin_can_be_chosen(margin: float, role: str) -> None:
    """A gain of the margin itself is enough."""
    assert role == later((3.0, 4.0, 6.0), (0.01, 0.01, 0.1), margin=margin).role


def test_nothing_is_gained_on_a_perfect_champion() -> None:
    """No error is below zero, and nothing is divided by it."""
    assert "champion" == later((0.0, 0.0, 1.0), (0.5, 0.01, 0.01)).role


errors = st.floats(0.1, 10)
chances = st.floats(0, 1)


@given(st.tuples(errors, errors, errors), st.tuples(chances, chances, chances))
def test_nothing_is_promoted_that_is_not_better_than_champion_and_baseline(
    found: tuple[float, float, float], p_values: tuple[float, float, float]
) -> None:
    """Whoever replaces the champion has a lower error than it, and no higher than the baseline."""
    choice = later(found, p_values)
    error = dict(zip(("challenger", "champion", "baseline"), found, strict=True))

    if choice.role != "champion":
        assert error[choice.role] <= 0.99 * error["champion"] + 1e-9
        assert error[choice.role] <= error["baseline"]
    assert choice.sentence.startswith("Hold" if choice.role == "champion" else "Promote")


def promoted(bench: Bench, *steps: Any, **parameters: Any) -> PromoteRecord:
    record = bench.do(*(steps or ALL), **parameters).record
    assert isinstance(record, PromoteRecord)
    return record


def constant(seed: int) -> Any:
    """Ridge held back so far that it says little more than the mean."""
    model = ridge(seed)
    model.steps[-1][1].set_params(alpha=1e9)
    return model


def test_the_record_moves_the_champion(begun: Begun) -> None:
    """From the promotion on, the store's champion is the challenger."""
    bench = begun(*TRAINED, "evaluate")
    assert bench.store.champion("waves") is None

    found = promoted(bench, "promote")

    assert "promote" == found.action
    assert found.champion == bench.store.champion("waves")
    assert found.scores["rmse"] < found.baseline_scores["rmse"]


def test_a_run_that_holds_leaves_the_champion(begun: Begun) -> None:
    """The second run's record names the first run's model."""
    bench = begun(*TRAINED, "evaluate")
    first_record = promoted(bench, "promote")

    second = promoted(
        bench, "ingest", "validate", "drift", "decide", "evaluate", "promote", run_id="run-2"
    )

    assert ("hold", first_record.champion) == (second.action, second.champion)
    assert first_record.champion == bench.store.champion("waves")


def test_a_first_run_without_a_good_model_promotes_the_baseline(bench: Bench) -> None:
    """The champion is the baseline, stored like any model."""
    bench.case = wave_case(candidates=(Candidate(name="flat", title="Flat", build=constant),))

    found = promoted(bench)

    assert "baseline" == found.champion.ref.candidate
    assert bench.store.model_bytes("waves", found.champion.ref)
    assert found.scores == found.baseline_scores


def test_a_margin_of_the_run_decides(begun: Begun) -> None:
    """No model halves the error here: with that margin the baseline serves."""
    found = promoted(begun(*TRAINED, "evaluate"), "promote", margin=0.5)

    assert "baseline" == found.champion.ref.candidate


def test_the_champion_of_a_past_date_stays_what_it_was(begun: Begun) -> None:
    """A later promotion changes who serves now, not who served then."""
    as_of = str(FIRST + 45 * DAY)
    bench = begun(*TRAINED, "evaluate", as_of=as_of)
    then = promoted(bench, "promote", as_of=as_of)
    promoted(bench, run_id="run-2", retrain="always", margin=0.0, alpha=0.99)

    assert then.champion == bench.store.champion("waves", FIRST + 46 * DAY)


def test_a_promotion_needs_an_evaluation(begun: Begun) -> None:
    """Nothing is promoted unseen."""
    bench = begun(*TRAINED)

    with pytest.raises(StateError, match="no record of step 'evaluate'"):
        bench.do("promote")


def test_the_champion_is_the_model_that_was_trained(begun: Begun) -> None:
    """The same file and backtest as the training recorded."""
    bench = begun(*TRAINED, "evaluate")
    found = promoted(bench, "promote")
    trained = bench.store.record("waves", "run-1", TrainRecord)

    assert trained is not None
    assert trained.challenger.ref == found.champion.ref
    assert trained.challenger.backtest == found.champion.backtest
