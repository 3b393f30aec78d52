"""From two windows to p-values, effects and figures of every column."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._beside import rhythm_parts, series_parts
from pipeline.shift._categories import read_categories
from pipeline.shift._checks import check_windows
from pipeline.shift._design import SPARE
from pipeline.shift._directions import direction_part, kuiper_distance, mean_direction
from pipeline.shift._layout import Layout, Table
from pipeline.shift._location import location_parts, shape_parts
from pipeline.shift._numbers import Numbers, block_means, floats, read_numbers
from pipeline.shift._rates import weighted_bonferroni
from pipeline.shift._scores import Scores, score_numbers
from pipeline.shift._shares import category_parts, missing_part
from pipeline.shift._together import measure_together
from pipeline.shift._types import Against, Measured, Part, Watched
from pipeline.shift._year import yearly_columns, yearly_course

TOGETHER = "all columns together"
WEIGHTS = {
    "mean": 0.85,
    "series": 0.35,
    "daily rhythm": 0.06,
    "shape": 0.06,
    "direction": 0.85,
    "categories": 0.7,
    "new categories": 0.3,
    "missing values": 0.08,
}
"""How a column's share of false alarms is dealt out among its tests, over their sum."""


def compare(
    reference: Table, current: Table, watched: Sequence[Watched], *, block: timedelta
) -> tuple[Measured, ...]:
    """Measures every watched column, then all number columns together.

    `block` is the length of the blocks; within one, rows may depend on each other as they like.
    A reference of a year or more is asked what the same weeks of the year were like; a shorter one
    knows no such weeks, and the window is held against the course of the weeks before it. Rows
    without time are exchangeable. Raises `StepError` for an unknown kind, a column that is absent,
    lengths that differ or an empty window.
    """
    from threadpoolctl import threadpool_limits

    check_windows(reference, current, {each.name: each.kind for each in watched})
    # Matrices are small: threads would spend longer waiting for one another than computing.
    with threadpool_limits(1, user_api="blas"):
        return _compare(reference, current, watched, block=block)


def _compare(
    reference: Table, current: Table, watched: Sequence[Watched], *, block: timedelta
) -> tuple[Measured, ...]:
    layout = Layout.of(reference, current, block=block)

    def both(name: str) -> NDArray[np.generic]:
        return np.concatenate([np.asarray(table.columns[name]) for table in (reference, current)])

    found: dict[str, Measured] = {}
    counted = [each for each in watched if each.kind != "category" and each.period is None]
    numbers = [
        read_numbers(each.name, floats(both(each.name), each.name), layout) for each in counted
    ]
    together = _measure_numbers(counted, numbers, layout, found)
    for each in watched:
        if each.kind == "category":
            found[each.name] = _measure_category(each, both(each.name), layout)
        elif each.period is not None:
            found[each.name] = _measure_direction(each, floats(both(each.name), each.name), layout)
    return (*(found[each.name] for each in watched), *together)


def _measure_numbers(
    watched: Sequence[Watched],
    numbers: Sequence[Numbers],
    layout: Layout,
    found: dict[str, Measured],
) -> tuple[Measured, ...]:
    if not watched:
        return ()
    means = np.column_stack([block_means(each, layout) for each in numbers])
    seasonal = np.array([each.seasonal for each in watched])
    yearly = yearly_columns(means, layout, seasonal)
    course, guessed = yearly_course(means, yearly, layout), layout.plain.follows
    scores = [
        score_numbers(
            each,
            layout,
            course[:, place] if course[:, place].any() else None,
            given_back=guessed,
        )
        for place, each in enumerate(numbers)
    ]
    located, z_scores, residuals = location_parts(numbers, scores, yearly, layout)
    shaped = shape_parts(scores, yearly, layout)
    beside = _parts_beside(watched, numbers, scores, layout)
    for place, (each, column) in enumerate(zip(watched, numbers, strict=True)):
        parts = [
            located[place],
            shaped[place] if each.kind != "boolean" else None,
            *beside.get(each.name, ()),
            _lost_part(column, layout),
        ]
        found[each.name] = _measured(
            each,
            [part for part in parts if part],
            layout,
            yearly=bool(yearly[place]),
            distance=scores[place].distance,
            reference_mean=column.reference_mean,
            current_mean=column.current_mean,
            missing_reference=column.missing_reference,
            missing_current=column.missing_current,
        )
    return _all_together(watched, scores, z_scores, residuals, layout)


