"""Challenger, champion and baseline on the same held-out window, which none of them has seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.case import Case
from pipeline.comparison import Comparison
from pipeline.errors import StepError
from pipeline.figures import Figure
from pipeline.metrics import score_label, score_name, score_text
from pipeline.options import EvaluateOptions
from pipeline.records import (
    Evidence,
    FittedModel,
    Refreshed,
    Scores,
    SegmentScores,
    SystemScores,
    TrainRecord,
    ValidateRecord,
    Window,
)
from pipeline.regions import LADDER, LADDERS, Regions
from pipeline.splits import Fold
from pipeline.steps.evidence import answer, asked, before_this, worst_segment
from pipeline.steps.importance import importance
from pipeline.steps.run import Run
from pipeline.steps.stretches import known_until, window_of
from pipeline.steps.track import Track, Tracked, ladder, recalibrated, rolling_regions, tracked
from pipeline.steps.view import View
from pipeline.tasks import Floats, Truth

if TYPE_CHECKING:
    import pandas as pd

Role = Literal["champion", "challenger", "baseline", "predecessor"]


@dataclass(frozen=True, kw_only=True)
class System:
    """A fitted model in its role, with its predictions for the held-out rows."""

    role: Role
    tracked: Tracked
    predicted: Floats
    regions: Regions
    scores: Scores
    held: NDArray[np.bool_]
    """Whether each row's region holds its truth."""

    @property
    def model(self) -> FittedModel:
        return self.tracked.fitted

    @property
    def covered(self) -> float:
        """Share of the truth within its region."""
        return float(np.mean(self.held))


def evaluate(run: Run, options: EvaluateOptions) -> View:
    """Scores, paired tests, coverage and breakdowns; writes the predictions too."""
    case, checked = run.case, run.need(ValidateRecord)
    frame = case.task.frame(run.validated(), case.schema)
    start = known_until(frame, case.schema, run.as_of) - case.windows.held_out
    fold = case.task.held_out(frame, case.schema, start=start, end=run.as_of)
    rows = frame.iloc[fold.test]
    truth = case.task.truth(rows, case.schema)
    systems = [_system(run, role, model, frame, fold) for role, model in contenders(run)]
    subject = next(s for s in systems if s.role != "baseline")
    comparisons, evidence, served = _answers(run, systems, frame, options.alpha)
    segments = _segments(case, rows, truth, subject)
    by_role = {system.role: system for system in systems}

    with run.step("evaluate", options) as step:
        step.table("systems", "On the held-out window", _systems(systems, case))
        step.table("comparisons", "Paired tests", _comparisons(comparisons, evidence))
        for figure in case.task.figures(
            rows, case.schema, truth, subject.predicted, subject.regions
        ):
            step.figure(figure)
        step.table("worst", "Worst segments first", _worst(segments, case))
        step.table("breakdown", "Every breakdown, worst first", _breakdown(segments, case))
        step.figure(segment_errors(segments, case))
        step.figure(segment_coverage(segments, subject))
        step.data(
            "predictions",
            "Predictions for the held-out window",
            _predictions(rows, case, subject),
        )
        step.data(LADDERS, "Intervals at other levels", _ladders(case, frame, systems))
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
            evidence=evidence,
            guard=worst_segment(
                case, rows, by_role["challenger"].predicted, by_role["champion"].predicted
            )
            if {"challenger", "champion"} <= set(by_role)
            else None,
            served=served,
            refreshed={
                system.role: Refreshed(
                    calibration=recalibrated(
                        case, frame, system.tracked.track, system.model.calibration.level
                    ),
                    importance=importance(case, system.tracked.model, rows, truth),
                )
                for system in systems
            },
        )


def _ladders(case: Case, frame: pd.DataFrame, systems: list[System]) -> pd.DataFrame:
    """The calibrations of each system, as JSON: too many numbers for a record."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "role": system.role,
                "calibrations": LADDER.dump_json(
                    ladder(case, frame, system.tracked.track)
                ).decode(),
            }
            for system in systems
        ]
    )


def contenders(run: Run) -> list[tuple[Role, FittedModel]]:
    """Challenger (of this run, or one that is still in question), champion (when there is one),
    baseline, and the champion's predecessor (when there was one).
    """
    champion = run.store.champion(run.case.name, run.as_of)
    trained = run.find(TrainRecord) or _standing(run, champion)
    if trained is None and champion is None:
        trained = run.need(TrainRecord)
    found: list[tuple[Role, FittedModel]] = []
    if trained is not None and (
        champion is None or trained.challenger.ref.sha256 != champion.ref.sha256
    ):
        found.append(("challenger", trained.challenger))
    if champion is not None:
        found.append(("champion", champion))
    found.append(("baseline", _baseline(run, trained, champion)))
    reign = _reign(run)
    if reign is not None:
        found.append(("predecessor", reign.predecessor))
    return found


@dataclass(frozen=True, kw_only=True)
class _Reign:
    since: datetime
    predecessor: FittedModel


def _reign(run: Run) -> _Reign | None:
    """Since when the champion serves, and who did before; `None` for the first one, and for a model
    without time, which nothing is predicted with before it is known.
    """
    since, serving = None, None
    for record in run.store.promotions(run.case.name, run.as_of):
        if record.run_id == run.run_id:
            continue
        if serving is not None and record.champion.ref.sha256 != serving:
            return _Reign(since=since or record.as_of, predecessor=record.champion)
        since, serving = record.as_of, record.champion.ref.sha256
    return None


def _standing(run: Run, champion: FittedModel | None) -> TrainRecord | None:
    """The newest training whose challenger has not been promoted, as long as its question is open:
    it was trained after the champion came to serve, and is not yet too old to serve itself.
    """
    if champion is None:
        return None
    reign = _reign(run)
    for record in run.store.records(run.case.name, TrainRecord):
        if record.run_id >= run.run_id or record.as_of > run.as_of:
            continue
        age = run.as_of - record.as_of
        settled = reign is not None and record.as_of <= reign.since
        if settled or age > run.case.gates.oldest_champion or record.source != run.settings.source:
            return None
        return record
    return None


def _answers(
    run: Run, systems: list[System], frame: pd.DataFrame, alpha: float
) -> tuple[dict[str, Comparison], dict[str, Evidence], Window | None]:
    """Every comparison with its look, and the rows since the champion serves."""
    served = _served(run, systems, frame)
    before = before_this(run)
    roles: dict[str, tuple[FittedModel, Track]] = {
        system.role: (system.model, system.tracked.track) for system in systems
    }
    found = {
        question.name: answer(run, frame, question, alpha=alpha, before=before)
        for question in asked(roles, served)
    }
    known = {name: each for name, each in found.items() if each is not None}
    window = None
    if served is not None and len(served.rows):
        window = window_of(frame.iloc[served.rows], run.case.schema, known=run.as_of)
    return (
        {name: each[0] for name, each in known.items()},
        {name: each[1] for name, each in known.items()},
        window,
    )


def _served(run: Run, systems: list[System], frame: pd.DataFrame) -> Track | None:
    """The champion's track since it serves."""
    reign, time = _reign(run), run.case.schema.time
    if reign is None or time is None:
        return None
    (champion,) = (system for system in systems if system.role == "champion")
    since = np.flatnonzero((frame[time] >= reign.since).to_numpy())
    return champion.tracked.track.only(since)


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


