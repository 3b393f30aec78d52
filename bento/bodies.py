"""What a call may hold, as types: strict, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from pipeline.packaging.settings import Settings
from pipeline.schema import Schema
from pipeline.tasks.requests import WHOLE

CONFIG = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def predict_body(
    record: type[BaseModel],
    name: str,
    settings: Settings,
    levels: Sequence[float],
    upload: str | None,
) -> type[BaseModel]:
    """`{"records": [...], "interval": 0.9}`; which levels there are is told, and the champion
    refuses others. `upload` is the field of a record that holds a file, if one does.
    """
    most = settings.most_records
    if upload is not None:
        most = min(most, settings.most_files)
    choice = ", ".join(f"{level:g}" for level in levels)
    records = Field(min_length=1, max_length=most, description="what is to be predicted")
    level = Field(
        default=None,
        gt=0,
        lt=1,
        description="share of the truth that the answer's regions are to hold, one of "
        f"{choice}; left out: as the model card says",
        json_schema_extra={"enum": [*levels, None]},
    )
    return create_model(
        name,
        __config__=CONFIG,
        records=(list[record], records),  # type: ignore[valid-type]
        interval=(float | None, level),
    )


def actuals_body(
    record: type[BaseModel], schema: Schema, name: str, settings: Settings
) -> type[BaseModel]:
    """True values: each of a prediction, by the id of its call and its place there, or of a key
    where records hold the whole key.
    """
    value = (_value(schema), Field(description=f"the true value of {schema.target}"))
    place = Annotated[int, Field(ge=0, lt=settings.most_records), WHOLE]
    call = Annotated[str, Field(pattern="^[0-9a-f]{16}$", description="`call` of the answer")]
    members: list[Any] = [
        create_model(
            f"{name}OfCall",
            __config__=CONFIG,
            call=(call, ...),
            record=(place, Field(description="place of the record in the call, from 0")),
            **{schema.target: value},  # type: ignore[call-overload]
        )
    ]
    if set(schema.key) <= set(record.model_fields):
        key = {
            each: (record.model_fields[each].annotation, record.model_fields[each])
            for each in schema.key
        }
        members.insert(
            0,
            create_model(
                f"{name}OfKey",
                __config__=CONFIG,
                **key,  # type: ignore[call-overload]
                **{schema.target: value},
            ),
        )
    one = members[0] if len(members) == 1 else members[0] | members[1]
    records = Field(min_length=1, max_length=settings.most_records, description="true values")
    return create_model(name, __config__=CONFIG, records=(list[one], records))  # type: ignore[valid-type]


def _value(schema: Schema) -> Any:
    kind = schema.column(schema.target).kind
    if kind in ("number", "integer"):
        return Annotated[float, Field(allow_inf_nan=False)]
    return Annotated[str, Field(min_length=1, max_length=200)]
