"""Residuals sorted once for everybody and every member."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.residuals import Residuals, Tails, _ranks, _rising

ROWS = 3_000


@pytest.mark.parametrize("decimals", [0, 1, 12], ids=["few values", "some ties", "no ties"])
def test_the_order_is_that_of_a_stable_sort(decimals: int) -> None:
    """Equal scores stay as they came, zeros of either sign among them."""
    scores = np.random.default_rng(1).normal(size=ROWS).round(decimals)

    assert np.argsort(scores, kind="stable").tolist() == _rising(scores).tolist()


@pytest.mark.parametrize("reach", [50, 10**9], ids=["by counting", "by sorting"])
def test_ranks_are_those_among_the_different_numbers(reach: int) -> None:
    """From 0 without a gap."""
    numbers = np.random.default_rng(2).integers(0, reach, ROWS)
    known = {number: rank for rank, number in enumerate(sorted({*numbers.tolist()}))}

    assert [known[number] for number in numbers.tolist()] == _ranks(numbers).tolist()


@pytest.mark.parametrize("half_life", [None, 30.0])
def test_a_newcomer_is_told_by_the_other_members_alone(half_life: float | None) -> None:
    """Row by row: the mean of what other members had in the same hour, of all their hours where
    nobody else was counted then.
    """
    random = np.random.default_rng(4)
    names = random.choice(["north", "south", "west"], 300)
    hours = np.where(names == "west", random.integers(0, 9, 300), random.integers(0, 6, 300))
    truth, age = random.normal(50, 9, 300), random.integers(0, 99, 300)
    weights = np.ones(300) if half_life is None else 0.5 ** (age / half_life)

    found = Residuals.of(
        np.full(300, 50.0),
        truth,
        groups={"side": names, "hour": hours},
        member="side",
        age=age,
        half_life=half_life,
        bins=1,
    )

    residuals = []
    for name, hour, value in zip(names, hours, truth, strict=True):
        others = (names != name) & (hours == hour)
        others = others if others.any() else names != name
        residuals.append(value - np.average(truth[others], weights=weights[others]))
    factors = np.array([found.factors["hour"][str(hour)] for hour in hours.tolist()])
    scores = np.array(residuals) / (found.spreads[0] * factors)
    assert sorted(scores.tolist()) == pytest.approx(found.newcomers.scores.tolist())


def test_without_another_member_a_newcomer_is_told_by_all() -> None:
    """One counter alone: how far its rows are from their mean; and one beside it whose rows are too
    old to weigh anything changes nothing.
    """
    truth = np.arange(40.0)
    alone = Residuals.of(np.zeros(40), truth, groups={"side": ["one"] * 40}, member="side")
    beside = Residuals.of(
        np.zeros(41),
        np.append(truth, 1e9),
        groups={"side": [*["one"] * 40, "old"]},
        member="side",
        age=np.append(np.zeros(40), 5_000.0),
        half_life=10.0,
    )

    assert (truth - 19.5).tolist() == pytest.approx(
        (alone.newcomers.scores * alone.spreads[0]).tolist()
    )
    assert alone.newcomers.scores.tolist() == pytest.approx(beside.newcomers.scores[:40].tolist())


def test_a_member_has_the_tails_of_its_own_rows_alone() -> None:
    """To the last bit, though all rows are sorted together."""
    random = np.random.default_rng(3)
    names = random.choice(["north", "south", "west"], ROWS)
    predicted = random.uniform(0, 9, ROWS).round()
    truth, age = predicted + random.normal(size=ROWS).round(1), random.integers(0, 99, ROWS)

    found = Residuals.of(
        predicted, truth, groups={"side": names}, member="side", age=age, half_life=40.0
    )

    spreads = found.spreads[np.searchsorted(found.edges, predicted, side="right")]
    factors = np.array([found.factors["side"][name] for name in names.tolist()])
    weights, scores = 0.5 ** (age / 40.0), (truth - predicted) / (spreads * factors)
    for name in ("north", "south", "west"):
        rows = names == name
        alone = Tails.of(scores[rows], weights[rows])
        tails, weight = found.members[name]
        assert (alone.scores.tolist(), alone.up_to.tolist(), alone.onwards.tolist()) == (
            tails.scores.tolist(),
            tails.up_to.tolist(),
            tails.onwards.tolist(),
        )
        assert weights[rows].sum() == weight
