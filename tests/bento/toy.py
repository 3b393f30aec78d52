"""A case as small as can be: hourly counts of two counters, forecast from the hour of the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict

from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.errors import RecordError
from pipeline.schema import Column, Schema
from pipeline.tasks.numbers import interval_answer, level_intervals

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


class ToyRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    counter: str
    hour: AwareDatetime
    rain: float | None = None


@dataclass(frozen=True)
class ToyTask:
    """Only the verbs that the service and the packaging use."""

    kind: str = "forecasting"
    history: timedelta = timedelta(hours=48)
    floor: float = 0.0

    def frame(self, observations: Any, schema: Schema) -> Any:
        return observations.assign(clock=observations["hour"].dt.hour.astype(float))

    def predict(self, model: Any, frame: Any) -> Any:
        return np.asarray(model.predict(frame[["counter", "clock"]]))

    def columns(self, predicted: Any) -> Any:
        return {"prediction": predicted.tolist()}

    def regions(
        self, calibration: Any, frame: Any, schema: Schema, predicted: Any, *, level: float
    ) -> Any:
        return level_intervals(calibration, predicted, level=level, floor=self.floor)

    def answer_model(self, name: str) -> type[BaseModel]:
        return interval_answer(name)

    def request_model(self, schema: Schema, name: str) -> type[BaseModel]:
        return type(name, (ToyRecord,), {"__module__": __name__})

    def answer_frame(self, records: Any, history: Any, schema: Schema) -> Any:
        newest = history["hour"].max()
        known = set(history["counter"])
        problems = []
        for place, (counter, hour) in enumerate(
            zip(records["counter"], records["hour"], strict=True)
        ):
            if counter not in known:
                problems.append((place, "counter", f"{counter!r} is not a counter"))
            if not newest - timedelta(days=2) < hour <= newest + timedelta(days=1):
                problems.append((place, "hour", f"{hour} is not within a day of {newest}"))
        if problems:
            raise RecordError(problems)
        return self.frame(records, schema)


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
