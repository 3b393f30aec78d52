"""The page of every run and the list of them: addresses that stay, and what the records say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.publish import Published, words
from pipeline.records import DecideRecord, Ground, PromoteRecord, RunRecord

Publish = Callable[..., Published]
Read = Callable[[Path], Any]
FIRST = "20210910T060000Z-a1b2"
LATER = "20210911T060000Z-c3d4"
NASTY = "<script>alert(1)</script> {{< meta title >}} `code` *stars* [a](b) & ```{=html}"


def _take_over(home: Any, run_id: str, reused: dict[str, str], **changes: Any) -> None:
    found: RunRecord = home.store.run_record("bikes", run_id)
    home.store.write_run(found.model_copy(update={"reused": reused, **changes}))


def test_every_run_keeps_its_address(home: Any, published: Publish, read: Read) -> None:
    """Each run has a page; the list leads to all of them, newest first, and the tabs to it."""
    home.run(run_id=FIRST)
    home.run(run_id=LATER, as_of=datetime(2021, 9, 11, tzinfo=UTC))
    folder = published().output / "bikes"
    links = read(folder / "runs" / "index.html").links

    assert (folder / "runs" / f"{FIRST}.html").is_file()
    assert (folder / "runs" / f"{LATER}.html").is_file()
    assert links.index(f"{LATER}.html") < links.index(f"{FIRST}.html")
    assert "runs/index.html" in read(folder / "drift.html").links
    assert "../drift.html" in links


def test_a_page_of_a_run_has_the_numbers_of_its_records(
    home: Any, published: Publish, read: Read
) -> None:
    """Times, score, baseline, table version, code, lock file and the decision's own sentence."""
    home.sentence["promote"] = "The challenger is better by 34 %."
    home.sentence["decide"] = "Retrain: it is 12 days old."
    home.run(run_id=FIRST)
    text = read(published().output / "bikes" / "runs" / f"{FIRST}.html").text

    for expected in (
        words.quantity(home.scores["rmse"], "bikes/h"),
        f"the baseline has {words.quantity(home.baseline, 'bikes/h')}",
        "The challenger is better by 34 %.",
        "Retrain: it is 12 days old.",
        "after 8 h 5 min",
        "1 of 3",
        "0.1.0+0123456789ab",
        "lock file ba9876543210",
        FIRST,
    ):
        assert " ".join(expected.split()) in text


def test_the_numbers_of_a_decision_stand_beside_it(
    home: Any, published: Publish, read: Read
) -> None:
    """Name, number with its unit, and what it was held against, of both decisions."""
    home.run(run_id=FIRST)
    asked = home.store.record("bikes", FIRST, DecideRecord)
    chosen = home.store.record("bikes", FIRST, PromoteRecord)
    error = Ground(name="Error now", value=44, unit="bikes/h", limit=41, rule="more is too much")
    chance = Ground(name="Chance <of> it", value=3.2, unit="%", limit=3.8, rule="allowed")
    home.store.write_record(asked.model_copy(update={"grounds": (error,)}))
    home.store.write_record(chosen.model_copy(update={"grounds": (chance,)}))
    text = read(published().output / "bikes" / "runs" / f"{FIRST}.html").text

    assert "Error now44 bikes/h41 bikes/h; more is too much" in text
    assert "Chance <of> it3.2%3.8%; allowed" in text


def test_the_error_of_an_older_decision_has_its_unit(
    home: Any, published: Publish, read: Read
) -> None:
    """Of a record written before the numbers of decisions were kept; shares are in per cent."""
    home.run(run_id=FIRST)
    asked = home.store.record("bikes", FIRST, DecideRecord)
    older = {"grounds": (), "error": 44.0, "limit": 41.0, "drifted": 0.25}
    home.store.write_record(asked.model_copy(update=older))
    text = read(published().output / "bikes" / "runs" / f"{FIRST}.html").text

    assert "44 bikes/h41 bikes/h" in text
    assert "Share of its importance in columns with an alarm25%" in text


