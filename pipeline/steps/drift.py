"""Compares the newest window with what the champion learned from, and looks at its errors there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.case import Case
from pipeline.figures import Figure
from pipeline.metrics import score_name, score_text
from pipeline.models import load_model
from pipeline.options import DriftOptions
from pipeline.records import FittedModel, ValidateRecord
from pipeline.shift import ColumnShift, column_shifts
from pipeline.steps.run import Run
from pipeline.steps.stretches import Stretches, stretches
from pipeline.steps.view import View

if TYPE_CHECKING:
    import pandas as pd

SEED = 20210601


def drift(run: Run, options: DriftOptions) -> View:
    """Tests every watched column; raises `StepError` when a window is empty."""
    case, checked = run.case, run.need(ValidateRecord)
    observations = run.validated()
    champion = run.store.champion(case.name, run.as_of)
    compared = stretches(run, observations, champion, days=options.current_days)
    columns = compare_windows(case, compared, alpha=options.alpha)
    error = _champion_error(run, champion, observations, compared.start)
    reference, current = compared.windows(case.schema)

    with run.step("drift", options) as step:
        step.table("columns", "Columns, most changed first", _shifts(columns))
        step.figure(effects(columns))
        return step.finish(
            as_of=run.as_of,
            sentence=" ".join(
                filter(None, [compared.words, _sentence(columns, case, champion, error)])
            ),
            inputs=(*checked.inputs, checked.quarantine),
            reference=reference,
            current=current,
            alpha=options.alpha,
            columns=columns,
            champion_error=error,
            expected_error=champion.backtest[case.task.primary] if champion else None,
            worst_expected_error=worst_expected(champion, case) if champion else None,
        )


def compare_windows(case: Case, compared: Stretches, *, alpha: float) -> tuple[ColumnShift, ...]:
    """The shift of every watched column, blocks of time kept together."""
    schema = case.schema
    before = case.task.drift_view(compared.reference, schema)
    return column_shifts(
        before,
        case.task.drift_view(compared.current, schema),
        kinds={name: schema.column(name).kind for name in before},
        units={name: schema.column(name).unit for name in before},
        reference_blocks=compared.reference_blocks,
        current_blocks=compared.current_blocks,
        alpha=alpha,
        random=np.random.default_rng(SEED),
    )


def worst_expected(champion: FittedModel, case: Case) -> float:
    """The error above which the champion counts as degraded."""
    return champion.worst_fold * (1 + case.gates.degradation)


def effects(columns: tuple[ColumnShift, ...]) -> Figure:
    """Size of the change by column; alarms are said in words as well as by colour."""
    import altair as alt
    import pandas as pd

    from pipeline.figures import INK, MUTED, SERIES, figure

    rows = pd.DataFrame(
        [
            {
                "column": column.column,
                "distance": round(column.distance, 4),
                "verdict": "alarm" if column.alarm else "no alarm",
                "label": f"{column.distance:.2f}" + ("  alarm" if column.alarm else ""),
            }
            for column in columns
        ]
    )
    base = alt.Chart(rows).encode(
        y=alt.Y("column:N", sort="-x", title=None, axis=alt.Axis(labelColor=INK)),
        x=alt.X(
            "distance:Q",
            title="distance between the two distributions, 0 (same) to 1",
            scale=alt.Scale(domain=[0, 1]),
        ),
    )
    bars = base.mark_bar(height=14).encode(
        color=alt.Color(
            "verdict:N",
            scale=alt.Scale(domain=["alarm", "no alarm"], range=[SERIES[1], MUTED]),
            legend=None,
        )
    )
    words = base.mark_text(align="left", dx=4, color=INK).encode(text="label:N")
    alarms = [column.column for column in columns if column.alarm]
    return figure(
        bars + words,
        rows,
        name="shift",
        title="How far each column has moved",
        words=f"{len(columns)} columns compared; alarms: {', '.join(alarms) or 'none'}.",
        height=28 * len(rows),
    )


def _champion_error(
    run: Run, champion: FittedModel | None, observations: pd.DataFrame, start: Any
) -> float | None:
    if champion is None:
        return None
    case = run.case
    frame = case.task.frame(observations, case.schema)
    unseen = max(start, champion.ref.learned.end)
    fold = case.task.held_out(frame, case.schema, start=unseen, end=run.as_of)
    rows = frame.iloc[fold.test]
    model = load_model(run.store.model_bytes(case.name, champion.ref))
    predicted = case.task.predict(model, rows)
    truth = case.task.truth(rows, case.schema)
    return case.task.metrics(truth, predicted)[case.task.primary]


def _shifts(columns: tuple[ColumnShift, ...]) -> pd.DataFrame:
    import pandas as pd

    ordered = sorted(columns, key=lambda column: (-column.distance, column.column))
    return pd.DataFrame(
        [
            {
                "column": column.column,
                "verdict": "alarm" if column.alarm else "no alarm",
                "in words": column.sentence,
                "distance": round(column.distance, 3),
                "effect (standard deviations)": round(column.effect, 3),
                "p-value, adjusted": round(column.adjusted_p_value, 4),
                "missing before (%)": round(100 * column.missing_reference, 2),
                "missing now (%)": round(100 * column.missing_current, 2),
            }
            for column in ordered
        ]
    )


def _sentence(
    columns: tuple[ColumnShift, ...],
    case: Case,
    champion: FittedModel | None,
    error: float | None,
) -> str:
    alarms = [column.sentence for column in columns if column.alarm]
    found = f"{len(alarms)} of {len(columns)} columns have changed"
    told = f"{found}. {' '.join(alarms)}" if alarms else f"{found} beyond chance."
    if champion is None or error is None:
        return f"{told} There is no champion yet."
    unit = case.schema.column(case.schema.target).unit
    return (
        f"{told} The champion's {score_name(case.task.primary)} in the window is "
        f"{score_text(case.task.primary, error, unit)}; "
        f"its backtest had {champion.backtest[case.task.primary]:.3g}, on the worst fold "
        f"{champion.worst_fold:.3g}."
    )
