"""What pictures show: examples of each class, and those that were taken for another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.class_metrics import checked_places, log_losses
from pipeline.errors import PictureError
from pipeline.figures import Figure
from pipeline.pictures.sheets import Shown, Strip, sheet
from pipeline.schema import Schema
from pipeline.tasks.pictures import PIXELS

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.tasks import Floats, Truth

SEED = 20240601


def examples_figure(rows: pd.DataFrame, schema: Schema, *, most: int) -> Figure:
    """Some pictures of each class, drawn at random; a picture that can't be decoded is not shown,
    and the next one is.
    """
    labels = rows[schema.target].astype("string").fillna("(missing)")
    counts = labels.value_counts()
    strips = [
        Strip(
            heading=f"{label}: {count:,} pictures",
            shown=list(_examples(rows[(labels == label).to_numpy()], schema, str(label), most)),
        )
        for label, count in counts.items()
    ]
    table = counts.rename_axis(schema.target).rename("pictures").reset_index()
    told = ", ".join(f"{count:,} of {label}" for label, count in counts.items())
    return sheet(
        strips,
        table,
        name="volume",
        title="Pictures by class, and some of each",
        words=f"{len(rows):,} pictures: {told}.",
    )


def _examples(rows: pd.DataFrame, schema: Schema, label: str, most: int) -> Iterator[Shown]:
    order = np.random.default_rng(SEED).permutation(len(rows))
    found = 0
    for place in order[: 4 * most].tolist() if PIXELS in rows else []:
        shown = _readable(rows.iloc[place], schema, f"an example of {label}", ())
        if shown is not None and found < most:
            found += 1
            yield shown


def mistakes_figure(
    rows: pd.DataFrame,
    schema: Schema,
    truth: Truth,
    predicted: Floats,
    classes: Sequence[str],
    *,
    most: int,
) -> Figure:
    """The pictures in another class than was predicted, the surest mistakes first."""
    import pandas as pd

    known = checked_places(truth, predicted, classes)
    guessed = np.argmax(predicted, axis=1)
    losses = log_losses(truth, predicted, classes)
    wrong = np.flatnonzero(guessed != known)
    wrong = wrong[np.argsort(-losses[wrong], kind="stable")]
    table = pd.DataFrame(
        {
            **{key: rows[key].to_numpy()[wrong] for key in schema.key},
            "truth": truth[wrong],
            "prediction": np.array(classes, dtype=object)[guessed[wrong]],
            "probability of the truth": predicted[wrong, known[wrong]].round(4),
        }
    )
    shown = [_mistake(rows.iloc[place], schema, entry) for place, entry in _entries(wrong, table)]
    kept = [each for each in shown[:most] if each is not None]
    return sheet(
        [Strip(heading=f"{len(wrong)} of {len(rows)} pictures", shown=kept)],
        table,
        name="mistakes",
        title="Taken for another class, the surest mistakes first",
        words=f"{len(wrong)} of {len(rows)} held-out pictures are in another class than was "
        f"predicted; {len(kept)} of them are shown." + _worst(table, schema),
    )


def _entries(places: np.ndarray, table: pd.DataFrame) -> Iterator[tuple[int, pd.Series]]:
    yield from zip(places.tolist(), (row for _, row in table.iterrows()), strict=True)


def _worst(table: pd.DataFrame, schema: Schema) -> str:
    if table.empty:
        return ""
    first = table.iloc[0]
    return (
        f" The surest is {first[schema.key[0]]}: {first['truth']}, taken for {first['prediction']}."
    )


def _mistake(row: pd.Series, schema: Schema, entry: pd.Series) -> Shown | None:
    words = f"{entry['truth']} taken for {entry['prediction']}"
    chance = f"{entry['truth']}: {entry['probability of the truth']:.0%}"
    lines = (f"is {entry['truth']},", f"taken for {entry['prediction']}", chance)
    return _readable(row, schema, words, lines)


def _readable(row: pd.Series, schema: Schema, words: str, lines: tuple[str, ...]) -> Shown | None:
    picture = row.get(PIXELS)
    try:
        if picture is None or not picture.pixels().size:
            return None
    except PictureError:
        return None
    name = ", ".join(str(row[key]) for key in schema.key)
    return Shown(picture=picture, words=f"{words} ({name})", lines=lines)
