"""What a large feed says of its columns is what a small one says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.schema import Column, Schema
from pipeline.steps.intake import Window, describe_columns
from pipeline.store import arrivals
from pipeline.store.arrivals import arriving

SCHEMA = Schema(
    columns=(
        Column(name="id", kind="integer", description="which"),
        Column(name="one", kind="number", description="the same throughout", nullable=True),
        Column(name="two", kind="number", description="one of two", nullable=True),
        Column(name="none", kind="number", description="never given", nullable=True),
        Column(name="word", kind="category", description="the same text", nullable=True),
        Column(name="silent", kind="category", description="no text", nullable=True),
    ),
    key=("id",),
    target="two",
)
ROWS = pa.table(
    {
        "id": range(40),
        "one": [3.5, None] * 20,
        "two": [1.0, float("nan"), 2.0, None] * 10,
        "none": [None] * 40,
        "word": ["a", None] * 20,
        "silent": [None] * 40,
    },
    schema=SCHEMA.arrow(),
)


def test_columns_are_described_alike_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those with one value, with none and with several; NaN is no value."""
    window = Window(schema=SCHEMA, as_of=datetime(2024, 1, 1, tzinfo=UTC), days=None)

    def described(large: int) -> pd.DataFrame:
        monkeypatch.setattr(arrivals, "LARGE", large)
        with arriving(ROWS.to_batches(), SCHEMA, tmp_path) as arrival:
            return describe_columns(arrival, ROWS, window)

    small, large = described(100), described(10)
    renamed = large.rename(columns={"different values (about)": "different values"})

    assert [1, 2, 0, 1, 0] == small["different values"].tolist()[1:]
    assert [1, 0, 1, 0] == renamed["different values"][[1, 3, 4, 5]].tolist()
    assert small.drop(columns="different values").equals(renamed.drop(columns="different values"))
