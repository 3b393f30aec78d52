"""Which model serves when, as the schedule renews it: learned with a held-out stretch to spare, and
adopted when it passes the examination of runs.

It mirrors the decide step, but for what needs a run: the limit on the champion's error.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.case import Case
from pipeline.errors import StepError
from pipeline.steps.decide import drifted_share
from pipeline.steps.examined import Past, Rules, Schedule, Who
from pipeline.steps.importance import importance
from pipeline.steps.stretches import known_at

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Champion:
    """A model, until when it had learned, and when it was last examined: compared with one that was
    learned then, and kept, or promoted.
    """

    who: Who
    model: Any
    learned: datetime
    newest: datetime
    """Until when the newest model had learned."""
    examined: datetime


@dataclass(kw_only=True)
class Renewal:
    """The schedule of one case over a frame of its rows; `first` begins a way through its past."""

    case: Case
    frame: pd.DataFrame
    past: Past
    rules: Rules
    starts: Sequence[datetime]
    """Of the stretches of the past, rising: a look counts those that have ended by then."""
    model: Callable[[Who, int], Any]
    """The model itself; a baseline as of the start of the stretch."""
    _schedule: Schedule = field(init=False)

    def first(self, now: datetime) -> Champion:
        """The champion of a schedule that begins now; raises `StepError` where no model had been
        learned with a held-out stretch to spare.
        """
        begun = self._stretch(now)
        if begun < self.rules.held_out:
            raise StepError(
                f"No model was learned {self.rules.held_out} stretches before {now.isoformat()}. "
                "Replay fewer stretches."
            )
        self._schedule = Schedule(past=self.past, rules=self.rules, first=begun)
        who = self._schedule.champion
        learned = self.starts[who.learned]
        return Champion(
            who=who, model=self.model(who, begun), learned=learned, newest=learned, examined=now
        )

    def next(
        self, champion: Champion, alarmed: tuple[str, ...], window: timedelta, now: datetime
    ) -> Champion:
        """Who serves after a look whose newest rows were known at `now`, later than the last one.

        A challenger is learned when what the newest model learned is too old, or on drift in what
        the champion rests on, no sooner than a current window after the last one. It is examined at
        this look and those after it, until it serves, is too old, or another is learned.
        """
        wait, stretch = self.case.windows.current, self._stretch(now)
        train = now - champion.examined >= wait and self._wanted(champion, alarmed, window, now)
        self._schedule.step(stretch, train=train)
        who, until = self._schedule.champion, self.starts[max(0, stretch - self.rules.held_out)]
        changed = who != champion.who
        return Champion(
            who=who,
            model=self.model(who, stretch) if changed else champion.model,
            learned=self._learned(who, until) if changed else champion.learned,
            newest=until if train else champion.newest,
            examined=now if train else champion.examined,
        )

    def _learned(self, who: Who, until: datetime) -> datetime:
        return self.starts[who.learned] if who.kind == "candidate" else until

    def _stretch(self, now: datetime) -> int:
        """The one that begins now, or that goes on."""
        return max(0, bisect_right(self.starts, now) - 1)

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

    def _rows(self, start: datetime, end: datetime) -> pd.DataFrame:
        known = known_at(self.frame, self.case.schema, end)
        fold = self.case.task.held_out(known, self.case.schema, start=start, end=end)
        return known.iloc[fold.test]
