"""The live cars: pages of the agency's database become the same rows as its CSV files."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from publisher import Asked, Publisher, Reply, publishing

from pipeline.case import find_case
from pipeline.cases.vehicles.live import NEWEST, VehicleFeed
from pipeline.cases.vehicles.source import FIELDS
from pipeline.errors import SourceError
from pipeline.sources import Request
from pipeline.sources.http import Patience

SCHEMA = find_case("vehicles").schema
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def car(number: int, **changes: Any) -> dict[str, Any]:
    """A row as the database answers: names as asked for, numbers as numbers, the rest missing."""
    row: dict[str, Any] = dict.fromkeys(each.name for each in FIELDS)
    return (
        row
        | {
            "id": 50 * number,
            "registered": "2025-03-04",
            "country": "FR",
            "make": "Renault ",
            "model": "CLIO",
            "type_approval": "e2*2007/46*0684*09",
            "type": "RJA",
            "variant": "A",
            "version": "B",
            "fuel": "petrol",
            "fuel_mode": "M",
            "mass": 1178,
            "capacity": 999,
            "power": 67,
            "wheelbase": 2583,
            "co2": 118,
        }
        | changes
    )


def database(rows: list[dict[str, Any]]) -> Any:
    def answer(asked: Asked) -> Reply:
        length = int(asked.query["nrOfHits"])
        start = (int(asked.query["p"]) - 1) * length
        body = json.dumps({"results": rows[start : start + length]}).encode()
        return Reply(body=body, kind="application/json")

    return answer


def feed(publisher: Publisher) -> VehicleFeed:
    return VehicleFeed(
        table=replace(NEWEST, site=publisher.site, page=2),
        patience=Patience(read=2, attempts=1),
    )


def fetch(publisher: Publisher) -> pa.Table:
    found = feed(publisher).fetch(Request(schema=SCHEMA, as_of=NOW))
    return pa.Table.from_batches(found.batches, SCHEMA.arrow())


def test_a_part_of_a_year_is_asked_for_page_by_page() -> None:
    """Spread evenly over the year's rows, each column by the name that the database has."""
    with publishing(database([car(number) for number in range(1, 6)])) as publisher:
        table = fetch(publisher)

    query = publisher.asked[0].query["query"]
    assert "WHERE [Year] = 2025 AND [ID] % 50 = 0 ORDER BY [ID]" in query
    assert "[Dr] AS [registered], [MS] AS [country]" in query
    assert ["1", "2", "3", "4"] == [asked.query["p"] for asked in publisher.asked]
    assert [50, 100, 150, 200, 250] == table["id"].to_pylist()


def test_rows_are_brought_into_shape_as_those_of_files_are() -> None:
    with publishing(database([car(1)])) as publisher:
        (row,) = fetch(publisher).to_pylist()

    assert datetime(2025, 3, 4, tzinfo=UTC) == row["registered"]
    assert ("RENAULT", "PETROL", "E2*2007/46*0684") == (row["make"], row["fuel"], row["approval"])
    assert 118.0 == row["co2"]


def test_a_table_that_is_gone_is_told_with_the_agencys_words() -> None:
    gone = Reply(body=b'{"errors": [{"error": "Invalid object name"}]}', kind="application/json")
    with publishing(gone) as publisher, pytest.raises(SourceError, match="Invalid object name"):
        fetch(publisher)


def test_a_year_without_rows_is_told() -> None:
    with (
        publishing(database([])) as publisher,
        pytest.raises(SourceError, match="has no row of 2025"),
    ):
        fetch(publisher)


def test_another_table_is_asked_where_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its year is in its name; the note says which table it was."""
    monkeypatch.setenv("EEA_TABLE", "co2cars_2026Pv34")

    with publishing(database([car(1)])) as publisher:
        fetch(publisher)
        note = feed(publisher).note

    query = publisher.asked[0].query["query"]
    assert "FROM [CO2Emission].[latest].[co2cars_2026Pv34] WHERE [Year] = 2026 " in query
    assert "co2cars_2026Pv34" in note


@pytest.mark.parametrize("named", ["co2cars", "co2cars_2026]; DROP TABLE x", "[co2cars_2026]"])
def test_a_name_that_is_no_table_is_refused_before_anything_is_asked(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what such a name looks like."""
    monkeypatch.setenv("EEA_TABLE", named)

    with (
        publishing(database([car(1)])) as publisher,
        pytest.raises(SourceError, match=r"EEA_TABLE is .* such as EEA_TABLE=co2cars_2025Pv31"),
    ):
        fetch(publisher)

    assert [] == publisher.asked


def test_a_table_that_is_gone_is_told_with_its_remedy() -> None:
    """What to set, and where to find it."""
    gone = Reply(body=b'{"errors": [{"error": "Invalid object name"}]}', kind="application/json")
    with (
        publishing(gone) as publisher,
        pytest.raises(SourceError, match=r"set EEA_TABLE, such as"),
    ):
        fetch(publisher)


def test_a_page_of_another_kind_is_refused() -> None:
    """A web page in place of JSON is none of the agency's answers."""
    page = Reply(body=b"<html>Service unavailable</html>", kind="text/html")
    with publishing(page) as publisher, pytest.raises(SourceError, match="text/html"):
        fetch(publisher)
