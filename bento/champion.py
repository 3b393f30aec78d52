"""A champion in memory: model, lookup and the types of its calls, loaded once and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from bento.answers import CaseSummary, DataVersion, ModelVersion, PredictAnswer
from bento.batches import BatchReader
from bento.columns import column, plain
from bento.problems import field_problem
from bento.replies import as_json, rows_as_json
from bento.requests import invalid
from pipeline.calls import Predictions
from pipeline.case import Case
from pipeline.compiled import Compiled
from pipeline.errors import RecordError
from pipeline.packaging.bundles import ModelCard
from pipeline.regions import Calibration
from pipeline.tasks.lookup import Columns, Lookup, frame_of
from pipeline.trends.answers import OpenObservations

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What goes to the caller, and what goes to the log."""

    head: dict[str, Any]
    """A `PredictAnswer` without its predictions, as plain values."""
    columns: dict[str, list[Any]]
    """The predictions: a value a record of each of their fields."""
    predictions: Predictions
    extrapolating: int
    """How many of the records lie outside of what the model has learned from."""

    @property
    def content(self) -> dict[str, Any]:
        """A `PredictAnswer` as plain values."""
        names = tuple(self.columns)
        rows = zip(*self.columns.values(), strict=True)
        return {**self.head, "predictions": [dict(zip(names, row, strict=True)) for row in rows]}

    def json(self) -> bytes:
        """A `PredictAnswer`; NaN and infinity, which JSON lacks, are written as their names."""
        head = as_json(self.head).removesuffix(b"}")
        return b'%b,"predictions":%b}' % (head, rows_as_json(self.columns))


