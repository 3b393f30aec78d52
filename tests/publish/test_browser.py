"""Every page in a real browser: wide and narrow, with and without JavaScript, light and dark."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.publish import Published

LEAST_CONTRAST = 4.5
CONTRAST = """
const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
const light = c => [0, 1, 2].map(i => c[i] / 255)
  .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = element => {
  for (let e = element; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
};
return [...document.body.querySelectorAll("*")]
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
  .filter(e => e.getClientRects().length && !e.closest("svg"))
  .map(e => {
    const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.className, e.textContent.trim()];
  }).filter(found => found[0] < arguments[0]);
"""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A site on loopback."""

    address: str
    pages: tuple[str, ...]
    """Relative to the address."""


@pytest.fixture(scope="module", params=["embedded", "quarto"])
def served(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    make_home: Callable[[Path], Any],
    publish_home: Callable[..., Published],
    on_loopback: Callable[[Path], AbstractContextManager[str]],
) -> Iterator[Served]:
    """Three cases, a live one, a simulated one and a stopped one, by each renderer."""
    if request.param == "quarto" and shutil.which("quarto") is None:
        pytest.skip("needs Quarto on the path")
    folder = tmp_path_factory.mktemp(request.param)
    home = make_home(folder / "home")
    for case, source in (("trams", "live"), ("bikes", "sample"), ("cars", "files")):
        home.source = source
        home.run(case)
    home.run(
        "cars", "3", notebooks=("1-ingest", "2-validate"), outcome="stopped", stopped="validate"
    )
    root = publish_home(
        home, folder / "public", renderer=request.param, every=timedelta(days=1)
    ).output
    pages = tuple(sorted(str(path.relative_to(root)) for path in root.rglob("*.html")))
    with on_loopback(root) as address:
        yield Served(address=address, pages=pages)


def set_screen(browser: Any, width: int, scheme: str = "light") -> None:
    """A window of that width in CSS pixels, and the reader's wish for light or dark."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )


def test_no_page_scrolls_sideways_or_complains(browser: Any, served: Served) -> None:
    """On a phone's width, folds open, no page is wider than the screen; nothing is logged, and
    nothing is asked of another host."""
    set_screen(browser, 360)
    browser.get_log("browser")
    browser.get_log("performance")
    wide = []
    for page in served.pages:
        browser.get(served.address + page)
        width = browser.execute_script(
            "document.querySelectorAll('details').forEach(fold => fold.open = true);"
            "return document.documentElement.scrollWidth;"
        )
        if width > 360:
            wide.append((page, width))
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    foreign = {
        message["params"]["request"]["url"]
        for message in asked
        if message["method"] == "Network.requestWillBeSent"
        and not message["params"]["request"]["url"].startswith((served.address, "data:"))
    }

    assert wide == []
    assert browser.get_log("browser") == []
    assert foreign == set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out(browser: Any, served: Served, scheme: str) -> None:
    """All text has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3), in light and in dark."""
    set_screen(browser, 1280, scheme)
    faint = []
    for page in served.pages:
        browser.get(served.address + page)
        browser.execute_script(
            "document.querySelectorAll('details').forEach(fold => fold.open = true)"
        )
        faint += [(page, found) for found in browser.execute_script(CONTRAST, LEAST_CONTRAST)]

    assert faint == []


@pytest.mark.parametrize("served", ["embedded"], indirect=True)
def test_pages_read_without_javascript(browser: Any, served: Served) -> None:
    """Without JavaScript the words, the menu and the folds are there, and no dead button."""
    set_screen(browser, 360)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(served.address + "index.html")
        text = browser.find_element("css selector", "main").text
        button = browser.find_element("css selector", "button.theme")
        entry = browser.find_element("css selector", "header nav a[href='method.html']")

        assert "Failing" in text
        assert "until 9 September 2021" in text
        assert "next run due 11 September 2021, 06:05" in text
        assert not button.is_displayed()
        assert entry.is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("served", ["embedded"], indirect=True)
def test_a_reader_chooses_the_theme(browser: Any, served: Served) -> None:
    """The button turns the page dark, and the next page is dark from the start."""
    set_screen(browser, 1280)
    browser.get(served.address + "index.html")
    background = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(background)
    browser.find_element("css selector", "button.theme").click()
    dark = browser.execute_script(background)
    browser.get(served.address + "method.html")

    assert light == "rgb(255, 255, 255)"
    assert dark != light
    assert dark == browser.execute_script(background)
    assert "Light theme" == browser.find_element("css selector", "button.theme").text
    browser.execute_script("localStorage.clear()")


def test_the_age_of_live_data_is_told(browser: Any, served: Served) -> None:
    """A live feed whose newest row is years old is called very late; files have no age."""
    set_screen(browser, 1280)
    browser.get(served.address + "index.html")
    ages = [found.text for found in browser.find_elements("css selector", ".vigie-age")]

    assert len(ages) == 1
    assert "Very late" in ages[0]
    assert "days old" in ages[0]


@pytest.mark.parametrize(
    ("opened", "bikes", "summary"),
    [
        ("2021-09-11T06:00:00Z", "Watch", ""),
        ("2021-09-11T08:30:00Z", "Watch", ""),
        ("2021-09-13T00:00:00Z", "Watch", "3 of 3 cases are out of date"),
        ("2021-09-30T00:00:00Z", "Out of date", "3 of 3 cases are out of date"),
    ],
    ids=["before the next run", "a little late", "a day late", "schedule has died"],
)
def test_a_dead_schedule_can_not_look_well(
    browser: Any, served: Served, opened: str, bikes: str, summary: str
) -> None:
    """The page judges its own age when it is opened: in words, with another mark and colour, in
    the table and on the card. Runs ended on 10 September, 06:05, and are due every day."""
    set_screen(browser, 1280)
    clock = browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {"source": f"Date.now = () => Date.parse({opened!r})"},
    )
    browser.get(served.address + "index.html")
    badges = [
        found.text
        for found in browser.find_elements("css selector", "[data-case=bikes] .vigie-badge")
    ]
    told = browser.find_element("css selector", ".vigie-late-summary").text
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", clock)

    assert [bikes, bikes] == badges
    assert summary in told
    assert bool(summary) == bool(told)


@pytest.mark.parametrize("served", ["embedded"], indirect=True)
def test_the_skip_link_leads_to_the_content(browser: Any, served: Served) -> None:
    """The first stop of the keyboard is a visible link past the navigation."""
    from selenium.webdriver.common.keys import Keys

    set_screen(browser, 1280)
    browser.get(served.address + "index.html")
    browser.find_element("css selector", "body").send_keys(Keys.TAB)
    focused = browser.switch_to.active_element

    assert focused.get_attribute("href").endswith("#content")
    assert focused.rect["x"] >= 0
