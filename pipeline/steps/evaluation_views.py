"""How an evaluation is shown: systems, paired tests, errors by segment and by horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.case import Case
from pipeline.comparison import Comparison
from pipeline.figures import INK, MUTED, SERIES, Figure, figure
from pipeline.metrics import score_label, score_name, score_text
from pipeline.records import Evidence, HorizonScores, SegmentScores
from pipeline.steps.contenders import Role
from pipeline.steps.systems import System

if TYPE_CHECKING:
    import pandas as pd


def segment_errors(segments: tuple[SegmentScores, ...], case: Case) -> Figure:
    """The primary score by segment of the last breakdown, in its order."""
    import altair as alt
    import pandas as pd

    primary, by = case.task.primary, segments[-1].by
    unit = case.schema.column(case.schema.target).unit
    rows = pd.DataFrame(
        [
            {by: segment.segment, primary: round(segment.scores[primary], 4)}
            for segment in sorted(segments, key=lambda each: each.segment)
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


def segment_coverage(segments: tuple[SegmentScores, ...], level: float) -> Figure:
    """Share of the truth in its region, by segment of the last breakdown, beside the level."""
    import altair as alt
    import pandas as pd

    by = segments[-1].by
    shown = [segment for segment in segments if segment.by == by and segment.coverage is not None]
    rows = pd.DataFrame(
        [
            {by: segment.segment, "coverage": round(segment.coverage or 0.0, 4), "level": level}
            for segment in sorted(shown, key=lambda each: each.segment)
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


def horizon_figure(horizons: Sequence[HorizonScores], case: Case, role: Role) -> Figure:
    """Error by how far ahead, beside the baseline's."""
    import altair as alt
    import pandas as pd

    primary, by = case.task.primary, horizons[0].by
    unit = case.schema.column(case.schema.target).unit
    rows = pd.DataFrame(
        [
            {
                by: each.ahead,
                role: round(each.scores[primary], 4),
                "baseline": round(each.baseline, 4),
                "below the baseline (%)": round(100 * (each.skill or 0.0), 1),
                "truth held (%)": round(100 * each.coverage, 1),
                "mean size of regions": round(each.mean_size, 4),
                "rows": int(each.scores["n"]),
            }
            for each in horizons
        ]
    )
    folded = rows.melt(by, [role, "baseline"], var_name="who", value_name="error")
    chart = (
        alt.Chart(folded)
        .mark_line(point=True)
        .encode(
            x=alt.X(f"{by}:O", title=by, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("error:Q", title=score_label(primary, unit)),
            color=alt.Color(
                "who:N", scale=alt.Scale(domain=[role, "baseline"], range=[SERIES[0], MUTED])
            ),
        )
    )
    worst = rows.iloc[int(rows[role].to_numpy().argmax())]
    told = f"{score_text(primary, worst[role], unit)}, the baseline {worst['baseline']:.3g}"
    words = (
        f"Highest {int(worst[by])} {by}: {told}. No model looks back less than the horizon: how "
        "far ahead tells by what is usual at that step, not by what is known."
        if len(rows) > 1
        else f"All forecasts are {int(worst[by])} step ahead: {told}."
    )
    return figure(
        chart,
        rows,
        name="horizon",
        title=f"{score_name(primary)} by {by}, of the {role} and of the baseline",
        words=words,
    )


def systems_table(systems: Mapping[Role, System], case: Case) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "role": system.role,
                "candidate": system.model.ref.candidate,
                **{score_name(name): round(value, 4) for name, value in system.scores.items()},
                "learned until": f"{system.model.ref.learned.end:%Y-%m-%d %H:%M}",
            }
            for system in sorted(systems.values(), key=lambda s: s.scores[case.task.primary])
        ]
    )


def comparisons_table(
    comparisons: dict[str, Comparison], evidence: dict[str, Evidence]
) -> pd.DataFrame:
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
                "beyond chance": "yes" if found.p_value <= evidence[pair].looks.level else "no",
                "pairs": found.n,
                "rows": evidence[pair].rows,
            }
            for pair, found in comparisons.items()
        ]
    )


def worst_table(segments: Sequence[SegmentScores]) -> pd.DataFrame:
    first = segments[0].by
    shown = [segment for segment in segments if segment.by == first]
    return breakdown_table(shown).drop(columns="by").rename(columns={"segment": first})


def breakdown_table(segments: Sequence[SegmentScores]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "by": segment.by,
                "segment": segment.segment,
                **{score_name(name): round(value, 4) for name, value in segment.scores.items()},
                "coverage (%)": round(100 * (segment.coverage or 0.0), 2),
                "mean size of regions": round(segment.mean_size or 0.0, 4),
            }
            for segment in segments
        ]
    )


def told(systems: Mapping[Role, System], case: Case, subject: System) -> str:
    primary = case.task.primary
    label = score_label(primary, case.schema.column(case.schema.target).unit)
    told = ", ".join(
        f"{system.role} ({system.model.ref.candidate}) {system.scores[primary]:.3g}"
        for system in systems.values()
    )
    return (
        f"{label} on the held-out window: {told}. The {subject.role}'s "
        f"{subject.model.calibration.level:.0%} {case.task.region_name}s hold "
        f"{subject.covered:.1%} of the truth."
    )
