"""What each mark of a chart says of itself."""

from __future__ import annotations

import re
from typing import Any

import altair as alt
import pandas as pd
import pytest

from pipeline.drawing import draw
from pipeline.figures import HEIGHT, WIDTH, figure
from pipeline.labels import MOST_POINTS, time_format, with_points

HOURS = pd.DataFrame(
    {
        "time": ["2024-09-23T00:00:00Z", "2024-09-23T01:00:00Z", "2024-09-23T02:00:00Z"],
        "count": [5.0, 7.25, 6.0],
    }
)
SAID = re.compile(r'<path class="said" data-said="([^"]*)" transform="translate\(([^)]*)\)"/>')


def drawn(chart: Any, data: pd.DataFrame = HOURS) -> str:
    """The SVG of a chart as pages have it."""
    return figure(chart, data, name="hours", title="Hours", words="Three hours.").svg


def line(data: pd.DataFrame = HOURS, **mark: Any) -> Any:
    return alt.Chart(data).mark_line(**mark).encode(x="time:T", y=alt.Y("count:Q", title="bikes"))


def test_every_point_of_a_line_tells_its_values() -> None:
    """With the hour, where rows are hours apart; at its place, and without ink."""
    found = SAID.findall(drawn(line()))

    assert [
        "time: 23 September 2024, 00:00; bikes: 5",
        "time: 23 September 2024, 01:00; bikes: 7.25",
        "time: 23 September 2024, 02:00; bikes: 6",
    ] == [label for label, _ in found]
    assert ["0", "340", "680"] == [place.partition(",")[0] for _, place in found]


@pytest.mark.parametrize("layered", [False, True], ids=["of the line", "in a layer"])
def test_points_that_are_drawn_tell_their_values_themselves(*, layered: bool) -> None:
    """And no label stands twice at a place."""
    chart = line() + line().mark_point() if layered else line(point=True)
    svg = drawn(chart)

    assert [] == SAID.findall(svg)
    assert 3 == len(re.findall('aria-roledescription="point"', svg))


def test_the_line_stays_the_line() -> None:
    """Its path is the one that it has by itself."""
    svg = draw(line().properties(width=WIDTH, height=HEIGHT).to_dict())
    path = re.compile(r'aria-roledescription="line mark" d="([^"]+)"')

    assert path.findall(svg) == path.findall(drawn(line()))


def test_a_chart_of_very_many_rows_is_left_alone() -> None:
    """Its drawing would weigh more than a page may."""
    spec = {"mark": "line", "datasets": {"rows": [{}] * (MOST_POINTS + 1)}}

    assert "line" == with_points(spec)["mark"]


def test_an_axis_names_the_day_before_the_month() -> None:
    """As all words of the site do."""
    days = [f"2024-02-{day:02}T00:00:00Z" for day in range(3, 10)]
    data = pd.DataFrame({"time": days, "count": range(7)})
    words = re.findall(r"<text[^>]*>([^<]*)</text>", drawn(line(data), data))

    assert "4 Feb" in words
    assert not [word for word in words if re.match(r"[A-Z][a-z]+ \d", word)]


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (["2024-09-23T07:00:00Z", "2024-09-24T00:00:00Z"], "%-d %B %Y, %H:%M"),
        (["2024-09-23 07:15"], "%-d %B %Y, %H:%M"),
        (["2024-09-23T00:00:00", "2024-09-24T00:00:00"], "%-d %B %Y"),
        (["2024-09-01", "2024-10-01"], "%B %Y"),
        (["2015-01-01T00:00:00Z"], "%Y"),
        ([], "%-d %B %Y"),
    ],
)
def test_times_are_told_as_finely_as_they_are_apart(times: list[str], told: str) -> None:
    """Year, month, day or minute."""
    assert told == time_format(times)
