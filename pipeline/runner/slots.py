"""Who may work now: never more notebooks at once than there are slots, the most urgent first."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

Waiting: TypeAlias = tuple[int, int]
"""Rank, and number in the order of coming."""


class Slots:
    """A number of slots, of which each piece of work takes one.

    The lowest rank goes first, of one rank whoever came first.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._numbers = itertools.count()
        self._queue: list[Waiting] = []
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, rank: int) -> Iterator[None]:
        """Holds a slot, as soon as it is its turn."""
        self.take(rank)
        try:
            yield
        finally:
            self.give()

    def take(self, rank: int) -> None:
        """Waits for a slot."""
        with self._changed:
            me = (rank, next(self._numbers))
            heapq.heappush(self._queue, me)
            try:
                self._changed.wait_for(lambda: self._queue[0] == me and self._free > 0)
            finally:
                self._queue.remove(me)
                heapq.heapify(self._queue)
                self._changed.notify_all()
            self._free -= 1

    def give(self) -> None:
        """Gives back the one that was taken."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()
