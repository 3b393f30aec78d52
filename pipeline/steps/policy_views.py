"""How the price of policies is shown: a table, retrainings against error, and when each trained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.case import Case
from pipeline.figures import HEIGHT, INK, MUTED, SERIES, WIDTH, Figure, figure
from pipeline.metrics import score_label, score_name, score_text, skill
from pipeline.records import PolicyPrice
from pipeline.splits import Fold

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.steps.walks import Told

FORMAT = "%Y-%m-%d"
LINE, LETTER = 14, 6
"""Height and about the width of what is written into a chart, in pixels."""


def table_of(case: Case, prices: Sequence[PolicyPrice], stretches: int) -> pd.DataFrame:
    """One row a policy, those that train least first; the last columns are without examinations."""
    import pandas as pd

    label = score_label(case.task.primary, case.schema.column(case.schema.target).unit)
    never = prices[0].error
    return pd.DataFrame(
        [
            {
                "policy": each.policy,
                "retrainings": each.retrainings,
                "of stretches": stretches,
                "changes of the model that serves": len(each.changed),
                label: round(each.error, 4),
                "lower than never (%)": round(100 * skill(each.error, never), 2) if never else 0.0,
                f"{label}, were every new model to serve unexamined": _known(each.unexamined),
                "retrainings then": each.unexamined_retrainings,
            }
            for each in sorted(prices, key=lambda each: each.retrainings)
        ]
    )


def _known(error: float | None) -> float | None:
    return None if error is None else round(error, 4)


def changes_table(changes: Sequence[Told]) -> pd.DataFrame:
    """One row a change of the model that serves, policy by policy; it may be empty."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "policy": each.policy,
                "on": f"{each.when:{FORMAT}}",
                "what": each.change.action,
                "why": each.change.sentence,
            }
            for each in changes
        ],
        columns=["policy", "on", "what", "why"],
    )


def price_figure(
    case: Case, prices: Sequence[PolicyPrice], stretches: int, stretch: timedelta
) -> Figure:
    """A point a policy: retrainings against error."""
    import altair as alt
    import pandas as pd

    primary, unit = case.task.primary, case.schema.column(case.schema.target).unit
    error = score_name(primary)
    rows = pd.DataFrame(
        [
            {"policy": each.policy, "retrainings": each.retrainings, error: round(each.error, 4)}
            for each in prices
        ]
    )
    of_time = f"{stretches} stretches of {stretch.days} days"
    base = alt.Chart(rows).encode(
        x=alt.X(
            "retrainings:Q",
            title=f"retrainings in {of_time}",
            scale=alt.Scale(domain=[0, max(1, round(1.15 * stretches))]),
        ),
        y=alt.Y(
            f"{error}:Q",
            title=score_label(primary, unit),
            scale=alt.Scale(zero=False, **_room(rows[error].tolist())),
        ),
    )
    points = base.mark_point(size=70, filled=True, color=SERIES[0])
    # Policies at one point share a label, that none hides the other.
    shared = rows.groupby(["retrainings", error])["policy"].agg(", ".join).reset_index()
    levels = label_levels(
        WIDTH * shared["retrainings"] / max(1, round(1.15 * stretches)),
        HEIGHT * (shared[error] - shared[error].min()) / (np.ptp(shared[error]) or 1.0),
        shared["policy"].tolist(),
    )
    names = [
        base.mark_text(align="left", dx=-4, dy=-LINE * (level + 1), color=INK)
        .properties(data=shared[levels == level])
        .encode(text="policy:N")
        for level in sorted(set(levels.tolist()))
    ]
    told = "; ".join(
        f"{each.policy}: {each.retrainings} retraining{'' if each.retrainings == 1 else 's'}, "
        f"{score_text(primary, each.error, unit)}"
        for each in prices
    )
    return figure(
        alt.layer(points, *names),
        rows,
        name="price",
        title=f"The price of a policy: retrainings against {error}, lower is better",
        words=f"Over {of_time}. {told}.",
    )


def _room(errors: Sequence[float]) -> dict[str, Any]:
    """An axis around errors that are all the same: one of that value alone has wrong marks."""
    low, high = min(errors), max(errors)
    return {"domain": [0.9 * low, 1.1 * low]} if low == high and low > 0 else {}


def label_levels(across: ArrayLike, up: ArrayLike, labels: Sequence[str]) -> NDArray[np.intp]:
    """How many lines higher than just above its point each label stands, so that none runs into
    one before it. Points in pixels, in the order in which they come across.
    """
    placed: list[tuple[float, float]] = []
    levels = []
    for x, y, label in zip(
        np.asarray(across, dtype=np.float64).tolist(),
        np.asarray(up, dtype=np.float64).tolist(),
        labels,
        strict=True,
    ):
        level = next(
            level
            for level in count()
            if all(x > end or abs(y + level * LINE - height) >= LINE for end, height in placed)
        )
        placed.append((x + LETTER * (len(label) + 1), y + level * LINE))
        levels.append(level)
    return np.array(levels, dtype=np.intp)


def trainings_figure(prices: Sequence[PolicyPrice], folds: Sequence[Fold]) -> Figure:
    """When each policy trained, a mark each, on one axis of time."""
    import altair as alt
    import pandas as pd

    order = [each.policy for each in prices]
    rows = pd.DataFrame(
        [
            {"policy": each.policy, "trained": f"{moment:{FORMAT}}"}
            for each in prices
            for moment in each.learned
        ],
        columns=["policy", "trained"],
    )
    ends = pd.DataFrame(
        [
            {"policy": name, "trained": f"{moment:{FORMAT}}"}
            for name in order
            for moment in (folds[0].origin, folds[-1].end)
        ]
    )
    x = alt.X("trained:T", title=None)
    y = alt.Y("policy:N", sort=order, title=None, axis=alt.Axis(labelColor=INK))
    lines = (
        alt.Chart(ends).mark_line(color=MUTED, strokeWidth=1).encode(x=x, y=y, detail="policy:N")
    )
    marks = alt.Chart(rows).mark_tick(color=SERIES[0], thickness=3, size=18).encode(x=x, y=y)
    told = "; ".join(
        f"{each.policy}: "
        + (f"{each.learned[0]:{FORMAT}} to {each.learned[-1]:{FORMAT}}" if each.learned else "not")
        for each in prices
    )
    return figure(
        lines + marks,
        rows,
        name="trainings",
        title="When each policy trained again",
        words=f"First and last retraining. {told}.",
        height=36 * len(order),
    )
