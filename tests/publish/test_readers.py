"""What a reader meets on every page, and how far a stranger must go to find something."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.publish import Published
from pipeline.publish.captions import Caption

AXE = "axe-core@4.10.3"
HOSTILE = "<script>alert(1)</script> {{< meta title >}} **`x`** عربي " + "Donaudampfschiff" * 12
OPEN_FOLDS = "document.querySelectorAll('details').forEach(fold => fold.open = true);"
BROKEN_PICTURES = (
    "return [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
)
LINKS = (
    "return [...document.querySelectorAll('[href], [src]')]"
    ".map(e => e.href || e.src).filter(a => typeof a === 'string')"
)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
JUDGE = """
const [only, done] = arguments;
axe.run(document, {runOnly: only, resultTypes: ["violations"]}).then(found => done(
  found.violations.map(one => [one.id, one.help, one.nodes.slice(0, 3).map(node => node.html)])));
"""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A site on loopback."""

    address: str
    folder: Path
    pages: tuple[str, ...]
    kinds: tuple[str, ...]
    """One page of each kind, and all that have text of others on them."""


@pytest.fixture(scope="module", params=["embedded", "quarto"])
def site_of_all(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    make_home: Callable[[Path], Any],
    publish_home: Callable[..., Published],
    on_loopback: Callable[[Path], AbstractContextManager[str]],
) -> Iterator[Site]:
    """A case that is well, one that a gate stopped, one whose texts mean harm, and an empty one."""
    if request.param == "quarto" and shutil.which("quarto") is None:
        pytest.skip("needs Quarto on the path")
    folder = tmp_path_factory.mktemp(request.param)
    home = make_home(folder / "home")
    home.source = "sample"
    home.run("bikes")
    home.source = "files"
    home.sentence = {"validate": "Only 12 rows are left of 10,000."}
    home.run("cars")
    home.run(
        "cars", "3", notebooks=("1-ingest", "2-validate"), outcome="stopped", stopped="validate"
    )
    home.sentence = {"run": HOSTILE}
    home.run("empty", notebooks=(), outcome="failed", failed="1-ingest")
    steps = ("ingest", "validate", "drift", "decide", "train", "evaluate", "promote", "headline")
    home.sentence = dict.fromkeys(steps, HOSTILE)
    home.alarms = (HOSTILE,)
    home.run("hostile")
    made = publish_home(home, folder / "public", renderer=request.param, captions=_caption)
    pages = tuple(
        sorted(str(path.relative_to(made.output)) for path in made.output.rglob("*.html"))
    )
    kinds = tuple(page for page in pages if not page.startswith(("bikes/", "cars/")))
    with on_loopback(made.output) as address:
        yield Site(address=address, folder=made.output, pages=pages, kinds=kinds)


def _caption(name: str) -> Caption:
    if name == "hostile":
        return Caption(title=HOSTILE, question=HOSTILE, introduction="", unit="{{< x >}}/h")
    return Caption(title=f"{name.capitalize()} of Paris", unit=f"{name}/h")


@pytest.fixture(scope="module")
def axe() -> str:
    """The rules of axe-core as a script, by npm's own client into the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "vigie-tests" / AXE
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    npm = shutil.which("npm")
    if not script.is_file():
        if npm is None:
            pytest.skip(f"needs npm, to get {AXE}")
        folder.mkdir(parents=True, exist_ok=True)
        asked = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", AXE]
        try:
            subprocess.run(asked, cwd=folder, check=True, capture_output=True, timeout=60)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            pytest.skip(f"npm could not get {AXE}")
    return script.read_text(encoding="utf-8")


def look(browser: Any, width: int, scheme: str = "light", *, scripts: bool = True) -> None:
    """A window of that width in CSS pixels, the reader's wish, and whether scripts run."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})


def test_every_page_is_whole(browser: Any, site_of_all: Site) -> None:
    """On a telephone, folds open: nothing is wider than the screen, no picture is missing, no link
    of the site leads nowhere, nothing is asked of another host, and the console is silent."""
    look(browser, 360)
    for log in ("browser", "performance"):
        browser.get_log(log)
    wide, broken, links = [], [], set()
    for page in site_of_all.pages:
        browser.get(site_of_all.address + page)
        width = browser.execute_script(f"{OPEN_FOLDS} return document.documentElement.scrollWidth")
        wide += [(page, width)] if width > 360 else []
        broken += [(page, found) for found in browser.execute_script(BROKEN_PICTURES)]
        links |= {(page, found) for found in browser.execute_script(LINKS)}
    lost = [found for found in sorted(links) if _leads_nowhere(site_of_all, found[1])]

    assert [] == wide
    assert [] == broken
    assert [] == lost
    assert set() == _foreign(browser, site_of_all.address)
    assert [] == browser.get_log("browser")


def _leads_nowhere(site: Site, link: str) -> bool:
    if not link.startswith(site.address):
        return False
    from urllib.parse import unquote

    path = unquote(link.removeprefix(site.address).partition("#")[0].partition("?")[0])
    # A folder's page is served by the folder's name; Quarto links to it so.
    if not path or path.endswith("/"):
        path += "index.html"
    return not (site.folder / path).is_file()


def _foreign(browser: Any, address: str) -> set[str]:
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = (
        message["params"]["request"]["url"]
        for message in asked
        if message["method"] == "Network.requestWillBeSent"
    )
    return {url for url in urls if not url.startswith((address, "data:", "chrome"))}


