"""The small version of `benchmarks.promotion`: made-up losses in place of backtested samples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import promotion
from pipeline.case import find_case

BIKES = find_case("bikes")
DAYS = (BIKES.windows.fold * BIKES.windows.folds + BIKES.windows.held_out).days
DRAWS = 300


def losses(seed: int) -> tuple[promotion.Losses, promotion.Losses]:
    """Daily squared errors of two models: weeks that are hard for both, and noise of each."""
    random = np.random.default_rng(seed)
    hard = np.repeat(random.gamma(8, 100 / 8, DAYS // 7), 7)
    return hard * random.gamma(4, 1 / 4, DAYS), hard * random.gamma(4, 1 / 4, DAYS)


def equal(pair: tuple[promotion.Losses, promotion.Losses]) -> Any:
    ours, theirs = pair
    return ours, theirs * ours.mean() / theirs.mean()


def test_of_equal_models_few_are_promoted() -> None:
    """Over thirteen weekly looks at 300 records 5 % at most, and three standard deviations."""
    random = np.random.default_rng(1)

    found = promotion.simulated(BIKES, equal(losses(1)), 0.0, 7, DRAWS, random)

    assert 0 < found["ever"] <= 0.05 + 3 * (0.05 * 0.95 / DRAWS) ** 0.5
    assert found["first"] <= found["ours"] <= found["ever"]


def test_a_better_model_is_found_nearly_as_often_as_by_the_oracle() -> None:
    """85 % of what a test finds that knows the noise, less three standard deviations; the oracle
    finds neither all nor none.
    """
    random = np.random.default_rng(2)
    ours, theirs = equal(losses(1))

    found = promotion.simulated(BIKES, (ours, theirs * 0.95**2), 0.05, 7, DRAWS, random)

    share = 0.85 * found["oracle"]
    assert 0.3 < found["oracle"] < 1
    assert found["ours"] >= share - 3 * (share * (1 - share) / DRAWS) ** 0.5


def test_one_that_is_better_by_less_than_the_margin_is_not_promoted() -> None:
    """However sure it is: half a per cent each day, and the case asks for one."""
    ours = losses(1)[0]
    record = len(ours) - 7

    assert 1 == promotion.first_promotion(ours, ours * 0.995**2, BIKES, record, 1)
    assert 0 == promotion.first_promotion(ours, ours * 0.95**2, BIKES, record, 1)


def test_the_benchmark_ends_with_its_line_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two samples, one pair of models: a setting for each length of block and difference."""

    def samples(case: Any, first: int) -> Iterator[tuple[int, dict[str, promotion.Losses]]]:
        for seed in (first, first + 1):
            yield seed, dict(zip(("linear", "forest"), losses(seed), strict=True))

    monkeypatch.setattr(promotion, "whole_samples", samples)
    ended = CliRunner().invoke(promotion.main, ["--replications", "20", "--samples", "2"])

    found = json.loads(ended.output.splitlines()[-1])
    assert ("promotion", 2, 20) == (found["benchmark"], found["samples"], found["replications"])
    assert 8 == len(found["settings"])
    assert ["linear and forest"] == [each["pair"] for each in found["pairs"]]
    better = [each for each in found["settings"] if each["gain"]]
    shares = [sum(each[who] for each in better) for who in ("ours", "oracle")]
    assert found["of_oracle"] == pytest.approx(shares[0] / shares[1], abs=1e-4)
