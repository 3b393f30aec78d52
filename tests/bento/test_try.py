"""The page where a model can be asked, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pictures import jpeg
from toy_service import Serving, serving

from pipeline.keys import make_key

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)

pytestmark = pytest.mark.skipif(
    not (CHROMIUM.exists() and DRIVER.exists()),
    reason="needs Debian's packages chromium and chromium-driver",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("tried")) as found:
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True},
    )
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Any, served: Serving) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(f"{served.client.base_url}/try")
    WebDriverWait(browser, 20).until(
        lambda it: it.find_elements("css selector", "#field-counter option")
    )
    return browser


def ask(page: Any, **values: str) -> str:
    """Fills in fields by their id, asks, and gives the text of the answer."""
    from selenium.webdriver.support.ui import WebDriverWait

    for name, value in values.items():
        field = page.find_element("css selector", f"#{name}")
        if field.tag_name == "input":
            field.clear()
        field.send_keys(value)
    page.execute_script("document.getElementById('answer').replaceChildren()")
    page.find_element("css selector", "button").click()
    WebDriverWait(page, 20).until(lambda it: it.find_element("id", "answer").text)
    return str(page.find_element("id", "answer").text)


def key(served: Serving, name: str) -> str:
    assert served.settings.keys is not None
    return make_key(served.settings.keys, name, ["predict"], now=datetime.now(UTC))[1]


def test_a_form_made_of_the_schema_is_answered_with_a_drawing(page: Any, served: Serving) -> None:
    """The known values are offered, the example is filled in, the interval is drawn; the page
    fits a phone and asks no other host.
    """
    offered = page.find_elements("css selector", "#field-counter option")
    assert ["north", "south"] == [option.text for option in offered]

    text = ask(page, key=key(served, "phone"))

    assert "bicycles/h" in text
    assert "SIMULATED DATA" in text
    drawing = page.find_element("css selector", "#answer svg")
    assert "interval from" in drawing.get_attribute("aria-label")
    assert 360 >= page.execute_script("return document.documentElement.scrollWidth")
    assert [] == [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
    asked = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    hosts = {
        message["params"]["request"]["url"].split("/")[2]
        for message in asked
        if message["method"] == "Network.requestWillBeSent"
        and message["params"]["request"]["url"].startswith("http")
    }
    assert {served.client.base_url.netloc.decode()} == hosts


def test_the_command_beside_the_form_asks_the_same(page: Any, served: Serving) -> None:
    """It holds the record and the address, and never the key."""
    secret = key(served, "command")
    ask(page, key=secret)

    command = page.find_element("id", "curl").text

    assert f"{served.client.base_url}/v1/toy/predict" in command
    assert '{"records":[{"counter":' in command
    assert "$VIGIE_KEY" in command
    assert secret not in command


def test_a_field_that_does_not_fit_is_marked(page: Any, served: Serving) -> None:
    """The problem is told in words, and the field is marked for everybody."""
    text = ask(page, key=key(served, "wrong"), **{"field-rain": "much"})

    assert "rain" in text
    field = page.find_element("id", "field-rain")
    assert "true" == field.get_attribute("aria-invalid")


PICTURES = """
const field = {type: "string", contentEncoding: "base64"};
spec.components.schemas.ToyRecord.properties = {picture: field};
delete spec.paths["/v1/toy/predict"].post.requestBody.content["application/json"].example;
window.fetch = async (address, asked) => {
  window.asked = [...asked.body.entries()].map(([name, part]) => [name, part.name || part]);
  return {ok: false, json: async () => ({detail: "That was sent."})};
};
showCase();
"""


def test_a_picture_is_chosen_shown_and_sent_as_a_form(
    page: Any, served: Serving, tmp_path: Path
) -> None:
    """Where records hold a file there is an upload; the command beside it sends the same file."""
    from selenium.webdriver.support.ui import Select

    picture = tmp_path / "rose.jpg"
    picture.write_bytes(jpeg())
    page.execute_script(PICTURES)
    page.find_element("id", "field-picture").send_keys(str(picture))
    Select(page.find_element("id", "interval")).select_by_visible_text("90 %")

    text = ask(page)

    assert "That was sent." in text
    assert [["picture", "rose.jpg"], ["interval", "0.9"]] == page.execute_script("return asked")
    command = page.find_element("id", "curl").text
    assert "-F 'picture=@rose.jpg'" in command
    assert "-F interval=0.9" in command
    preview = page.find_element("css selector", ".preview")
    assert page.execute_script("return arguments[0].naturalWidth", preview)
    assert 360 >= page.execute_script("return document.documentElement.scrollWidth")


def test_without_a_key_the_page_says_what_is_needed(page: Any) -> None:
    assert "needs a key" in ask(page)


def test_a_service_that_is_open_asks_for_no_key(page: Any) -> None:
    """As its document says: one way in asks for nothing."""
    asked = page.find_element("id", "key").is_displayed()
    page.execute_script('spec.paths["/v1/toy/predict"].post.security = [{}]; showCase();')

    assert asked
    assert not page.find_element("id", "key").is_displayed()
