"""A page is rendered again when something that it rests on has changed, and only then."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.publish import Published, runlists
from pipeline.publish.building import Build

Publish = Callable[..., Published]
Read = Callable[[Path], Any]
FIRST = datetime(2021, 9, 1, tzinfo=UTC)


@pytest.fixture
def short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five runs a list, so that few runs fill several."""
    monkeypatch.setattr(runlists, "LENGTH", 5)


def run_some(home: Any, first: int, last: int, case: str = "bikes", **changes: Any) -> None:
    """Runs of a case, a day apart, without notebooks but for ingestion."""
    for number in range(first, last):
        settings = {"notebooks": ("1-ingest",), **changes}
        home.run(case, f"{number:04}", as_of=FIRST + timedelta(days=number), **settings)


def test_nothing_is_rendered_twice(home: Any, published: Publish) -> None:
    """With nothing new, not even the first page, whose time of publishing is the same here."""
    home.run()
    made = published()
    again = published()

    assert made.rendered == made.pages
    assert again.pages == made.pages
    assert again.rendered == 0


def test_all_is_rendered_when_asked_for(home: Any, published: Publish) -> None:
    """`anew` takes nothing over."""
    home.run()
    made = published()

    assert made.pages == published(anew=True).rendered


def test_only_the_case_that_changed_is_rendered(home: Any, published: Publish) -> None:
    """The pages of the other are the very files that were there."""
    home.run("bikes")
    home.run("trams")
    output = published().output
    kept, changed = output / "trams" / "drift.html", output / "bikes" / "drift.html"
    before = kept.stat().st_ino, changed.stat().st_ino
    home.sentence["drift"] = "It moved far."
    home.run("bikes", "20210911T060000Z-b2c3", as_of=datetime(2021, 9, 10, tzinfo=UTC))
    published()

    assert before[0] == kept.stat().st_ino
    assert before[1] != changed.stat().st_ino
    assert "It moved far." in changed.read_text()


@pytest.mark.parametrize("runs", [4, 23])
@pytest.mark.usefixtures("short_lists")
def test_a_run_more_costs_the_same_however_many_there_are(
    home: Any, published: Publish, runs: int
) -> None:
    """Overview, data, first page, the run's own page, that of the run before, the newest list."""
    run_some(home, 0, runs)
    published()
    run_some(home, runs, runs + 1)

    assert 6 == published().rendered


def test_a_page_of_a_run_is_made_again_when_what_it_leads_to_changes(
    home: Any, published: Publish, read: Read
) -> None:
    """Once a newer run has executed the notebook, the older run's page no longer leads to it."""
    run_some(home, 0, 3)
    page = published().output / "bikes" / "runs" / "0002.html"
    leads = "../data.html"
    before = read(page).links.count(leads)
    run_some(home, 3, 5)
    published()

    assert 2 == before
    assert 1 == read(page).links.count(leads)


def test_another_template_or_navigation_renders_all(
    home: Any, published: Publish, site: Path
) -> None:
    """Every page has the navigation on it."""
    home.run()
    made = published()
    path = site.parent / "_quarto.yml"
    path.write_text(path.read_text().replace("title: Vigie", "title: Lookout"))

    assert made.pages == published().rendered


def test_a_hand_written_page_is_rendered_when_its_text_changes(
    published: Publish, site: Path
) -> None:
    """And not for its file's time."""
    published()
    os.utime(site / "method.md", (1, 1))
    touched = published().rendered
    (site / "method.md").write_text("# Another method\n")

    assert 0 == touched
    assert 1 == published().rendered


def test_a_page_that_somebody_removed_is_made_again(home: Any, published: Publish) -> None:
    """What can't be taken over is rendered."""
    home.run()
    output = published().output
    (output / "bikes" / "runs" / "20210910T060000Z-a1b2.html").unlink()
    (output / "bikes" / "files" / "drift" / "volume.csv").unlink()
    made = published()

    assert 1 == made.rendered
    assert (output / "bikes" / "runs" / "20210910T060000Z-a1b2.html").is_file()
    assert (output / "bikes" / "files" / "drift" / "volume.csv").is_file()


@pytest.mark.usefixtures("short_lists")
def test_an_older_runs_page_that_is_gone_is_made_again(home: Any, published: Publish) -> None:
    """Although the pages of its list are taken over together; the others of it are not rendered."""
    run_some(home, 0, 12)
    page = published().output / "bikes" / "runs" / "0002.html"
    before = page.read_text()
    page.unlink()
    made = published()

    assert 1 == made.rendered
    assert before == page.read_text()


