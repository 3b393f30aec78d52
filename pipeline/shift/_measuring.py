"""From two windows to p-values, effects and figures of every column."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._beside import rhythm_parts, series_parts
from pipeline.shift._checks import check_windows
from pipeline.shift._joined import against_of, is_resolved, measured_of
from pipeline.shift._kinds import measure_category, measure_direction
from pipeline.shift._layout import Layout, Table
from pipeline.shift._location import location_parts, shape_parts
from pipeline.shift._numbers import Numbers, floats, read_numbers
from pipeline.shift._scores import Scores, score_numbers
from pipeline.shift._shares import missing_part
from pipeline.shift._sides import side_by_side
from pipeline.shift._together import measure_together
from pipeline.shift._types import Measured, Part, Watched
from pipeline.shift._year import yearly_columns, yearly_course

TOGETHER = "all columns together"


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
    numbers = side_by_side(
        lambda each: read_numbers(each.name, floats(both(each.name), each.name), layout),
        counted,
        size=len(layout.block),
    )
    together = _measure_numbers(counted, numbers, layout, found)
    for each in watched:
        if each.kind == "category":
            found[each.name] = measure_category(each, both(each.name), layout)
        elif each.period is not None:
            found[each.name] = measure_direction(each, floats(both(each.name), each.name), layout)
    return (*(found[each.name] for each in watched), *together)


def _measure_numbers(
    watched: Sequence[Watched],
    numbers: Sequence[Numbers],
    layout: Layout,
    found: dict[str, Measured],
) -> tuple[Measured, ...]:
    if not watched:
        return ()
    means = np.column_stack([each.means for each in numbers])
    seasonal = np.array([each.seasonal for each in watched])
    yearly = yearly_columns(means, layout, seasonal)
    course, guessed = yearly_course(means, yearly, layout), layout.plain.follows
    scores = side_by_side(
        lambda place: score_numbers(
            numbers[place],
            layout,
            course[:, place] if course[:, place].any() and not numbers[place].tied else None,
            given_back=guessed,
        ),
        range(len(numbers)),
        size=len(layout.block),
    )
    located, z_scores, residuals = location_parts(numbers, scores, yearly, layout)
    shaped = shape_parts(scores, yearly, layout)
    beside = _parts_beside(watched, numbers, layout)
    for place, (each, column) in enumerate(zip(watched, numbers, strict=True)):
        parts = [
            located[place],
            shaped[place] if each.kind != "boolean" else None,
            *beside.get(each.name, ()),
            _lost_part(column, layout),
        ]
        found[each.name] = measured_of(
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
    layout: Layout,
) -> dict[str, tuple[Part | None, Part | None]]:
    chosen = [place for place, each in enumerate(watched) if each.beside]
    names = [watched[place].name for place in chosen]
    columns = [numbers[place] for place in chosen]
    pairs = zip(series_parts(columns, layout), rhythm_parts(columns, layout), strict=True)
    return dict(zip(names, pairs, strict=True))


def _lost_part(column: Numbers, layout: Layout) -> Part | None:
    if column.complete:
        return None
    lost = layout.sums((~column.present).astype(np.float64))
    return missing_part(lost, layout.block_rows, layout)


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
            against=against_of(layout, yearly=False),
            reference_mean=None,
            current_mean=None,
            resolved=is_resolved(layout),
        ),
    )
