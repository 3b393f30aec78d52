"""A champion in memory: model, lookup and the types of its calls, loaded once and checked."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from bento.answers import CaseSummary, DataVersion, ModelVersion, PredictAnswer, answer_model
from bento.bodies import actuals_body, predict_body
from bento.problems import field_problem
from bento.requests import invalid
from pipeline.calls import Predictions
from pipeline.case import Case
from pipeline.compiled import Compiled, NotCompiledError
from pipeline.errors import RecordError, ServiceError, StepError
from pipeline.models import load_model
from pipeline.packaging.bundles import Bundle, ModelCard
from pipeline.packaging.contents import upload_field
from pipeline.packaging.settings import Settings
from pipeline.schema import Schema
from pipeline.tasks.lookup import Columns, Lookup, frame_of
from pipeline.trends import Observations
from pipeline.trends.answers import OpenObservations

if TYPE_CHECKING:
    import pyarrow as pa

TRIED: Final = 20
"""Records on which a model is tried when it is loaded."""
CLOSE: Final = 1e-9
"""How far, as a share, two ways to compute one prediction may lie apart: sums are rounded."""
logger = logging.getLogger("vigie")


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What goes to the caller, and what goes to the log."""

    content: dict[str, Any]
    predictions: Predictions
    extrapolating: int
    """How many of the records lie outside of what the model has learned from."""


