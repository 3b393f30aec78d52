"""A case as small as can be: hourly counts of two counters, forecast from the hour of the day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from pipeline.bounds import Newest
from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.errors import RecordError
from pipeline.metrics import regression_metrics
from pipeline.schema import Column, Schema
from pipeline.tasks.numbers import interval_answer, intervals_of

SCHEMA = Schema(
    columns=(
        Column(name="counter", kind="category", description="which counter"),
        Column(name="hour", kind="time", description="start of the hour"),
        Column(name="count", kind="number", description="passages", unit="bicycles/h"),
        Column(name="rain", kind="number", description="rain", unit="mm", nullable=True),
    ),
    key=("counter", "hour"),
    target="count",
    time="hour",
)
HOUR = np.timedelta64(1, "h")


class ToyRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    counter: str
    hour: AwareDatetime
    rain: float | None = Field(default=None, ge=-1e12, le=1e12)


class ToyLookup:
    """Knows the counters, and a day after the newest hour."""

    def __init__(self, history: Any) -> None:
        self.newest = history["hour"].max().to_datetime64()
        self.known = set(history["counter"])

    def __call__(self, records: Any) -> Any:
        problems = []
        rows = zip(records["counter"], records["hour"], strict=True)
        for place, (counter, hour) in enumerate(rows):
            if counter not in self.known:
                problems.append((place, "counter", f"{counter!r} is not a counter"))
            if not self.newest < hour <= self.newest + 24 * HOUR:
                problems.append((place, "hour", f"{hour} is not within a day of {self.newest}"))
        if problems:
            raise RecordError(problems)
        hours = records["hour"].astype("datetime64[h]").astype(int)
        return {**records, "clock": (hours % 24).astype(float)}

    def values(self) -> dict[str, list[str]]:
        hours = [f"{self.newest + step * HOUR}"[:19] + "+00:00" for step in range(1, 25)]
        return {"counter": sorted(self.known), "hour": hours}


@dataclass(frozen=True)
class ToyTask:
    """Only the verbs that the service and the packaging use."""

    kind: str = "forecasting"
    history: timedelta = timedelta(hours=48)
    floor: float = 0.0
    bound: Newest = field(default_factory=Newest)

    def predict(self, model: Any, frame: Any) -> Any:
        return np.maximum(np.asarray(model.predict(frame)), self.floor)

    def regions(
        self, calibration: Any, frame: Any, schema: Schema, predicted: Any, **more: Any
    ) -> Any:
        return intervals_of(calibration, predicted, {}, floor=self.floor, **more)

    def columns(self, predicted: Any) -> dict[str, list[Any]]:
        return {"prediction": predicted.tolist()}

    def metrics(self, truth: Any, predicted: Any) -> dict[str, float]:
        return regression_metrics(truth, predicted)

    def request_model(self, schema: Schema, name: str) -> type[BaseModel]:
        return type(name, (ToyRecord,), {"__module__": __name__})

    def answer_model(self, name: str) -> type[BaseModel]:
        return interval_answer(name)

    def lookup(self, history: Any, schema: Schema) -> ToyLookup:
        return ToyLookup(history)


def never(*arguments: Any) -> Any:
    raise AssertionError(f"not used by the service: {arguments!r}")


CASE = Case(
    name="toy",
    title="Toy counters",
    question="How many pass in an hour?",
    task=ToyTask(),  # type: ignore[arg-type]
    schema=SCHEMA,
    sources={},
    candidates=(Candidate(name="ridge", title="Ridge regression", build=never),),
    windows=Windows(
        fold=timedelta(days=1),
        folds=2,
        held_out=timedelta(days=1),
        current=timedelta(days=1),
        block=timedelta(hours=6),
    ),
    gates=Gates(
        most_quarantined=0.1,
        fresh=timedelta(days=2),
        degradation=0.2,
        oldest_champion=timedelta(days=30),
        margin=0.02,
    ),
    check_columns=never,
)
