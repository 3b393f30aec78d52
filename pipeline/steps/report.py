"""The case in one page: its health today, the history of its records, the model card."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pipeline.case import Case
from pipeline.figures import Figure
from pipeline.metrics import score_label, score_name, score_text
from pipeline.options import ReportOptions
from pipeline.records import (
    BASELINE,
    DecideRecord,
    DriftRecord,
    EvaluateRecord,
    IngestRecord,
    ModelRef,
    PromoteRecord,
    TrainRecord,
    ValidateRecord,
    Window,
)
from pipeline.steps.price import keep_up
from pipeline.steps.run import Run
from pipeline.steps.view import View
from pipeline.steps.wording import day_text, listed, moment_text
from pipeline.store import Store
from pipeline.trends.small_multiples import draw

if TYPE_CHECKING:
    import pandas as pd

COVERAGE_SLACK = 0.05
"""How far coverage may fall below its level before the case is to be watched."""


def report(run: Run, options: ReportOptions) -> View:
    """Health, history and card, from records alone."""
    case = run.case
    promoted, evaluated = run.need(PromoteRecord), run.need(EvaluateRecord)
    history = read_history(run.store, case.name, promoted, options.runs)
    troubles = find_troubles(
        case,
        run.need(DriftRecord),
        evaluated,
        promoted,
        limit=run.need(DecideRecord).limit,
    )
    health: Literal["healthy", "watch"] = "watch" if troubles else "healthy"
    keep_up(run, print)
    trends = draw_trends(run)
    answer, card = _answer(run, promoted, evaluated), _card(run, promoted, evaluated)

    with run.step("report", options) as step:
        step.table("answer", "Today", answer)
        step.figure(history_figure(history, case))
        step.table("runs", "Runs, newest first", history.iloc[::-1])
        step.table("card", "Model card", card)
        for trend in trends:
            step.figure(trend, kind="trend")
        return step.finish(
            as_of=run.as_of,
            sentence=_headline(case, promoted, troubles),
            inputs=promoted.inputs,
            health=health,
            headline=_headline(case, promoted, troubles),
            history_runs=len(history),
        )


def draw_trends(run: Run) -> list[Figure]:
    """What the case's page of trends shows, from the validated observations."""
    checked = run.need(ValidateRecord)
    observations = run.store.trends(run.case.name, run.case.schema, checked)
    with observations.opened() as opened:
        return [draw(view, opened, run.case.schema) for view in run.case.trends]


def find_troubles(
    case: Case,
    drifted: DriftRecord,
    evaluated: EvaluateRecord,
    promoted: PromoteRecord,
    limit: float | None = None,
) -> list[str]:
    """What a reader should watch, a sentence each; empty when all is well. `limit` is the error
    that the decision allowed.
    """
    alarms = [column.column for column in drifted.columns if column.alarm]
    found = [f"Drift in {listed(alarms)}."] if alarms else []
    limit = drifted.worst_expected_error if limit is None else limit
    if drifted.champion_error is not None and limit is not None and drifted.champion_error > limit:
        found.append(f"The champion's error is above {limit:.3g}, the worst that was expected.")
    serving = evaluated.of(promoted.champion.ref)
    if serving.coverage < serving.level - COVERAGE_SLACK:
        found.append(
            f"Its {serving.level:.0%} {case.task.region_name}s hold only "
            f"{serving.coverage:.1%} of the truth."
        )
    primary = case.task.primary
    if promoted.scores[primary] > promoted.baseline_scores[primary]:
        found.append("The baseline does better on the newest window.")
    return found


def read_history(store: Store, case: str, newest: PromoteRecord, most: int) -> pd.DataFrame:
    """One row a run up to this one's as-of time, oldest first."""
    import pandas as pd

    known = store.promotions(case, newest.as_of)[:most]
    return pd.DataFrame([_history_row(store, record) for record in reversed(known)])


def history_figure(history: pd.DataFrame, case: Case) -> Figure:
    """The champion's primary score and the baseline's, run by run."""
    import altair as alt

    from pipeline.figures import MUTED, SERIES, figure

    name, primary = case.task.primary, score_name(case.task.primary)
    unit = case.schema.column(case.schema.target).unit
    rows = history[["as of", f"{primary} champion", f"{primary} baseline"]]
    folded = rows.melt("as of", var_name="who", value_name=primary)
    base = alt.Chart(folded).encode(
        x=alt.X("as of:T", title=None),
        y=alt.Y(f"{primary}:Q", title=score_label(name, unit), scale=alt.Scale(zero=True)),
        color=alt.Color(
            "who:N",
            scale=alt.Scale(
                domain=[f"{primary} champion", f"{primary} baseline"], range=[SERIES[0], MUTED]
            ),
        ),
    )
    newest = history.iloc[-1]
    return figure(
        base.mark_line(strokeWidth=1.6) + base.mark_point(size=40, filled=True),
        rows,
        name="history",
        title=f"{primary} on the newest held-out window, run by run",
        words=f"{len(history)} run{'s' if len(history) > 1 else ''}. In the newest, as of "
        f"{moment_text(datetime.fromisoformat(newest['as of']))}, the champion has "
        f"{score_text(name, newest[f'{primary} champion'], unit)} and the baseline "
        f"{newest[f'{primary} baseline']:.3g}.",
    )


