"""The numbers of a decision as pages show them: what, how much, and what it was held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.metrics import digits
from pipeline.records import Ground

if TYPE_CHECKING:
    import pandas as pd

LEAST = 0.01
"""Per cent, below which a share is not told more exactly."""


def grounds_table(grounds: Sequence[Ground]) -> pd.DataFrame:
    """One row a number, with units."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"what": each.name, "found": amount_of(each), "held against": limit_of(each)}
            for each in grounds
        ],
        columns=["what", "found", "held against"],
    )


def amount_of(ground: Ground) -> str:
    """The number with its unit.

    >>> amount_of(Ground(name="Age", value=20.04, unit="days"))
    '20 days'
    >>> amount_of(Ground(name="Chance", value=0.002, unit="%"))
    'less than 0.01%'
    """
    return _amount(ground.value, ground.unit)


def limit_of(ground: Ground) -> str:
    """The limit with its unit and what it means; the meaning alone where there is none.

    >>> limit_of(Ground(name="Age", value=20, unit="days", limit=84, rule="more is too old"))
    '84 days; more is too old'
    """
    if ground.limit is None:
        return ground.rule
    told = _amount(ground.limit, ground.unit)
    return f"{told}; {ground.rule}" if ground.rule else told


def _amount(value: float, unit: str) -> str:
    if unit == "%":
        return f"less than {LEAST}%" if 0 < value < LEAST else f"{digits(value)}%"
    return f"{digits(value)} {unit}".rstrip()
