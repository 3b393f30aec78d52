"""Which model serves when, as the schedule renews it: learned with a held-out stretch to spare, and
adopted when it errs less there.

It mirrors the decide and promote steps, but for what needs a run: the limit on the champion's
error, and the paired test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.case import Case
from pipeline.steps.decide import drifted_share
from pipeline.steps.importance import importance

if TYPE_CHECKING:
    import pandas as pd

Learn = Callable[[datetime], Any]
"""From a moment to a model that has learned from all rows that were known by then."""


@dataclass(frozen=True, kw_only=True)
class Champion:
    """A model, until when it had learned, and when it was last examined: compared with one that was
    learned then, and kept, or promoted.
    """

    model: Any
    learned: datetime
    newest: datetime
    """Until when the newest model had learned."""
    examined: datetime


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """The schedule of one case over a frame of its rows."""

    case: Case
    frame: pd.DataFrame
    learn: Learn

    def first(self, now: datetime) -> Champion:
        """The champion of a schedule that begins now."""
        until = now - self.case.windows.held_out
        return Champion(model=self.learn(until), learned=until, newest=until, examined=now)

    def next(
        self, champion: Champion, alarmed: tuple[str, ...], window: timedelta, now: datetime
    ) -> Champion:
        """Who serves after a look whose newest rows were known at `now`.

        A challenger is learned when what the newest model learned is too old, or on drift in what
        the champion rests on, no sooner than a current window after the last one.
        """
        windows = self.case.windows
        if now - champion.examined < windows.current or not self._wanted(
            champion, alarmed, window, now
        ):
            return champion
        until = now - windows.held_out
        challenger = self.learn(until)
        ours, theirs = (self._error(model, until, now) for model in (champion.model, challenger))
        if theirs < (1 - self.case.gates.margin) * ours:
            return Champion(model=challenger, learned=until, newest=until, examined=now)
        return Champion(model=champion.model, learned=champion.learned, newest=until, examined=now)

    def _wanted(
        self, champion: Champion, alarmed: tuple[str, ...], window: timedelta, now: datetime
    ) -> bool:
        if now - champion.newest > self.case.gates.oldest_champion:
            return True
        if not alarmed:
            return False
        rows = self._rows(now - window, now)
        known = importance(
            self.case, champion.model, rows, self.case.task.truth(rows, self.case.schema)
        )
        share = drifted_share(known, alarmed)
        return share is not None and share >= self.case.gates.drifted

    def _error(self, model: Any, start: datetime, end: datetime) -> float:
        case, rows = self.case, self._rows(start, end)
        truth, predicted = case.task.truth(rows, case.schema), case.task.predict(model, rows)
        return float(np.mean(case.task.losses(rows, case.schema, truth, predicted)))

    def _rows(self, start: datetime, end: datetime) -> pd.DataFrame:
        fold = self.case.task.held_out(self.frame, self.case.schema, start=start, end=end)
        return self.frame.iloc[fold.test]
