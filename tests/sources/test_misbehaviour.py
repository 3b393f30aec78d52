"""Every publisher's source on a server that misbehaves: it holds out, or says what was wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlencode

import pyarrow as pa
import pytest
from answers import (
    START,
    WEATHER,
    eia_page,
    fetched_cars,
    fetched_hours,
    fetched_series,
    hours,
    sql_page,
)
from publisher import Asked, Reply, publishing
from workbooks import workbook

from pipeline.case import find_case
from pipeline.cases.states.source import WORKBOOK_TYPES, EmissionFeed
from pipeline.errors import SourceError
from pipeline.sources import Request
from pipeline.sources.http import HttpClient, Patience
from pipeline.sources.openmeteo import OpenMeteo

Ask = Callable[[HttpClient, str], pa.Table]
Answer = Callable[[Asked], Reply]


@dataclass(frozen=True)
class Known:
    """How a publisher is asked, and what it answers when it behaves."""

    ask: Ask
    answer: Answer


SHEET = workbook(
    {
        "State Emissions": [
            (
                "Year",
                "State",
                "Producer Type",
                "Energy Source",
                "CO2\n(Metric Tons)",
                "SO2\n(Metric Tons)",
                "NOx\n(Metric Tons)",
            ),
            (2021, "AK", "Electric Utility", "Coal", 500_000, 1, 1),
        ]
    }
)


def portal(client: HttpClient, site: str) -> pa.Table:
    return fetched_hours(client, site, days=1)


def sheet(client: HttpClient, site: str) -> pa.Table:
    """The feed of the states has a client of its own, as patient as this one."""
    feed = EmissionFeed(
        workbook=f"{site}/emission_annual.xlsx",
        patience=replace(client.patience, first_pause=0.0),
        key=lambda: "",
    )
    schema = find_case("states").schema
    return pa.Table.from_batches(feed.fetch(Request(schema=schema)).batches, schema.arrow())


def weather(client: HttpClient, site: str) -> pa.Table:
    place = OpenMeteo(latitude=48.7, longitude=2.4, site=site)
    return place.fetch(client, START, START + timedelta(days=1))[1]


def whole_sheet(asked: Asked) -> Reply:
    return Reply(body=SHEET, kind=WORKBOOK_TYPES[0])


def whole_weather(asked: Asked) -> Reply:
    return Reply(body=json.dumps(WEATHER).encode(), kind="application/json")


PUBLISHERS = {
    "Paris": Known(portal, hours),
    "EIA workbook": Known(sheet, whole_sheet),
    "EIA API": Known(fetched_series, eia_page()),
    "EEA": Known(fetched_cars, sql_page),
    "Open-Meteo": Known(weather, whole_weather),
}


def status(code: int) -> Callable[[Known], Answer]:
    return lambda known: lambda asked: Reply(status=code)


def cut(known: Known) -> Answer:
    """The line is cut in the middle of what was announced."""

    def answer(asked: Asked) -> Reply:
        whole = known.answer(asked)
        return replace(whole, cut=len(whole.body) // 2)

    return answer


def moved(known: Known) -> Answer:
    return lambda asked: Reply(
        status=302, headers={"Location": f"{asked.path}?{urlencode(asked.query)}"}
    )


@pytest.mark.parametrize("name", list(PUBLISHERS))
@pytest.mark.parametrize(
    "trouble",
    [status(429), status(500), status(503), cut, moved],
    ids=["too many", "broken", "down", "cut", "moved"],
)
def test_trouble_that_passes_costs_an_attempt_and_no_row(
    client: HttpClient, name: str, trouble: Callable[[Known], Answer]
) -> None:
    known = PUBLISHERS[name]
    with publishing(known.answer) as publisher:
        expected = known.ask(client, publisher.site)
        usual = len(publisher.asked)

    with publishing(trouble(known), known.answer) as publisher:
        found = known.ask(client, publisher.site)

    assert expected.equals(found)
    assert usual + 1 == len(publisher.asked)


def in_place(body: bytes, kind: str) -> Callable[[Known], Answer]:
    return lambda known: lambda asked: Reply(body=body, kind=kind)


def truncated(known: Known) -> Answer:
    """Half of the body, announced as if it were all."""

    def answer(asked: Asked) -> Reply:
        whole = known.answer(asked)
        return replace(whole, body=whole.body[: len(whole.body) // 2 + 3])

    return answer


def dripping(known: Known) -> Answer:
    return lambda asked: replace(known.answer(asked), drip=0.02)


@pytest.mark.parametrize("name", list(PUBLISHERS))
@pytest.mark.parametrize(
    "trouble",
    [
        status(404),
        status(503),
        in_place(b"<html><title>Sorry</title></html>", "text/html"),
        in_place(b"<html><title>Sorry</title></html>", ""),
        in_place(b"", ""),
        truncated,
        dripping,
        lambda known: lambda asked: Reply(status=301, headers={"Location": "ftp://elsewhere"}),
    ],
    ids=["gone", "down", "notice", "undeclared", "empty", "truncated", "dripping", "moved away"],
)
def test_trouble_that_stays_is_told_with_the_address(
    client: HttpClient, name: str, trouble: Callable[[Known], Answer]
) -> None:
    """And no row is taken."""
    known = PUBLISHERS[name]
    client.patience = Patience(connect=2, read=1, whole=0.3, attempts=2, first_pause=0.0)

    with publishing(trouble(known)) as publisher, pytest.raises(SourceError) as caught:
        known.ask(client, publisher.site)

    assert publisher.site in str(caught.value)
