"""What each publisher answers, on loopback and in its own format, becomes typed columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from answers import (
    CARS,
    HEADER,
    KEY,
    ROWS,
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

from pipeline.errors import SourceError
from pipeline.sources.http import HttpClient
from pipeline.sources.openmeteo import OpenMeteo


def test_a_portal_is_asked_stretch_by_stretch(client: HttpClient) -> None:
    """Ranges meet without a gap or an overlap, with the columns wanted and times in UTC."""
    with publishing(hours) as publisher:
        table = fetched_hours(client, publisher.site, days=5)

    times = table["time"].to_pylist()
    assert 3 == len(publisher.asked)
    assert [START + timedelta(hours=hour) for hour in range(5 * 24)] == times
    query = publisher.asked[0].query
    assert "nom_compteur,sum_counts,date" == query["select"]
    assert ("UTC", "true", ";") == (query["timezone"], query["use_labels"], query["delimiter"])
    assert "/api/explore/v2.1/catalog/datasets/comptage/exports/csv" == publisher.asked[0].path


def test_a_stretch_without_rows_is_empty(client: HttpClient) -> None:
    with publishing(Reply(body=f"{HEADER}\r\n".encode())) as publisher:
        table = fetched_hours(client, publisher.site, days=2)

    assert 0 == table.num_rows
    assert pa.int64() == table.schema.field("count").type


def portal_error(client: HttpClient, reply: Reply) -> str:
    with publishing(reply) as publisher, pytest.raises(SourceError) as caught:
        fetched_hours(client, publisher.site, days=2)
    return str(caught.value)


def test_a_renamed_column_of_a_portal_is_told(client: HttpClient) -> None:
    """With rows and without; the address is named, not a file of ours."""
    other = HEADER.replace("Comptage horaire", "Comptages horaires")
    row = "Rue des Tilleuls;3;2026-11-01T00:00:00+00:00\r\n"
    for body in (f"{other}\r\n{row}", f"{other}\r\n"):
        told = portal_error(client, Reply(body=body.encode()))

        assert "'Comptage horaire' is missing" in told
        assert "/exports/csv?where=" in told
        assert "part" not in told


def test_a_truncated_export_is_refused(client: HttpClient) -> None:
    """A line that breaks off, although the connection ended in order."""
    body = f"{HEADER}\r\nRue des Tilleuls;3;2026-11-01T00:00:00+00:00\r\nRue des Til".encode()

    assert "truncated" in portal_error(client, Reply(body=body))


def test_hours_that_were_not_asked_for_are_refused(client: HttpClient) -> None:
    """Of the 1st of November, day and month exchanged."""
    body = f"{HEADER}\r\nRue des Tilleuls;3;2026-01-11T00:00:00+00:00\r\n".encode()

    assert "2026-01-11 00:00" in portal_error(client, Reply(body=body))


def test_a_notice_in_place_of_an_export_is_refused(client: HttpClient) -> None:
    notice = Reply(body=b"<html><title>Maintenance</title></html>", kind="text/html")

    assert "'text/html'" in portal_error(client, notice)


def series_error(client: HttpClient, *replies: Reply | Callable[[Asked], Reply]) -> str:
    with publishing(*replies) as publisher, pytest.raises(SourceError) as caught:
        fetched_series(client, publisher.site)
    assert KEY not in str(caught.value)
    return str(caught.value)


def test_the_eia_is_asked_page_by_page_up_to_its_total(client: HttpClient) -> None:
    """Sorted by the whole key, with the key of the caller; values come as texts."""
    with publishing(eia_page()) as publisher:
        table = fetched_series(client, publisher.site)

    assert ["0", "4", "8"] == [asked.query["offset"] for asked in publisher.asked]
    assert {KEY} == {asked.query["api_key"] for asked in publisher.asked}
    assert "stateId" == publisher.asked[0].query["sort[1][column]"]
    assert [place + 0.5 for place in range(10)] == table["value"].to_pylist()


def test_a_truncated_page_of_the_eia_is_refused(client: HttpClient) -> None:
    cut = eia_page(lambda response: response["data"].pop() if len(response["data"]) else None)

    assert "truncated" in series_error(client, cut)


def test_rows_that_move_between_pages_are_noticed(client: HttpClient) -> None:
    """A row that comes twice means that another was left out."""

    def again(response: dict[str, Any]) -> None:
        response["data"] = ROWS[:4]

    assert "repeats rows" in series_error(client, eia_page(), eia_page(again))


def test_a_total_that_changes_between_pages_is_noticed(client: HttpClient) -> None:
    grown = eia_page(lambda response: response.update(total="11"))

    assert "an earlier page 10" in series_error(client, eia_page(), grown)


def test_another_schema_of_the_eia_is_told(client: HttpClient) -> None:
    def renamed(response: dict[str, Any]) -> None:
        response["data"] = [
            {"period": row["period"], "state": row["stateId"], "value": row["value"]}
            for row in response["data"]
        ]

    def worded(response: dict[str, Any]) -> None:
        response["data"] = [{**row, "value": "n/a"} for row in response["data"]]

    assert "'stateId' is missing" in series_error(client, eia_page(renamed))
    assert "'n/a' in row 1" in series_error(client, eia_page(worded))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"response": {"total": "10", "data": [', "truncated"),
        (b'{"error": "Invalid frequency", "code": 400}', "Invalid frequency"),
        (b'{"error": "no such key: open sesame"}', "no such key: ***"),
        (b'{"response": {"total": "0", "data": []}}', "no rows"),
        (b'{"response": {"total": "many", "data": []}}', "'many'"),
        (b'{"request": {}}', "no 'response.data'"),
        (b"[]", "an object is expected"),
    ],
)
def test_an_answer_of_the_eia_without_a_page_is_told(
    client: HttpClient, body: bytes, told: str
) -> None:
    assert told in series_error(client, Reply(body=body, kind="application/json"))


def test_a_wrong_key_is_told_with_the_words_of_the_eia(client: HttpClient) -> None:
    refused = Reply(
        status=403,
        kind="application/json",
        body=json.dumps({"error": {"code": "API_KEY_INVALID", "message": KEY}}).encode(),
    )

    assert "API_KEY_INVALID" in series_error(client, refused)


def test_the_eea_is_asked_until_a_page_is_empty(client: HttpClient) -> None:
    with publishing(sql_page) as publisher:
        table = fetched_cars(client, publisher.site)

    assert ["1", "2", "3", "4"] == [asked.query["p"] for asked in publisher.asked]
    assert (
        "SELECT [ID] AS [id], [Mk] AS [make], [Ewltp (g/km)] AS [co2] "
        "FROM [CO2Emission].[latest].[co2cars] WHERE [Year] = 2021 ORDER BY [ID]"
        == publisher.asked[0].query["query"]
    )
    assert list(range(120, 127)) == table["co2"].to_pylist()


def test_a_page_of_the_eea_that_was_cut_is_not_taken_for_the_last(client: HttpClient) -> None:
    """A service that gives fewer rows than were asked for is found out by the page that follows."""

    def fewer(asked: Asked) -> Reply:
        start = (int(asked.query["p"]) - 1) * 2
        body = json.dumps({"results": CARS[start : start + 2]}).encode()
        return Reply(body=body, kind="application/json")

    with publishing(fewer) as publisher, pytest.raises(SourceError) as caught:
        fetched_cars(client, publisher.site)

    assert "the 1 pages before it have 2 rows where 3 were asked for" in str(caught.value)


def test_no_more_rows_of_the_eea_are_taken_than_wanted(client: HttpClient) -> None:
    with publishing(sql_page) as publisher:
        table = fetched_cars(client, publisher.site, most_rows=5)

    assert 5 == table.num_rows
    assert 2 == len(publisher.asked)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"errors": [{"error": "Invalid object name"}]}, "Invalid object name"),
        ({"results": CARS[:2] + CARS[:1]}, "in order of 'id'"),
        ({"results": CARS[:4]}, "4 rows where 3"),
        ({"results": [{"id": 1, "make": "AUDI"}]}, "'co2' is missing"),
        ({"results": [{"id": "x", "make": "AUDI", "co2": 1}]}, "no whole number in 'id'"),
        ({"results": [{"id": 1, "make": "AUDI", "co2": "12,5"}]}, "decimal comma"),
        ({}, "no 'results'"),
    ],
)
def test_an_answer_of_the_eea_that_is_no_page_is_told(
    client: HttpClient, answer: dict[str, Any], told: str
) -> None:
    reply = Reply(body=json.dumps(answer).encode(), kind="application/json")
    with publishing(reply) as publisher, pytest.raises(SourceError) as caught:
        fetched_cars(client, publisher.site)

    assert told in str(caught.value)


def fetched_weather(client: HttpClient, page: dict[str, Any]) -> pa.Table:
    reply = Reply(body=json.dumps(page).encode(), kind="application/json; charset=utf-8")
    with publishing(reply) as publisher:
        place = OpenMeteo(latitude=48.7, longitude=2.4, site=publisher.site)
        _, table = place.fetch(client, START, START + timedelta(days=1))
    assert "2026-11-01" == publisher.asked[0].query["start_date"]
    assert ("ms", "UTC") == tuple(
        publisher.asked[0].query[name] for name in ("wind_speed_unit", "timezone")
    )
    return table


def test_weather_is_read_in_utc_and_what_is_not_known_yet_is_null(client: HttpClient) -> None:
    table = fetched_weather(client, WEATHER)

    assert [START, START + timedelta(hours=1)] == table["time"].to_pylist()
    assert [8.5, None] == table["temperature"].to_pylist()
    assert [0.0, 1.2] == table["rain"].to_pylist()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"hourly_units": {**WEATHER["hourly_units"], "wind_speed_10m": "km/h"}}, "'km/h'"),
        ({"hourly": {**WEATHER["hourly"], "precipitation": [0.0]}}, "different lengths"),
        ({"hourly": {"time": []}}, "lacks 'hourly.precipitation'"),
        ({"hourly": None}, "no 'hourly'"),
    ],
)
def test_weather_in_another_unit_or_shape_is_refused(
    client: HttpClient, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(SourceError) as caught:
        fetched_weather(client, {**WEATHER, **change})

    assert told in str(caught.value)
