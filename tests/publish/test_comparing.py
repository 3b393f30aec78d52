"""Two runs side by side on the page of the later one."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.publish import Published, words

Publish = Callable[..., Published]
START = datetime(2021, 9, 1, 22, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> {{< meta title >}}"
SAME = ["the same", "the same"]


def lines(path: Path) -> dict[str, list[str]]:
    """The cells of the table by the name of the line."""
    page = path.read_text()
    if 'id="compared"' not in page:
        return {}
    section = page[page.index('id="compared"') :]
    rows = re.findall(r"<tr>(.*?)</tr>", section[: section.index("</table>")])
    cells = [
        [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in rows
    ]
    return {row[0]: row[1:] for row in cells}


def three_runs(home: Any) -> None:
    """The first promotes; the others hold. The third has a higher error and another parameter."""
    home.run(run_id="a", as_of=START)
    home.run(run_id="b", as_of=START + timedelta(days=1), champion_run="a")
    home.scores = {"rmse": 30.0}
    home.run(run_id="c", as_of=START + timedelta(days=2), champion_run="a")
    path = home.store.run_folder("bikes", "c") / "promote" / "record.json"
    path.write_text(path.read_text().replace('"alpha": 0.1', '"alpha": 0.2'))


def test_a_run_stands_beside_the_one_before_and_the_champions(
    home: Any, published: Publish
) -> None:
    """Data, scores and decision of each as its records hold them, and whether they agree."""
    three_runs(home)
    found = lines(published().output / "bikes" / "runs" / "c.html")

    assert ["This run", "The run before", "Trained the champion: a"] == found[""]
    assert [
        f"RMSE {words.quantity(value, 'bikes/h')}" for value in (30.0, 25.6311, 25.6311)
    ] == found["Error of the champion"]
    assert ["version 7, 1,234,555 rows", *SAME] == found["Observations"]
    assert [f"{day} September 2021, 22:00 UTC" for day in (3, 2, 1)] == found["As of"]
    assert ["temperature", *SAME] == found["Columns with an alarm"]


def test_parameters_are_listed_where_they_differ(home: Any, published: Publish) -> None:
    """Those that agree are not."""
    three_runs(home)
    found = lines(published().output / "bikes" / "runs" / "c.html")

    assert ["0.2", "0.1", "0.1"] == found["Parameter alpha of 5-evaluate"]
    assert ["Parameter alpha of 5-evaluate"] == [name for name in found if "Parameter" in name]


def test_the_champions_run_is_named_once(home: Any, published: Publish) -> None:
    """Not when it is the run before; and a first run stands beside nothing."""
    three_runs(home)
    runs = published().output / "bikes" / "runs"

    assert ["This run", "The run before"] == lines(runs / "b.html")[""]
    assert {} == lines(runs / "a.html")


def test_a_run_that_came_to_nothing_has_gaps(home: Any, published: Publish) -> None:
    """What it did not do is a dash, never a zero."""
    home.run(run_id="a", as_of=START)
    home.run(run_id="b", as_of=START + timedelta(days=1), notebooks=("1-ingest",), outcome="failed")
    found = lines(published().output / "bikes" / "runs" / "b.html")

    assert "\N{EN DASH}" == found["Error of the champion"][0]
    assert "\N{EN DASH}" == found["In quarantine"][0]
    assert ["Failed", "Watch"] == found["Outcome"]


def test_names_from_data_are_text(home: Any, published: Publish) -> None:
    """A column called like a script or a shortcode."""
    home.alarms = (HOSTILE,)
    home.run(run_id="a", as_of=START)
    home.run(run_id="b", as_of=START + timedelta(days=1))
    output = published().output

    for page in ("runs/b", "drift"):
        text = (output / "bikes" / f"{page}.html").read_text()
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &#123;&#123;&lt; meta title" in text
