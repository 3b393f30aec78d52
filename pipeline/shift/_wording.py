"""A change in plain words, with figures as precise as the change is large."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pipeline.shift._columns import Reading

NAMED = 3
"""New categories that a sentence names."""


def sentence_of(
    name: str,
    unit: str,
    reading: Reading,
    *,
    distance: float,
    unlikely: bool,
    smallest_effect: float,
    resolved: bool,
) -> str:
    """What a reader is told of one column.

    `unlikely`: chance would not explain the change. `resolved`: there are enough blocks to tell.
    """
    effect = distance if reading.effect is None else reading.effect
    if not resolved:
        said = [f"{name}: too few blocks of rows to tell a change from chance."]
    elif not unlikely:
        said = [f"{name}: no change that chance would not explain."]
    elif max(abs(effect), distance) < smallest_effect:
        said = [f"{name}: a change that chance would not explain, but too small to matter."]
    else:
        said = _changes(
            name, unit, reading, distance=distance, effect=effect, smallest_effect=smallest_effect
        )
    return " ".join([*said, *_new(reading.new_categories)])


def _changes(
    name: str,
    unit: str,
    reading: Reading,
    *,
    distance: float,
    effect: float,
    smallest_effect: float,
) -> list[str]:
    lost = abs(reading.missing_current - reading.missing_reference)
    said = []
    if reading.effect is None:
        said += _share_sentence(name, reading) if lost < distance else []
    elif abs(effect) >= smallest_effect:
        said.append(_mean_sentence(name, unit, *_both_means(reading)))
    if lost >= min(smallest_effect, distance / 2):
        shares = _against(reading.missing_reference, reading.missing_current)
        said.append(f"{name} is missing in {shares}.")
    return said or [_spread_sentence(name, distance)]


def _spread_sentence(name: str, distance: float) -> str:
    return (
        f"{name} is spread differently: the share of rows below one value differs by "
        f"{100 * distance:.0f} points from the reference, while the mean has hardly moved."
    )


def _share_sentence(name: str, reading: Reading) -> list[str]:
    if reading.moved:
        category, before, now = reading.moved
        return [f"{name} is {category!r} in {_against(before, now)}."]
    return [f"{name} is true in {_against(*means)}." for means in [_both_means(reading)] if means]


def _both_means(reading: Reading) -> tuple[float, ...]:
    if reading.reference_mean is None or reading.current_mean is None:
        return ()
    return reading.reference_mean, reading.current_mean


def _mean_sentence(name: str, unit: str, before: float, now: float) -> str:
    gap = abs(now - before)
    decimals = max(0, 1 - math.floor(math.log10(gap))) if gap else 0
    size = " ".join(filter(None, [_figure(gap, decimals), _difference_unit(unit)]))
    side = "above" if now > before else "below"
    against = f"{_figure(now, decimals)} against {_figure(before, decimals)}"
    return f"Mean {name} is {size} {side} the reference ({against})."


def _difference_unit(unit: str) -> str:
    """A difference of two percentages is in points: "5 % above" would say something else."""
    return "percentage points" if unit == "%" else unit


def _figure(value: float, decimals: int) -> str:
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def _against(before: float, now: float) -> str:
    return f"{100 * now:.1f} % of rows, against {100 * before:.1f} % in the reference"


def _new(categories: tuple[str, ...]) -> Iterator[str]:
    if categories:
        more = len(categories) - NAMED
        named = ", ".join(map(repr, categories[:NAMED]))
        yield f"New: {named}{f' and {more} more' if more > 0 else ''}."
