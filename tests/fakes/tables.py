"""Two small tabular cases made by hand: petals without a time, and parts with one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hand_made import Frame

from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.schema import Column, Schema
from pipeline.tasks.classification import Classification
from pipeline.tasks.divisions import Division
from pipeline.tasks.regression import Regression
from pipeline.tasks.tabular import scaled, trees

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
CLASSES = ("iris", "lily", "rose")
GATES = Gates(
    most_quarantined=0.1,
    fresh=timedelta(days=30),
    degradation=0.5,
    oldest_champion=timedelta(days=60),
    margin=0.01,
)

PETALS = Schema(
    columns=(
        Column(name="id", kind="integer", description="number of the flower"),
        Column(name="length", kind="number", unit="mm", description="of a petal", known_ahead=True),
        Column(name="colour", kind="category", description="seen", known_ahead=True, nullable=True),
        Column(name="flower", kind="category", description="what it is"),
    ),
    key=("id",),
    target="flower",
)
PARTS = Schema(
    columns=(
        Column(name="id", kind="integer", description="number of the part"),
        Column(name="made", kind="time", description="when it was made"),
        Column(name="batch", kind="category", description="parts of one batch are alike"),
        Column(name="mould", kind="category", description="which mould", known_ahead=True),
        Column(
            name="size",
            kind="number",
            unit="mm",
            description="its length",
            known_ahead=True,
            nullable=True,
        ),
        Column(name="weight", kind="number", unit="g", description="on the scales"),
    ),
    key=("id",),
    target="weight",
    time="made",
)


def petals(rows: int = 600, seed: int = 3, first: int = 0) -> pd.DataFrame:
    """Lengths that overlap, colours that say something; one in twenty is missing."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 3, rows)
    colours = np.where(random.random(rows) < 0.7, kind, random.integers(0, 3, rows))
    return pd.DataFrame(
        {
            "id": np.arange(first, first + rows),
            "length": random.normal(20 + 6.0 * kind, 4),
            "colour": np.where(
                random.random(rows) < 0.05, None, np.array(["blue", "white", "red"])[colours]
            ),
            "flower": np.array(CLASSES)[kind],
        }
    )


def parts(rows: int = 1200, days: int = 100, seed: int = 5) -> pd.DataFrame:
    """A weight per size, batches that are heavier or lighter as a whole."""
    random = np.random.default_rng(seed)
    batch = random.integers(0, rows // 8, rows)
    heavier = random.normal(0, 2, rows // 8)
    size = random.uniform(10, 50, rows)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "made": [FIRST + timedelta(days=days) * share for share in np.arange(rows) / rows],
            "batch": [f"batch {number}" for number in batch],
            "mould": np.array(["A", "B "])[batch % 2],
            "size": np.where(random.random(rows) < 0.03, np.nan, size),
            "weight": 20 + 3 * size + 10 * (batch % 2) + heavier[batch] + random.normal(0, 1, rows),
        }
    )


def logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(random_state=seed, max_iter=500)
    return scaled(model, numbers=["length"], categories=["colour"])


def boosted(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=60, categorical_features=[0], random_state=seed)
    return trees(model, numbers=["size"], categories=["mould"])


def petal_case(rows: pd.DataFrame | None = None, **changes: Any) -> Case:
    """Classification without a time column, every row a group of its own."""
    case = Case(
        name="petals",
        title="Petals",
        question="Which flower is it?",
        task=Classification(classes=CLASSES),
        schema=PETALS,
        sources={"sample": Frame(rows=petals() if rows is None else rows)},
        candidates=(Candidate(name="logistic", title="Logistic regression", build=logistic),),
        windows=Windows(folds=3),
        gates=GATES,
        check_columns=lambda table, as_of: table,
    )
    return replace(case, **changes)


def part_case(rows: pd.DataFrame | None = None, **changes: Any) -> Case:
    """Regression with a time column, batches kept together."""
    case = Case(
        name="parts",
        title="Parts",
        question="How heavy is a part?",
        task=Regression(
            division=Division(groups=("batch",), held_out=0.3),
            segments_by=("mould",),
            baseline_by=("mould",),
            floor=0.0,
        ),
        schema=PARTS,
        sources={"sample": Frame(rows=parts() if rows is None else rows)},
        candidates=(Candidate(name="boosted", title="Gradient boosting", build=boosted),),
        windows=Windows(
            folds=3,
            held_out=timedelta(days=30),
            current=timedelta(days=30),
            block=timedelta(days=1),
        ),
        gates=GATES,
        check_columns=lambda table, as_of: table,
    )
    return replace(case, **changes)


def expect(folder: Path, *names: str) -> Path:
    """A suite: there are rows, and these columns are not null."""
    found = [
        _expectation("table_row_count_to_be_between", {"min_value": 50}, "critical", "enough-rows"),
        *(
            _expectation("column_values_to_not_be_null", {"column": name}, "warning", f"{name}-set")
            for name in names
        ),
    ]
    path = folder / "suite.json"
    path.write_text(json.dumps({"name": "tables", "expectations": found}))
    return path


def _expectation(kind: str, kwargs: Mapping[str, Any], severity: str, name: str) -> dict[str, Any]:
    meta = {"name": name, "sentence": f"It is {name}."}
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity, "meta": meta}
