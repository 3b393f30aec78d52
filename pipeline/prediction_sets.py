"""Sets of classes that hold the true one in a share of the cases that was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StepError

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ClassConformal:
    """Split-conformal sets: every class whose probability reaches one threshold, and the likeliest.

    Holds the true class in at least a share `level` of new rows when calibration rows and new rows
    are exchangeable. Sadinle, Lei & Wasserman 2019, "Least ambiguous set-valued classifiers with
    bounded error levels", section 3.
    """

    kind: Literal["class_conformal"] = "class_conformal"
    level: float
    """Share of the truth to be covered, above 0 and below 1."""
    classes: tuple[str, ...]
    """In the order of the columns of the probabilities."""
    least_probability: float
    """A class with this probability or more is in the set."""

    def __post_init__(self) -> None:
        if not (0 < self.level < 1 and 0 <= self.least_probability <= 1):
            raise StepError(
                f"level {self.level!r} and least_probability {self.least_probability!r} do not "
                "make sets of classes; fit them again."
            )

    @classmethod
    def fit(
        cls,
        probabilities: Probabilities,
        truth: NDArray[Any],
        *,
        classes: Sequence[str],
        level: float,
    ) -> Self:
        """Calibrates on rows (n, k) that the model has not learned from; `truth` holds n labels.

        The threshold is the ceil((n + 1) level)-th largest probability of a true class; with too
        few rows for that, every class is in every set. Raises `StepError` for an unknown label.
        """
        places = class_places(truth, classes)
        given = np.sort(probabilities[np.arange(len(places)), places])
        rank = math.ceil(round((len(given) + 1) * level, 9))
        least = float(given[len(given) - rank]) if rank <= len(given) else 0.0
        return cls(level=level, classes=tuple(classes), least_probability=least)

    def members(self, probabilities: Probabilities) -> NDArray[np.bool_]:
        """Which classes are in each row's set, of the shape of `probabilities`; never none."""
        likeliest = np.argmax(probabilities, axis=1)
        found = probabilities >= self.least_probability
        found[np.arange(len(found)), likeliest] = True
        return np.asarray(found)


def class_places(labels: NDArray[Any], classes: Sequence[str]) -> NDArray[np.intp]:
    """Position of each label among the classes; raises `StepError` naming those unknown."""
    known = {name: place for place, name in enumerate(classes)}
    unknown = sorted({repr(label) for label in labels if label not in known})
    if unknown:
        raise StepError(
            f"The labels {', '.join(unknown)} are not among the classes {', '.join(classes)}. "
            "Add an expectation that sets such rows aside, or declare the class."
        )
    return np.array([known[label] for label in labels], dtype=np.intp)
