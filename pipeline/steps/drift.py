"""Compares the newest window with what the champion learned from or was last examined on, and looks
at its errors there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.case import Case
from pipeline.figures import Figure
from pipeline.metrics import score_name, score_text
from pipeline.options import DriftOptions
from pipeline.records import FittedModel, ValidateRecord
from pipeline.shift import ColumnShift
from pipeline.steps.asked import asked
from pipeline.steps.decide import worst_expected
from pipeline.steps.run import Run
from pipeline.steps.shift_figures import distributions_figure, heat_figure
from pipeline.steps.shifts import Shifts, compare_windows, measure_errors
from pipeline.steps.stretches import stretches
from pipeline.steps.view import View

if TYPE_CHECKING:
    import pandas as pd


def drift(run: Run, options: DriftOptions) -> View:
    """Tests every watched column; raises `StepError` when a window is empty."""
    case, checked = run.case, run.need(ValidateRecord)
    observations = run.validated()
    champion = run.store.champion(case.name, run.as_of)
    compared = stretches(run, observations, champion, days=options.current_days)
    only = None
    if options.current == "calls":
        compared, only = asked(run, compared, days=options.current_days)
    shifts = compare_windows(
        case,
        compared.reference,
        compared.current,
        alpha=options.alpha,
        material=options.material,
        errors=measure_errors(run, champion, observations, compared.start),
        only=only,
    )
    error = _champion_error(run, champion, observations, compared.start)
    limit = worst_expected(champion, case, alpha=options.alpha) if champion else None
    reference, current = compared.windows(case.schema)

    with run.step("drift", options) as step:
        step.table("columns", "Columns, most changed first", _shifts(shifts.all))
        step.figure(effects(shifts.all))
        step.figure(heat_figure(shifts.all, options.alpha))
        step.figure(
            distributions_figure(
                shifts.columns,
                case.task.drift_view(compared.reference, case.schema),
                case.task.drift_view(compared.current, case.schema),
                otherwise=shifts.columns[0].column,
            )
        )
        return step.finish(
            as_of=run.as_of,
            sentence=" ".join(
                filter(
                    None,
                    [
                        compared.words,
                        _sentence(shifts, case, champion, error, limit),
                        run.sample.told if run.sample else "",
                    ],
                )
            ),
            inputs=(*checked.inputs, checked.quarantine),
            reference=reference,
            current=current,
            alpha=options.alpha,
            material=options.material,
            columns=shifts.columns,
            together=shifts.together,
            champion_shifts=shifts.champion,
            champion_error=error,
            expected_error=champion.backtest[case.task.primary] if champion else None,
            worst_expected_error=limit,
        )


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
    model = run.model(champion.ref)
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
    shifts: Shifts,
    case: Case,
    champion: FittedModel | None,
    error: float | None,
    limit: float | None,
) -> str:
    changed = sum(column.alarm for column in shifts.columns)
    found = f"{changed} of {len(shifts.columns)} columns have changed"
    told = f"{found}{'.' if changed else ' beyond chance.'}"
    told = " ".join([told, *(alarm.sentence for alarm in shifts.alarms)])
    if champion is None or error is None or limit is None:
        return f"{told} There is no champion yet."
    unit = case.schema.column(case.schema.target).unit
    return (
        f"{told} The champion's {score_name(case.task.primary)} in the window is "
        f"{score_text(case.task.primary, error, unit)}; "
        f"its backtest had {champion.backtest[case.task.primary]:.3g}, and lets expect up to "
        f"{limit:.3g}."
    )
