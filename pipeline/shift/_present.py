"""Which rows have a value: sums over a column without gaps need not ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._groups import Groups

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Present:
    """Of some rows of a column."""

    flags: NDArray[np.bool_]
    every: bool

    @classmethod
    def of(cls, values: Floats) -> Self:
        """NaN is missing."""
        return cls._from(~np.isnan(values))

    @classmethod
    def _from(cls, flags: NDArray[np.bool_]) -> Self:
        return cls(flags=flags, every=bool(flags.all()))

    @property
    def missing(self) -> float:
        """Share of the rows."""
        return float(1 - self.flags.mean())

    def split(self, rows: int) -> tuple[Self, Self]:
        """The first rows, and the others."""
        return self._from(self.flags[:rows]), self._from(self.flags[rows:])

    def mean(self, values: Floats) -> float | None:
        """Of what is there; `None` where nothing is."""
        known = values if self.every else values[self.flags]
        return float(known.mean()) if len(known) else None

    def blank(self, values: Floats) -> None:
        """Puts 0 where nothing is."""
        if not self.every:
            values[~self.flags] = 0.0

    def rows(self, groups: Groups) -> Floats:
        """How many have a value, blocks x groups."""
        return groups.rows if self.every else groups.sums(self.flags)
