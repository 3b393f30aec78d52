"""Slots: never more work at once than there are, the most urgent first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from pipeline.runner.slots import Slots


def waiting(slots: Slots, count: int) -> None:
    """Returns when so many wait for their turn."""
    while len(slots._queue) < count:
        threading.Event().wait(0.005)


def test_the_lowest_rank_goes_first_whoever_came_first() -> None:
    """Of one rank, who came first."""
    slots, done = Slots(1), []

    def work(name: str, rank: int) -> None:
        with slots.taken(rank):
            done.append(name)

    with ThreadPoolExecutor(4) as pool, slots.taken(0):
        for number, (name, rank) in enumerate([("c", 3), ("b", 2), ("B", 2), ("a", 0)], 1):
            pool.submit(work, name, rank)
            waiting(slots, number)

    assert ["a", "b", "B", "c"] == done


def test_never_more_work_at_once_than_there_are_slots() -> None:
    """A third waits until one of two has ended."""
    slots, done = Slots(2), []

    def work() -> None:
        with slots.taken(0):
            done.append("third")

    with ThreadPoolExecutor(1) as pool, slots.taken(1):
        with slots.taken(1):
            third = pool.submit(work)
            waiting(slots, 1)
            assert not done
        third.result(60)

    assert ["third"] == done
