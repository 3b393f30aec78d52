"""The tests of a column joined into what was measured of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.shift._design import SPARE
from pipeline.shift._layout import Layout
from pipeline.shift._rates import weighted_bonferroni
from pipeline.shift._types import Against, Measured, Part, Watched

WEIGHTS = {
    "mean": 0.85,
    "series": 0.35,
    "daily rhythm": 0.06,
    "shape": 0.06,
    "direction": 0.85,
    "categories": 0.7,
    "new categories": 0.3,
    "missing values": 0.08,
}
"""How a column's share of false alarms is dealt out among its tests, over their sum."""


def measured_of(
    each: Watched,
    parts: Sequence[Part],
    layout: Layout,
    *,
    yearly: bool = False,
    distance: float,
    reference_mean: float | None = None,
    current_mean: float | None = None,
    missing_reference: float = 0.0,
    missing_current: float = 0.0,
    new_categories: tuple[str, ...] = (),
) -> Measured:
    """The tests of a column, and its own p-value from all of them."""
    p_value = 1.0
    if parts:
        p_value = weighted_bonferroni(
            np.array([part.p_value for part in parts]),
            np.array([WEIGHTS[part.name] for part in parts]),
        )
    return Measured(
        column=each.name,
        kind=each.kind,
        unit=each.unit,
        parts=tuple(parts),
        p_value=p_value,
        distance=distance,
        against=against_of(layout, yearly=yearly),
        reference_mean=reference_mean,
        current_mean=current_mean,
        missing_reference=missing_reference,
        missing_current=missing_current,
        new_categories=new_categories,
        resolved=is_resolved(layout),
    )


def against_of(layout: Layout, *, yearly: bool) -> Against:
    """What the current window is compared with."""
    if layout.plain.follows:
        return "weeks before"
    return "same weeks" if yearly else "reference"


def is_resolved(layout: Layout) -> bool:
    """Whether there are blocks enough to tell a change from chance."""
    return bool(layout.blocks > layout.plain.free + SPARE)
