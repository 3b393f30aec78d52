"""Challenger, champion and baseline on the same held-out window, which none of them has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline.case import Case
from pipeline.comparison import Comparison, diebold_mariano
from pipeline.errors import StepError
from pipeline.figures import Figure
from pipeline.metrics import score_label, score_name, score_text
from pipeline.models import load_model
from pipeline.options import EvaluateOptions
from pipeline.records import (
    FittedModel,
    Scores,
    SegmentScores,
    SystemScores,
    TrainRecord,
    ValidateRecord,
    Window,
)
from pipeline.regions import Regions
from pipeline.splits import Fold
from pipeline.steps.run import Run
from pipeline.steps.stretches import known_until
from pipeline.steps.view import View
from pipeline.tasks import Floats, Truth

if TYPE_CHECKING:
    import pandas as pd

Role = Literal["champion", "challenger", "baseline"]


@dataclass(frozen=True, kw_only=True)
class System:
    """A fitted model in its role, with its predictions for the held-out rows."""

    role: Role
    model: FittedModel
    predicted: Floats
    regions: Regions
    scores: Scores
    covered: float
    """Share of the truth within its region."""


def evaluate(run: Run, options: EvaluateOptions) -> View:
    """Scores, paired tests, coverage and breakdowns; writes the predictions too."""
    case, checked = run.case, run.need(ValidateRecord)
    frame = case.task.frame(run.validated(), case.schema)
    start = known_until(frame, case.schema, run.as_of) - case.windows.held_out
    fold = case.task.held_out(frame, case.schema, start=start, end=run.as_of)
    rows = frame.iloc[fold.test]
    truth = case.task.truth(rows, case.schema)
    systems = [_system(run, role, model, rows, truth, fold) for role, model in contenders(run)]
    comparisons = compare(systems, case, rows, truth)
    subject = next(s for s in systems if s.role != "baseline")
    segments = _segments(case, rows, truth, subject.predicted)

    with run.step("evaluate", options) as step:
        step.table("systems", "On the held-out window", _systems(systems, case))
        step.table("comparisons", "Paired tests", _comparisons(comparisons))
        for figure in case.task.figures(
            rows, case.schema, truth, subject.predicted, subject.regions
        ):
            step.figure(figure)
        step.table("worst", "Worst segments first", _worst(segments, case))
        step.figure(segment_errors(segments, case))
        step.data(
            "predictions",
            "Predictions for the held-out window",
            _predictions(rows, case, subject),
        )
        return step.finish(
            as_of=run.as_of,
            sentence=_sentence(systems, case, subject),
            inputs=(*checked.inputs, checked.quarantine),
            primary=case.task.primary,
            held_out=Window(
                start=fold.origin, end=fold.end, rows=len(rows), division=fold.division
            ),
            systems=tuple(
                SystemScores(
                    role=system.role,
                    candidate=system.model.ref.candidate,
                    run_id=system.model.ref.run_id,
                    scores=system.scores,
                    level=system.model.calibration.level,
                    coverage=system.covered,
                    mean_size=float(np.mean(system.regions.size())),
                )
                for system in systems
            ),
            subject=subject.role,
            comparisons=comparisons,
            segments=segments,
        )


def contenders(run: Run) -> list[tuple[Role, FittedModel]]:
    """Challenger (when this run trained one), champion (when there is one), baseline."""
    champion = run.store.champion(run.case.name, run.as_of)
    trained = run.find(TrainRecord)
    if trained is None and champion is None:
        trained = run.need(TrainRecord)
    found: list[tuple[Role, FittedModel]] = []
    if trained is not None and (
        champion is None or trained.challenger.ref.sha256 != champion.ref.sha256
    ):
        found.append(("challenger", trained.challenger))
    if champion is not None:
        found.append(("champion", champion))
    return [*found, ("baseline", _baseline(run, trained, champion))]


def compare(
    systems: list[System], case: Case, rows: pd.DataFrame, truth: Truth
) -> dict[str, Comparison]:
    """Each system over each that comes after it: 'challenger over champion' and so on."""
    losses = {
        system.role: case.task.losses(rows, case.schema, truth, system.predicted)
        for system in systems
    }
    pairs = [
        (one.role, other.role)
        for place, one in enumerate(systems)
        for other in systems[place + 1 :]
    ]
    return {
        f"{one} over {other}": diebold_mariano(
            losses[other],
            losses[one],
            lags=min(case.task.losses_hang_together, len(losses[one]) // 4),
        )
        for one, other in pairs
    }


def segment_errors(segments: tuple[SegmentScores, ...], case: Case) -> Figure:
    """The primary score by segment of the last breakdown, in its order."""
    import altair as alt
    import pandas as pd

    from pipeline.figures import SERIES, figure

    primary, by = case.task.primary, segments[-1].by
    unit = case.schema.column(case.schema.target).unit
    rows = pd.DataFrame(
        [
            {by: segment.segment, primary: round(segment.scores[primary], 4)}
            for segment in segments
            if segment.by == by
        ]
    )
    chart = (
        alt.Chart(rows)
        .mark_bar(color=SERIES[0])
        .encode(
            x=alt.X(f"{by}:N", sort=None, title=by, axis=alt.Axis(labelAngle=0)),
            y=alt.Y(f"{primary}:Q", title=score_label(primary, unit)),
        )
    )
    worst = rows.iloc[int(rows[primary].to_numpy().argmax())]
    return figure(
        chart,
        rows,
        name="segments",
        title=f"{score_name(primary)} by {by}",
        words=f"Highest at {worst[by]}: {score_text(primary, worst[primary], unit)}.",
    )


def _baseline(run: Run, trained: TrainRecord | None, champion: FittedModel | None) -> FittedModel:
    if trained is not None:
        return trained.baseline
    run_id = champion.ref.run_id if champion else run.run_id
    record = run.store.record(run.case.name, run_id, TrainRecord)
    if record is None:
        raise StepError(
            f"The run {run_id!r} that trained the champion has no record of its training. "
            "Train again: vigie run --set retrain=always."
        )
    return record.baseline


def _system(
    run: Run, role: Role, model: FittedModel, rows: pd.DataFrame, truth: Truth, fold: Fold
) -> System:
    learned = model.ref.learned
    if learned.division != fold.division:
        raise StepError(
            f"The {role} {model.ref.candidate!r} learned under another division of the rows "
            f"({learned.division!r}, now {fold.division!r}): it may have learned from rows that "
            "are held out now. Train again in a new home: vigie run --home …."
        )
    if fold.origin is not None and learned.end > fold.origin:
        raise StepError(
            f"The {role} {model.ref.candidate!r} learned from rows up to "
            f"{learned.end.isoformat()}, within the held-out window from "
            f"{fold.origin.isoformat()}: its score there would say nothing. Choose a later --as-of."
        )
    case = run.case
    fitted = load_model(run.store.model_bytes(case.name, model.ref))
    predicted = case.task.predict(fitted, rows)
    regions = case.task.regions(
        model.calibration, rows, case.schema, predicted, level=model.calibration.level
    )
    return System(
        role=role,
        model=model,
        predicted=predicted,
        regions=regions,
        scores=case.task.metrics(truth, predicted),
        covered=float(np.mean(regions.holds(truth))),
    )


def _segments(
    case: Case, rows: pd.DataFrame, truth: Truth, predicted: Floats
) -> tuple[SegmentScores, ...]:
    return tuple(
        SegmentScores(by=by, segment=str(segment), scores=scores)
        for by, labels in case.task.segments(rows, case.schema).items()
        for segment, scores in case.task.metrics_by(labels, truth, predicted).items()
    )


def _predictions(rows: pd.DataFrame, case: Case, subject: System) -> pd.DataFrame:
    columns = [*case.schema.key, case.schema.target]
    found = case.task.columns(subject.predicted) | subject.regions.columns()
    return rows[columns].assign(**found)


def _systems(systems: list[System], case: Case) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "role": system.role,
                "candidate": system.model.ref.candidate,
                **{score_name(name): round(value, 4) for name, value in system.scores.items()},
                "learned until": f"{system.model.ref.learned.end:%Y-%m-%d %H:%M}",
            }
            for system in sorted(systems, key=lambda s: s.scores[case.task.primary])
        ]
    )


def _comparisons(comparisons: dict[str, Comparison]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "comparison": pair,
                "mean loss lower by (%)": round(100 * found.relative_difference, 2),
                "statistic": round(found.statistic, 3),
                "p-value, one-sided": round(found.p_value, 5),
                "pairs": found.n,
            }
            for pair, found in comparisons.items()
        ]
    )


def _worst(segments: tuple[SegmentScores, ...], case: Case) -> pd.DataFrame:
    import pandas as pd

    first = segments[0].by
    ranked = sorted(
        (segment for segment in segments if segment.by == first),
        key=lambda segment: -segment.scores[case.task.primary],
    )
    return pd.DataFrame(
        [
            {
                first: segment.segment,
                **{score_name(name): round(value, 4) for name, value in segment.scores.items()},
            }
            for segment in ranked
        ]
    )


def _sentence(systems: list[System], case: Case, subject: System) -> str:
    primary = case.task.primary
    label = score_label(primary, case.schema.column(case.schema.target).unit)
    told = ", ".join(
        f"{system.role} ({system.model.ref.candidate}) {system.scores[primary]:.3g}"
        for system in systems
    )
    return (
        f"{label} on the held-out window: {told}. The {subject.role}'s "
        f"{subject.model.calibration.level:.0%} {case.task.region_name}s hold "
        f"{subject.covered:.1%} of the truth."
    )
