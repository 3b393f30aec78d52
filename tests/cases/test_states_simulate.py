"""The simulated emissions: totals beside their parts, and the shift that the note tells of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.case import find_case
from pipeline.cases.states.checks import check_columns
from pipeline.cases.states.simulate import EmissionSimulator
from pipeline.errors import CaseError
from pipeline.sources import Request

SCHEMA = find_case("states").schema
SIMULATOR = EmissionSimulator()


def rows_of(simulator: EmissionSimulator) -> pd.DataFrame:
    feed = simulator.fetch(Request(schema=SCHEMA))
    return pa.Table.from_batches(feed.batches, SCHEMA.arrow()).to_pandas()


def by_year(rows: pd.DataFrame, fuel: str) -> pd.Series:
    parts = rows[rows["part"] & (rows["fuel"] == fuel)]
    return parts.groupby(parts["time"].dt.year)["co2"].sum()


def test_every_total_but_one_is_the_sum_of_its_parts() -> None:
    gap = check_columns(rows_of(SIMULATOR), None)["total_gap"].dropna()  # type: ignore[arg-type]

    assert [SIMULATOR.wrong_total] == gap[gap.abs() > 0.001].round(3).tolist()
    assert len(gap) > 1000


def test_coal_closes_down_and_gas_takes_its_place_as_the_note_says() -> None:
    """Beside what would have happened without the shift."""
    none = replace(SIMULATOR, shift_coal=1.0, shift_gas=1.0)
    for fuel, factor in (
        ("Coal", SIMULATOR.shift_coal),
        ("Natural Gas", SIMULATOR.shift_gas),
    ):
        ratio = by_year(rows_of(SIMULATOR), fuel) / by_year(rows_of(none), fuel)

        np.testing.assert_allclose(1.0, ratio.loc[:2019])
        np.testing.assert_allclose([factor, factor**2, factor**3], ratio.loc[2020:], rtol=1e-5)
        assert f"{100 * (factor - 1):+.0f} %" in SIMULATOR.note
    assert "2020" in SIMULATOR.note


def test_one_value_is_below_zero() -> None:
    assert 1 == (rows_of(SIMULATOR)["co2"] < 0).sum()


def test_a_shift_outside_the_years_is_refused() -> None:
    with pytest.raises(CaseError, match="2030"):
        EmissionSimulator(shift_year=2030)
