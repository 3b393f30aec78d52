"""Trends over HTTP: pages that join up, the same in CSV as in JSON."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest

TRENDS = "/v1/toy/trends"
BY_DAY = {"by": "counter", "bucket": "day", "aggregate": ["mean", "count"]}


def asked(client: httpx.Client, **parameters: Any) -> dict[str, Any]:
    answer = client.get(TRENDS, params=parameters)
    assert 200 == answer.status_code, answer.text
    found: dict[str, Any] = answer.json()
    assert str(found["total"]) == answer.headers["x-total-count"]
    return found


def test_observations_are_summed_up_by_group(client: httpx.Client) -> None:
    """Over seven whole days the southern counter's mean is its base and the mean of the hours."""
    found = asked(client, by="counter")

    rows = {row["counter"]: row for row in found["rows"]}
    assert {"north", "south"} == set(rows)
    assert {"counter": "south", "mean": pytest.approx(60.0 + 11.5), "count": 7 * 24} == rows[
        "south"
    ]
    assert ("toy", "count", "bicycles/h", True) == tuple(
        found[name] for name in ("case", "column", "unit", "simulated")
    )


def test_pages_join_up_to_the_whole(client: httpx.Client) -> None:
    """No row is left out or told twice, whatever the size of a page."""
    whole = asked(client, **BY_DAY)
    pages = [
        asked(client, **BY_DAY, limit=3, offset=offset) for offset in range(0, whole["total"], 3)
    ]

    assert len(whole["rows"]) == whole["total"] > 3
    assert whole["rows"] == [row for page in pages for row in page["rows"]]
    assert [] == asked(client, **BY_DAY, limit=3, offset=whole["total"])["rows"]


def test_a_filter_keeps_the_rows_that_fit(client: httpx.Client) -> None:
    """Several together must all fit."""
    one = asked(client, by="counter", where=["counter = south", "count >= 70"], aggregate="min")
    none = asked(client, by="counter", where="counter = nowhere")

    assert [{"counter": "south", "min": 70.0}] == one["rows"]
    assert [] == none["rows"]


@pytest.mark.parametrize(
    ("more", "headers"), [({"format": "csv"}, {}), ({}, {"accept": "text/csv"})]
)
def test_csv_holds_the_same_rows(
    client: httpx.Client, more: dict[str, str], headers: dict[str, str]
) -> None:
    """By parameter or by header; the total is in a header."""
    answer = client.get(TRENDS, params={**BY_DAY, **more}, headers=headers)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    expected = asked(client, **BY_DAY)

    assert "text/csv; charset=utf-8" == answer.headers["content-type"]
    assert str(expected["total"]) == answer.headers["x-total-count"]
    assert [(row["counter"], float(row["mean"]), int(row["count"])) for row in rows] == [
        (row["counter"], pytest.approx(row["mean"]), row["count"]) for row in expected["rows"]
    ]
