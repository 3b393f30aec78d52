"""What a chart says to whoever points at it, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import pytest

from pipeline.figures import figure
from pipeline.store import project

DAYS = [f"2024-09-{day:02}T00:00:00Z" for day in range(2, 12)]
DATA = pd.DataFrame(
    {
        "day": DAYS * 2,
        "who": ["champion"] * 10 + ["baseline"] * 10,
        "error": [25.6311 + place for place in range(20)],
    }
)
PAGE = """<!doctype html><html lang="en"><title>A chart</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'self'">
<link rel="stylesheet" href="style.css"><script src="charts.js" defer></script>
<body class="embedded"><main><h1>A chart</h1><figure class="vigie-figure"><p class="title">Error</p>
<div class="chart" role="img" tabindex="0" aria-label="Error">{svg}</div>
<figcaption class="words">It grows.</figcaption></figure></main></body></html>"""


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory,
    on_loopback: Callable[[Path], AbstractContextManager[str]],
) -> Iterator[str]:
    """Two lines over ten days, on a page that lets nothing in from elsewhere or inline."""
    chart = alt.Chart(DATA).mark_line().encode(x="day:T", y="error:Q", color="who:N")
    drawn = figure(chart, DATA, name="error", title="Error", words="It grows.")
    folder = tmp_path_factory.mktemp("chart")
    for name in ("style.css", "charts.js"):
        shutil.copyfile(project.SITE / "assets" / name, folder / name)
    (folder / "index.html").write_text(PAGE.format(svg=drawn.svg))
    with on_loopback(folder) as address:
        yield f"{address}index.html"


def told(browser: Any) -> list[str]:
    """The lines that the bubble shows."""
    return [line.text for line in browser.find_elements("css selector", ".vigie-hover.shown p")]


def open_page(browser: Any, page: str, width: int = 1280) -> Any:
    """The chart of the page in a window of that width."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get(page)
    return browser.find_element("css selector", ".chart")


def point(browser: Any, mark: str) -> None:
    """Moves the mouse to the mark with that label."""
    from selenium.webdriver.common.action_chains import ActionChains

    element = browser.find_element("css selector", f'.said[data-said*="{mark}"]')
    place = browser.execute_script(
        "const m = arguments[0].getScreenCTM(); return [m.e, m.f]", element
    )
    actions = ActionChains(browser)
    actions.w3c_actions.pointer_action.move_to_location(*map(round, place))
    actions.perform()


@pytest.mark.parametrize("width", [1280, 700])
def test_pointing_at_a_line_tells_the_values_of_all_lines_there(
    browser: Any, page: str, width: int
) -> None:
    """The values of the table's rows in few digits, under what they share; gone with Escape. At
    any size of the chart."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    open_page(browser, page, width)
    point(browser, "day: 5 September 2024; error: 28")
    found = told(browser)
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()

    assert [
        "day: 5 September 2024",
        "error: 38.6, who: baseline",
        "error: 28.6, who: champion",
    ] == ([found[0], *sorted(found[1:], reverse=True)])
    assert [] == told(browser)


def test_arrow_keys_read_a_chart(browser: Any, page: str) -> None:
    """From the first day on, forwards and back; each is also said to whoever listens."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    chart = open_page(browser, page)
    ActionChains(browser).send_keys(Keys.TAB).perform()
    hint = told(browser)
    days = []
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT):
        ActionChains(browser).send_keys(key).perform()
        days.append(told(browser)[0])
    said = browser.find_element("css selector", "[role=status]").get_attribute("textContent")

    assert chart == browser.switch_to.active_element
    assert ["Arrow keys read the values, Escape ends."] == hint
    assert [f"day: {day} September 2024" for day in (2, 3, 4, 3)] == days
    assert said.startswith("day: 3 September 2024. error: ")


def test_a_chart_reads_without_the_script(browser: Any, page: str) -> None:
    """Nothing is added where JavaScript is off, and nothing is refused where it is on."""
    open_page(browser, page)
    browser.get_log("browser")
    point(browser, "day: 5 September 2024; error: 28")
    complained = browser.get_log("browser")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(page)
        added = browser.find_elements("css selector", ".vigie-hover, .vigie-ring, .vigie-spoken")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert [] == complained
    assert [] == added
