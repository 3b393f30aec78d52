"""What retraining less often would have cost: policies replayed over models that were all learned.

Every policy walks the same table of models and moments, so that they differ in nothing but when
they train.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.comparison import tolerance_limit
from pipeline.errors import StepError

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class History:
    """Errors of models learned at some moments, in the stretches between moments."""

    errors: Values
    """Mean loss of the model learned at moment i in the stretch that begins at moment j, at
    [i, j]; only j >= i is looked at."""
    window: int
    """Stretches in the current window."""
    alpha: float
    drifted: Callable[[int, int], bool]
    """Whether what matters to the model learned at the first moment has changed at the second."""

    def __post_init__(self) -> None:
        moments = len(self.errors)
        if self.errors.shape != (moments, moments) or moments < 2 or self.window < 1:
            raise StepError(
                f"Errors of shape {self.errors.shape!r} with a window of {self.window!r} can't be "
                "replayed: as many stretches as models are needed, two at least."
            )

    def expected(self, model: int) -> float:
        """The mean loss over a window that the model is expected to stay below: the tolerance limit
        of the windows before it, each stretch predicted by the model learned for it; infinite
        where the past is shorter than two windows.
        """
        fresh = np.diagonal(self.errors)[:model]
        if len(fresh) < 2 * self.window:
            return np.inf
        means = np.convolve(fresh, np.full(self.window, 1 / self.window), mode="valid")
        return tolerance_limit(
            means, independent=len(fresh) / self.window, share=max(0.5, 1 - self.alpha)
        )


Policy = Callable[[History, int, int], bool]
"""Whether to train at a moment (the last argument), with the model of an earlier one serving."""


def never(*_: object) -> bool:
    """The first model serves for good."""
    return False


def always(*_: object) -> bool:
    """A new model at every moment."""
    return True


def monthly(_: History, model: int, now: int) -> bool:
    """A new model every four stretches."""
    return now - model >= 4


def by_performance(history: History, model: int, now: int) -> bool:
    """When the errors of the newest window are above what the model was expected to stay below."""
    seen = history.errors[model, max(model, now - history.window) : now]
    return len(seen) >= history.window and float(np.mean(seen)) > history.expected(model)


def by_drift(history: History, model: int, now: int) -> bool:
    """When the newest window has moved away from what the model learned from."""
    return now - model >= history.window and history.drifted(model, now)


POLICIES: Mapping[str, Policy] = {
    "never": never,
    "by performance": by_performance,
    "by drift": by_drift,
    "monthly": monthly,
    "always": always,
}


def serving(policy: Policy, history: History, *, first: int = 0) -> NDArray[np.intp]:
    """Which model serves in each stretch from `first` on; a stretch is seen at its end."""
    model, chosen = first, []
    for now in range(first, len(history.errors)):
        if now > first and policy(history, model, now):
            model = now
        chosen.append(model)
    return np.array(chosen, dtype=np.intp)
