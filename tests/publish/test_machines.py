"""What programs read: files that keep to their published schemas, and a feed that is valid Atom."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from pipeline.publish import Published, words

Publish = Callable[..., Published]
Read = Callable[[Path], Any]
ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
ADDRESS = "https://example.org/vigie"
HOSTILE = "<script>alert(1)</script> {{< meta x >}} \x1b[31mred\x00 \u202eleft " + "long" * 400


@pytest.fixture
def eventful(home: Any) -> Any:
    """Three runs a day apart: drift begins, the second one's error is higher, the last is stopped;
    and a case whose sentences are hostile."""
    start = datetime(2021, 9, 9, 22, tzinfo=UTC)
    home.alarms = ()
    home.sentence["promote"] = "The first one serves."
    home.run(run_id="a", as_of=start)
    home.alarms = ("temperature",)
    home.scores = {"rmse": 27.0, "r2": 0.9}
    home.sentence["promote"] = "It holds."
    home.run(run_id="b", as_of=start + timedelta(days=1), champion_run="a")
    home.sentence["validate"] = "Too few rows."
    home.run(
        run_id="c",
        as_of=start + timedelta(days=2),
        notebooks=("1-ingest", "2-validate"),
        outcome="stopped",
        stopped="validate",
    )
    home.sentence = dict.fromkeys(("headline", "promote", "decide", "run"), HOSTILE)
    home.run("odd", "d")
    return home


def entries(output: Path) -> list[dict[str, str]]:
    """The feed as a reader takes it in."""
    root = ET.parse(output / "feed.xml").getroot()
    return [
        {child.tag.removeprefix(ATOM): child.text or "" for child in entry}
        | {"href": entry.find(f"{ATOM}link").get("href")}
        | {"kind": entry.find(f"{ATOM}category").get("term")}
        for entry in root.iter(f"{ATOM}entry")
    ]


@pytest.mark.parametrize(
    ("pattern", "name"), [("status.json", "status"), ("cases/*/history.json", "history")]
)
def test_files_keep_to_their_published_schemas(
    eventful: Any, published: Publish, pattern: str, name: str
) -> None:
    """Every file is valid by the schema beside it, and a file with another field is not."""
    output = published().output
    schema = json.loads((output / "schemas" / f"{name}.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    files = sorted(output.glob(pattern))

    assert files
    jsonschema.Draft202012Validator.check_schema(schema)
    for file in files:
        held = json.loads(file.read_text())
        validator.validate(held)
        assert not validator.is_valid(held | {"another": 1})


def test_every_field_of_the_files_is_documented(
    eventful: Any, published: Publish, read: Read
) -> None:
    """The page for programs names every field that any file holds, each with what it means."""
    output = published().output
    text = (output / "machines.html").read_text()
    named = set(re.findall(r'<th scope="row"><code>(\w+)</code>', text))
    held = [json.loads((output / "status.json").read_text())]
    held += [json.loads(file.read_text()) for file in output.glob("cases/*/history.json")]
    meanings = re.findall(r'<td class="words">(.*?)</td>', text)

    assert _names(held) <= named
    assert all(meanings)


def _names(held: Any) -> set[str]:
    if isinstance(held, dict):
        return set(held).union(*map(_names, held.values()))
    return set().union(*map(_names, held)) if isinstance(held, list) else set()


def test_a_history_has_the_numbers_of_the_records(eventful: Any, published: Publish) -> None:
    """Run by run, oldest first."""
    found = json.loads((published().output / "cases" / "bikes" / "history.json").read_text())

    assert ("bikes", "bikes/h", "bikes/h", 3) == (
        found["case"],
        found["unit"],
        found["metric_unit"],
        found["runs_in_all"],
    )
    assert [("a", 25.6311), ("b", 27.0), ("c", None)] == [
        (run["run_id"], run["metric"] and run["metric"]["value"]) for run in found["runs"]
    ]
    assert ["watch", "failing"] == [run["health"] for run in found["runs"][1:]]


def test_the_feed_tells_decisions_alarms_and_failures(eventful: Any, published: Publish) -> None:
    """Newest first, each with its sentence and a link to the page of its run."""
    output = published().output
    found = [one for one in entries(output) if "/odd/" not in f"/{one['href']}"]

    assert [
        ("Bikes of Paris: stopped by a gate", "failure", "bikes/runs/c.html"),
        ("Bikes of Paris: drift in temperature", "alarm", "bikes/runs/b.html"),
        ("Bikes of Paris: promote", "decision", "bikes/runs/b.html"),
        ("Bikes of Paris: promote", "decision", "bikes/runs/a.html"),
    ] == [
        (one["title"], one["kind"], one["href"])
        for one in sorted(found, key=lambda one: (one["updated"], one["kind"] == "alarm"))[::-1]
    ]
    assert "Too few rows." == found[0]["summary"]
    assert "1 of 3 watched columns have an alarm. It moved." in {one["summary"] for one in found}
    assert (
        "Step decide did its work. It holds. RMSE of the champion: 27\N{NO-BREAK SPACE}bikes/h; "
        "of the baseline: 38.9\N{NO-BREAK SPACE}bikes/h." in {one["summary"] for one in found}
    )
    for one in entries(output):
        assert (output / unquote(one["href"])).is_file()


def test_the_feed_is_valid_atom(eventful: Any, published: Publish) -> None:
    """What RFC 4287 demands of a feed and its entries: one id, title and updated each, an author,
    ids that are absolute and unique, times with their zone."""
    output = published(address=ADDRESS).output
    root = ET.parse(output / "feed.xml").getroot()
    places = [root, *root.iter(f"{ATOM}entry")]
    ids = [place.findtext(f"{ATOM}id") for place in places]

    assert f"{ATOM}feed" == root.tag
    for name in ("id", "title", "updated"):
        assert [1] * len(places) == [len(place.findall(f"{ATOM}{name}")) for place in places]
    assert root.findtext(f"{ATOM}author/{ATOM}name")
    assert len(ids) == len(set(ids))
    assert f"{ADDRESS}/feed.xml" == ids[0]
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", name or "") for name in ids[1:])
    for place in places:
        assert datetime.fromisoformat(place.findtext(f"{ATOM}updated") or "").tzinfo
    assert f"{ADDRESS}/feed.xml" == root.find(f"{ATOM}link[@rel='self']").get("href")
    assert all(one["href"].startswith(f"{ADDRESS}/") for one in entries(output))


def test_an_entry_keeps_its_id_for_ever(eventful: Any, published: Publish) -> None:
    """A later publish with another run, another address and other words adds entries, and changes
    the id of none."""
    before = {(one["href"], one["kind"]): one["id"] for one in entries(published().output)}
    eventful.sentence = {}
    eventful.run(run_id="e", as_of=datetime(2021, 9, 20, tzinfo=UTC))
    output = published(address=f"{ADDRESS}/").output
    after = {
        (one["href"].removeprefix(f"{ADDRESS}/"), one["kind"]): one["id"] for one in entries(output)
    }

    assert before.items() < after.items()


def test_the_feed_tells_why_a_model_was_trained_too(home: Any, published: Publish) -> None:
    """Both decisions of a run are one entry: to train, and who serves."""
    home.alarms = ()
    home.sentence |= {"decide": "Retrain: no model serves yet.", "promote": "Promote it."}
    home.run(run_id="a")

    (told,) = entries(published().output)
    assert told["summary"].startswith("Retrain: no model serves yet. Promote it. RMSE of the")


def test_a_decision_that_was_taken_over_is_told_once(home: Any, published: Publish) -> None:
    """A run in which nothing was decided anew makes no entry."""
    home.alarms = ()
    home.run(run_id="a")
    home.run(run_id="b", notebooks=("1-ingest",), as_of=datetime(2021, 9, 12, tzinfo=UTC))
    whole = home.store.run_record("bikes", "b")
    taken_over = dict.fromkeys(("3-drift", "5-evaluate", "6-report"), "a")
    home.store.write_run(whole.model_copy(update={"reused": taken_over}))

    assert ["bikes/runs/a.html"] == [one["href"] for one in entries(published().output)]


def test_hostile_sentences_are_text_in_every_file(eventful: Any, published: Publish) -> None:
    """Markup stays text, and signs that XML can't hold are replaced: every file can be read."""
    output = published().output
    (one,) = [
        one
        for one in entries(output)
        if one["href"].startswith("odd/") and one["kind"] == "decision"
    ]
    badge = ET.parse(output / "cases" / "odd" / "badge.svg").getroot()

    assert "<script>alert(1)</script> {{< meta x >}}" in one["summary"]
    assert "\ufffd[31mred\ufffd" in one["summary"]
    assert not [part for part in badge.iter() if part.tag.endswith("script")]
    assert json.loads((output / "status.json").read_text())["cases"][1]["headline"] == HOSTILE


