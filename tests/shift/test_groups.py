"""Sums by block and group, and what is measured side by side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from pipeline.shift import compare
from pipeline.shift._groups import LANES, PIECE, Groups, pieces
from pipeline.shift._sides import WORTH_A_THREAD, side_by_side
from tests.fakes.windows import FIRST, HOUR, autoregression, measured, tables


@given(st.integers(1, 200), st.integers(1, 4), st.integers(1, 4), st.integers(0, 9))
def test_sums_and_squares_equal_a_loop(rows: int, blocks: int, count: int, seed: int) -> None:
    """With few rows a sum has one place, with more it has several that are added in the end."""
    random = np.random.default_rng(seed)
    block, group = random.integers(0, blocks, rows), random.integers(0, count, rows)
    values = random.standard_normal(rows)
    groups = Groups.of(block, group, blocks=blocks, count=count)
    expected = np.zeros((3, blocks, count))
    for place in zip(block, group, values, strict=True):
        expected[:, place[0], place[1]] += [place[2], place[2] ** 2, 1]

    assert groups.sums(values) == pytest.approx(expected[0])
    assert groups.squares(values) == pytest.approx(expected[1])
    assert groups.rows == pytest.approx(expected[2])
    assert groups.lanes == (LANES if blocks * count * LANES <= rows else 1)


def test_pieces_are_all_rows_once() -> None:
    """The last piece is what is left."""
    assert [(0, PIECE), (PIECE, PIECE + 5)] == [(p.start, p.stop) for p in pieces(PIECE + 5)]
    assert [] == list(pieces(0))


def test_threads_give_what_one_after_the_other_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """On two cores as on one, to the last digit, in the order of the columns."""
    random = np.random.default_rng(4)
    noise = autoregression(0.9, (4_000, 3), random).repeat(15, axis=0)
    values = noise + random.standard_normal(noise.shape)
    columns = {f"x{place}": values[:, place] for place in range(3)}
    times = FIRST + np.arange(len(values)) // 15 * HOUR
    before, now, watched, block = tables(columns, times, np.arange(len(values)) % 15, cut=49_995)
    found = []
    for cores in ("1", "2"):
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", cores)
        found.append(compare(before, now, watched, block=block))

    assert len(values) > WORTH_A_THREAD
    assert found[0] == found[1]


def test_an_error_of_one_column_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever thread it is raised in."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")

    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda number: 1 / number, [1, 0, 2], size=WORTH_A_THREAD)


@pytest.mark.parametrize("moved", [0.0, 0.3, 2.0])
def test_the_distance_is_kolmogorovs_to_one_level(moved: float) -> None:
    """256 bins of equal share of the reference against all values; without time and season only the
    mean is taken out, and ranks come from 20,000 values of the reference.
    """
    random = np.random.default_rng(5)
    before, now = random.gamma(2, size=18_000), random.gamma(2, size=2_000) + moved
    (one,) = measured({"x": before}, {"x": now}, {"x": "number"})

    assert one.distance == pytest.approx(ks_2samp(before, now).statistic, abs=1 / 256)
    assert one.distance <= ks_2samp(before, now).statistic + 1e-3


def test_what_the_hour_of_the_week_explains_wholly_is_no_news() -> None:
    """What rounding leaves of such a column is not taken for its noise."""
    hours = np.arange(24 * 7 * 12)
    value = 1e6 + (hours % 168) ** 0.5
    cut = 24 * 7 * 10
    (one,) = measured({"x": value[:cut]}, {"x": value[cut:]}, {"x": "number"}, hourly=True)

    assert all(abs(part.effect) < 1e-9 for part in one.parts)
