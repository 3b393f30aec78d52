"""How one model does beside another, in numbers and in words that need no statistics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.metrics import score_name
from pipeline.records import EvaluateRecord, Evidence, Ground, Scores, SegmentGuard
from pipeline.steps.contenders import Role
from pipeline.steps.evidence import GUARD_LOSS, SERVED
from pipeline.steps.wording import day_text

PAIRS: tuple[tuple[Role, Role], ...] = (
    ("challenger", "champion"),
    ("challenger", "baseline"),
    ("predecessor", "champion"),
    ("champion", "baseline"),
)
"""As they are asked about."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How one system does beside another, on all the rows that neither had learned from."""

    one: Role
    other: Role
    gain: float
    """Share by which the primary error of the one is lower."""
    p_value: float
    """One-sided, for "one is better than other"; 1 where there were too few pairs for a test."""
    level: float
    """p-value at or below which this look calls it better."""
    tested: bool
    pairs: int
    rows: int
    """0 where older records don't say."""
    since: str
    looks: int
    margin: float

    @property
    def better(self) -> bool:
        """Beyond chance, and by enough to matter."""
        return is_better(self.p_value, self.level, self.gain, self.margin)

    def turned(self) -> Difference:
        """The same, the other way round."""
        return replace(
            self,
            one=self.other,
            other=self.one,
            gain=turned(self.gain),
            p_value=1 - self.p_value if self.tested else 1.0,
        )

    def told(self, one: str = "", other: str = "") -> str:
        """The difference and what it means, as the rest of a sentence."""
        one, other = one or f"the {self.one}", other or f"the {self.other}"
        return f"{one} erred {self._compared(other)} {self._where()}, {self._judged()}"

    def _compared(self, other: str) -> str:
        if not self.gain:
            return f"as much as {other}"
        more = "less" if self.gain > 0 else "more"
        return f"{abs(self.gain):.1%} {more} than {other}"

    def _where(self) -> str:
        if self.one == "predecessor":
            return f"on the rows{self.since} that the champion has served"
        if not self.rows:
            return "on the held-out window"
        return f"on {self.rows:,} rows{self.since} that neither had learned from"

    def _judged(self) -> str:
        if not self.tested:
            return "which are too few to tell it from chance"
        if 1 - self.p_value <= self.level:
            return "surely worse: more than chance would explain"
        if self.p_value > self.level:
            return "which may be mere chance"
        if self.gain < self.margin:
            return (
                f"more than chance would explain, but less than the {self.margin:.1%} that makes a "
                "change worth it"
            )
        return "more than chance would explain"


def is_better(p_value: float, level: float, gain: float, margin: float) -> bool:
    """Whether a difference is beyond chance and large enough to matter."""
    return p_value <= level and gain >= margin


def turned(gain: float) -> float:
    """The share by which the other error is lower: of half the error, the double."""
    return -gain / (1 - gain)


def difference(
    found: EvaluateRecord, one: Role, other: Role, *, alpha: float, margin: float
) -> Difference:
    """That of two systems of an evaluation, either way round; records before 0.2 looked once."""
    tested = found.comparisons.get(f"{one} over {other}")
    reverse = found.comparisons.get(f"{other} over {one}")
    known = found.evidence.get(f"{one} over {other}")
    evidence = known or found.evidence.get(f"{other} over {one}")
    p_value = 1.0
    if tested is not None:
        p_value = tested.p_value
    elif reverse is not None:
        p_value = 1 - reverse.p_value
    either = tested or reverse
    return Difference(
        one=one,
        other=other,
        gain=_gain(found, one, other, evidence, other_way=known is None),
        p_value=p_value,
        level=evidence.looks.level if evidence else alpha,
        tested=either is not None,
        pairs=either.n if either else 0,
        rows=evidence.rows if evidence else 0,
        since=f" since {day_text(evidence.start)}" if evidence and evidence.start else "",
        looks=len(evidence.looks.levels) if evidence else 1,
        margin=margin,
    )


def spoiled(guard: SegmentGuard | None, alpha: float) -> str:
    """Why the challenger may not serve although it is better; empty when it may."""
    if guard is None or guard.p_value > alpha or guard.loss <= GUARD_LOSS:
        return ""
    return (
        f"the challenger is better overall, but surely worse in {guard.by} {guard.segment}: its "
        f"mean loss there is {guard.loss:.0%} higher than the champion's, more than chance would "
        f"explain in any of {guard.segments} segments"
    )


def grounds(found: EvaluateRecord, *, alpha: float, margin: float) -> tuple[Ground, ...]:
    """The numbers of every pair that was compared, and of the guard on segments."""
    return (*_of_pairs(found, alpha, margin), *_of_guard(found, alpha))


def _of_pairs(found: EvaluateRecord, alpha: float, margin: float) -> Iterator[Ground]:
    roles, score = {system.role for system in found.systems}, score_name(found.primary)
    for one, other in PAIRS:
        if not {one, other} <= roles or (one == "predecessor" and SERVED not in found.comparisons):
            continue
        seen = difference(found, one, other, alpha=alpha, margin=margin)
        pair = f"{one.capitalize()} beside {other}"
        yield Ground.of_share(
            f"{pair}: error ({score}) lower by",
            seen.gain,
            limit=margin,
            rule="needed at least",
        )
        if seen.tested:
            yield Ground.of_share(
                f"{pair}: how often chance alone shows as much (p-value)",
                seen.p_value,
                limit=seen.level,
                rule=f"allowed at most, at look {seen.looks} at this question",
            )
        if seen.rows:
            yield Ground(
                name=f"{pair}: rows compared{seen.since}",
                value=seen.rows,
                unit="rows",
                rule=f"{seen.pairs:,} pairs of mean losses" if seen.tested else "too few to test",
            )


def _of_guard(found: EvaluateRecord, alpha: float) -> Iterator[Ground]:
    guard = found.guard
    if guard is None:
        return
    where = f"Guard, {guard.by} {guard.segment}"
    yield Ground.of_share(
        f"{where}: challenger's mean loss above the champion's by",
        guard.loss,
        limit=GUARD_LOSS,
        rule="more, beyond chance, forbids a promotion",
    )
    yield Ground.of_share(
        f"{where}: how often chance alone shows as much in any of {guard.segments} segments",
        guard.p_value,
        limit=alpha,
        rule="less is beyond chance",
    )


def _gain(
    found: EvaluateRecord, one: Role, other: Role, evidence: Evidence | None, *, other_way: bool
) -> float:
    """On all the rows that were compared."""
    if evidence is not None:
        return turned(evidence.gain) if other_way else evidence.gain
    theirs = _scores(found, other)[found.primary]
    return 1 - _scores(found, one)[found.primary] / theirs if theirs else 0.0


def _scores(found: EvaluateRecord, role: Role) -> Scores:
    return next(system.scores for system in found.systems if system.role == role)
