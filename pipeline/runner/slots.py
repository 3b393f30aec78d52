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
    """A number of slots, of which each piece of work takes some.

    The lowest rank goes first, of one rank whoever came first. Nobody overtakes the one that is
    next, so that work which takes all slots gets its turn.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._numbers = itertools.count()
        self._queue: list[Waiting] = []
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, count: int, rank: int) -> Iterator[None]:
        """Holds so many slots, or all that there are, as soon as it is its turn."""
        self.take(count, rank)
        try:
            yield
        finally:
            self.give(count)

    def take(self, count: int, rank: int) -> None:
        """Waits for so many slots, or for all that there are."""
        wanted = min(count, self.count)
        with self._changed:
            me = (rank, next(self._numbers))
            heapq.heappush(self._queue, me)
            try:
                self._changed.wait_for(lambda: self._queue[0] == me and self._free >= wanted)
            finally:
                self._queue.remove(me)
                heapq.heapify(self._queue)
                self._changed.notify_all()
            self._free -= wanted

    def give(self, count: int) -> None:
        """Gives back as many as were taken."""
        with self._changed:
            self._free += min(count, self.count)
            self._changed.notify_all()
