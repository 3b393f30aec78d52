"""The published site: its addresses, its links and what its pages say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from pipeline.options import NOTEBOOKS
from pipeline.publish import Published, words

Publish = Callable[..., Published]
Read = Callable[[Path], Any]
LATER = "20210911T060000Z-c3d4"
NASTY = "<script>alert(1)</script> {{< meta title >}} `code` *stars* [a](b) & ```{=html}"


def test_every_address_exists(home: Any, published: Publish) -> None:
    """A whole run fills all pages of its case; pages of the site stand at the root."""
    home.run()
    made = published()
    found = {str(path.relative_to(made.output)) for path in made.output.rglob("*.html")}

    assert found == {
        "index.html",
        "machines.html",
        "method.html",
        "schedule.html",
        "search.html",
        "api.html",
        "about.html",
        "bikes/index.html",
        "bikes/data.html",
        "bikes/drift.html",
        "bikes/training.html",
        "bikes/model.html",
        "bikes/policies.html",
        "bikes/runs/index.html",
        "bikes/runs/20210910T060000Z-a1b2.html",
    }
    assert made.pages == len(found)
    assert made.renderer == "embedded"


def test_no_link_is_broken(home: Any, published: Publish, read: Read) -> None:
    """Every link within the site leads to a file, and to an identifier that it holds."""
    home.run()
    home.run(run_id=LATER, notebooks=("1-ingest", "2-validate", "3-drift"), decision="keep")
    made = published()
    broken = [
        (str(path.relative_to(made.output)), link)
        for path in made.output.rglob("*.html")
        for link in read(path).links
        if not _leads_somewhere(path, link, read)
    ]

    assert broken == []


def _leads_somewhere(page: Path, link: str, read: Read) -> bool:
    parts = urlsplit(link)
    if parts.scheme in {"https", "data"}:
        return True
    target = page.parent / unquote(parts.path) if parts.path else page
    return target.is_file() and (not parts.fragment or parts.fragment in read(target).ids)


def test_identifiers_are_unique_on_a_page(home: Any, published: Publish, read: Read) -> None:
    """Drawings that bring the same identifiers don't take each other's clipping."""
    home.run()
    page = read(published().output / "bikes" / "data.html")

    assert len(page.ids) == len(set(page.ids))
    assert any(name.endswith("clip0") for name in page.ids)


def test_data_are_beside_every_figure_and_table(home: Any, published: Publish, read: Read) -> None:
    """A figure links to its drawing and its data, a table to its data, as the step wrote them."""
    run_id = home.run()
    output = published().output
    page = read(output / "bikes" / "drift.html")
    written = home.store.run_folder("bikes", run_id) / "drift"

    assert {f"files/drift/volume.{kind}" for kind in ("svg", "csv", "json")} <= set(page.links)
    assert "files/drift/counters.csv" in page.links
    for name in ("volume.svg", "volume.csv", "counters.csv"):
        copy = output / "bikes" / "files" / "drift" / name
        assert copy.read_bytes() == (written / name).read_bytes()


def test_numbers_on_the_first_page_are_those_of_the_records(
    home: Any, published: Publish, read: Read
) -> None:
    """Score, skill, rows, times and sentences equal the records'."""
    home.sentence["headline"] = "All is as it should be."
    home.sentence["promote"] = "The challenger is better by 34 %."
    home.run()
    text = read(published().output / "index.html").text
    skill = 1 - home.scores["rmse"] / home.baseline

    for expected in (
        words.quantity(home.scores["rmse"], "bikes/h"),
        f"{words.share(skill)} below the baseline",
        "1,234,555 rows",
        "until 9 September 2021, 21:00 UTC",
        "Gradient boosting, Poisson loss",
        "1 of 3",
        "All is as it should be.",
        "The challenger is better by 34 %.",
    ):
        assert " ".join(expected.split()) in text


def test_a_champion_worse_than_the_baseline_is_called_so(
    home: Any, published: Publish, read: Read
) -> None:
    """A negative skill is put in words."""
    home.baseline = 20.0
    home.run()

    output = published().output

    assert "28% above the baseline" in read(output / "index.html").text
    assert "28% above the baseline\u2019s 20" in read(output / "bikes" / "index.html").text