def test_only_the_newest_execution_of_a_notebook_is_linked(
    home: Any, published: Publish, read: Read
) -> None:
    """The older run's page leads to its training, which no newer run has executed, and not to the
    page of drift, which shows the newer run's.
    """
    home.run(run_id=FIRST)
    home.run(run_id=LATER, notebooks=("1-ingest", "2-validate", "3-drift"), decision="keep")
    folder = published().output / "bikes" / "runs"
    tabs = {"../index.html", "../data.html", "../drift.html", "../training.html", "../model.html"}

    def of_notebooks(run_id: str) -> set[str]:
        links = read(folder / f"{run_id}.html").links
        return {link for link in tabs if links.count(link) > 1}

    assert of_notebooks(FIRST) == {"../index.html", "../training.html", "../model.html"}
    assert of_notebooks(LATER) == {"../data.html", "../drift.html"}


def test_what_was_taken_over_names_the_run_that_made_it(
    home: Any, published: Publish, read: Read
) -> None:
    """The line of the notebook links to that run; one whose folder is gone is only named."""
    home.run(run_id=FIRST)
    home.run(run_id=LATER, notebooks=("1-ingest",))
    _take_over(home, LATER, {"2-validate": FIRST, "3-drift": "20200101T000000Z-gone"})
    page = read(published().output / "bikes" / "runs" / f"{LATER}.html")

    assert f"Taken over from run {FIRST}" in page.text
    assert "Taken over from run 20200101T000000Z-gone" in page.text
    assert "20200101T000000Z-gone.html" not in page.links


@pytest.mark.parametrize(
    ("failure", "said"), [("timeout", "it took longer than it may"), ("died", "its kernel died")]
)
def test_how_a_run_failed_is_said_in_words(
    home: Any, published: Publish, read: Read, failure: str, said: str
) -> None:
    """The page names the notebook and the kind of failure."""
    home.run(run_id=FIRST, notebooks=("1-ingest",), outcome="failed", failed="2-validate")
    _take_over(home, FIRST, {}, failure=failure)
    folder = published().output / "bikes" / "runs"

    assert f"in notebook 2-validate: {said}" in read(folder / f"{FIRST}.html").text
    assert "Failed" in read(folder / "index.html").text


def test_the_command_that_repeats_a_run_is_on_its_page(
    home: Any, published: Publish, read: Read
) -> None:
    """One command with everything that was not a default."""
    home.run(run_id=FIRST)
    text = read(published().output / "bikes" / "runs" / f"{FIRST}.html").text
    command = "vigie run bikes --source files --data FOLDER --as-of 2021-09-09T22:00:00Z"

    assert f"{command} --set alpha=0.1" in text
    assert text.count("vigie run bikes") == 1


def test_a_run_that_failed_at_once_has_a_page(home: Any, published: Publish, read: Read) -> None:
    """Without any record the page says how it ended and how to repeat it."""
    home.sentence["run"] = "The publisher does not answer."
    home.run(run_id=FIRST, notebooks=(), outcome="failed", failed="1-ingest")
    text = read(published().output / "bikes" / "runs" / f"{FIRST}.html").text

    assert "The publisher does not answer." in text
    assert "The run did not come to a decision." in text
    assert "vigie run bikes --source files" in text


def test_text_of_a_run_is_shown_as_text(home: Any, published: Publish, read: Read) -> None:
    """Sentences with markup in them come out as they are, on the page and in the list."""
    for step in ("decide", "promote", "headline", "ingest"):
        home.sentence[step] = NASTY
    home.run(run_id=FIRST)
    folder = published().output / "bikes" / "runs"

    for name in (FIRST, "index"):
        page = read(folder / f"{name}.html")
        assert NASTY in page.text
        scripts = [held for tag, held in page.elements if tag == "script"]
        assert [held.get("src") for held in scripts] == ["../../assets/site.js"]
