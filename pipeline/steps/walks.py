"""What each policy of retraining costs over models of the past: with every new model examined as
in a run, and with none examined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.comparison import compare_losses, tolerance_limit
from pipeline.options import DriftOptions
from pipeline.policies import NEVER, POLICIES, Policy, Values, serving
from pipeline.records import PolicyPrice
from pipeline.steps.differences import spoiled
from pipeline.steps.evidence import SEED, worst_segment
from pipeline.steps.examined import BASELINE, Change, Followed, Rules, Who, follow
from pipeline.steps.past_models import (
    WINDOW,
    PastModels,
    calendar_name,
    has_drifted,
    start_of,
    stretch_of,
    whole,
)
from pipeline.steps.renewal import Renewal
from pipeline.steps.replay import Look, replay
from pipeline.tasks import Floats, Truth

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Told:
    """Another model came to serve, by a policy, at a time."""

    policy: str
    when: datetime
    change: Change


@dataclass(frozen=True, kw_only=True)
class Setback:
    """A model that did worse than the first one, in the stretches that it served."""

    learned: datetime
    """When it was trained, or its stretch began."""
    stretches: int
    error: float
    kept: float
    """Error of the first model in the same stretches."""
    lost: float
    """Sum of its mean losses by stretch, less the first model's."""


