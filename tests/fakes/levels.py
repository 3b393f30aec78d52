"""A past of models that each say one level, a stretch of a week after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.case import Case
from pipeline.steps.examined import BASELINE, Rules, Who
from pipeline.steps.renewal import Renewal

WEEK = timedelta(days=7)


class Level:
    """A model that says the same at all times."""

    def __init__(self, level: float) -> None:
        self.level = level

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        return np.full(len(rows), self.level)


@dataclass(frozen=True, kw_only=True)
class Levels:
    """Errors of such models on the rows of a case; nothing is ever spoiled, and drift is told by
    whoever looks.
    """

    case: Case
    rows_of: pd.DataFrame
    starts: list[datetime]
    level: Callable[[datetime], float]
    """Of what a model says that learned until then; the baseline learned until the first start."""

    def model(self, who: Who, stretch: int) -> Level:
        del stretch
        return Level(0.0 if who == BASELINE else self.level(self.starts[who.learned]))

    def knows(self, who: Who, stretch: int) -> bool:
        return who == BASELINE or stretch >= who.learned

    def losses(self, who: Who, stretches: tuple[int, ...]) -> NDArray[np.float64]:
        rows = pd.concat([self._within(each) for each in stretches])
        truth = self.case.task.truth(rows, self.case.schema)
        said = self.model(who, 0).predict(rows)
        return self.case.task.losses(rows, self.case.schema, truth, said)

    def error(self, who: Who, stretches: tuple[int, ...]) -> float:
        return float(np.sqrt(np.mean(self.losses(who, stretches))))

    def rows(self, stretch: int) -> int:
        return len(self._within(stretch))

    def spoiled(self, challenger: Who, champion: Who, stretches: tuple[int, ...]) -> str:
        return ""

    def limit(self, who: Who, until: int) -> float:
        return np.inf

    def drifted(self, who: Who, trained: int, now: int) -> bool:
        return False

    def _within(self, stretch: int) -> pd.DataFrame:
        times = self.rows_of["time"]
        start = self.starts[stretch]
        return self.rows_of[(times >= start) & (times < start + WEEK)]


def renewal(
    case: Case, rows: pd.DataFrame, first: datetime, level: Callable[[datetime], float]
) -> Renewal:
    """The schedule of a case over such models, from a first start on."""
    times: Any = rows["time"]
    count = int((times.max().to_pydatetime() - first) / WEEK) + 1
    starts = [first + WEEK * number for number in range(count)]
    frame = case.task.frame(rows, case.schema)
    past = Levels(case=case, rows_of=frame, starts=starts, level=level)
    rules = Rules(
        held_out=2,
        oldest=case.gates.oldest_champion / WEEK,
        window=4,
        alpha=0.05,
        margin=case.gates.margin,
        hang_together=case.task.losses_hang_together,
    )
    return Renewal(case=case, frame=frame, past=past, rules=rules, starts=starts, model=past.model)