def _history_row(store: Store, record: PromoteRecord) -> dict[str, object]:
    decided = store.record(record.case, record.run_id, DecideRecord)
    drifted = store.record(record.case, record.run_id, DriftRecord)
    primary = record.primary
    return {
        "as of": f"{record.as_of:%Y-%m-%d %H:%M}",
        f"{score_name(primary)} champion": round(record.scores[primary], 4),
        f"{score_name(primary)} baseline": round(record.baseline_scores[primary], 4),
        "champion": record.champion.ref.candidate,
        "decision": decided.decision if decided else "",
        "promotion": record.action,
        "alarms": sum(column.alarm for column in drifted.columns) if drifted else "",
        "run": record.run_id,
    }


def _answer(run: Run, promoted: PromoteRecord, evaluated: EvaluateRecord) -> pd.DataFrame:
    checked, arrived = run.need(ValidateRecord), run.need(IngestRecord)
    primary, score = promoted.primary, score_name(promoted.primary)
    region = run.case.task.region_name
    serving = evaluated.of(promoted.champion.ref)
    unit = run.case.schema.column(run.case.schema.target).unit
    return _pairs(
        {
            **({"Data up to": moment_text(arrived.newest)} if arrived.newest else {}),
            "Rows": f"{checked.rows:,}, of which {checked.quarantined:,} in quarantine",
            "Champion": _title(run, promoted.champion.ref),
            f"{score} on the held-out window": score_text(primary, promoted.scores[primary], unit),
            f"{score} of the baseline": score_text(primary, promoted.baseline_scores[primary], unit)
            + f" ({run.case.task.baseline_name})",
            f"Truth within the {serving.level:.0%} {region}": f"{serving.coverage:.1%}",
            "Drift": run.need(DriftRecord).sentence,
            "Decision": run.need(DecideRecord).sentence,
            "Promotion": promoted.sentence,
        }
    )


def _card(run: Run, promoted: PromoteRecord, evaluated: EvaluateRecord) -> pd.DataFrame:
    case, ref = run.case, promoted.champion.ref
    arrived, unit = run.need(IngestRecord), case.schema.column(case.schema.target).unit
    scores = ", ".join(
        f"{score_name(name)} {score_text(name, value, unit)}"
        for name, value in promoted.scores.items()
        if name != "n"
    )
    return _pairs(
        {
            "Question": case.question,
            "Target": case.schema.column(case.schema.target).description,
            "Model": _title(run, ref),
            "Learned from": _stretch(ref.learned),
            "Scores on the held-out window": scores,
            "Held-out window": _stretch(evaluated.held_out),
            "Publisher of the data": f"{arrived.publisher} ({arrived.licence})",
            "To be aware of": arrived.note,
            "sha256 of the model": ref.sha256,
            "Trained in run": ref.run_id,
        }
    )


def _title(run: Run, ref: ModelRef) -> str:
    """The model's name for people, as the run that trained it gives it."""
    trained = run.store.record(run.case.name, ref.run_id, TrainRecord)
    titles = {found.name: found.title for found in trained.candidates} if trained else {}
    return titles.get(ref.candidate, ref.candidate)


def _stretch(window: Window) -> str:
    start = window.start
    told = f"{day_text(start)} to {day_text(window.end)}" if start else day_text(window.end)
    how = f", {window.division}" if window.division else ""
    sample = f". {window.sample.told}" if window.sample else ""
    return f"{window.rows:,} rows, {told if start else f'known on {told}'}{how}{sample}"


def _pairs(entries: dict[str, object]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"what": list(entries), "value": list(entries.values())})


def _headline(case: Case, promoted: PromoteRecord, troubles: list[str]) -> str:
    primary = promoted.primary
    ours, theirs = promoted.scores[primary], promoted.baseline_scores[primary]
    unit = case.schema.column(case.schema.target).unit
    gain = 1 - ours / theirs if theirs else 0.0
    compared = f"{gain:.0%} below" if gain >= 0 else f"{-gain:.0%} above"
    scored = f"{score_name(primary)} {score_text(primary, ours, unit)}"
    told = f"{scored}, {compared} the baseline."
    if promoted.champion.ref.candidate == BASELINE:
        told = f"The baseline serves, {case.task.baseline_name}: {scored}."
    return " ".join([told[0].upper() + told[1:], *troubles])
