"""Sums of rows by block and group: what every test of a column is made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

LANES = 4
"""Places that each sum has, for rows in turn: a processor that adds to one place row after row
waits for every addition to end."""


PIECE = 65_536
"""Rows whose numbers stay in a core's own cache from one operation to the next."""


def pieces(rows: int) -> Iterator[slice]:
    """All rows, so many at once that what is computed of them needs no new memory."""
    for first in range(0, rows, PIECE):
        yield slice(first, min(rows, first + PIECE))


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Where each row is added: its block, and its group within."""

    blocks: int
    count: int
    """Of the groups."""
    place: Places
    lanes: int

    @classmethod
    def of(cls, block: Places | None, group: Places, *, blocks: int, count: int) -> Self:
        """From the number of each row's block, where there are several, and of its group."""
        place = group if block is None else block * count + group
        lanes = LANES if blocks * count * LANES <= len(place) else 1
        if lanes > 1:
            place = place * lanes + np.arange(len(place)) % lanes
        return cls(blocks=blocks, count=count, place=place, lanes=lanes)

    def sums(self, values: NDArray[Any] | None = None) -> Floats:
        """Blocks x groups: of a value a row, or the number of rows."""
        size = self.blocks * self.count * self.lanes
        return self._joined(np.bincount(self.place, values, minlength=size))

    def squares(self, values: Floats) -> Floats:
        """Blocks x groups: sums of the squares of a value a row."""
        found = np.zeros(self.blocks * self.count * self.lanes)
        for part in pieces(len(values)):
            found += np.bincount(self.place[part], np.square(values[part]), minlength=len(found))
        return self._joined(found)

    def _joined(self, found: NDArray[Any]) -> Floats:
        by_lane = found.reshape(self.blocks, self.count, self.lanes)
        return np.asarray(by_lane.sum(axis=2), np.float64)

    @cached_property
    def rows(self) -> Floats:
        """How many there are, blocks x groups."""
        return self.sums()
