"""The states' emissions from files and live: two accounts in one unit, sums marked as such."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from publisher import Asked, Publisher, Reply, publishing
from workbooks import Cell, workbook

from pipeline.case import find_case
from pipeline.cases.states.source import EmissionFeed, EmissionFiles
from pipeline.cases.states.tables import SERIES, UNIT
from pipeline.errors import SourceError
from pipeline.sources import Request
from pipeline.sources.http import Patience

SCHEMA = find_case("states").schema
HEADER = ("Year", "State", "Producer Type", "Energy Source", "CO2\n(Metric Tons)")
PLANTS: Sequence[Sequence[Cell]] = (
    HEADER,
    (2021, "AK", "Electric Utility", "Coal", 824004),
    (2021, "AK", "Electric Utility", "All Sources", 824004),
    (2021, "AK", "Total Electric Power Industry", "Coal", 824004),
    (2021, "US-TOTAL", "Electric Utility", "Coal", 824004),
    (2022, "AK", "Electric Utility", "Coal", 812000.5),
)
API_HEADER = "period,sectorId,sector-name,fuelId,fuel-name,stateId,state-name,value,value-units"
BOOK = workbook({"State Emissions": PLANTS, "NOTES": [["a note"]]})


def page_rows(count: int = 3) -> list[dict[str, Any]]:
    fuels = ("CO", "NG", "PE")
    return [
        {
            "period": 2020 + place // 3,
            "sectorId": "EC",
            "sector-name": "Electric Power carbon dioxide emissions",
            "fuelId": fuels[place % 3],
            "fuel-name": "a fuel",
            "stateId": "WV",
            "state-name": "West Virginia",
            "value": f"{place}.5",
            "value-units": UNIT,
        }
        for place in range(count)
    ]


def as_csv(rows: list[dict[str, Any]]) -> str:
    lines = [",".join(str(value) for value in row.values()) for row in rows]
    return "\n".join([API_HEADER, *lines]) + "\n"


def fetch(folder: Path, as_of: datetime | None = None) -> pa.Table:
    feed = EmissionFiles().fetch(Request(schema=SCHEMA, folder=folder, as_of=as_of))
    return pa.Table.from_batches(feed.batches, SCHEMA.arrow())


def refusal(folder: Path | None) -> str:
    with pytest.raises(SourceError) as caught:
        EmissionFiles().fetch(Request(schema=SCHEMA, folder=folder))
    return str(caught.value)


def rows_of(table: pa.Table, **wanted: Any) -> list[dict[str, Any]]:
    return [
        row
        for row in table.to_pylist()
        if all(row[name] == value for name, value in wanted.items())
    ]


def test_metric_tons_become_million_metric_tons(tmp_path: Path) -> None:
    (tmp_path / "emission_annual.xlsx").write_bytes(BOOK)

    (row,) = rows_of(fetch(tmp_path), time=datetime(2022, 1, 1, tzinfo=UTC))

    assert pytest.approx(0.8120005) == row["co2"]
    assert "power plants" == row["account"]


def test_sums_are_kept_and_are_no_parts(tmp_path: Path) -> None:
    """Over fuels, over producers and over states; the nation has one name in both accounts."""
    (tmp_path / "emission_annual.xlsx").write_bytes(BOOK)
    (tmp_path / "page.csv").write_text(as_csv(page_rows()))
    table = fetch(tmp_path)

    assert 5 + 3 == table.num_rows
    assert [("AK", "Electric Utility", "Coal")] * 2 == [
        (row["state"], row["producer"], row["fuel"]) for row in rows_of(table, part=True)
    ]
    assert 1 == len(rows_of(table, state="US"))


def test_a_page_of_the_api_reads_the_same_as_csv_and_as_json(tmp_path: Path) -> None:
    """Codes become words; nothing of this account is a part."""
    for name, content in (
        ("csv", as_csv(page_rows())),
        ("json", json.dumps({"response": {"total": "9000", "data": page_rows()}})),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"page.{name}").write_text(content)

    one, other = fetch(tmp_path / "csv"), fetch(tmp_path / "json")

    assert one.equals(other)
    assert ["Coal", "Natural Gas", "Petroleum"] == one["fuel"].to_pylist()
    assert {"Electric power sector"} == set(one["producer"].to_pylist())
    assert {"all energy"} == set(one["account"].to_pylist())
    assert not pc.any(one["part"]).as_py()
    assert [0.5, 1.5, 2.5] == one["co2"].to_pylist()


def test_what_two_files_both_hold_is_kept_twice(tmp_path: Path) -> None:
    """Which of them is right is not for the source to say."""
    (tmp_path / "old.csv").write_text(as_csv(page_rows()))
    (tmp_path / "new.csv").write_text(as_csv(page_rows()))

    assert 6 == fetch(tmp_path).num_rows


def test_nothing_newer_than_asked_for_is_offered(tmp_path: Path) -> None:
    (tmp_path / "emission_annual.xlsx").write_bytes(BOOK)

    table = fetch(tmp_path, as_of=datetime(2022, 1, 1, tzinfo=UTC))

    assert datetime(2021, 1, 1, tzinfo=UTC) == pc.max(table["time"]).as_py()


def test_another_unit_is_refused(tmp_path: Path) -> None:
    """In a page it is a column, in the workbook a part of the header."""
    rows = [{**row, "value-units": "metric tons of CO2"} for row in page_rows()]
    (tmp_path / "page.csv").write_text(as_csv(rows))
    assert "'metric tons of CO2'" in refusal(tmp_path)

    (tmp_path / "page.csv").unlink()
    (tmp_path / "page.json").write_text(json.dumps({"response": {"data": rows}}))
    assert "'metric tons of CO2'" in refusal(tmp_path)

    (tmp_path / "page.json").unlink()
    other = [(*HEADER[:4], "CO2 (Million Metric Tons)"), *PLANTS[1:]]
    (tmp_path / "a.xlsx").write_bytes(workbook({"State Emissions": other}))
    assert "'CO2 (Metric Tons)' is missing" in refusal(tmp_path)


def test_a_folder_without_emissions_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")

    assert "'notes.txt'" in refusal(tmp_path)
    assert "--data" in refusal(None)


def test_a_year_that_no_calendar_has_is_kept_without_a_time(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(
        workbook({"State Emissions": [*PLANTS, (0, "AK", "Electric Utility", "Coal", 1.0)]})
    )

    assert 1 == fetch(tmp_path)["time"].null_count


Answer = Callable[[Asked], Reply]


def publisher_of(rows: list[dict[str, Any]]) -> Answer:
    """The workbook with its ETag, and pages of the API."""

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith(".xlsx"):
            if asked.headers.get("if-none-match") == '"2022"':
                return Reply(status=304)
            kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
            return Reply(body=BOOK, kind=kind, headers={"ETag": '"2022"'})
        start, length = int(asked.query["offset"]), int(asked.query["length"])
        page = {"response": {"total": str(len(rows)), "data": rows[start : start + length]}}
        return Reply(body=json.dumps(page).encode(), kind="application/json")

    return answer


def live(publisher: Publisher, key: str = "") -> EmissionFeed:
    return EmissionFeed(
        workbook=f"{publisher.site}/electricity/data/state/emission_annual.xlsx",
        series=replace(SERIES, site=publisher.site, page=4),
        patience=Patience(read=2, attempts=1),
        key=lambda: key,
    )


def fetch_live(feed: EmissionFeed, cache: Path) -> tuple[pa.Table, list[str]]:
    found = feed.fetch(
        Request(schema=SCHEMA, as_of=datetime(2026, 11, 21, tzinfo=UTC), cache=cache)
    )
    table = pa.Table.from_batches(found.batches, SCHEMA.arrow())
    return table, [part.name for part in found.parts]


def test_without_a_key_only_the_workbook_is_asked_for(tmp_path: Path) -> None:
    with publishing(publisher_of(page_rows())) as publisher:
        table, _ = fetch_live(live(publisher), tmp_path)

    assert 1 == len(publisher.asked)
    assert 5 == table.num_rows


def test_with_a_key_all_pages_come_too_and_the_key_stays_untold(tmp_path: Path) -> None:
    with publishing(publisher_of(page_rows(9))) as publisher:
        table, names = fetch_live(live(publisher, key="open sesame"), tmp_path)

    assert 5 + 9 == table.num_rows
    assert "/v2/co2-emissions/co2-emissions-aggregates/data/" == publisher.asked[1].path
    assert 4 == len(names)
    assert "sesame" not in " ".join(names)


def test_an_unchanged_workbook_is_not_sent_again(tmp_path: Path) -> None:
    with publishing(publisher_of([])) as publisher:
        first, _ = fetch_live(live(publisher), tmp_path)
        second, _ = fetch_live(live(publisher), tmp_path)

    assert '"2022"' == publisher.asked[1].headers["if-none-match"]
    assert first.equals(second)


def test_a_workbook_that_changed_its_columns_is_told_by_its_address(tmp_path: Path) -> None:
    other = workbook({"State Emissions": [("Year", "State"), (2021, "AK")]})
    with publishing(Reply(body=other, kind="")) as publisher, pytest.raises(SourceError) as caught:
        fetch_live(live(publisher), tmp_path)

    assert "emission_annual.xlsx" in str(caught.value)
    assert "'Energy Source' is missing" in str(caught.value)


@pytest.fixture(scope="module")
def real(data_folder: Path) -> pa.Table:
    folder = data_folder / "states"
    if not folder.is_dir():
        pytest.skip(f"no emissions in {folder}; name the folder of the data in VIGIE_DATA")
    return fetch(folder)


def test_the_real_files_are_read_whole(real: pa.Table) -> None:
    """Workbook, first page and the later pull: 47,674, 5,000 and 200 rows."""
    assert 47_674 + 5_000 + 200 == real.num_rows
    assert 26_343 == pc.sum(real["part"]).as_py()
    assert {"power plants": 47_674, "all energy": 5_200} == {
        entry["values"]: entry["counts"] for entry in pc.value_counts(real["account"]).to_pylist()
    }


def test_both_accounts_of_the_real_files_are_in_one_unit(real: pa.Table) -> None:
    """What the power sector of the nation emits is about the same in both."""
    year = datetime(2019, 1, 1, tzinfo=UTC)
    (plants,) = rows_of(
        real,
        state="US",
        producer="Total Electric Power Industry",
        fuel="All Sources",
        time=year,
    )
    (energy,) = rows_of(
        real, state="US", producer="Electric power sector", fuel="All Fuels", time=year
    )

    assert pytest.approx(1_700, rel=0.05) == plants["co2"]
    assert pytest.approx(plants["co2"], rel=0.1) == energy["co2"]
