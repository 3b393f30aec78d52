"""A forecasting case made by hand, whose feed is a frame: a test says what arrives and when."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.comparison import Comparison
from pipeline.intervals import LevelConformal
from pipeline.options import NOTEBOOKS
from pipeline.records import (
    STEPS_OF,
    DriftRecord,
    EvaluateRecord,
    FittedModel,
    ModelRef,
    PromoteRecord,
    StepName,
    SystemScores,
    Window,
)
from pipeline.schema import Column, Schema
from pipeline.sources import Feed, Part, Request
from pipeline.steps.run import Run
from pipeline.steps.view import View
from pipeline.store import Store
from pipeline.tasks.forecasting import Forecasting

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 60
NEWEST_KNOWN = FIRST + timedelta(days=DAYS)
SERIES = ("north", "south")
HISTORY = ["lag_24", "lag_48", "mean_24", "season_mean"]

SCHEMA = Schema(
    columns=(
        Column(name="series", kind="category", description="which of the stations"),
        Column(name="time", kind="time", description="start of the hour", known_ahead=True),
        Column(name="value", kind="number", unit="waves/h", description="waves counted"),
        Column(name="east", kind="number", description="place", known_ahead=True, fixed=True),
        Column(name="wind", kind="number", description="wind", nullable=True, known_ahead=True),
    ),
    key=("series", "time"),
    target="value",
    time="time",
    known_after=timedelta(hours=1),
)
TASK = Forecasting(
    every="h",
    horizon=24,
    season=24,
    season_name="same hour a day before",
    lags=(24, 48),
    means=(24,),
    seasons=2,
    floor=0.0,
)


def waves(days: int = DAYS, series: Iterable[str] = SERIES, seed: int = 7) -> pd.DataFrame:
    """A daily wave with noise for every series, rows by series and time."""
    random = np.random.default_rng(seed)
    hours = np.arange(24 * days)
    times = pd.date_range(FIRST, periods=len(hours), freq="h", tz="UTC").as_unit("us")
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "series": name,
                    "time": times,
                    "value": 50 + 30 * np.sin(np.pi * hours / 12) + random.normal(0, 4, len(hours)),
                    "east": float(place),
                    "wind": random.gamma(2.0, 2.0, len(hours)),
                }
            )
            for place, name in enumerate(series)
        ],
        ignore_index=True,
    )


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A source that offers a frame."""

    rows: pd.DataFrame = field(default_factory=waves)
    simulated: bool = True
    publisher: str = "Nobody"
    licence: str = "MIT"
    address: str = ""
    note: str = "Waves that nobody saw."

    def fetch(self, request: Request) -> Feed:
        schema = request.schema.arrow()
        table = pa.table([_column(self.rows[name]) for name in schema.names], schema.names)
        table = table.cast(schema)
        return Feed(
            parts=(Part(name="waves", sha256="0" * 64, rows=table.num_rows),),
            batches=table.to_batches(),
        )


def _column(values: pd.Series) -> pa.Array:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        moments = values.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
        return pa.array(moments, from_pandas=True).cast(pa.timestamp("us", tz="UTC"))
    return pa.array(values.to_numpy(), from_pandas=True)