def _parts_beside(
    watched: Sequence[Watched],
    numbers: Sequence[Numbers],
    scores: Sequence[Scores],
    layout: Layout,
) -> dict[str, tuple[Part | None, Part | None]]:
    chosen = [place for place, each in enumerate(watched) if each.beside]
    names = [watched[place].name for place in chosen]
    columns, scored = [numbers[place] for place in chosen], [scores[place] for place in chosen]
    pairs = zip(series_parts(columns, scored, layout), rhythm_parts(scored, layout), strict=True)
    return dict(zip(names, pairs, strict=True))


def _lost_part(column: Numbers, layout: Layout) -> Part | None:
    if column.complete:
        return None
    lost = layout.sums((~column.present).astype(np.float64))
    return missing_part(lost, layout.sums(None), layout)


def _all_together(
    watched: Sequence[Watched],
    scores: Sequence[Scores],
    z_scores: NDArray[np.float64],
    residuals: NDArray[np.float64],
    layout: Layout,
) -> tuple[Measured, ...]:
    joint = measure_together(
        [each.name for each in watched],
        [each.codes for each in scores],
        z_scores,
        residuals,
        layout,
    )
    if joint is None:
        return ()
    apart = abs(2 * joint.auc - 1)
    part = Part(
        name="together",
        p_value=joint.p_value,
        effect=joint.pair_effect if joint.pair_decides else apart,
        about=f"{joint.pair[0]} and {joint.pair[1]}" if joint.pair_decides else "",
    )
    return (
        Measured(
            column=TOGETHER,
            kind="together",
            unit="",
            parts=(part,),
            p_value=joint.p_value,
            distance=apart,
            against=_against(layout, yearly=False),
            reference_mean=None,
            current_mean=None,
            resolved=_resolved(layout),
        ),
    )


def _measure_category(each: Watched, values: NDArray[np.generic], layout: Layout) -> Measured:
    shares = read_categories(values, layout)
    lost = shares.rows - shares.counts.sum(axis=1)
    parts = [*category_parts(shares, layout), missing_part(lost, shares.rows, layout)]
    before, now = (
        part.sum(axis=0) for part in layout.split(np.column_stack([shares.counts, lost]))
    )
    gaps = before / max(1.0, before.sum()) - now / max(1.0, now.sum())
    return _measured(
        each,
        [part for part in parts if part],
        layout,
        distance=float(np.abs(gaps).sum() / 2),
        missing_reference=shares.missing_reference,
        missing_current=shares.missing_current,
        new_categories=shares.new,
    )


def _measure_direction(each: Watched, values: NDArray[np.float64], layout: Layout) -> Measured:
    period = each.period or 1.0
    turns = 2 * np.pi * values / period
    direction = direction_part(turns, period, layout)
    lost = np.isnan(values)
    missing = missing_part(layout.sums(lost.astype(np.float64)), layout.sums(None), layout)
    before, now = turns[: layout.rows], turns[layout.rows :]
    return _measured(
        each,
        [part for part in (direction, missing) if part],
        layout,
        distance=kuiper_distance(before, now),
        reference_mean=mean_direction(before, period),
        current_mean=mean_direction(now, period),
        missing_reference=float(lost[: layout.rows].mean()),
        missing_current=float(lost[layout.rows :].mean()),
    )


def _measured(
    each: Watched,
    parts: Sequence[Part],
    layout: Layout,
    *,
    yearly: bool = False,
    distance: float,
    reference_mean: float | None = None,
    current_mean: float | None = None,
    missing_reference: float = 0.0,
    missing_current: float = 0.0,
    new_categories: tuple[str, ...] = (),
) -> Measured:
    p_value = 1.0
    if parts:
        p_value = weighted_bonferroni(
            np.array([part.p_value for part in parts]),
            np.array([WEIGHTS[part.name] for part in parts]),
        )
    return Measured(
        column=each.name,
        kind=each.kind,
        unit=each.unit,
        parts=tuple(parts),
        p_value=p_value,
        distance=distance,
        against=_against(layout, yearly=yearly),
        reference_mean=reference_mean,
        current_mean=current_mean,
        missing_reference=missing_reference,
        missing_current=missing_current,
        new_categories=new_categories,
        resolved=_resolved(layout),
    )


def _against(layout: Layout, *, yearly: bool) -> Against:
    if layout.plain.follows:
        return "weeks before"
    return "same weeks" if yearly else "reference"


def _resolved(layout: Layout) -> bool:
    return bool(layout.blocks > layout.plain.free + SPARE)
