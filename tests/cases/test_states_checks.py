"""What the expectations of the states ask about: sums, whole years, keys that come twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline import suites
from pipeline.case import find_case
from pipeline.cases.states.checks import check_columns
from pipeline.sources import Request
from pipeline.store import project

CASE = find_case("states")
NOW = datetime(2023, 1, 1, tzinfo=UTC)
Row = tuple[str, str, str, int, float]
TOTAL, FUELS = "Total Electric Power Industry", "All Sources"


def table_of(rows: Sequence[Row], account: str = "power plants") -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["state", "producer", "fuel", "year", "co2"])
    times = pd.to_datetime(frame.pop("year").astype(str), format="%Y", utc=True).dt.as_unit("us")
    sums = (
        frame["state"].eq("US") | frame["producer"].eq(TOTAL) | frame["fuel"].eq(FUELS)
    ).to_numpy()
    return frame.assign(time=times, account=account, part=~sums)


def gaps(rows: Sequence[Row]) -> list[float]:
    return [float(gap) for gap in check_columns(table_of(rows), NOW)["total_gap"]]


def test_totals_over_fuels_producers_and_states_are_held_against_their_parts() -> None:
    found = gaps(
        [
            ("AK", "Electric Utility", "Coal", 2020, 2.0),
            ("AK", "Electric Utility", "Petroleum", 2020, 1.0),
            ("AK", "Electric Utility", FUELS, 2020, 3.5),
            ("AK", "Industrial Cogen", "Coal", 2020, 1.0),
            ("AK", TOTAL, "Coal", 2020, 3.0),
            ("TX", "Electric Utility", "Coal", 2020, 10.0),
            ("US", "Electric Utility", "Coal", 2020, 11.0),
        ]
    )

    np.testing.assert_allclose(found, [np.nan, np.nan, 0.5, np.nan, 0.0, np.nan, -1.0])


def test_a_total_without_any_part_says_nothing() -> None:
    assert np.isnan(gaps([("US", TOTAL, FUELS, 2020, 3.0)])).all()


def test_sums_of_another_account_are_not_held_against_these_parts() -> None:
    plants = table_of([("AK", "Electric Utility", "Coal", 2020, 2.0)])
    energy = table_of([("AK", "Electric Utility", FUELS, 2020, 9.0)], account="all energy")

    found = check_columns(pd.concat([plants, energy], ignore_index=True), NOW)["total_gap"]

    assert found.isna().all()


def test_the_largest_differences_are_told_in_words() -> None:
    rows: list[Row] = [("AK", "Electric Utility", "Coal", 2020, 2.0)]
    rows += [("AK", "Electric Utility", FUELS, 2020, 2.5)]

    told = check_columns(table_of(rows), NOW)["total_words"].tolist()

    assert pd.isna(told[0])
    assert "AK Electric Utility All Sources 2020: 2.500 published, 2.000 in parts" == told[1]


def test_a_year_cut_at_the_limit_of_a_page_is_told_by_its_share() -> None:
    whole: list[Row] = [
        (f"S{state}", "Electric Utility", "Coal", year, 1.0)
        for year in (2018, 2019, 2020)
        for state in range(10)
    ]
    stray: list[Row] = [("S0", "Electric Utility", "Coal", 2017, 1.0)]

    shares = check_columns(table_of([*whole, *stray]), NOW)["year_share"]

    assert [1.0] * 30 == shares[:30].tolist()
    assert pytest.approx(0.1) == shares[30]


def test_a_single_year_has_no_neighbour_to_be_held_against() -> None:
    shares = check_columns(table_of([("AK", "Electric Utility", "Coal", 2020, 1.0)]), NOW)

    assert [1.0] == shares["year_share"].tolist()


def test_keys_that_come_twice_are_told_with_the_one_that_differs_most() -> None:
    rows: list[Row] = [
        ("AK", "Electric Utility", "Coal", 2020, 1.0),
        ("AK", "Electric Utility", "Coal", 2020, 1.5),
        ("TX", "Electric Utility", "Coal", 2020, 9.0),
        ("TX", "Electric Utility", "Coal", 2020, 7.0),
        ("CA", "Electric Utility", "Coal", 2020, 3.0),
    ]

    words = check_columns(table_of(rows), NOW)["key_words"]

    assert pd.isna(words[4])
    assert {
        "2 keys have two values, most different TX Electric Utility Coal 2020: 7.000 and 9.000"
    } == set(words[:4])


def test_a_year_is_held_against_the_same_series_of_the_year_before() -> None:
    """A series that begins is no growth; sums count for nothing."""
    rows: list[Row] = [
        ("AK", "Electric Utility", "Coal", 2019, 2.0),
        ("AK", "Electric Utility", "Coal", 2020, 1.0),
        ("TX", "Electric Utility", "Coal", 2020, 50.0),
        ("AK", "Electric Utility", FUELS, 2020, 51.0),
    ]

    ratio = check_columns(table_of(rows), NOW)["year_ratio"].tolist()

    np.testing.assert_allclose(ratio, [np.nan, 0.5, 0.5, np.nan])


def test_the_order_of_the_rows_is_kept() -> None:
    rows: list[Row] = [
        ("TX", "Electric Utility", FUELS, 2020, 3.0),
        ("AK", "Electric Utility", "Coal", 2019, 2.0),
        ("TX", "Electric Utility", "Coal", 2020, 1.0),
    ]
    table = table_of(rows)
    turned = table.iloc[::-1]

    pd.testing.assert_frame_equal(
        check_columns(table, NOW).iloc[::-1], check_columns(turned, NOW), check_dtype=False
    )


def judged(table: pd.DataFrame, as_of: datetime = NOW) -> dict[str, suites.Finding]:
    verdict = suites.check(
        check_columns(table, as_of),
        project.suite("states"),
        parameters={"fresh_since": as_of - CASE.gates.fresh},
    )
    return {finding.name: finding for finding in verdict.findings}


def sample() -> pd.DataFrame:
    feed = CASE.source("sample").fetch(Request(schema=CASE.schema))
    return pa.Table.from_batches(feed.batches, CASE.schema.arrow()).to_pandas()


def test_the_sample_passes_but_for_what_was_put_in() -> None:
    """One total that is no sum, noted in words, and one value below zero."""
    found = judged(sample())

    failed = {name: finding for name, finding in found.items() if not finding.success}
    assert {"not-below-zero", "totals-are-sums"} == set(failed)
    assert 1 == failed["totals-are-sums"].unexpected
    assert "AL Total Electric Power Industry All Sources 2021" in (
        failed["totals-are-sums"].observed
    )


def test_values_in_another_unit_stop_the_case() -> None:
    table = sample()
    table["co2"] *= 1e3

    assert not judged(table)["unit-is-million-tons"].success


def test_a_year_in_another_unit_stops_the_case_and_a_sum_under_a_new_name_is_set_aside() -> None:
    """Nobody could tell such a sum from a part."""
    table = sample()
    table.loc[table["time"].dt.year == 2022, "co2"] /= 1000
    table.loc[table["fuel"] == FUELS, "fuel"] = "Sum of fuels"

    found = judged(table)

    assert not found["year-like-the-one-before"].success
    assert not found["fuel-known"].success
    assert "Sum of fuels" in found["fuel-known"].observed


@pytest.fixture(scope="module")
def real(data_folder: Path) -> dict[str, suites.Finding]:
    folder = data_folder / "states"
    if not folder.is_dir():
        pytest.skip(f"no emissions in {folder}; name the folder of the data in VIGIE_DATA")
    feed = CASE.source("files").fetch(Request(schema=CASE.schema, folder=folder))
    table = pa.Table.from_batches(feed.batches, CASE.schema.arrow())
    table = table.group_by(table.column_names, use_threads=False).aggregate([])
    return judged(table.to_pandas())


def test_the_traps_of_the_real_files_are_found(real: dict[str, suites.Finding]) -> None:
    """The cut year, the two values below zero, the silent revision, the totals that it leaves
    without their parts; no gate fails.
    """
    assert all(finding.success for finding in real.values() if finding.severity == "gate")
    assert (8, "2016") == (
        real["year-complete"].unexpected,
        real["year-complete"].observed.rpartition(" ")[2],
    )
    assert 2 == real["not-below-zero"].unexpected
    assert 206 == real["key-unique"].unexpected
    assert "103 keys have two values, most different KY" in real["key-unique"].observed
    assert "KY All sectors Petroleum 2019" in real["totals-are-sums"].observed


def test_a_part_whose_total_is_no_sum_is_told() -> None:
    """By the share that is missing there; of other parts, and where it is little, nothing is."""
    rows = [
        ("AK", "Electric Utility", "Coal", 2020, 2.0),
        ("AK", "Electric Utility", "Petroleum", 2020, 1.0),
        ("AK", "Electric Utility", FUELS, 2020, 4.0),
        ("TX", "Electric Utility", "Coal", 2020, 10.0),
        ("TX", "Electric Utility", FUELS, 2020, 10.01),
    ]

    found = check_columns(table_of(rows), NOW)["sum_gap"]

    np.testing.assert_allclose(found, [0.25, 0.25, np.nan, 0.0, np.nan])


def test_years_of_a_state_and_its_fuels_are_held_against_the_one_before() -> None:
    """Where they are large; a series that comes or goes says nothing."""
    rows = [
        ("TX", "Electric Utility", "Coal", 2019, 10.0),
        ("TX", "Electric Utility", "Coal", 2020, 5.0),
        ("TX", "Electric Utility", "Petroleum", 2019, 2.0),
        ("TX", "Electric Utility", "Petroleum", 2020, 1.0),
        ("TX", "Electric Utility", "Natural Gas", 2020, 50.0),
    ]

    found = check_columns(table_of(rows), NOW)

    np.testing.assert_allclose(found["state_ratio"], [np.nan, 0.5, np.nan, 0.5, 0.5])
    np.testing.assert_allclose(found["fuel_ratio"], [np.nan, 0.5, np.nan, np.nan, np.nan])


def test_values_that_a_year_shares_with_the_one_before_are_counted() -> None:
    """Zeros are no values to share."""
    rows = [
        (state, "Electric Utility", fuel, year, value if year == 2019 or value < 3 else value + 1)
        for year in (2019, 2020)
        for state, fuel, value in (("TX", "Coal", 1.0), ("TX", "Other", 5.0), ("AK", "Coal", 0.0))
    ]

    found = check_columns(table_of(rows), NOW)["same_share"]

    np.testing.assert_allclose(found, [np.nan] * 3 + [0.5] * 3)
