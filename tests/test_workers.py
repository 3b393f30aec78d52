"""Pieces of work done by processes beside a kernel; here, what they do is done on threads."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Lock, Thread
from typing import Any

import pytest

from pipeline import workers
from pipeline.errors import StepError, WorkerError
from pipeline.workers import Waiting, Worker, Workers, packed, serve, spread

Ends = list[tuple[subprocess.Popen, Connection]]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    """Of two workers, a process that can be killed, and the end of the connection where it is
    served.
    """
    monkeypatch.setattr(Workers, "standing", [])
    made: Ends = []
    for _ in range(2):
        ours, theirs = Pipe()
        process = subprocess.Popen(["sleep", "600"])
        Workers.standing.append(Worker(process.pid, ours))
        made.append((process, theirs))
    yield made
    for process, theirs in made:
        process.kill()
        process.wait()
        theirs.close()


@pytest.fixture
def served(ends: Ends) -> Iterator[None]:
    """One works, the other was never there: what is printed can be caught by one thread only."""
    (_, theirs), _ = ends
    standing = [*Workers.standing]
    Workers.standing.pop()
    thread = Thread(target=serve, args=(theirs,))
    thread.start()
    yield
    for each in standing:
        each.connection.close()
    thread.join(60)


def done(work: Any, items: list[Any]) -> list[Any]:
    told = packed(work, rows=0)
    assert told is not None
    return list(spread(told, items))


@pytest.mark.usefixtures("served")
def test_results_come_in_the_order_of_the_items() -> None:
    """Also for other work afterwards."""
    factor = 3

    assert [factor * n for n in range(20)] == done(lambda item: factor * item, list(range(20)))
    assert ["1", "2"] == done(str, [1, 2])
    assert [] == done(str, [])
    assert 1 == len(Workers.standing)


def test_a_worker_prefers_what_it_has_met() -> None:
    """Among what is to be done first; else what nobody has met, and at last anything."""
    kinds = [("one", "a"), ("one", "b"), ("two", "a"), ("two", "b"), ("two", "c"), ("two", "d")]
    waiting = Waiting(kinds)

    assert [0, 1] == [waiting.take(7), waiting.take(8)]
    assert [3, 2] == [waiting.take(8), waiting.take(7)]
    assert [4, 5, None] == [waiting.take(8), waiting.take(8), waiting.take(8)]


def test_a_worker_helps_with_what_others_have_met() -> None:
    """Rather than do nothing; nothing is begun after the end."""
    waiting = Waiting([("one", "a"), ("two", "a"), ("three", "a")])

    assert [0, 1] == [waiting.take(7), waiting.take(8)]
    waiting.clear()
    assert waiting.take(7) is None


@pytest.mark.usefixtures("served")
def test_an_error_is_raised_where_it_was_asked_for() -> None:
    """With the traceback of the worker as a note; what else was asked for is ended."""
    told = packed(lambda item: 1 // item, rows=0)
    assert told is not None

    with pytest.raises(ZeroDivisionError) as caught:
        list(spread(told, [1, 0, 1]))

    assert "In a worker:" in caught.value.__notes__[0]
    assert [] == Workers.standing


class SilentError(Exception):
    """Holds what can't be sent."""

    def __init__(self, item: int) -> None:
        super().__init__(f"number {item}")
        self.lock = Lock()


def silent(item: int) -> None:
    raise SilentError(item)


@pytest.mark.usefixtures("served")
def test_an_error_that_cannot_be_sent_is_told_in_words() -> None:
    """By its name and message."""
    with pytest.raises(StepError, match=r"could not say what came of it: SilentError: number 1"):
        done(silent, [1])


@pytest.mark.usefixtures("served")
def test_warnings_are_given_where_the_work_was_asked_for() -> None:
    """There they are shown, left out or made errors."""

    def work(item: str) -> str:
        warnings.warn(item, UserWarning, stacklevel=1)
        return item

    with pytest.warns(UserWarning, match="be careful"):
        assert ["be careful"] == done(work, ["be careful"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ["not now"] == done(work, ["not now"])


@pytest.mark.usefixtures("served")
def test_work_that_cannot_be_read_is_an_error_like_any_other() -> None:
    """Of a module that the worker can't import, say; the worker is not taken for dead."""
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        list(spread(b"cno_such_module\nwork\n.", [1]))


def test_a_dead_worker_is_an_error_with_a_remedy(ends: Ends) -> None:
    """No waiting for an answer that will never come; and no worker is asked again."""
    for _, theirs in ends:
        theirs.close()

    with pytest.raises(WorkerError, match=r"has died, .*Free some memory"):
        done(str, [1, 2, 3])

    assert [] == Workers.standing
    assert packed(str, rows=0) is None


@pytest.mark.usefixtures("ends")
def test_some_work_is_left_to_threads() -> None:
    """Where it holds too many rows or something that can't be sent, and where there is nobody."""
    lock = Lock()
    assert packed(lambda item: lock.acquire(timeout=item), rows=0) is None
    assert packed(str, rows=workers.MOST_BYTES + 1) is None
    assert packed(str, rows=0) is not None

    workers.end()

    assert packed(str, rows=0) is None


def test_a_worker_ends_when_nobody_is_left_who_could_ask() -> None:
    """As drawing does."""
    ours, theirs = Pipe()
    thread = Thread(target=serve, args=(theirs,))
    thread.start()
    ours.close()
    thread.join(60)
    theirs.close()

    assert not thread.is_alive()