@dataclass(frozen=True, kw_only=True)
class Champion:
    """Answers the calls of one case."""

    case: Case
    card: ModelCard
    calibrations: Mapping[float, Calibration]
    """By level."""
    model: Any
    compiled: Compiled | None
    """The model without pandas; `None` where it can't be had."""
    lookup: Lookup
    body: type[BaseModel]
    truths: type[BaseModel]
    """The body of a call that brings true values."""
    reply: type[PredictAnswer]
    observations: OpenObservations
    files: ExitStack
    """What is open until `close`."""
    fields: Mapping[str, pa.Field]
    """Of a record, by name."""
    upload: str | None
    """The field of a record that holds a file."""
    batches: BatchReader | None = None
    """Reads calls of many records; `None` where each record must be read as an object."""

    def close(self) -> None:
        """Closes its files; it answers no call any more."""
        self.files.close()

    @property
    def summary(self) -> CaseSummary:
        name = self.case.name
        return CaseSummary(
            case=name,
            title=self.case.title,
            question=self.case.question,
            kind=self.card.kind,
            simulated=self.card.simulated,
            predict=f"/v1/{name}/predict",
            model=f"/v1/{name}/model",
            metrics=f"/v1/{name}/metrics",
            trends=f"/v1/{name}/trends",
        )

    def answer(
        self, records: Sequence[BaseModel], *, call: str = "", level: float | None = None
    ) -> Answered:
        """The answer to records; raises as `answer_arrays` does, and for a value beyond the range
        of its type.
        """
        arrays = self.arrays(records, tuple(self.fields))
        return self.answer_arrays(arrays, call=call, level=level)

    def answer_arrays(
        self, arrays: Mapping[str, pa.Array], *, call: str = "", level: float | None = None
    ) -> Answered:
        """The answer to records that came as columns; raises `RequestError` for records that can't
        be predicted and a level that intervals can't be made for.
        """
        asked = {name: plain(array, self.fields[name]) for name, array in arrays.items()}
        self._check_categories(asked)
        columns = self._looked_up(asked)
        calibration = self._calibration(level)
        found = self._predicted(columns, calibration)
        outside = self._extrapolating(asked, len(columns[next(iter(columns))]))
        head = {
            "call": call,
            "case": self.card.case,
            "target": self.card.target,
            "unit": self.card.unit,
            "model": self.version.model_dump(mode="json"),
            "data": self._data.model_dump(mode="json"),
            "simulated": self.card.simulated,
            "level": calibration.level,
        }
        return Answered(
            head=head,
            columns=found | {"extrapolating": outside},
            predictions=Predictions(
                self._key_columns(arrays), found["prediction"], found.get("low"), found.get("high")
            ),
            extrapolating=sum(outside),
        )

    @property
    def version(self) -> ModelVersion:
        card = self.card
        return ModelVersion(
            candidate=card.candidate,
            run_id=card.run_id,
            version=card.version,
            learned_until=card.learned.end,
        )

    @property
    def _data(self) -> DataVersion:
        return DataVersion(version=self.card.data_version, newest=self.card.data_as_of)

    def _calibration(self, level: float | None) -> Calibration:
        """What makes the regions of a level; raises `RequestError` for one that there is none
        for.
        """
        wanted = self.card.level if level is None else level
        found = self.calibrations.get(wanted)
        if found is None:
            known = ", ".join(map(repr, sorted(self.calibrations)))
            problem = f"level {wanted!r} can't be had of this model; choose among {known}"
            raise invalid([field_problem(("interval",), problem)], 1)
        return found

    def _predicted(self, columns: Columns, calibration: Calibration) -> dict[str, list[Any]]:
        """Columns of the answer: predictions and their regions."""
        if self.compiled is None:
            return self._predicted_by(self.model, frame_of(columns), calibration)
        return self._predicted_by(self.compiled, columns, calibration)

    def _predicted_by(
        self, model: Any, frame: Any, calibration: Calibration
    ) -> dict[str, list[Any]]:
        task, schema = self.case.task, self.case.schema
        predicted = task.predict(model, frame)
        regions = task.regions(calibration, frame, schema, predicted, level=calibration.level)
        return task.columns(predicted) | regions.columns()

    def _looked_up(self, asked: Columns) -> Columns:
        try:
            return self.lookup(asked)
        except RecordError as error:
            errors = [
                field_problem(("records", place, field), found)
                for place, field, found in error.problems
            ]
            raise invalid(errors, len(errors)) from error

    @property
    def words(self) -> str:
        """What the names of this case's types begin with."""
        return type_words(self.case.name)

    def values(self) -> dict[str, list[str]]:
        """Of fields of which the lookup takes only some values: these."""
        return self.lookup.values()

    def arrays(self, records: Sequence[BaseModel], names: Sequence[str]) -> dict[str, pa.Array]:
        """Fields of the records, in the schema's types; raises `RequestError`."""
        return {
            name: column([getattr(record, name) for record in records], self.fields[name])
            for name in names
        }

    def _key_columns(self, arrays: Mapping[str, pa.Array]) -> list[pa.Array] | None:
        key = self.case.schema.key
        return [arrays[name] for name in key] if set(key) <= set(arrays) else None

    def _check_categories(self, asked: Columns) -> None:
        """Raises `RequestError` for a category that the model has never seen."""
        problems = [
            field_problem(("records", place, name), _never_seen(value, known))
            for name, known in self.card.categories.items()
            if not set(values := asked[name].tolist()) <= {*known, None}
            for place, value in enumerate(values)
            if value is not None and value not in known
        ]
        if problems:
            raise invalid(problems, len(problems))

    def _extrapolating(self, asked: Columns, count: int) -> list[bool]:
        """Whether a number that was sent lies outside of those that the model has learned from."""
        outside = np.zeros(count, dtype=bool)
        for name, (low, high) in self.card.support.items():
            outside |= (asked[name] < low) | (asked[name] > high)
        found: list[bool] = outside.tolist()
        return found


def _never_seen(value: str, known: Sequence[str]) -> str:
    shown = ", ".join(map(repr, known[:20])) + (", …" if len(known) > 20 else "")
    return f"{value[:60]!r} is none of the {len(known)} values that the model has seen: {shown}"


def type_words(name: str) -> str:
    """What the names of a case's types begin with."""
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_"))
