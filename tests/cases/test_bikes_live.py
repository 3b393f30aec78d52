"""The live bikes: counts and weather from their publishers, asked for by range of time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from publisher import Asked, Publisher, Reply, publishing

from pipeline.case import find_case
from pipeline.cases.bikes.live import COUNTS, ORLY, CounterFeed
from pipeline.errors import SourceError
from pipeline.options import IngestOptions
from pipeline.sources import Request
from pipeline.sources.http import Patience
from pipeline.steps.ingest import ingest
from pipeline.steps.run import Run
from pipeline.store import Store

SCHEMA = find_case("bikes").schema
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
HEADER = "Nom du compteur;Comptage horaire;Date et heure de comptage;Coordonnées géographiques"
ARCHIVE_LAG = timedelta(days=2)


def answer(asked: Asked) -> Reply:
    return weather(asked) if asked.path == "/v1/archive" else counts(asked)


def counts(asked: Asked) -> Reply:
    """One counter with a row an hour, up to three hours before now."""
    since, until = (
        datetime.fromisoformat(found)
        for found in re.findall(r"date'([^']*)'", asked.query["where"])
    )
    lines, until = [HEADER], min(until, NOW - timedelta(hours=3))
    while since < until:
        lines.append(f"Rue des Tilleuls;{since.hour};{since:%Y-%m-%dT%H:%M:%S+00:00};48.85, 2.35")
        since += timedelta(hours=1)
    return Reply(body=("\r\n".join(lines) + "\r\n").encode())


def weather(asked: Asked) -> Reply:
    """Degrees are the hour, rain is that of the hour before; the newest days are unknown."""
    start = datetime.fromisoformat(asked.query["start_date"]).replace(tzinfo=UTC)
    end = datetime.fromisoformat(asked.query["end_date"]).replace(tzinfo=UTC)
    times = [start + timedelta(hours=hour) for hour in range(24 * ((end - start).days + 1))]
    known = [time < NOW - ARCHIVE_LAG for time in times]
    hourly = {
        "time": [f"{time:%Y-%m-%dT%H:%M}" for time in times],
        "temperature_2m": [
            float(time.hour) if there else None for time, there in zip(times, known, strict=True)
        ],
        "precipitation": [
            float(time.hour) if there else None for time, there in zip(times, known, strict=True)
        ],
        "wind_speed_10m": [2.5 if there else None for there in known],
    }
    units = {
        "time": "iso8601",
        "temperature_2m": "°C",
        "precipitation": "mm",
        "wind_speed_10m": "m/s",
    }
    body = json.dumps({"hourly_units": units, "hourly": hourly}).encode()
    return Reply(body=body, kind="application/json")


def feed(publisher: Publisher) -> CounterFeed:
    return CounterFeed(
        counts=replace(COUNTS, site=publisher.site),
        weather=replace(ORLY, site=publisher.site),
        patience=Patience(read=2, attempts=1),
        longest=timedelta(days=20),
    )


def fetch(publisher: Publisher, since: datetime | None = None) -> pa.Table:
    request = Request(schema=SCHEMA, as_of=NOW, since=since)
    return pa.Table.from_batches(feed(publisher).fetch(request).batches, SCHEMA.arrow())


def test_the_first_request_takes_the_whole_range() -> None:
    with publishing(answer) as publisher:
        table = fetch(publisher)

    start = (NOW - timedelta(days=20)).replace(minute=0)
    assert start == pc.min(table["time"]).as_py()
    assert 20 * 24 - 2 == table.num_rows
    assert ([48.85], [2.35]) == (
        table["latitude"].unique().to_pylist(),
        table["longitude"].unique().to_pylist(),
    )


def test_later_requests_take_what_is_new_and_the_week_before_it() -> None:
    held = NOW.replace(minute=0) - timedelta(days=1)
    with publishing(answer) as publisher:
        table = fetch(publisher, since=held)

    assert held - timedelta(days=7) == pc.min(table["time"]).as_py()


def test_the_weather_is_that_of_the_hour() -> None:
    """Temperature at its start; rain of the hour itself, which the archive tells at its end; what
    the archive doesn't have yet is null.
    """
    with publishing(answer) as publisher:
        table = fetch(publisher)
    times = table["time"].to_pylist()
    noon = times.index(NOW.replace(hour=12, minute=0) - timedelta(days=6))

    row = table.slice(noon, 1).to_pylist()[0]
    assert (12.0, 13.0, 2.5) == (row["temperature"], row["rain"], row["wind"])
    assert table["rain"][table.num_rows - 1].as_py() is None


def test_an_error_of_a_publisher_is_passed_on() -> None:
    with (
        publishing(lambda asked: Reply(status=503)) as publisher,
        pytest.raises(SourceError) as caught,
    ):
        fetch(publisher)

    assert caught.value.transient


def test_a_second_ingest_brings_in_only_new_hours(tmp_path: Path) -> None:
    """Through the step, as a scheduled run does: what was there is found unchanged."""
    with publishing(answer) as publisher:
        case = replace(find_case("bikes"), sources={"live": feed(publisher)})
        runs = [
            Run(
                case=case,
                store=Store.at(tmp_path),
                settings=IngestOptions(case="bikes", source="live", home=str(tmp_path)),
                run_id=f"run{number}",
                by_hand=False,
                now=lambda: NOW,
            )
            for number in (1, 2)
        ]
        first, second = (
            ingest(run, IngestOptions(case="bikes", source="live", home=str(tmp_path))).record
            for run in runs
        )

    assert (20 * 24 - 2, 0) == (first.inserted, second.inserted)
    assert second.unchanged == second.read == 7 * 24 + 1
    assert not list((tmp_path / "cache" / "bikes").iterdir())
