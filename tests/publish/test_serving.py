"""While somebody works, the site follows: made again, and reloaded by the browsers that show it."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pipeline.errors import SiteError
from pipeline.publish.serving import Edition, served
from pipeline.publish.watching import keep_up, look_at, watch

SECONDS = 60.0


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A site of a page and a file."""
    folder = tmp_path / "public"
    (folder / "bikes").mkdir(parents=True)
    (folder / "index.html").write_text("<html><body><p>first</p></body></html>")
    (folder / "bikes" / "index.html").write_text("<body>bikes</body>")
    (folder / "data.csv").write_text("a,b\n")
    return folder


@pytest.fixture
def address(small: Path, edition: Edition) -> Iterator[str]:
    """Where the site is served."""
    with served(small, edition, 0) as found:
        yield found


@pytest.fixture
def edition() -> Edition:
    return Edition()


def ask(address: str, path: str, **headers: str) -> tuple[int, str]:
    """Status and text of an answer."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_pages_ask_to_be_reloaded_and_files_do_not(address: str, small: Path) -> None:
    """The script is added on the way; the file of the site has none."""
    page, file = ask(address, "/"), ask(address, "/data.csv")

    assert "<p>first</p>" in page[1]
    assert 'EventSource("/.vigie/changes")' in page[1]
    assert "EventSource" in ask(address, "/bikes/")[1]
    assert (200, "a,b\n") == file
    assert "EventSource" not in (small / "index.html").read_text()
    assert 404 == ask(address, "/nothing.html")[0]


def test_nobody_else_is_answered(address: str) -> None:
    """A page of another host that had its name lead here gets nothing."""
    assert 403 == ask(address, "/", Host="evil.example:8400")[0]


def test_a_folder_above_the_site_is_not_served(address: str, small: Path) -> None:
    """Whatever the path says."""
    (small.parent / "secret.html").write_text("secret")

    assert 404 == ask(address, "/../secret.html")[0]
    assert 404 == ask(address, "/%2e%2e/secret.html")[0]


def test_a_browser_hears_of_the_next_edition(address: str, edition: Edition) -> None:
    """At once of the one that is, then of each that follows."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=SECONDS)
    connection.request("GET", "/.vigie/changes")
    answer = connection.getresponse()
    first = answer.readline(), answer.readline()
    edition.advance()
    second = answer.readline()
    connection.close()

    assert (b"data: 0\n", b"\n") == first
    assert b"data: 1\n" == second


def test_a_port_that_is_taken_is_named(address: str, small: Path) -> None:
    """With the remedy."""
    taken = urlsplit(address).port
    assert taken is not None

    with (
        pytest.raises(SiteError, match=f"Port {taken} can't be used.*--port"),
        served(small, Edition(), taken),
    ):
        pass


def run_until(
    done: Callable[[], bool], stop: threading.Event, work: Callable[[], None], begin: Any
) -> None:
    """Runs `work` in a thread, begins something, and stops once it is done."""
    thread = threading.Thread(target=work)
    thread.start()
    begin()
    deadline = time.monotonic() + SECONDS
    while not done() and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join()


def test_the_site_is_made_again_once_things_have_come_to_rest(edition: Edition) -> None:
    """Not while they change, and not when nothing has; a failure is said, and work goes on."""
    looks = iter(["a", "a", "b", "c", "c", "c", "d", "d"])
    last, said, made = "d", [], iter(["3 pages.", SiteError("No such theme.")])
    stop = threading.Event()

    def make() -> str:
        found = next(made)
        if isinstance(found, SiteError):
            raise found
        return str(found)

    def look() -> Any:
        return next(looks, last)

    run_until(
        lambda: len(said) == 2,
        stop,
        lambda: keep_up(make, look, edition=edition, say=said.append, stop=stop, every=0.001),
        lambda: None,
    )

    assert ["3 pages.", "No such theme."] == said
    assert 1 == edition.number


def test_a_run_that_ends_changes_what_is_seen(home: Any, small: Path) -> None:
    """A new run, a record within a run, and a hand-written page."""
    home.run()
    looks = [look_at(home.store.home, small)]
    home.run(run_id="20210911T060000Z-b2c3")
    looks.append(look_at(home.store.home, small))
    folder = home.store.run_folder("bikes", "20210911T060000Z-b2c3")
    (folder / "drift" / "record.json").write_text("{}")
    looks.append(look_at(home.store.home, small))
    (small / "index.html").write_text("<p>second, and longer</p>")
    looks.append(look_at(home.store.home, small))

    assert len(looks) == len(set(looks))
    assert looks[-1] == look_at(home.store.home, small)


def test_whoever_works_sees_the_new_run(home: Any, published: Any) -> None:
    """The page that is served is that of the newest run, without another command."""
    home.run()
    output, said, stop = published().output, [], threading.Event()

    def make() -> str:
        return f"{published().rendered} rendered"

    def text() -> str:
        where = said[0].split()[1]
        return ask(where, "/bikes/index.html")[1]

    def begin() -> None:
        while not said:
            time.sleep(0.01)
        home.sentence["headline"] = "Forecasts have become better."
        home.run(run_id="20210911T060000Z-b2c3")

    run_until(
        lambda: len(said) > 1 and "Forecasts have become better." in text(),
        stop,
        lambda: watch(make, home.store.home, output, port=0, say=said.append, stop=stop),
        begin,
    )

    assert said[0].startswith("Open http://127.0.0.1:")
    assert said[1].endswith("rendered")
