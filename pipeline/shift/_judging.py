"""From what a run measured to alarms whose rate is known."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pipeline.errors import StepError
from pipeline.shift._rates import benjamini_hochberg
from pipeline.shift._types import ColumnShift, Measured
from pipeline.shift._wording import sentence_of


def judge(
    measured: Iterable[Measured], *, alpha: float, material: float = 0.1
) -> tuple[ColumnShift, ...]:
    """Alarms at a rate of `alpha` for all that is given together.

    An alarm needs an adjusted p-value of at most `alpha`, and an effect of at least `material` in
    one of the tests that speak for it (standard deviations, or what `Part.effect` says).
    """
    if not 0 < alpha < 1:
        raise StepError(f"alpha is {alpha!r}; give a share above 0 and below 1.")
    each = tuple(measured)
    if not each:
        return ()
    adjusted = benjamini_hochberg(np.array([one.p_value for one in each]))
    return tuple(
        _judged(one, float(p_value), alpha=alpha, material=material)
        for one, p_value in zip(each, adjusted, strict=True)
    )


def _judged(one: Measured, adjusted: float, *, alpha: float, material: float) -> ColumnShift:
    unlikely = adjusted <= alpha
    telling = [part for part in one.parts if part.p_value <= alpha]
    large = any(abs(part.effect) >= material for part in telling)
    moved = one.part("mean") or one.part("direction")
    leading = moved or min(one.parts, key=lambda part: part.p_value, default=None)
    return ColumnShift(
        column=one.column,
        kind=one.kind,
        distance=one.distance,
        p_value=one.p_value,
        adjusted_p_value=adjusted,
        effect=leading.effect if leading else 0.0,
        alarm=unlikely and large,
        reference_mean=one.reference_mean,
        current_mean=one.current_mean,
        sentence=sentence_of(one, unlikely=unlikely, alpha=alpha, material=material),
        missing_reference=one.missing_reference,
        missing_current=one.missing_current,
        new_categories=one.new_categories,
        difference=moved.difference if moved else None,
        against=one.against,
        tests={part.name: part.p_value for part in one.parts},
    )