def test_status_json_has_the_same_numbers(home: Any, published: Publish) -> None:
    """The machine-readable status has a fixed set of names and the records' own numbers."""
    home.run()
    found = json.loads((published().output / "status.json").read_text())
    case = found["cases"][0]

    assert sorted(found) == ["cases", "published", "schema_version"]
    assert found["schema_version"] == 1
    assert {name: sorted(case[name]) for name in case if isinstance(case[name], dict)} == {
        "champion": [
            "candidate",
            "learned_end",
            "learned_rows",
            "learned_start",
            "run_id",
            "sample",
            "sha256",
            "since",
            "title",
        ],
        "data": [
            "address",
            "as_of",
            "fresh_hours",
            "licence",
            "newest",
            "note",
            "publisher",
            "rows",
            "simulated",
            "source",
        ],
        "decision": ["decision", "run_id", "sentence", "training"],
        "drift": ["alarms", "run_id", "watched"],
        "metric": [
            "baseline",
            "before",
            "change",
            "finished",
            "held_out_end",
            "held_out_start",
            "name",
            "run_id",
            "skill",
            "unit",
            "value",
        ],
        "newest_run": ["as_of", "ended", "finished", "run_id", "sentence"],
    }
    assert sorted(name for name in case if not isinstance(case[name], dict)) == [
        "case",
        "changes",
        "due",
        "headline",
        "health",
        "last_good_finished",
        "last_good_run",
        "looked",
        "pages",
        "question",
        "title",
    ]
    assert case["metric"]["value"] == home.scores["rmse"]
    assert case["drift"] == {
        "watched": 3,
        "alarms": ["temperature"],
        "run_id": case["newest_run"]["run_id"],
    }


def test_an_empty_home_says_what_to_do(published: Publish, read: Read) -> None:
    """Without any run the first page names the command that makes one."""
    text = read(published().output / "index.html").text

    assert "Nothing has run yet" in text
    assert "vigie run" in text
    assert "make run" in text


def test_simulated_data_are_announced_on_every_page(
    home: Any, published: Publish, read: Read
) -> None:
    """Pages from a sample say so at the top, with what was put in; the first page says it too."""
    home.source = "sample"
    home.run()
    output = published().output

    for path in (output / "bikes").glob("*.html"):
        text = read(path).text
        own = "To replay it" if path.name == "policies.html" else "Parameters of this run"
        assert text.index("SIMULATED DATA") < text.index(own)
        assert "From 1 August on, counts are 30 % lower." in text
    assert "Simulated data" in read(output / "index.html").text


def test_real_data_are_not_called_simulated(home: Any, published: Publish, read: Read) -> None:
    """No banner on pages from a publisher's files."""
    home.run()

    assert "SIMULATED" not in read(published().output / "bikes" / "index.html").text


def test_a_stopped_case_keeps_its_last_good_results(
    home: Any, published: Publish, read: Read
) -> None:
    """The first page gives the gate's sentence, says who serves, and dates what it shows."""
    home.run()
    home.sentence["validate"] = "7 % of the rows fail."
    home.run(
        run_id=LATER, notebooks=("1-ingest", "2-validate"), outcome="stopped", stopped="validate"
    )
    text = read(published().output / "index.html").text

    assert "Failing" in text
    assert "Stopped by a gate: 7 % of the rows fail. The last champion keeps serving." in text
    assert "last good ones, from the run finished 10 September 2021, 06:05 UTC" in text
    assert "25.6 bikes/h" in text


def test_a_run_that_failed_in_its_report_shows_its_own_champion(
    home: Any, published: Publish, read: Read
) -> None:
    """What the broken run did decide is not called the result of an earlier one."""
    home.run(run_id="1")
    home.run(run_id="2", notebooks=tuple(NOTEBOOKS)[:-1], outcome="failed", failed="6-report")
    text = read(published().output / "index.html").text

    assert "Notebook 6-report failed" in text
    assert "last good" not in text


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"outcome": "failed", "failed": "4-train"}, "Notebook 4-train failed: It broke."),
        ({"outcome": "running"}, "The newest run was interrupted"),
    ],
)
def test_a_broken_run_fails_the_case(
    home: Any, published: Publish, read: Read, run: dict[str, str], said: str
) -> None:
    """A run that failed, or whose process is gone, shows on the first page."""
    home.sentence["run"] = "It broke."
    home.run(run_id=LATER, notebooks=("1-ingest", "2-validate", "3-drift"), **run)
    output = published().output
    text = read(output / "index.html").text

    assert said in text
    assert "No champion serves yet." in text
    assert not (output / "bikes" / "training.html").exists()


@pytest.mark.parametrize(
    ("sentence", "headline"),
    [
        ("It broke", "Notebook 4-train failed: It broke. No champion serves yet."),
        (
            "Two:\n  - a\n  - b",
            "Notebook 4-train failed: Two:\n  - a\n  - b\nNo champion serves yet.",
        ),
    ],
)
def test_an_error_of_several_lines_stays_readable(
    home: Any, published: Publish, sentence: str, headline: str
) -> None:
    """Who serves is a sentence of its own, whatever the error ends with."""
    home.sentence["run"] = sentence
    home.run(notebooks=("1-ingest",), outcome="failed", failed="4-train")
    found = json.loads((published().output / "status.json").read_text())

    assert headline == found["cases"][0]["headline"]


def test_a_run_under_way_changes_nothing(home: Any, published: Publish, read: Read) -> None:
    """While a living process works on a run, the last report stands."""
    home.alarms = ()
    home.run()
    home.run(run_id=LATER, notebooks=("1-ingest",), outcome="running")
    text = read(published(lives=lambda folder, case: True).output / "index.html").text

    assert "The case is healthy." in text
    assert "Under way" in text


