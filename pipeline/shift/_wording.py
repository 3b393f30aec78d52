"""A change in plain words, with figures as precise as the change is large."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pipeline.shift._design import GRADUAL

if TYPE_CHECKING:
    from pipeline.shift._types import Measured, Part

NAMED = 3
"""New categories that a sentence names."""
LATEST_WORDS = {0.75: "three quarters", 0.5: "half", 0.25: "quarter"}
AGAINST = {
    "reference": "the reference",
    "same weeks": "the same weeks of the year before",
    "weeks before": "what the weeks before let expect",
}


def sentence_of(one: Measured, *, unlikely: bool, alpha: float, material: float) -> str:
    """What a reader is told of one column.

    `unlikely`: chance would not explain the change.
    """
    if not one.resolved:
        said = [f"{one.column}: too few blocks of rows to tell a change from chance."]
    elif not unlikely:
        said = [f"{one.column}: no change that chance would not explain."]
    else:
        telling = [
            part for part in one.parts if part.p_value <= alpha and abs(part.effect) >= material
        ]
        telling = [part for part in telling if not _made_by_the_mean(part, telling)]
        telling.sort(key=lambda part: part.p_value)
        said = [SENTENCES[part.name](one, part) for part in telling] or [
            f"{one.column}: a change that chance would not explain, but too small to matter."
        ]
    return " ".join(dict.fromkeys([*said, *_new(one)]))


def _made_by_the_mean(part: Part, telling: list[Part]) -> bool:
    """Values that moved by m standard deviations lie wider around the old level, by m^2 over the
    root of two in the measure of shape: that is no news of its own.
    """
    moved = next((abs(one.effect) for one in telling if one.name == "mean"), 0.0)
    return part.name == "shape" and 0 < part.effect < 2 * moved**2 / math.sqrt(2)


def _mean(one: Measured, part: Part) -> str:
    now, gap = one.current_mean, part.difference
    if now is None or gap is None:
        return f"{one.column} has no values now."
    if one.kind == "boolean":
        return (
            f"{one.column} is true in {100 * now:.1f} % of rows, against {100 * (now - gap):.1f} % "
            f"in {AGAINST[one.against]}."
        )
    decimals = _decimals(gap)
    size = " ".join(filter(None, [_figure(abs(gap), decimals), _difference_unit(one.unit)]))
    side = "above" if gap > 0 else "below"
    figures = f" ({_figure(now, decimals)} against {_figure(now - gap, decimals)})"
    return f"Mean {one.column} is {size} {side} {AGAINST[one.against]}{_latest(part) or figures}."


def _latest(part: Part) -> str:
    if part.latest == GRADUAL:
        return ", gradually, by the end of the window"
    share = LATEST_WORDS.get(part.latest)
    return f" in the last {share} of the window" if share else ""


def _series(one: Measured, part: Part) -> str:
    gap = part.difference or 0.0
    size = " ".join(filter(None, [_figure(abs(gap), _decimals(gap)), _difference_unit(one.unit)]))
    when = _latest(part)
    more = f"; {part.others} more series moved apart" if part.others else ""
    side = "higher" if gap > 0 else "lower"
    return (
        f"{one.column} of {part.about!r} is {size} {side} beside the other series than in the "
        f"reference{when}{more}."
    )


def _rhythm(one: Measured, part: Part) -> str:
    side = "higher" if (part.difference or 0.0) > 0 else "lower"
    return (
        f"{one.column} has another daily rhythm{_latest(part)}: most of all it is {side} from "
        f"{part.about} beside the other hours."
    )


def _shape(one: Measured, part: Part) -> str:
    how = "more widely" if part.effect > 0 else "more closely"
    return (
        f"{one.column} is spread {how} around its usual level than in the reference (distance "
        f"{one.distance:.2f})."
    )


def _direction(one: Measured, part: Part) -> str:
    gap, now, before = part.difference, one.current_mean, one.reference_mean
    if gap is None or now is None or before is None:
        return f"{one.column} is spread otherwise round the circle than in the reference."
    decimals = max(0, _decimals(gap) - 1)
    unit = f" {one.unit}" if one.unit else ""
    figures = f"{_figure(now, decimals)} against {_figure(before, decimals)}"
    side = "further round" if gap > 0 else "back"
    return (
        f"Mean {one.column} has turned {_figure(abs(gap), decimals)}{unit} {side} from the "
        f"reference ({figures})."
    )


def _categories(one: Measured, part: Part) -> str:
    return f"{one.column} is {part.about!r} in {_against(part)}."


def _missing(one: Measured, part: Part) -> str:
    return f"{one.column} is missing in {_against(part)}."


def _together(_: Measured, part: Part) -> str:
    if part.about:
        return f"{part.about} hang together otherwise than in the reference."
    return (
        "Rows of the current window can be told from those of the reference by all columns "
        f"together (area under the curve {0.5 + part.effect / 2:.2f}, 0.5 is guessing)."
    )


def _new_share(one: Measured, part: Part) -> str:
    return (
        f"{100 * (part.now or 0.0):.1f} % of rows have a {one.column} that the reference does not "
        "have."
    )


SENTENCES: Mapping[str, Callable[[Measured, Part], str]] = {
    "mean": _mean,
    "series": _series,
    "daily rhythm": _rhythm,
    "shape": _shape,
    "direction": _direction,
    "categories": _categories,
    "missing values": _missing,
    "new categories": _new_share,
    "together": _together,
}


def _difference_unit(unit: str) -> str:
    """A difference of two percentages is in points: "5 % above" would say something else."""
    return "percentage points" if unit == "%" else unit


def _decimals(gap: float) -> int:
    return max(0, 1 - math.floor(math.log10(abs(gap)))) if gap else 0


def _figure(value: float, decimals: int) -> str:
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def _against(part: Part) -> str:
    return (
        f"{100 * (part.now or 0.0):.1f} % of rows{_latest(part)}, against "
        f"{100 * (part.before or 0.0):.1f} % in the reference"
    )


def _new(one: Measured) -> list[str]:
    if not one.new_categories:
        return []
    more = len(one.new_categories) - NAMED
    named = ", ".join(map(repr, one.new_categories[:NAMED]))
    return [f"New: {named}{f' and {more} more' if more > 0 else ''}."]