@pytest.mark.usefixtures("short_lists")
def test_an_older_run_that_changed_is_told_anew(home: Any, published: Publish) -> None:
    """On its own page, on that of the run after and the run before, and on its list: in all 4 pages
    of the twelve runs, and the pages that tell of all runs."""
    run_some(home, 0, 12)
    published()
    run_some(home, 2, 3, outcome="failed", failed="2-validate")
    made = published()
    changed = made.output / "bikes" / "runs"

    assert "Failed" in (changed / "0002.html").read_text()
    assert "Failed" in (changed / "0003.html").read_text()
    assert "Failed" in (changed / "list-1.html").read_text()
    assert made.rendered <= 4 + 3


def test_the_old_site_is_not_touched_by_the_new_one(home: Any, published: Publish) -> None:
    """A page has two names for a moment; rendering another under one of them leaves the other."""
    home.run()
    output = published().output
    page = output / "bikes" / "drift.html"
    second, before = output.parent / "second.html", page.read_bytes()
    os.link(page, second)
    home.sentence["drift"] = "Another sentence."
    home.run(run_id="20210911T060000Z-b2c3")
    published()

    assert before == second.read_bytes()
    assert before != page.read_bytes()


def test_a_site_made_by_an_earlier_version_is_replaced_as_a_whole(
    home: Any, published: Publish
) -> None:
    """Its mark says nothing of what it was made from."""
    home.run()
    made = published()
    (made.output / ".vigie-site").write_text("made by vigie site; replaced as a whole\n")

    assert made.pages == published().rendered


def test_a_unit_of_which_a_file_is_missing_is_not_taken_over_in_part(tmp_path: Path) -> None:
    """What was linked already is taken back in the end."""
    old, fresh = tmp_path / "old", tmp_path / "new"
    for folder in (old / "case", fresh):
        folder.mkdir(parents=True)
    (old / "case" / "a.html").write_text("a")
    files = {"case/": ["case/a.html", "case/b.html"]}
    told = {"key": "k", "units": {"case/": "1"}, "files": files, "pages": {}}
    (old / ".vigie-site").write_text(json.dumps(told))
    build = Build.beside(old, fresh, key="k")

    assert not build.takes_over("case/", "1")
    assert 0 == build.finish()
    assert [".vigie-site"] == [path.name for path in fresh.iterdir()]


def test_two_sites_take_turns(home: Any, published: Publish) -> None:
    """From the third time on, a page that stays is not touched at all; what changed meanwhile, and
    what is gone, is right in each of them.
    """
    run_some(home, 0, 3, decision="keep")
    output = published().output
    page, kept = output / "bikes" / "data.html", output / "bikes" / "runs" / "0000.html"
    texts, nodes = [page.read_text()], [kept.stat().st_ino]
    home.run("trams")
    for number in range(3, 7):
        run_some(home, number, number + 1)
        published()
        texts.append(page.read_text())
        nodes.append(kept.stat().st_ino)
        assert (output / "trams" / "index.html").exists() == (number < 6)
        if number == 5:
            home.forget("trams")

    assert len(texts) == len(set(texts))
    assert 1 == len(set(nodes))
    assert "0006" in (output / "bikes" / "runs" / "index.html").read_text()


def test_what_somebody_puts_into_the_site_is_gone_with_the_next(
    home: Any, published: Publish
) -> None:
    """And doesn't come back with the one after."""
    home.run()
    output = published().output
    (output / "stray.txt").write_text("stray")
    for _ in range(3):
        published()

        assert not (output / "stray.txt").exists()


@pytest.mark.usefixtures("short_lists")
def test_older_runs_are_on_lists_of_their_own(home: Any, published: Publish, read: Read) -> None:
    """Every run is on one list; the newest list leads to the others, and they stay as they are."""
    run_some(home, 0, 17)
    folder = published().output / "bikes" / "runs"
    links = {path.name: read(path).links for path in folder.glob("*.html")}
    lists = ("index.html", "list-1.html", "list-2.html")
    listed = [link for name in lists for link in links[name] if link[:4].isdigit()]
    before = (folder / "list-1.html").stat().st_ino
    run_some(home, 17, 18)
    published()

    assert sorted(listed) == [f"{number:04}.html" for number in range(17)]
    assert {"list-1.html", "list-2.html"} <= set(links["index.html"])
    assert before == (folder / "list-1.html").stat().st_ino
    assert "1 September 2021 to 5 September 2021" in read(folder / "index.html").text
