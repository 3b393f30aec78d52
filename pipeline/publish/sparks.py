"""Spark lines: a score over the newest runs, small enough to stand beside its number."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.metrics import score_name
from pipeline.publish import markup, words
from pipeline.publish.rows import RunThen

MOST = 30
WIDTH, HEIGHT, ROOM = 120.0, 32.0, 4.0


def spark(rows: Sequence[RunThen], unit: str) -> str:
    """An SVG of the newest scores by one metric, with what it shows in words; empty for fewer
    than two. The line's box spans the lowest to the highest score; runs stand at even distances.
    """
    scored = [row for row in rows if row.metric and row.moment]
    if not scored:
        return ""
    name = scored[-1].metric.name if scored[-1].metric else ""
    same = [row for row in scored if row.metric and row.metric.name == name][-MOST:]
    values = [row.metric.value for row in same if row.metric]
    if len(values) < 2:
        return ""
    first = same[0].moment
    told = (
        f"{score_name(name)} over {len(values)} runs since "
        f"{words.date_text(first) if first else 'the first'}: from "
        f"{words.quantity(values[0], unit)} to {words.quantity(values[-1], unit)}, lowest "
        f"{words.number(min(values))}, highest {words.number(max(values))}."
    )
    points = _points(values)
    return markup.fragment(
        "spark.html.j2",
        words=told,
        line=" ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        last=points[-1],
        width=WIDTH,
        height=HEIGHT,
    )


def _points(values: Sequence[float]) -> list[tuple[float, float]]:
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    across = (WIDTH - 2 * ROOM) / (len(values) - 1)
    up = HEIGHT - 2 * ROOM
    return [
        (
            ROOM + place * across,
            ROOM + up * (1 - (value - low) / span) if high > low else HEIGHT / 2,
        )
        for place, value in enumerate(values)
    ]