@dataclass(kw_only=True)
class Walks:
    """Every policy's way over the same models, from the stretch `first` on."""

    models: PastModels
    first: int
    _known: dict[tuple[Who, tuple[int, ...]], Values] = field(default_factory=dict)
    _errors: dict[tuple[Who, tuple[int, ...]], float] = field(default_factory=dict)
    _drifted: dict[tuple[Who, int, int], bool] = field(default_factory=dict)

    @cached_property
    def followed(self) -> dict[str, Followed]:
        """By policy, each new model examined."""
        return {
            name: follow(policy, self, self.rules, first=self.first, stretches=self._stretches)
            for name, policy in POLICIES.items()
        }

    @property
    def rules(self) -> Rules:
        """Those of the case's runs, in stretches."""
        case, stretch = self.models.case, stretch_of(self.models.case)
        return Rules(
            held_out=max(1, whole(case.windows.held_out, stretch)),
            oldest=case.gates.oldest_champion / stretch,
            window=WINDOW,
            alpha=self.models.history.alpha,
            margin=case.gates.margin,
            hang_together=case.task.losses_hang_together,
            late=self.models.history.late,
        )

    def prices(self) -> tuple[PolicyPrice, ...]:
        """What each policy costs over the judged stretches."""
        return tuple(self._price(name, policy) for name, policy in POLICIES.items())

    def changes(self) -> Iterator[Told]:
        """Whenever a policy brought another model to serve, policy by policy."""
        for name, way in self.followed.items():
            for change in way.changes:
                yield Told(policy=self._name(name), when=self._moment(change.now), change=change)

    def alarms(self) -> Iterator[Look]:
        """What the drift step would have said at the end of each stretch, its champion renewed as
        runs do, from the first judged stretch on that leaves a held-out window before it.
        """
        past = self.models
        begun = max(self.first, self.rules.held_out)
        return replay(
            past.case,
            past.frame,
            since=self._moment(begun) - past.case.windows.current,
            until=max(fold.end for fold in past.folds),
            alpha=past.history.alpha,
            material=DriftOptions().material,
            every=stretch_of(past.case),
            renewal=self.renewal(),
        )

    def renewal(self) -> Renewal:
        """The schedule over these models."""
        past = self.models
        return Renewal(
            case=past.case,
            frame=past.frame,
            past=self,
            rules=self.rules,
            starts=[start_of(fold) for fold in past.folds],
            model=self._model,
        )

    def setback(self, way: Followed) -> Setback | None:
        """The model of a policy that lost most against the first one; `None` where none did."""
        judged = range(self.first, self._stretches)
        never = way.serving[0]
        found = []
        for who in dict.fromkeys(way.serving):
            served = tuple(
                each for each, other in zip(judged, way.serving, strict=True) if other == who
            )
            losses = [
                sum(float(np.mean(self.losses(each, (one,)))) for one in served)
                for each in (who, never)
            ]
            found.append(
                Setback(
                    learned=self._moment(who.learned),
                    stretches=len(served),
                    error=self.error(who, served),
                    kept=self.error(never, served),
                    lost=float(losses[0] - losses[1]),
                )
            )
        worst = max(found, key=lambda each: each.lost, default=None)
        return worst if worst is not None and worst.error > worst.kept else None

    def is_sure(self, policy: str) -> bool:
        """Whether the losses of a policy are below those of never training again, in a paired test
        over the judged stretches at the error allowed, shared by all policies that may be best.
        """
        task, others = self.models.case.task, len(POLICIES) - 1
        ours, theirs = (
            np.concatenate(
                [
                    self.losses(who, (each,))
                    for each, who in enumerate(self.followed[name].serving, self.first)
                ]
            )
            for name in (policy, NEVER)
        )
        tested = compare_losses(
            theirs,
            ours,
            hang_together=task.losses_hang_together,
            random=np.random.default_rng(SEED),
        )
        return tested.p_value <= self.rules.alpha / others

    def luck(self) -> tuple[float, float]:
        """Lowest and highest error over the newest window, of the models that were learned before
        it on different dates.
        """
        newest = tuple(range(self._stretches - WINDOW, self._stretches))
        found = [
            self.error(Who("candidate", learned), newest)
            for learned in range(self.first, newest[0] + 1)
        ]
        return min(found), max(found)

    def knows(self, who: Who, stretch: int) -> bool:
        """The baseline always; a candidate from its own stretch on, and on the folds before it."""
        return who == BASELINE or self._teller(who, stretch) is not None

    def losses(self, who: Who, stretches: tuple[int, ...]) -> Values:
        """Losses as the task pairs them, over all these stretches together."""
        known = self._known.get((who, stretches))
        if known is None:
            rows = self._rows(stretches)
            truth, predicted = self._truth(stretches), self._predicted(who, stretches)
            task, schema = self.models.case.task, self.models.case.schema
            known = self._known[who, stretches] = task.losses(rows, schema, truth, predicted)
        return known

    def error(self, who: Who, stretches: tuple[int, ...]) -> float:
        """The primary score over these stretches."""
        known = self._errors.get((who, stretches))
        if known is None:
            task = self.models.case.task
            scores = task.metrics(self._truth(stretches), self._predicted(who, stretches))
            known = self._errors[who, stretches] = scores[task.primary]
        return known

    def rows(self, stretch: int) -> int:
        """How many rows a stretch has."""
        return len(self.models.truth[stretch])

    def limit(self, who: Who, until: int) -> float:
        """As the decision of a run: the tolerance limit of the windows that are known, and at least
        the share above their mean that matters; of less than two windows, the worst stretch, and
        infinite where none is known.
        """
        known = [each for each in range(until) if self.knows(who, each)]
        share = 1 + self.models.case.gates.degradation
        if len(known) < 2 * WINDOW:
            return share * max((self.error(who, (each,)) for each in known), default=np.inf)
        starts = range(len(known) - WINDOW + 1)
        scores = [self.error(who, tuple(known[start : start + WINDOW])) for start in starts]
        expected = tolerance_limit(
            scores, independent=len(known) / WINDOW, share=max(0.5, 1 - self.rules.alpha)
        )
        return max(expected, share * float(np.mean(scores)))

    def spoiled(self, challenger: Who, champion: Who, stretches: tuple[int, ...]) -> str:
        """The guard of a run, on the rows held out."""
        known = tuple(
            each
            for each in stretches
            if self.knows(challenger, each) and self.knows(champion, each)
        )
        if not known:
            return ""
        guard = worst_segment(
            self.models.case,
            self._rows(known),
            self._predicted(challenger, known),
            self._predicted(champion, known),
        )
        return spoiled(guard, self.rules.alpha)

    def drifted(self, who: Who, trained: int, now: int) -> bool:
        """The drift step's comparison, with what the model rests on."""
        key = who, trained, now
        if key not in self._drifted:
            past = self.models
            model = self._model(who, now - 1)
            self._drifted[key] = has_drifted(
                past.case, past.frame, past.folds, model, trained=trained, now=now
            )
        return self._drifted[key]

    def _model(self, who: Who, stretch: int) -> Any:
        past = self.models
        return past.baselines[stretch] if who == BASELINE else past.models[who.learned]

    @property
    def _stretches(self) -> int:
        return len(self.models.folds)

    def _moment(self, stretch: int) -> datetime:
        return start_of(self.models.folds[stretch])

    def _name(self, policy: str) -> str:
        return calendar_name(self.models.case) if policy == "monthly" else policy

    def _price(self, name: str, policy: Policy) -> PolicyPrice:
        way, history = self.followed[name], self.models.history
        at_once = serving(policy, history, first=self.first)
        unexamined = [Who("candidate", int(model)) for model in at_once]
        return PolicyPrice(
            policy=self._name(name),
            retrainings=len(way.trained),
            error=self._score(way.serving),
            learned=tuple(map(self._moment, way.trained)),
            changed=tuple(self._moment(change.now) for change in way.changes),
            unexamined=self._score(unexamined),
            unexamined_retrainings=len(set(unexamined)) - 1,
        )

    def _score(self, served: Sequence[Who]) -> float:
        """The primary metric over all judged stretches, by whoever served in each."""
        judged = range(self.first, self._stretches)
        told = [self._said(who, each) for who, each in zip(served, judged, strict=True)]
        task = self.models.case.task
        return task.metrics(self._truth(tuple(judged)), np.concatenate(told))[task.primary]

    def _teller(self, who: Who, stretch: int) -> int | None:
        """The model that said what counts for this one: itself, or one of its backtest's folds."""
        if stretch >= who.learned:
            return who.learned
        windows = self.models.case.windows
        length = whole(windows.fold, stretch_of(self.models.case)) or WINDOW
        folds = -(-(who.learned - stretch) // length)
        begun = who.learned - folds * length
        return begun if begun >= 0 and folds <= windows.folds else None

    def _said(self, who: Who, stretch: int) -> Floats:
        if who == BASELINE:
            return self.models.naive[stretch]
        teller = self._teller(who, stretch)
        if teller is None:
            raise KeyError((who, stretch))
        return self.models.predicted[teller][stretch]

    def _predicted(self, who: Who, stretches: tuple[int, ...]) -> Floats:
        return np.concatenate([self._said(who, each) for each in stretches])

    def _truth(self, stretches: tuple[int, ...]) -> Truth:
        return np.concatenate([self.models.truth[each] for each in stretches])

    def _rows(self, stretches: tuple[int, ...]) -> pd.DataFrame:
        places = np.concatenate([self.models.folds[each].test for each in stretches])
        return self.models.frame.iloc[places]
