"""Who is best where: the candidates by segment, on the rows that all of them were tested on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.case import Case
from pipeline.metrics import score_label, skill
from pipeline.steps.backtest import Backtest

if TYPE_CHECKING:
    import pandas as pd


def winners(tested: Sequence[Backtest], case: Case, frame: pd.DataFrame) -> pd.DataFrame:
    """One row a segment of every breakdown, those of few segments first; candidates that may not
    serve are left out, and a candidate that is no better than the baseline hasn't won.
    """
    import pandas as pd

    primary = case.task.primary
    label = score_label(primary, case.schema.column(case.schema.target).unit)
    rivals = sorted(
        (each for each in tested if not each.not_eligible), key=lambda each: not each.baseline
    )
    found = []
    breakdowns = case.task.segments(frame.iloc[tested[0].rows], case.schema)
    for by, labels in sorted(breakdowns.items(), key=lambda item: len(np.unique(item[1]))):
        scores = [case.task.metrics_by(labels, each.truth, each.predicted) for each in rivals]
        for segment, baseline in scores[0].items():
            values = [each[segment][primary] for each in scores]
            best = int(np.argmin(values))
            found.append(
                {
                    "by": by,
                    "segment": str(segment),
                    "rows": int(np.sum(labels == segment)),
                    "winner": rivals[best].name,
                    label: round(values[best], 4),
                    "of the baseline": round(baseline[primary], 4),
                    "better than baseline (%)": round(
                        100 * skill(values[best], baseline[primary]), 1
                    )
                    if baseline[primary]
                    else 0.0,
                }
            )
    return pd.DataFrame(found)