def test_a_page_of_an_older_run_says_why(home: Any, published: Publish, read: Read) -> None:
    """When the newest run trained nothing, the training page says whose results it shows."""
    home.run()
    home.run(run_id=LATER, notebooks=("1-ingest", "2-validate", "3-drift"), decision="keep")
    output = published().output

    assert (
        "the newest run kept the champion and trained nothing"
        in read(output / "bikes" / "training.html").text
    )
    assert "the newest run" not in read(output / "bikes" / "drift.html").text


def test_the_champion_serves_since_its_promotion(home: Any, published: Publish) -> None:
    """Runs that kept the champion don't make it younger; another champion before it does not
    make it older."""
    home.run(run_id="20210901T060000Z-a", as_of=datetime(2021, 9, 1, tzinfo=UTC))
    first = home.run(run_id="20210902T060000Z-b", as_of=datetime(2021, 9, 2, tzinfo=UTC))
    third = datetime(2021, 9, 3, tzinfo=UTC)
    home.run(run_id="20210903T060000Z-c", as_of=third, champion_run=first)
    case = json.loads((published().output / "status.json").read_text())["cases"][0]
    promoted = home.finished(datetime(2021, 9, 2, tzinfo=UTC))

    assert case["champion"]["run_id"] == first
    assert datetime.fromisoformat(case["champion"]["since"]) == promoted


def test_a_notebook_run_by_hand_is_shown(home: Any, published: Publish) -> None:
    """A run without a record of its own has the pages that its notebooks can fill."""
    home.run(notebooks=("1-ingest", "2-validate", "3-drift"), by_hand=True)
    found = {path.name for path in (published().output / "bikes").glob("*.html")}

    assert {"index.html", "data.html", "drift.html", "policies.html"} == found


def test_text_from_data_is_shown_as_text(home: Any, published: Publish, read: Read) -> None:
    """Markup, Markdown and shortcodes in data and sentences come out as they are."""
    for step in ("ingest", "promote", "headline", "report", "drift"):
        home.sentence[step] = NASTY
    home.alarms = (NASTY,)
    home.run()
    output = published().output

    for name in ("index.html", "bikes/index.html", "bikes/data.html", "bikes/drift.html"):
        page = read(output / name)
        assert NASTY in page.text
        scripts = [held for tag, held in page.elements if tag == "script"]
        known = ("assets/site.js", "assets/charts.js")
        assert all(str(held.get("src")).endswith(known) for held in scripts)


def test_parameters_and_command_are_shown_in_place_of_their_cells(
    home: Any, published: Publish, read: Read
) -> None:
    """A page gives the command that repeats it, and no path of the machine."""
    home.run()
    text = read(published().output / "bikes" / "drift.html").text

    assert (
        "vigie run bikes --source files --data FOLDER --as-of 2021-09-09T22:00:00Z --set alpha=0.1"
    ) in text
    assert "0.1 (not the default)" in text
    assert "share of runs without any change that may raise an alarm" in text
    assert "/secret" not in text


def test_code_is_folded_away_not_removed(home: Any, published: Publish, read: Read) -> None:
    """The code of each cell is in the page, in a closed fold."""
    home.run()
    page = read(published().output / "bikes" / "model.html")
    folds = [held for tag, held in page.elements if tag == "details" and "vigie-code" in str(held)]

    assert "view.figure('volume')" in page.text
    assert folds
    assert all("open" not in held for held in folds)


def test_pages_end_with_their_provenance(home: Any, published: Publish, read: Read) -> None:
    """Run, times, versions, publisher and licence are on each page, with a link to the data."""
    run_id = home.run()
    page = read(published().output / "bikes" / "model.html")
    end = page.text[page.text.index("Where this page comes from") :]

    for expected in (run_id, "table version 7", "0.1.0+0123456789ab", "Ville de Paris, ODbL 1.0"):
        assert expected in end
    assert "https://opendata.paris.fr/explore/dataset/comptage/" in page.links


def test_an_address_that_is_no_web_address_is_not_linked(
    home: Any, published: Publish, read: Read
) -> None:
    """A publisher's address of another scheme is shown as text at most."""
    home.address = "javascript:alert(1)"
    home.run()

    assert "javascript:alert(1)" not in read(published().output / "bikes" / "data.html").links


def test_pages_of_vanished_runs_vanish(home: Any, published: Publish) -> None:
    """Nothing that an earlier publication made lingers."""
    home.run()
    home.run("trams")
    published()
    home.forget("trams")
    output = published().output

    assert not (output / "trams").exists()
    assert (output / "bikes" / "index.html").exists()


def test_the_same_records_make_the_same_site(home: Any, published: Publish) -> None:
    """Published twice at the same time of day, every file has the same bytes."""
    home.run()
    output = published().output
    first = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    published()

    assert first == {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
