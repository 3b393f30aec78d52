"""Policies of retraining followed through the past, with every new model examined as runs do.

A training learns until the held-out window, and the paired tests, the looks, the margin and the
guard of a run decide whether its model serves. The choice itself is that of runs (`verdict`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.comparison import FEWEST_PAIRS, compare_losses
from pipeline.looks import Looks, look
from pipeline.policies import Moment, Policy
from pipeline.steps.contenders import Role
from pipeline.steps.differences import Difference
from pipeline.steps.evidence import ALLOWANCE, SEED
from pipeline.steps.verdicts import Compared, verdict

Values = NDArray[np.float64]


class Who(NamedTuple):
    """A model of the past."""

    kind: Literal["candidate", "baseline"]
    learned: int
    """The stretch that it was learned for; 0 for the baseline, which learns nothing new."""


BASELINE = Who("baseline", 0)


class Past(Protocol):
    """Models of the past and their errors."""

    def knows(self, who: Who, stretch: int) -> bool:
        """Whether the model has predicted the stretch without having learned from it: itself, or
        on a fold of its backtest.
        """

    def losses(self, who: Who, stretches: tuple[int, ...]) -> Values:
        """Of those predictions, as they are paired in a test."""

    def error(self, who: Who, stretches: tuple[int, ...]) -> float:
        """The primary score of those predictions."""

    def rows(self, stretch: int) -> int: ...

    def spoiled(self, challenger: Who, champion: Who, stretches: tuple[int, ...]) -> str:
        """Where the challenger is surely worse; empty where it is not."""

    def limit(self, who: Who, until: int) -> float:
        """The error over a window that the model was to stay below, by what it had said before."""

    def drifted(self, who: Who, trained: int, now: int) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What an examination goes by, lengths in stretches."""

    held_out: int
    oldest: float
    """Age at which a challenger is no longer asked about, and a question begins anew."""
    window: int
    alpha: float
    margin: float
    hang_together: int
    late: int = 0
    """Stretches that go by after the end of one until all its rows are known: it is no evidence
    before, though a run would know some of them."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Another model serves from a moment on."""

    now: int
    action: Literal["promote", "hold", "roll back"]
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A policy's way through the past."""

    serving: tuple[Who, ...]
    """By stretch, from the first on."""
    trained: tuple[int, ...]
    changes: tuple[Change, ...]


class Asked(NamedTuple):
    """The looks at a question so far, and the moment of the first."""

    looks: Looks
    since: int


Question = tuple[str, Who, Who]


