"""When a policy of retraining trains: judged by what is known at a moment, and by nothing later.

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
class Moment:
    """What a policy may know of the model that serves."""

    now: int
    """The stretch that begins."""
    trained: int
    """The moment of the newest training, adopted or not."""
    window: int
    """Stretches in the current window."""
    seen: float
    """Error of the model that serves over the newest window; -inf where it has not served or been
    tested so long."""
    limit: float
    """Error that was to be expected at most; inf where too little is known."""
    drifted: Callable[[], bool]
    """Whether what matters to the model that serves has changed since that training."""

    @property
    def settled(self) -> bool:
        """Whether a window of new rows has come since that training."""
        return self.now - self.trained >= self.window


Policy = Callable[[Moment], bool]


def limit_of(past: Values, window: int, alpha: float) -> float:
    """The mean loss that the next window stays below with probability 1 - alpha: the tolerance
    limit of the windows of the past; infinite where that is shorter than two windows.
    """
    if len(past) < 2 * window:
        return np.inf
    means = np.convolve(past, np.full(window, 1 / window), mode="valid")
    return tolerance_limit(means, independent=len(past) / window, share=max(0.5, 1 - alpha))


def never(_: Moment) -> bool:
    """The first model serves for good."""
    return False


def always(_: Moment) -> bool:
    """A new model at every moment."""
    return True


def monthly(moment: Moment) -> bool:
    """A new model every window."""
    return moment.settled


def by_performance(moment: Moment) -> bool:
    """When the error of the newest window is above what was to be expected."""
    return moment.settled and moment.seen > moment.limit


def by_drift(moment: Moment) -> bool:
    """When the newest window has moved away from what the model has met."""
    return moment.settled and moment.drifted()


NEVER = "never"
POLICIES: Mapping[str, Policy] = {
    NEVER: never,
    "by performance": by_performance,
    "by drift": by_drift,
    "monthly": monthly,
    "always": always,
}


@dataclass(frozen=True, kw_only=True)
class History:
    """Errors of models learned at some moments, in the stretches between moments."""

    errors: Values
    """Mean loss of the model learned at moment i in the stretch that begins at moment j, at
    [i, j]; only j >= i is looked at."""
    window: int
    """Stretches in the current window."""
    alpha: float
    drifted: Callable[[int, int, int], bool]
    """Whether what matters to a model (the first moment) has changed between a training (the
    second) and now (the third)."""
    late: int = 0
    """Stretches that go by after the end of one until all its rows are known."""

    def __post_init__(self) -> None:
        moments = len(self.errors)
        if self.errors.shape != (moments, moments) or moments < 2 or self.window < 1:
            raise StepError(
                f"Errors of shape {self.errors.shape!r} with a window of {self.window!r} can't be "
                "replayed: as many stretches as models are needed, two at least."
            )

    def at(self, model: int, now: int) -> Moment:
        """With a model that served as soon as it was learned; what is to be expected comes from
        models each learned at the very start of a stretch.
        """
        known = now - self.late
        served = known - model >= self.window
        return Moment(
            now=now,
            trained=model,
            window=self.window,
            seen=float(np.mean(self.errors[model, known - self.window : known]))
            if served
            else -np.inf,
            limit=limit_of(
                np.diagonal(self.errors)[: max(0, model - self.late)], self.window, self.alpha
            ),
            drifted=lambda: self.drifted(model, model, now),
        )


def serving(policy: Policy, history: History, *, first: int = 0) -> NDArray[np.intp]:
    """Which model serves in each stretch from `first` on, where each new one is adopted unseen; a
    stretch is seen when all its rows are known.
    """
    model, chosen = first, []
    for now in range(first, len(history.errors)):
        if now > first and policy(history.at(model, now)):
            model = now
        chosen.append(model)
    return np.array(chosen, dtype=np.intp)
