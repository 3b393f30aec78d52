from __future__ import annotations

import io
import json
import re
from xml.etree import ElementTree as ET

import altair as alt
import pandas as pd
import pytest

from pipeline.drawing import draw
from pipeline.figures import HEIGHT, INK, SERIES, WIDTH, Figure, figure

NASTY = "<script>alert(1)</script>"
DATA = pd.DataFrame({"step": [1, 2, 3], "level": [0.5, 1.25, 3.0], "who": ["a", "b", NASTY]})


def drawn(name: str = "levels", data: pd.DataFrame = DATA, height: int = HEIGHT) -> Figure:
    chart = alt.Chart(data).mark_line(clip=True, point=True)
    chart = chart.encode(x="step:Q", y="level:Q", color="who:N")
    return figure(chart, data, name=name, title="Levels", words="Levels rise.", height=height)


def test_a_chart_is_an_svg_of_the_same_width_everywhere() -> None:
    """The picture is XML that a page can hold, as wide as the others and as high as asked for."""
    root = ET.fromstring(drawn(height=111).svg)

    assert "{http://www.w3.org/2000/svg}svg" == root.tag
    assert f"h{WIDTH}v111" in drawn(height=111).svg


def test_colours_are_variables_of_the_page_with_a_fallback() -> None:
    """A page in the dark sets its own colours; a picture taken out of it has ours."""
    svg = drawn().svg

    assert f'"var(--series-1, {SERIES[0]})"' in svg
    assert f'"var(--ink, {INK})"' in svg
    assert not re.findall(r'(?:fill|stroke)="#', svg)


def test_the_data_behind_a_chart_come_with_it() -> None:
    """The CSV holds the table, whole and exact, whatever is in its cells."""
    found = drawn()

    pd.testing.assert_frame_equal(DATA, pd.read_csv(io.StringIO(found.csv)))
    assert ("levels", "Levels", "Levels rise.", 3) == (
        found.name,
        found.title,
        found.alt,
        found.rows,
    )


def test_how_a_chart_was_drawn_comes_with_it() -> None:
    """The Vega-Lite specification draws the same picture again, and says what it shows."""
    found = drawn()
    spec = json.loads(found.spec)
    again = draw(spec)

    assert "Levels rise." == spec["description"]
    assert "vega-lite" in spec["$schema"]
    assert re.findall(r' d="([^"]+)"', found.svg) == re.findall(r' d="([^"]+)"', again)


def test_a_name_that_looks_like_a_script_is_text() -> None:
    """What a publisher calls a series is escaped wherever the picture shows it."""
    svg = drawn().svg

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in svg
    assert "<script" not in svg


@pytest.mark.parametrize("name", ["clip1", f'a "{INK}"', f'fill: "{SERIES[0]}"'])
def test_a_name_is_shown_as_it_is(name: str) -> None:
    """Words that look like the picture's own code are left alone."""
    svg = drawn(data=DATA.assign(who=name)).svg

    texts = {text.text for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert name in texts


def test_two_charts_on_a_page_do_not_share_their_clips() -> None:
    """Clip paths are called by the chart's name, and every use finds its own."""
    first, second = (
        (set(re.findall(r'id="([^"]+)"', svg)), set(re.findall(r"url\(#([^)]+)\)", svg)))
        for svg in (drawn("levels").svg, drawn("depths").svg)
    )

    assert first[0] == first[1] != set()
    assert second[0] == second[1]
    assert not first[0] & second[0]


def test_the_same_table_gives_the_same_picture() -> None:
    """Two drawings of one chart are equal to the letter."""
    one, other = drawn(), drawn()

    assert one == other
    assert one.svg == other.svg
