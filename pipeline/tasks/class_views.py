"""What a classification shows: which class is taken for which, and whether probabilities hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.class_metrics import checked_places
from pipeline.figures import INK, MUTED, SERIES, Figure, figure

if TYPE_CHECKING:
    from pipeline.tasks import Floats, Truth

BINS = 10


def confusion_figure(truth: Truth, predicted: Floats, classes: Sequence[str]) -> Figure:
    """Rows by true and by predicted class, shares of the true class as shades."""
    import altair as alt
    import pandas as pd

    known = checked_places(truth, predicted, classes)
    guessed = np.argmax(predicted, axis=1)
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (known, guessed), 1)
    totals = np.maximum(counts.sum(axis=1), 1)
    rows = pd.DataFrame(
        [
            {
                "truth": classes[one],
                "prediction": classes[other],
                "rows": int(counts[one, other]),
                "share of the class (%)": round(100 * counts[one, other] / totals[one], 1),
            }
            for one in range(len(classes))
            for other in range(len(classes))
        ]
    )
    base = alt.Chart(rows).encode(
        x=alt.X("prediction:N", sort=list(classes), axis=alt.Axis(labelAngle=0, labelColor=INK)),
        y=alt.Y("truth:N", sort=list(classes), axis=alt.Axis(labelColor=INK)),
    )
    shades = base.mark_rect(color=SERIES[0]).encode(
        opacity=alt.Opacity(
            "share of the class (%):Q",
            scale=alt.Scale(domain=[0, 100], range=[0.04, 0.6]),
            legend=None,
        )
    )
    right = int(np.trace(counts))
    mistakes = rows[(rows["truth"] != rows["prediction"]) & (rows["rows"] > 0)]
    worst = mistakes.sort_values("rows", ascending=False, kind="stable").head(1)
    told = (
        f" Most often, {worst['truth'].iloc[0]} is taken for {worst['prediction'].iloc[0]}: "
        f"{worst['rows'].iloc[0]} times."
        if len(worst)
        else " No row is taken for another class."
    )
    return figure(
        shades + base.mark_text(color=INK).encode(text="rows:Q"),
        rows,
        name="confusion",
        title="Rows by true class and predicted class",
        words=f"{right:,} of {len(known):,} held-out rows are in the class that was predicted."
        + told,
        height=60 + 40 * len(classes),
    )


def reliability_figure(truth: Truth, predicted: Floats, classes: Sequence[str]) -> Figure:
    """How often the likeliest class is the true one, by the probability that it was given."""
    import altair as alt
    import pandas as pd

    known = checked_places(truth, predicted, classes)
    given = predicted.max(axis=1)
    table = pd.DataFrame(
        {
            "bin": np.minimum((given * BINS).astype(int), BINS - 1),
            "probability": given,
            "share": np.argmax(predicted, axis=1) == known,
        }
    )
    rows = table.groupby("bin").agg(
        probability=("probability", "mean"), share=("share", "mean"), rows=("share", "size")
    )
    rows = rows.reset_index(drop=True).round(4)
    ends = pd.DataFrame({"probability": [0.0, 1.0], "share": [0.0, 1.0]})
    line = alt.Chart(ends).mark_line(color=MUTED, strokeDash=[4, 3])
    x = alt.X("probability:Q", title="probability given to the likeliest class")
    y = alt.Y("share:Q", title="share of rows in which it is the true one")
    points = alt.Chart(rows).mark_line(color=SERIES[0], point=True)
    gap = float(np.sum(rows["rows"] * np.abs(rows["share"] - rows["probability"])) / len(known))
    return figure(
        line.encode(x=x, y=y) + points.encode(x=x, y=y),
        rows,
        name="reliability",
        title="Do the probabilities hold? On the dashed line they do",
        words=f"Over {len(rows)} classes of probability, the share of right predictions differs "
        f"from the probability by {gap:.3f} on average (expected calibration error).",
        height=320,
    )
