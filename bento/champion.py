"""A champion in memory: model, history and the types of its requests, loaded once and checked."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from bento.answers import CaseSummary, ModelVersion, PredictAnswer, answer_model
from bento.problems import field_problem
from bento.requests import body_model, invalid
from pipeline.case import Case
from pipeline.errors import RecordError, ServiceError
from pipeline.models import load_model
from pipeline.packaging.bundles import Bundle, ModelCard, read_bundles
from pipeline.schema import Schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Champion:
    """Answers the calls of one case."""

    case: Case
    card: ModelCard
    model: Any
    history: pd.DataFrame
    body: type[BaseModel]
    reply: type[PredictAnswer]

    @classmethod
    def load(cls, bundle: Bundle, case: Case) -> Champion:
        """Checks both files by digest and tries the model on the history once, which also warms
        it; raises `ServiceError` for anything that isn't as the card says.
        """
        import pyarrow.parquet as pq

        history = _frame(pq.read_table(io.BytesIO(bundle.history_bytes())))
        model = load_model(bundle.model_bytes())
        record = case.task.request_model(case.schema, f"{_words(case.name)}Record")
        champion = cls(
            case=case,
            card=bundle.card,
            model=model,
            history=history,
            body=body_model(record, f"{_words(case.name)}Request"),
            reply=answer_model(
                case.task.answer_model(f"{_words(case.name)}Prediction"),
                f"{_words(case.name)}Answer",
            ),
        )
        champion._try_out()
        return champion

    @property
    def summary(self) -> CaseSummary:
        return CaseSummary(
            case=self.case.name,
            title=self.case.title,
            question=self.case.question,
            simulated=self.card.simulated,
            predict=f"/v1/{self.case.name}/predict",
            model=f"/v1/{self.case.name}/model",
        )

    def answer(self, records: Sequence[BaseModel]) -> dict[str, Any]:
        """A `PredictAnswer` as plain values; raises `RequestError` for records that can't be
        predicted.
        """
        frame = self._answer_frame(_records_frame(records, self.case.schema))
        columns, card = self._predicted(frame), self.card
        version = ModelVersion(
            candidate=card.candidate,
            run_id=card.run_id,
            sha256=card.sha256[:12],
            learned_until=card.learned.end,
        )
        answer = self.reply.model_construct(
            case=card.case,
            target=card.target,
            unit=card.unit,
            model=version,
            simulated=card.simulated,
            level=card.level,
            predictions=[
                dict(zip(columns, values, strict=True))
                for values in zip(*columns.values(), strict=True)
            ],
        )
        return {**dict(answer), "model": version.model_dump(mode="json")}

    def _predicted(self, frame: pd.DataFrame) -> dict[str, list[Any]]:
        """Columns of the answer: predictions and their regions."""
        task, card = self.case.task, self.card
        predicted = task.predict(self.model, frame)
        regions = task.regions(
            card.calibration, frame, self.case.schema, predicted, level=card.level
        )
        return task.columns(predicted) | regions.columns()

    def _answer_frame(self, records: pd.DataFrame) -> pd.DataFrame:
        try:
            return self.case.task.answer_frame(records, self.history, self.case.schema)
        except RecordError as error:
            errors = [
                field_problem(("records", place, field), found)
                for place, field, found in error.problems
            ]
            raise invalid(errors, len(errors)) from error

    def _try_out(self) -> None:
        if self.history.empty:
            return
        frame = self.case.task.frame(self.history, self.case.schema).tail(1)
        try:
            self._predicted(frame)
        except Exception as error:
            raise ServiceError(
                f"The champion {self.card.candidate!r} of case {self.case.name!r} can't predict "
                f"the newest observation with this version of the code: {error}. Train it again: "
                f"vigie run {self.case.name}."
            ) from error


def load_champions(folder: Path, cases: Mapping[str, Case]) -> dict[str, Champion]:
    """All champions in a folder, by case; raises `ServiceError`."""
    bundles = read_bundles(folder)
    unknown = [repr(bundle.card.case) for bundle in bundles if bundle.card.case not in cases]
    if unknown:
        raise ServiceError.for_problems(
            f"{folder} holds champions of cases that this version does not have. Export the "
            "champions again: vigie serve, vigie pack.",
            unknown,
        )
    return {bundle.card.case: Champion.load(bundle, cases[bundle.card.case]) for bundle in bundles}


def _records_frame(records: Sequence[BaseModel], schema: Schema) -> pd.DataFrame:
    """The records with the schema's types, as the observations have them."""
    import pyarrow as pa

    rows = [record.model_dump() for record in records]
    asked = set().union(*rows)
    fields = [field for field in schema.arrow() if field.name in asked]
    arrays = [_column([row[field.name] for row in rows], field) for field in fields]
    return _frame(pa.Table.from_arrays(arrays, schema=pa.schema(fields)))


def _column(values: Sequence[Any], field: pa.Field) -> pa.Array:
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


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _words(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_"))
