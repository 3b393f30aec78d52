"""Slots: never more work at once than there are, the most urgent first."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from pipeline.runner.slots import Slots


def waiting(slots: Slots, count: int) -> None:
    """Returns when so many wait for their turn."""
    while len(slots._queue) < count:
        threading.Event().wait(0.005)


def test_the_lowest_rank_goes_first_whoever_came_first() -> None:
    """Of one rank, who came first."""
    slots, done = Slots(1), []

    def work(name: str, rank: int) -> None:
        with slots.taken(1, rank):
            done.append(name)

    with ThreadPoolExecutor(4) as pool, slots.taken(1, 0):
        for number, (name, rank) in enumerate([("c", 3), ("b", 2), ("B", 2), ("a", 0)], 1):
            pool.submit(work, name, rank)
            waiting(slots, number)

    assert ["a", "b", "B", "c"] == done


def test_work_that_takes_all_slots_is_overtaken_by_nobody() -> None:
    """Else it would wait for ever, where there is always some other work."""
    slots, done = Slots(2), []
    free = threading.Event()

    def hold() -> None:
        with slots.taken(1, 1):
            free.wait(60)
        done.append("held")

    def work(name: str, count: int, rank: int) -> None:
        with slots.taken(count, rank):
            done.append(name)

    with ThreadPoolExecutor(3) as pool:
        held: list[Future[None]] = [pool.submit(hold)]
        while slots._free > 1:
            threading.Event().wait(0.005)
        held.append(pool.submit(work, "all", 2, 1))
        waiting(slots, 1)
        held.append(pool.submit(work, "one", 1, 2))
        waiting(slots, 2)
        free.set()

    assert done.index("all") < done.index("one")


def test_more_than_there_are_is_all_of_them() -> None:
    """On one core a training takes the one."""
    slots = Slots(1)
    with slots.taken(2, 0):
        assert 0 == slots._free

    assert 1 == slots._free