def ridge(seed: int) -> Any:
    """Ridge regression on the past."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        ColumnTransformer([("history", SimpleImputer(), HISTORY)]),
        Ridge(alpha=1.0, random_state=seed),
    )


def wave_case(rows: pd.DataFrame | None = None, **changes: Any) -> Case:
    """The case, fed with `rows` from its sample; `changes` replace other fields."""
    case = Case(
        name="waves",
        title="Waves",
        question="How many waves will come?",
        task=TASK,
        schema=SCHEMA,
        sources={"sample": Frame() if rows is None else Frame(rows=rows)},
        candidates=(Candidate(name="ridge", title="Ridge regression on the past", build=ridge),),
        windows=Windows(
            fold=timedelta(days=7),
            folds=2,
            held_out=timedelta(days=10),
            current=timedelta(days=10),
            block=timedelta(days=1),
        ),
        gates=Gates(
            most_quarantined=0.05,
            fresh=timedelta(days=1),
            degradation=0.5,
            oldest_champion=timedelta(days=28),
            margin=0.01,
        ),
        check_columns=lambda table, as_of: table,
    )
    return replace(case, **changes)


def suite(folder: Path) -> Path:
    """Expectations of the case: two gates, four that judge rows."""
    path = folder / "waves.json"
    path.write_text(json.dumps({"name": "waves", "expectations": EXPECTATIONS}))
    return path


def _expectation(kind: str, kwargs: Mapping[str, Any], severity: str, name: str) -> dict[str, Any]:
    meta = {"name": name, "sentence": f"It is {name}."}
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity, "meta": meta}


EXPECTATIONS = [
    _expectation("table_row_count_to_be_between", {"min_value": 336}, "critical", "enough-rows"),
    _expectation(
        "column_max_to_be_between",
        {"column": "time", "min_value": {"$PARAMETER": "fresh_since"}},
        "critical",
        "fresh",
    ),
    _expectation("column_values_to_not_be_null", {"column": "time"}, "warning", "time-given"),
    _expectation("column_values_to_not_be_null", {"column": "value"}, "warning", "value-given"),
    _expectation(
        "column_values_to_be_between",
        {"column": "value", "min_value": -100, "max_value": 200},
        "warning",
        "value-within-range",
    ),
    _expectation(
        "compound_columns_to_be_unique",
        {"column_list": ["series", "time"]},
        "warning",
        "key-unique",
    ),
]


@dataclass(kw_only=True)
class Bench:
    """A home in which steps are done one by one, as the notebooks would."""

    store: Store
    case: Case = field(default_factory=wave_case)

    def run(self, step: StepName, run_id: str = "run-1", **parameters: Any) -> Run:
        """The run that the notebook of a step would open."""
        return Run(
            case=self.case,
            store=self.store,
            settings=_options(step, parameters),
            run_id=run_id,
            by_hand=False,
        )

    def do(self, *steps: StepName, run_id: str = "run-1", **parameters: Any) -> View:
        """Does the steps in order; a parameter goes to the steps that have it. Gives the last."""
        for step in steps:
            options = _options(step, parameters)
            function = getattr(importlib.import_module(f"pipeline.steps.{step}"), step)
            view = function(self.run(step, run_id, **parameters), options)
        return view


def _options(step: StepName, parameters: Mapping[str, Any]) -> Any:
    model = next(NOTEBOOKS[name] for name, steps in STEPS_OF.items() if step in steps)
    return model(**{k: v for k, v in parameters.items() if k in model.model_fields})


# Records as steps would have written them, with numbers of a test's choice.


def window(days: float = 10, end: datetime = NEWEST_KNOWN) -> Window:
    """The days before a moment."""
    return Window(start=end - timedelta(days=days), end=end, rows=int(48 * days))


def fitted_model(
    candidate: str = "ridge", *, run_id: str = "run-1", end: datetime = NEWEST_KNOWN
) -> FittedModel:
    """A model that learned until `end`, with an RMSE of 5 and of 6 on its worst fold."""
    return FittedModel(
        ref=ModelRef(
            candidate=candidate,
            run_id=run_id,
            path=f"train/{candidate}.skops",
            sha256=candidate,
            learned=window(30, end),
        ),
        calibration=LevelConformal(level=0.9, edges=(), low=(-1.0,), high=(1.0,)),
        backtest={"rmse": 5.0},
        worst_fold=6.0,
    )


def _of_a_record(step: StepName) -> dict[str, Any]:
    return {
        "step": step,
        "case": "waves",
        "run_id": "run-1",
        "source": "sample",
        "as_of": NEWEST_KNOWN,
        "started": NEWEST_KNOWN,
        "finished": NEWEST_KNOWN,
        "code_version": "0",
        "lock_digest": "0",
        "parameters": {},
        "sentence": "Done.",
    }


def drift_record(**changes: Any) -> DriftRecord:
    """A stable window in which the champion's RMSE is 5, and up to 7 is expected."""
    told = {
        "reference": window(50),
        "current": window(),
        "alpha": 0.05,
        "columns": (),
        "champion_error": 5.0,
        "expected_error": 5.0,
        "worst_expected_error": 7.0,
    }
    return DriftRecord(**(_of_a_record("drift") | told | changes))


def evaluate_record(
    rmse: Mapping[str, float], p_values: Mapping[str, float], **changes: Any
) -> EvaluateRecord:
    """RMSE by role, and the p-value of each pair, such as 'challenger over champion'."""
    told = {
        "primary": "rmse",
        "held_out": window(),
        "systems": tuple(
            SystemScores(
                role=role,
                candidate=role,
                run_id="run-1",
                scores={"rmse": error},
                level=0.9,
                coverage=0.9,
                mean_size=1.0,
            )
            for role, error in rmse.items()
        ),
        "subject": next(iter(rmse)),
        "comparisons": {
            pair: Comparison(
                n=28, mean_difference=0.0, relative_difference=0.0, statistic=0.0, p_value=p_value
            )
            for pair, p_value in p_values.items()
        },
        "segments": (),
    }
    return EvaluateRecord(**(_of_a_record("evaluate") | told | changes))


def promote_record(**changes: Any) -> PromoteRecord:
    """A champion whose RMSE is 4 where the baseline's is 5."""
    told = {
        "action": "promote",
        "champion": fitted_model(),
        "scores": {"rmse": 4.0},
        "baseline_scores": {"rmse": 5.0},
        "primary": "rmse",
    }
    return PromoteRecord(**(_of_a_record("promote") | told | changes))
