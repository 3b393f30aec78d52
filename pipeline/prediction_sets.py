"""Sets of classes that hold the true one in a share of the cases that was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StepError

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ClassConformal:
    """Split-conformal sets: every class whose probability reaches its threshold, and the likeliest.

    Holds the true class in at least a share `level` of new rows of each class that has a threshold
    of its own, when calibration rows and new rows of the class are exchangeable, whatever the
    shares of the classes. A class with too few rows for that has the threshold of all rows, and no
    promise of its own. Sadinle, Lei & Wasserman 2019, "Least ambiguous set-valued
    classifiers with bounded error levels", sections 2 and 3; by class, the taxonomy of Mondrian
    predictors: Vovk, Gammerman & Shafer 2005, "Algorithmic learning in a random world", section
    4.5.
    """

    kind: Literal["class_conformal"] = "class_conformal"
    level: float
    """Share of the truth to be covered, above 0 and below 1."""
    classes: tuple[str, ...]
    """In the order of the columns of the probabilities."""
    least_probability: float
    """A class without a threshold of its own is in the set with this probability or more."""
    by_class: dict[str, float] = field(default_factory=dict)
    """Thresholds of the classes with rows enough; empty in records before 0.2."""

    def __post_init__(self) -> None:
        thresholds = [self.least_probability, *self.by_class.values()]
        fits = all(0 <= threshold <= 1 for threshold in thresholds)
        if not (0 < self.level < 1 and fits and set(self.by_class) <= set(self.classes)):
            raise StepError(
                f"level {self.level!r}, least_probability {self.least_probability!r} and by_class "
                f"{self.by_class!r} do not make sets of the classes {self.classes!r}; fit them "
                "again."
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

        A threshold is the ceil((n + 1) level)-th largest probability of a true class: of all rows,
        and of the rows of each class that has so many. With too few rows altogether, every class
        is in every set. Raises `StepError` for an unknown label.
        """
        places = class_places(truth, classes)
        given = probabilities[np.arange(len(places)), places]
        own = {
            name: _threshold(given[places == place], level) for place, name in enumerate(classes)
        }
        return cls(
            level=level,
            classes=tuple(classes),
            least_probability=_threshold(given, level) or 0.0,
            by_class={name: least for name, least in own.items() if least is not None},
        )

    def members(self, probabilities: Probabilities) -> NDArray[np.bool_]:
        """Which classes are in each row's set, of the shape of `probabilities`; never none."""
        likeliest = np.argmax(probabilities, axis=1)
        least = [self.by_class.get(name, self.least_probability) for name in self.classes]
        found = probabilities >= np.array(least)
        found[np.arange(len(found)), likeliest] = True
        return np.asarray(found)


def _threshold(given: Probabilities, level: float) -> float | None:
    rank = math.ceil(round((len(given) + 1) * level, 9))
    return float(np.sort(given)[len(given) - rank]) if rank <= len(given) else None


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
