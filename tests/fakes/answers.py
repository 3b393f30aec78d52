"""What publishers answer in their own formats, and how each of them is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from publisher import Asked, Reply

from pipeline.sources.delimited import CsvFormat
from pipeline.sources.discodata import DiscodataTable
from pipeline.sources.eia import EiaSeries
from pipeline.sources.http import HttpClient
from pipeline.sources.opendatasoft import OpendatasoftExport
from pipeline.sources.values import INTEGER, NUMBER, TEXT, ZONED_TIME, Field

HEADER = "Nom du compteur;Comptage horaire;Date et heure de comptage"


START = datetime(2026, 11, 1, tzinfo=UTC)


KEY = "open sesame"


def export(site: str) -> OpendatasoftExport:
    return OpendatasoftExport(
        site=site,
        dataset="comptage",
        form=CsvFormat(
            title="bicycle counts",
            delimiter=";",
            fields=(
                Field(header="Nom du compteur", name="counter", kind=TEXT),
                Field(header="Comptage horaire", name="count", kind=INTEGER),
                Field(header="Date et heure de comptage", name="time", kind=ZONED_TIME),
            ),
        ),
        select=("nom_compteur", "sum_counts", "date"),
        time="date",
    )


def hours(asked: Asked) -> Reply:
    """The portal: a row for every hour of the range that `where` asks for."""
    since, until = (
        datetime.fromisoformat(found)
        for found in re.findall(r"date'([^']*)'", asked.query["where"])
    )
    lines = [HEADER]
    while since < until:
        lines.append(f"Rue des Tilleuls;3;{since:%Y-%m-%dT%H:%M:%S+00:00}")
        since += timedelta(hours=1)
    return Reply(body=("\ufeff" + "\r\n".join(lines) + "\r\n").encode())


def fetched_hours(client: HttpClient, site: str, days: int) -> pa.Table:
    found = export(site).fetch(client, START, START + timedelta(days=days), timedelta(days=2))
    return pa.concat_tables([table for _, table in found])


SERIES_FIELDS = (
    Field(header="period", name="year", kind=INTEGER),
    Field(header="stateId", name="state", kind=TEXT),
    Field(header="value", name="value", kind=NUMBER),
)


ROWS = [
    {"period": 2019 + place // 4, "stateId": f"S{place % 4}", "value": f"{place}.5"}
    for place in range(10)
]


def series(site: str) -> EiaSeries:
    return EiaSeries(
        route="co2-emissions/co2-emissions-aggregates",
        title="CO2 by state",
        fields=SERIES_FIELDS,
        key=("period", "stateId"),
        site=site,
        page=4,
    )


def eia_page(
    change: Callable[[dict[str, Any]], None] = lambda page: None,
) -> Callable[[Asked], Reply]:
    def page(asked: Asked) -> Reply:
        start, length = int(asked.query["offset"]), int(asked.query["length"])
        found = {
            "response": {
                "total": str(len(ROWS)),
                "frequency": "annual",
                "data": ROWS[start : start + length],
            },
            "apiVersion": "2.1.7",
        }
        change(found["response"])  # type: ignore[arg-type]
        return Reply(body=json.dumps(found).encode(), kind="application/json")

    return page


def fetched_series(client: HttpClient, site: str) -> pa.Table:
    return pa.concat_tables([table for _, table in series(site).fetch(client, KEY)])


CARS = [{"id": 10 + place, "make": "AUDI", "co2": 120 + place} for place in range(7)]


def cars(site: str) -> DiscodataTable:
    return DiscodataTable(
        table="[CO2Emission].[latest].[co2cars]",
        title="new cars",
        fields=(
            Field(header="ID", name="id", kind=INTEGER),
            Field(header="Mk", name="make", kind=TEXT),
            Field(header="Ewltp (g/km)", name="co2", kind=NUMBER),
        ),
        site=site,
        page=3,
    )


def sql_page(asked: Asked) -> Reply:
    start = (int(asked.query["p"]) - 1) * int(asked.query["nrOfHits"])
    rows = CARS[start : start + int(asked.query["nrOfHits"])]
    return Reply(body=json.dumps({"results": rows}).encode(), kind="application/json")


def fetched_cars(client: HttpClient, site: str, most_rows: int = 100) -> pa.Table:
    found = cars(site).fetch(client, "[Year] = 2021", most_rows=most_rows)
    return pa.concat_tables([table for _, table in found])


WEATHER = {
    "hourly_units": {
        "time": "iso8601",
        "temperature_2m": "°C",
        "precipitation": "mm",
        "wind_speed_10m": "m/s",
    },
    "hourly": {
        "time": ["2026-11-01T00:00", "2026-11-01T01:00"],
        "temperature_2m": [8.5, None],
        "precipitation": [0.0, 1.2],
        "wind_speed_10m": [3.0, 4.0],
    },
}