def test_every_page_reads_at_twice_the_size(browser: Any, site_of_all: Site) -> None:
    """With letters twice as large, nothing is cut off sideways, and nothing lies over the words."""
    look(browser, 1280)
    wide = []
    for page in site_of_all.kinds:
        browser.get(site_of_all.address + page)
        browser.execute_script("document.documentElement.style.fontSize = '200%'")
        width = browser.execute_script(f"{OPEN_FOLDS} return document.documentElement.scrollWidth")
        wide += [(page, width)] if width > 1280 else []

    assert [] == wide


def test_every_page_reads_without_javascript(browser: Any, site_of_all: Site) -> None:
    """The words are there, and no control that would do nothing."""
    try:
        look(browser, 1280, scripts=False)
        silent, dead = [], []
        for page in site_of_all.kinds:
            browser.get(site_of_all.address + page)
            text = browser.find_element("css selector", "main").text
            controls = browser.find_elements("css selector", "main button, main input, .theme")
            silent += [page] if len(text) < 40 else []
            dead += [(page, found.tag_name) for found in controls if found.is_displayed()]
    finally:
        look(browser, 1280)

    assert [] == silent
    assert [] == dead


@pytest.mark.parametrize(
    ("scheme", "only"),
    [
        ("light", {"type": "tag", "values": WCAG}),
        ("dark", {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}),
    ],
    ids=["light", "dark"],
)
def test_no_page_breaks_a_rule_of_wcag(
    browser: Any, site_of_all: Site, axe: str, scheme: str, only: dict[str, Any]
) -> None:
    """axe-core finds nothing against WCAG 2.2 A and AA; in the dark only colours are others."""
    look(browser, 1280, scheme)
    found = []
    for page in site_of_all.kinds:
        browser.get(site_of_all.address + page)
        browser.execute_script(OPEN_FOLDS + axe)
        found += [(page, *one) for one in browser.execute_async_script(JUDGE, only)]

    assert [] == found


def test_text_that_means_harm_is_shown_as_text(browser: Any, site_of_all: Site) -> None:
    """As title, question, sentence, name of a column and error, in full; no script of it runs."""
    look(browser, 1280)
    browser.get(site_of_all.address + "index.html")
    shown = browser.find_element("css selector", "main").text
    browser.get(site_of_all.address + "hostile/index.html")

    assert HOSTILE in shown
    assert HOSTILE in browser.find_element("css selector", "h1").text
    assert browser.title.startswith(HOSTILE)


def go(browser: Any, site: Site, *clicks: str) -> str:
    """From the first page by those clicks, each a CSS selector; gives the words that are seen."""
    look(browser, 1280)
    browser.get(site.address + "index.html")
    for selector in clicks:
        browser.find_element("css selector", selector).click()
    return str(browser.find_element("css selector", "main").text)


CARS = "article[data-case=cars] .vigie-pages"


@pytest.mark.parametrize(
    ("clicks", "found"),
    [
        ((), "Only 12 rows are left of 10,000."),
        ((f"{CARS} a[href*='cars/runs/']", "tbody a[href*='a1b2']"), "38.9"),
        (
            (f"{CARS} a[href$='cars/training.html']", ".vigie-cell:has(figure) summary"),
            "view.figure",
        ),
        (
            (f"{CARS} a[href$='cars/training.html']", ".vigie-parameters summary"),
            "vigie run cars --source files",
        ),
    ],
    ids=["why it fails", "last decision's numbers", "notebook's code", "command to repeat"],
)
def test_a_stranger_finds_it_in_two_clicks(
    browser: Any, site_of_all: Site, clicks: tuple[str, ...], found: str
) -> None:
    """From the first page on."""
    assert len(clicks) <= 2
    assert found in go(browser, site_of_all, *clicks)


def test_a_stranger_finds_the_data_in_two_clicks(browser: Any, site_of_all: Site) -> None:
    """The second click is on the CSV file itself."""
    go(browser, site_of_all, f"{CARS} a[href$='cars/data.html']")
    link = browser.find_element("css selector", ".vigie-files a[href$='.csv']")
    path = str(link.get_attribute("href")).removeprefix(site_of_all.address)

    assert link.is_displayed()
    assert "," in (site_of_all.folder / path).read_text()


def test_a_stranger_searches(browser: Any, site_of_all: Site) -> None:
    """By words of a page, with or without accents; marked where they stand; text stays text."""
    go(
        browser,
        site_of_all,
        ".site-header nav a[href='search.html'], .navbar a[href$='search.html']",
    )
    words = browser.find_element("css selector", "#search-words")
    words.send_keys("cars quarantine")
    results = browser.find_elements("css selector", ".vigie-results > li > a:first-child")
    addresses = [found.get_attribute("href") for found in results]
    words.clear()
    words.send_keys("alert(1)")
    harm = browser.find_element("css selector", ".vigie-results").text
    words.clear()
    words.send_keys("zebra crossing")
    nothing = browser.find_element("css selector", ".vigie-found").text

    assert any("cars/" in address for address in addresses)
    assert "<script>alert(1)</script>" in harm
    assert "No page has all of these words." == nothing


def test_a_searchs_address_can_be_passed_on(browser: Any, site_of_all: Site) -> None:
    """It looks for the words that it brings, and found headings lead to their places."""
    look(browser, 1280)
    browser.get(site_of_all.address + "search.html?q=what+drift+found")
    links = browser.find_elements("css selector", ".vigie-results a[href*='#']")

    words = browser.find_element("css selector", "#search-words").get_attribute("value")

    assert "what drift found" == words
    assert any(
        link.get_attribute("href").endswith("bikes/drift.html#what-drift-found") for link in links
    )