@dataclass(frozen=True, kw_only=True)
class Champion:
    """Answers the calls of one case."""

    case: Case
    card: ModelCard
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

    @classmethod
    def load(cls, bundle: Bundle, case: Case, settings: Settings) -> Champion:
        """Checks both files by digest and tries the model on an example, which also warms it;
        raises `ServiceError` for anything that isn't as the card says.
        """
        import pyarrow.parquet as pq

        history = pq.read_table(io.BytesIO(bundle.history_bytes())).to_pandas()
        model = load_model(bundle.model_bytes())
        words = _words(case.name)
        record = case.task.request_model(case.schema, f"{words}Record")
        files = ExitStack()
        champion = cls(
            case=case,
            card=bundle.card,
            model=model,
            compiled=_compiled(model, case.name),
            lookup=case.task.lookup(history, case.schema),
            body=predict_body(record, f"{words}Request", settings),
            truths=actuals_body(record, case.schema, f"{words}Truths", settings),
            reply=answer_model(case.task.answer_model(f"{words}Prediction"), f"{words}Answer"),
            observations=_opened(bundle, case.schema, files),
            files=files,
            fields={f.name: f for f in case.schema.arrow() if f.name in record.model_fields},
            upload=upload_field(record),
        )
        return champion._tried(settings)

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
        """A `PredictAnswer` as plain values; raises `RequestError` for records that can't be
        predicted and a level that intervals can't be made for.
        """
        arrays = self.arrays(records, tuple(self.fields))
        asked = {name: _plain(array, self.fields[name]) for name, array in arrays.items()}
        self._check_categories(asked)
        columns = self._looked_up(asked)
        wanted = self.card.level if level is None else level
        found = self._predicted(columns, wanted)
        outside = self._extrapolating(asked, len(records))
        content = {
            "call": call,
            "case": self.card.case,
            "target": self.card.target,
            "unit": self.card.unit,
            "model": self.version.model_dump(mode="json"),
            "data": self._data.model_dump(mode="json"),
            "simulated": self.card.simulated,
            "level": wanted,
            "predictions": [
                dict(zip((*found, "extrapolating"), values, strict=True))
                for values in zip(*found.values(), outside, strict=True)
            ],
        }
        return Answered(
            content=content,
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

    def _predicted(self, columns: Columns, level: float) -> dict[str, list[Any]]:
        """Columns of the answer: predictions and their regions."""
        if self.compiled is None:
            return self._predicted_by(self.model, frame_of(columns), level)
        return self._predicted_by(self.compiled, columns, level)

    def _predicted_by(self, model: Any, frame: Any, level: float) -> dict[str, list[Any]]:
        task, card, schema = self.case.task, self.card, self.case.schema
        predicted = task.predict(model, frame)
        try:
            regions = task.regions(card.calibration, frame, schema, predicted, level=level)
        except StepError as error:
            if level == card.level:
                raise
            raise invalid([field_problem(("interval",), str(error))], 1) from error
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
        return _words(self.case.name)

    def values(self) -> dict[str, list[str]]:
        """Of fields of which the lookup takes only some values: these."""
        return self.lookup.values()

    def arrays(self, records: Sequence[BaseModel], names: Sequence[str]) -> dict[str, pa.Array]:
        """Fields of the records, in the schema's types; raises `RequestError`."""
        return {
            name: _array([getattr(record, name) for record in records], self.fields[name])
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
            for place, value in enumerate(asked[name].tolist())
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

    def _tried(self, settings: Settings) -> Champion:
        """The champion, tried on the example of its card: with the compiled model where that
        gives the same, else with the model and pandas.
        """
        from dataclasses import replace

        if self.card.example is None:
            return self
        slow = replace(self, compiled=None)
        try:
            content = {"records": [self.card.example] * TRIED}
            records = self.body.model_validate(content, strict=False).records  # type: ignore[attr-defined]
            expected = slow.answer(records).content
        except Exception as error:
            raise ServiceError(
                f"The champion {self.card.candidate!r} of case {self.case.name!r} can't predict "
                f"its own example with this version of the code: {error}. Train it again: "
                f"vigie run {self.case.name}."
            ) from error
        if self.compiled is None:
            return slow
        try:
            one, many = (self.answer(part).content for part in (records[:1], records))
        except Exception as error:  # noqa: BLE001  whatever it is, pandas answers
            return _slow(slow, repr(error))
        same = all(
            _same(fast["predictions"], expected["predictions"][: len(fast["predictions"])])
            for fast in (one, many)
        )
        return self if same else _slow(slow, "the answers differ")


def _opened(bundle: Bundle, schema: Schema, stack: ExitStack) -> OpenObservations:
    """Open for as long as the champion is there: questions of several threads share it."""
    observations = Observations(files=[bundle.observations_path()], schema=schema)
    return stack.enter_context(observations.opened())


def _slow(champion: Champion, reason: str) -> Champion:
    logger.info("Case %r is answered through pandas: %s", champion.case.name, reason)
    return champion


def _compiled(model: Any, case: str) -> Compiled | None:
    try:
        return Compiled(model)
    except (NotCompiledError, AttributeError, TypeError) as error:
        logger.info("Case %r is answered through pandas: %s", case, error)
        return None


def _same(fast: list[dict[str, Any]], slow: list[dict[str, Any]]) -> bool:
    return all(
        _close(one[name], other[name])
        for one, other in zip(fast, slow, strict=True)
        for name in other
    )


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return bool(np.isclose(one, other, rtol=CLOSE, atol=CLOSE))
    return bool(one == other)


def _array(values: Sequence[Any], field: pa.Field) -> pa.Array:
    """One field of all records; raises `RequestError` for a value beyond the type's range."""
    import pyarrow as pa

    try:
        return pa.array(map(_in_utc, values), field.type)
    except (pa.ArrowException, OverflowError) as error:
        problems = [
            field_problem(
                ("records", place, field.name), f"out of the range of {field.type}; found {value!s}"
            )
            for place, value in enumerate(values)
            if not _fits(value, field)
        ]
        raise invalid(problems, len(problems)) from error


def _fits(value: Any, field: pa.Field) -> bool:
    import pyarrow as pa

    try:
        pa.scalar(_in_utc(value), field.type)
    except (pa.ArrowException, OverflowError):
        return False
    return True


def _in_utc(value: Any) -> Any:
    """Arrow holds years that Python can't write: a time must be a date in UTC as well."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _plain(array: pa.Array, field: pa.Field) -> NDArray[Any]:
    """As a lookup takes it: text as objects, times in UTC, every number as float64."""
    import pyarrow as pa

    if pa.types.is_timestamp(field.type):
        return np.asarray(array.to_numpy(zero_copy_only=False), dtype="datetime64[us]")
    if pa.types.is_string(field.type):
        return np.array(array.to_pylist(), dtype=object)
    return np.asarray(array.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _never_seen(value: str, known: Sequence[str]) -> str:
    shown = ", ".join(map(repr, known[:20])) + (", …" if len(known) > 20 else "")
    return f"{value[:60]!r} is none of the {len(known)} values that the model has seen: {shown}"


def _words(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_"))