def test_a_badge_says_state_and_day(eventful: Any, published: Publish) -> None:
    """In words and in colour; a very long name is cut."""
    text = (published().output / "cases" / "bikes" / "badge.svg").read_text()

    assert "failing, 11 September 2021" in text
    assert 'fill="#a11d18"' in text


def test_a_sitemap_names_every_page(eventful: Any, published: Publish) -> None:
    """By its whole address; without one there is no sitemap."""
    assert not (published().output / "sitemap.xml").exists()

    output = published(address=ADDRESS).output
    root = ET.parse(output / "sitemap.xml").getroot()
    named = {unquote(place.text or "") for place in root.iter(f"{SITEMAP}loc")}
    pages = {str(path.relative_to(output)) for path in output.rglob("*.html")}

    assert {f"{ADDRESS}/{page.removesuffix('index.html')}" for page in pages} == named
    for changed in root.iter(f"{SITEMAP}lastmod"):
        assert words.stamp(datetime.fromisoformat(changed.text or "")) == changed.text


def test_an_empty_home_has_an_empty_feed(home: Any, published: Publish) -> None:
    """No entry, and the time of the publish."""
    output = published().output

    assert [] == entries(output)
    assert "2021-09-11T06:00:00Z" in (output / "feed.xml").read_text()
