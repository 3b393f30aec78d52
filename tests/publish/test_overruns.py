"""The newest runs side by side: drift as a heat map, arrivals and expectations."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.publish import Published
from pipeline.publish.overruns import MOST

Publish = Callable[..., Published]
START = datetime(2021, 9, 1, 22, tzinfo=UTC)


def runs(home: Any, number: int) -> None:
    """A run a day; only the last one has an alarm."""
    for place in range(number):
        home.alarms = ("temperature",) if place == number - 1 else ()
        home.run(run_id=f"run-{place:02d}", as_of=START + timedelta(days=place))


def table(page: str, title: str) -> list[list[str]]:
    """The cells' text of the table in the section with that heading."""
    section = page[page.index(f">{title}</h2>") :]
    rows = re.findall(r"<tr>(.*?)</tr>", section[: section.index("</table>")], re.DOTALL)
    return [
        [re.sub(r"<[^>]*>", " ", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in rows
    ]


def test_drift_is_shown_over_the_runs_in_words(home: Any, published: Publish) -> None:
    """Columns x runs, the newest first; an alarm is a word, not a colour alone."""
    runs(home, 3)
    output = published().output
    found = table((output / "bikes" / "drift.html").read_text(), "Drift over the runs")

    assert ["newest first", "3 Sep 2021", "2 Sep 2021", "1 Sep 2021"] == found[0]
    assert ["count", "+0.80", "+0.80", "+0.80"] == found[1]
    assert [
        "temperature",
        "+0.80 alarm",
        "\N{EN DASH}",
        "\N{EN DASH}",
    ] == [" ".join(cell.split()) for cell in found[3]]


def test_a_table_of_runs_is_bounded_and_the_file_has_more(home: Any, published: Publish) -> None:
    """So many runs side by side at most; the rest is said, and is in the CSV."""
    runs(home, MOST + 2)
    output = published().output
    page = (output / "bikes" / "drift.html").read_text()
    text = (output / "bikes" / "files" / "drift_over_runs.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))

    assert 1 + MOST == len(table(page, "Drift over the runs")[0])
    assert "2 earlier runs are in the file." in page
    assert [f"run-{place:02d}" for place in range(MOST + 2)] == sorted({row["run"] for row in rows})
    assert "0.8" == rows[0]["effect"]


def test_expectations_are_shown_as_pass_rates(home: Any, published: Publish) -> None:
    """The share of rows that passed; and what arrived, run by run."""
    runs(home, 2)
    page = (published().output / "bikes" / "data.html").read_text()

    assert ["count in range", "&gt; 99.9%", "&gt; 99.9%"] == table(
        page, "Expectations over the runs"
    )[1]
    assert "1,234,555" in table(page, "What arrived, run by run")[1]
    assert "3" == table(page, "What arrived, run by run")[1][-1]


@pytest.mark.parametrize("page", ["drift", "data"])
def test_a_first_run_has_nothing_beside_it(home: Any, published: Publish, page: str) -> None:
    """A table of one run would say nothing that the page does not."""
    runs(home, 1)

    assert "over_runs" not in (published().output / "bikes" / f"{page}.html").read_text()
