"""Records of a call: what may be sent."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from pipeline.schema import Column, Kind, Schema

LARGEST: Final = 1e12
"""No quantity that a case measures is larger; sums and products of such numbers stay finite."""


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 3.0 is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)

PYTHON_TYPES: dict[Kind, Any] = {
    "category": Annotated[str, Field(min_length=1, max_length=200)],
    "text": Annotated[str, Field(max_length=1000)],
    "number": Annotated[float, Field(allow_inf_nan=False, ge=-LARGEST, le=LARGEST)],
    "integer": Annotated[int, Field(ge=-int(LARGEST), le=int(LARGEST)), WHOLE],
    "boolean": bool,
    "time": AwareDatetime,
}


def record_model(schema: Schema, name: str) -> type[BaseModel]:
    """The key is required; columns that are known ahead may be given."""
    fields: dict[str, Any] = {
        column.name: record_field(column, required=column.name in schema.key)
        for column in schema.columns
        if column.name in schema.key or (column.known_ahead and not column.fixed)
    }
    config = ConfigDict(extra="forbid", frozen=True)
    return create_model(name, __config__=config, **fields)


def record_field(column: Column, *, required: bool) -> tuple[Any, Any]:
    """Type and description of a column in a call."""
    kind = PYTHON_TYPES[column.kind]
    unit = f" ({column.unit})" if column.unit else ""
    words = f"{column.description}{unit}"
    if required:
        return kind, Field(description=words)
    return kind | None, Field(None, description=f"{words}; may be left out")
