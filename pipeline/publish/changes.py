"""What a run changed against the one before it, in sentences; the same facts for pages and feed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.metrics import score_name
from pipeline.publish import words
from pipeline.publish.rows import MetricThen, RunThen
from pipeline.steps.wording import listed

SAME = 0.0005
"""A score that moves by less is called unchanged."""
STAYED = "is the same as before."


def changes(rows: Sequence[RunThen], unit: str) -> tuple[str, ...]:
    """What the newest run changed, a sentence each; empty for the first run of a case."""
    if len(rows) < 2:
        return ()
    before, now = rows[-2], rows[-1]
    found = [*_health(before, now), *_champion(rows), *_score(rows, unit), *_drift(rows)]
    return tuple(found)


def told_changes(found: Sequence[str]) -> list[str]:
    """Those of the sentences that tell of something new; a score that stayed is told on the case's
    own page alone.
    """
    return [sentence for sentence in found if not sentence.endswith(STAYED)]


def metric_before(rows: Sequence[RunThen]) -> tuple[RunThen, RunThen] | None:
    """The newest two runs that scored a champion by the same metric, older first."""
    scored = [row for row in rows if row.metric]
    if len(scored) < 2 or _metric(scored[-1]).name != _metric(scored[-2]).name:
        return None
    return scored[-2], scored[-1]


def relative_change(before: float, now: float) -> float | None:
    """The share by which a score has moved; `None` where it was zero."""
    return now / before - 1 if before else None


def alarms_of(rows: Sequence[RunThen]) -> list[tuple[str, ...]]:
    """Columns with an alarm of the newest two runs that measured drift, older first."""
    return [row.alarms for row in rows if row.drift is not None][-2:]


def _health(before: RunThen, now: RunThen) -> Iterator[str]:
    if before.health != now.health:
        yield f"{now.health.capitalize()} now, {before.health} before."


def _champion(rows: Sequence[RunThen]) -> Iterator[str]:
    now, earlier = rows[-1].champion, [row.champion for row in rows[:-1] if row.champion]
    if now is None:
        return
    if not earlier:
        yield f"The first champion serves: {now.title}."
    elif now.sha256 != earlier[-1].sha256:
        yield f"A new champion serves: {now.title}, after {earlier[-1].title}."


def _score(rows: Sequence[RunThen], unit: str) -> Iterator[str]:
    pair = metric_before(rows)
    if pair is None or pair[1].run_id != rows[-1].run_id:
        return
    before, now = (_metric(row) for row in pair)
    change, name = relative_change(before.value, now.value), score_name(now.name)
    if change is None:
        return
    if abs(change) < SAME:
        yield f"{name} {STAYED}"
        return
    moved = "rose" if change > 0 else "fell"
    told = f"{name} {moved} by {words.share(abs(change))} to {words.quantity(now.value, unit)}"
    yield f"{told}."


def _drift(rows: Sequence[RunThen]) -> Iterator[str]:
    if rows[-1].drift is None:
        return
    found = alarms_of(rows)
    if len(found) < 2:
        return
    before, now = found
    began = [name for name in now if name not in before]
    ended = [name for name in before if name not in now]
    if began:
        yield f"Drift began in {listed(began)}."
    if ended:
        yield f"Drift ended in {listed(ended)}."


def _metric(row: RunThen) -> MetricThen:
    if row.metric is None:
        raise TypeError(row.run_id)
    return row.metric