@dataclass(kw_only=True)
class Schedule:
    """One policy on its way."""

    past: Past
    rules: Rules
    first: int
    champion: Who = field(init=False)
    since: int = field(init=False)
    predecessor: Who | None = None
    challenger: Who | None = None
    trained: list[int] = field(default_factory=list)
    asked: dict[Question, Asked] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.champion = self._learned(self.first)
        self.since = self.first

    def follow(self, policy: Policy, stretches: int) -> Followed:
        """To the end of the past; the first model serves without an examination."""
        serving: list[Who] = []
        changes: list[Change] = []
        for now in range(self.first, stretches):
            if now > self.first:
                change = self.step(now, train=policy(self._moment(now)))
                if change is not None:
                    changes.append(change)
            serving.append(self.champion)
        return Followed(serving=tuple(serving), trained=tuple(self.trained), changes=tuple(changes))

    def step(self, now: int, *, train: bool) -> Change | None:
        """The next moment: a model is trained or none is, and whoever is in question examined."""
        if train:
            self.trained.append(now)
            self.challenger = self._learned(now)
        return self._examine(now)

    @property
    def _newest(self) -> int:
        return self.trained[-1] if self.trained else self.first

    def _known(self, now: int) -> int:
        """How many stretches are known whole."""
        return max(0, now - self.rules.late)

    def _learned(self, now: int) -> Who:
        return Who("candidate", max(0, now - self.rules.held_out))

    def _moment(self, now: int) -> Moment:
        who, trained, window = self.champion, self._newest, self.rules.window
        known = self._known(now)
        newest = tuple(range(max(0, known - window), known))
        served = len(newest) == window and all(self.past.knows(who, each) for each in newest)
        return Moment(
            now=now,
            trained=trained,
            window=window,
            seen=self.past.error(who, newest) if served else -np.inf,
            limit=self.past.limit(who, self._known(trained)),
            drifted=lambda: self.past.drifted(who, trained, now),
        )

    def _examine(self, now: int) -> Change | None:
        challenger = self._in_question(now)
        systems: dict[Role, Who] = {"champion": self.champion, "baseline": BASELINE}
        if challenger is not None:
            systems["challenger"] = challenger
        if self.predecessor is not None:
            systems["predecessor"] = self.predecessor
        differences = self._differences(systems, now)

        def beside(one: Role, other: Role) -> Difference:
            known = differences.get((one, other))
            return known if known is not None else differences[other, one].turned()

        held_out = tuple(range(max(0, now - self.rules.held_out), self._known(now)))
        found = verdict(
            Compared(
                roles=frozenset(systems),
                beside=beside,
                spoiled=lambda: self.past.spoiled(systems["challenger"], self.champion, held_out),
                unbeaten=False,
                came_before=("predecessor", "champion") in differences,
                same=False,
            )
        )
        if found.action == "hold" or systems[found.role] == self.champion:
            return None
        self.predecessor, self.champion, self.since = self.champion, systems[found.role], now
        return Change(now=now, action=found.action, sentence=found.sentence)

    def _in_question(self, now: int) -> Who | None:
        """As long as the champion has not changed since, and it is not too old to serve."""
        if self.challenger in (None, self.champion) or not self.trained:
            return None
        changed = self.predecessor is not None and self._newest <= self.since < now
        settled = changed or now - self._newest > self.rules.oldest
        return None if settled else self.challenger

    def _differences(
        self, systems: Mapping[Role, Who], now: int
    ) -> dict[tuple[Role, Role], Difference]:
        """Every pair that a run asks about; a question that was not asked at the moment before
        begins anew.
        """
        pairs: tuple[tuple[Role, Role, int], ...] = (
            ("challenger", "champion", 0),
            ("challenger", "baseline", 0),
            ("champion", "baseline", 0),
            ("predecessor", "champion", self.since),
        )
        before, self.asked = self.asked, {}
        found: dict[tuple[Role, Role], Difference] = {}
        for one, other, start in pairs:
            if one in systems and other in systems:
                models = systems[one], systems[other]
                stretches = tuple(
                    each
                    for each in range(start, self._known(now))
                    if all(self.past.knows(who, each) for who in models)
                )
                if one != "predecessor" or stretches:
                    found[one, other] = self._difference(one, other, models, stretches, now, before)
        return found

    def _difference(
        self,
        one: Role,
        other: Role,
        models: tuple[Who, Who],
        stretches: tuple[int, ...],
        now: int,
        before: Mapping[Question, Asked],
    ) -> Difference:
        if not stretches:
            return _untested(one, other, 0, self.rules.margin)
        ours, theirs = (self.past.losses(who, stretches) for who in models)
        rows = sum(map(self.past.rows, stretches))
        if len(ours) < FEWEST_PAIRS:
            return _untested(one, other, rows, self.rules.margin)
        tested = compare_losses(
            theirs,
            ours,
            hang_together=self.rules.hang_together,
            random=np.random.default_rng(SEED),
        )
        # The same kind of model over the very same champion, or over the baseline.
        key = (f"{one} over {other}", Who(models[0].kind, 0), models[1])
        earlier = before.get(key)
        since = earlier.since if earlier else now
        seen = self._known(since)
        kept = sum(self.past.rows(each) for each in stretches if each < seen) if earlier else 0
        looks = look(
            earlier.looks if earlier else None,
            rows=rows,
            kept=kept,
            planned=max(1, round(rows * self.rules.oldest / len(stretches))),
            alpha=ALLOWANCE * self.rules.alpha,
        )
        begun = len(looks.levels) == 1 and (earlier is None or looks != earlier.looks)
        self.asked[key] = Asked(looks, now if begun else since)
        errors = [self.past.error(who, stretches) for who in models]
        return Difference(
            one=one,
            other=other,
            gain=1 - errors[0] / errors[1] if errors[1] else 0.0,
            p_value=tested.p_value,
            level=looks.level,
            tested=True,
            pairs=tested.n,
            rows=rows,
            since="",
            looks=len(looks.levels),
            margin=self.rules.margin,
        )


def _untested(one: Role, other: Role, rows: int, margin: float) -> Difference:
    return Difference(
        one=one,
        other=other,
        gain=0.0,
        p_value=1.0,
        level=0.0,
        tested=False,
        pairs=0,
        rows=rows,
        since="",
        looks=1,
        margin=margin,
    )


def follow(policy: Policy, past: Past, rules: Rules, *, first: int, stretches: int) -> Followed:
    """A policy's way from the stretch `first` to the end, each new model examined."""
    return Schedule(past=past, rules=rules, first=first).follow(policy, stretches)