def segment_coverage(segments: tuple[SegmentScores, ...], subject: System) -> Figure:
    """Share of the truth in its region, by segment of the last breakdown, beside the level."""
    import altair as alt
    import pandas as pd

    from pipeline.figures import INK, SERIES, figure

    by, level = segments[-1].by, subject.model.calibration.level
    shown = [segment for segment in segments if segment.by == by and segment.coverage is not None]
    rows = pd.DataFrame(
        [
            {by: segment.segment, "coverage": round(segment.coverage or 0.0, 4), "level": level}
            for segment in shown
        ]
    )
    scale = alt.Scale(domain=[min(0.5, float(rows["coverage"].min())), 1])
    bars = (
        alt.Chart(rows)
        .mark_bar(color=SERIES[0], clip=True)
        .encode(
            x=alt.X(f"{by}:N", sort=None, title=by, axis=alt.Axis(labelAngle=0)),
            y=alt.Y(
                "coverage:Q",
                title="share of the truth held",
                scale=scale,
                axis=alt.Axis(format="%"),
            ),
        )
    )
    promised = alt.Chart(rows).mark_rule(color=INK, strokeDash=[5, 3]).encode(y="level:Q")
    least = rows.iloc[int(rows["coverage"].to_numpy().argmin())]
    return figure(
        bars + promised,
        rows,
        name="coverage",
        title=f"Truth held, by {by}, and the {level:.0%} that were promised (dashed)",
        words=f"Least at {least[by]}: {least['coverage']:.1%}.",
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


def _system(run: Run, role: Role, model: FittedModel, frame: pd.DataFrame, fold: Fold) -> System:
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
    known = tracked(run, model, frame)
    truth = case.task.truth(frame.iloc[fold.test], case.schema)
    predicted = known.track.at(fold.test)
    regions = rolling_regions(case, frame, known.track, fold.test, model.calibration)
    return System(
        role=role,
        tracked=known,
        predicted=predicted,
        regions=regions,
        scores=case.task.metrics(truth, predicted),
        held=regions.holds(truth),
    )


def _segments(
    case: Case, rows: pd.DataFrame, truth: Truth, subject: System
) -> tuple[SegmentScores, ...]:
    sizes = subject.regions.size()
    return tuple(
        SegmentScores(
            by=by,
            segment=str(segment),
            scores=scores,
            coverage=float(np.mean(subject.held[labels == segment])),
            mean_size=float(np.mean(sizes[labels == segment])),
        )
        for by, labels in case.task.segments(rows, case.schema).items()
        for segment, scores in case.task.metrics_by(labels, truth, subject.predicted).items()
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


def _comparisons(comparisons: dict[str, Comparison], evidence: dict[str, Evidence]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "comparison": pair,
                "mean loss lower by (%)": round(100 * found.relative_difference, 2),
                "statistic": round(found.statistic, 3),
                "p-value, one-sided": round(found.p_value, 5),
                "level of this look": round(evidence[pair].looks.level, 5),
                "look": len(evidence[pair].looks.levels),
                "pairs": found.n,
                "rows": evidence[pair].rows,
            }
            for pair, found in comparisons.items()
        ]
    )


def _worst(segments: tuple[SegmentScores, ...], case: Case) -> pd.DataFrame:
    first = segments[0].by
    shown = [segment for segment in segments if segment.by == first]
    return _breakdown(tuple(shown), case).drop(columns="by").rename(columns={"segment": first})


def _breakdown(segments: tuple[SegmentScores, ...], case: Case) -> pd.DataFrame:
    import pandas as pd

    order = list(dict.fromkeys(segment.by for segment in segments))
    ranked = sorted(
        segments, key=lambda each: (order.index(each.by), -each.scores[case.task.primary])
    )
    return pd.DataFrame(
        [
            {
                "by": segment.by,
                "segment": segment.segment,
                **{score_name(name): round(value, 4) for name, value in segment.scores.items()},
                "coverage (%)": round(100 * (segment.coverage or 0.0), 2),
                "mean size of regions": round(segment.mean_size or 0.0, 4),
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
