"""Many records of a call read column by column, without an object a record.

Nothing is refused here: a body that isn't plainly well-formed is left to the types of the call,
which word what is wrong. Values are checked by the same types, a column at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import from_json, to_json

from bento.columns import column
from bento.problems import RequestError

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic.fields import FieldInfo

MEMBERS: Final = frozenset({"records", "interval"})
Records = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The records of a call."""

    count: int
    arrays: Mapping[str, pa.Array]
    """By field, in the types of the schema."""
    interval: float | None


class Typed(Protocol):
    """What makes a column of the values of one field."""

    def __call__(self, values: list[Any]) -> pa.Array:
        """Raises `ValueError` or `RequestError` for a value that isn't of the field's type."""


class BatchReader:
    """Reads the calls of one case."""

    def __init__(
        self, record: type[BaseModel], fields: Mapping[str, pa.Field], *, most: int
    ) -> None:
        """`most` records are read; `fields` are those of the schema, by name."""
        self._most = most
        self._nulls = {name: fields[name].type for name in record.model_fields}
        self._typed = {
            name: _typed(info, fields[name], record.model_config)
            for name, info in record.model_fields.items()
        }
        self._required = {name for name, info in record.model_fields.items() if info.is_required()}

    def read(self, content: bytes) -> Batch | None:
        """`None` where the body isn't plainly well-formed."""
        try:
            body = from_json(content, allow_inf_nan=False, cache_strings="keys")
            if not self._is_plain(body):
                return None
            records: Records = body["records"]
            return Batch(
                count=len(records), arrays=self._arrays(records), interval=body.get("interval")
            )
        except (KeyError, TypeError, ValueError, RequestError):
            return None

    def _is_plain(self, body: Any) -> bool:
        """Whether it is of the right form, but for the fields of the records."""
        if type(body) is not dict or not body.keys() <= MEMBERS:
            return False
        records, interval = body.get("records"), body.get("interval")
        level = interval is None or (type(interval) is float and 0 < interval < 1)
        return (
            level
            and type(records) is list
            and 0 < len(records) <= self._most
            and set(map(type, records)) == {dict}
        )

    def _arrays(self, records: Records) -> dict[str, pa.Array]:
        """Raises `KeyError` for a field that is missing or unknown."""
        found, given = {}, 0
        for name, typed in self._typed.items():
            present = len(records) if name in self._required else _having(name, records)
            found[name] = (
                typed([record[name] for record in records])
                if present == len(records)
                else self._partly(name, records, present)
            )
            given += present
        if given != sum(map(len, records)):
            raise KeyError("unknown")
        return found

    def _partly(self, name: str, records: Records, present: int) -> pa.Array:
        """Of a field that may be left out."""
        import pyarrow as pa

        if not present:
            return pa.nulls(len(records), self._nulls[name])
        return self._typed[name]([record.get(name) for record in records])


def batch_reader(
    record: type[BaseModel], fields: Mapping[str, pa.Field], *, most: int
) -> BatchReader | None:
    """`None` for a record whose fields can't be checked each for itself."""
    decorators = record.__pydantic_decorators__
    own = (decorators.model_validators, decorators.field_validators, decorators.root_validators)
    plain = all(
        info.validation_alias is None and (info.is_required() or info.get_default() is None)
        for info in record.model_fields.values()
    )
    if any(own) or not plain or record.model_config.get("extra") != "forbid":
        return None
    return BatchReader(record, fields, most=most)


def _having(name: str, records: Records) -> int:
    return sum([name in record for record in records])


def _typed(info: FieldInfo, field: pa.Field, config: ConfigDict) -> Typed:
    import pyarrow as pa

    kind: Any = GenericAlias(list, (info.rebuild_annotation(),))
    adapter: TypeAdapter[list[Any]] = TypeAdapter(kind, config=config)
    if pa.types.is_timestamp(field.type):
        return lambda texts: _times(texts, adapter, field)
    return lambda values: column(adapter.validate_python(values, strict=True), field)


def _times(texts: Sequence[Any], adapter: TypeAdapter[list[Any]], field: pa.Field) -> pa.Array:
    """Each moment is read once, as JSON: texts are times nowhere else."""
    import pyarrow as pa

    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    if set(map(type, places)) != {str}:
        raise TypeError("not texts alone")
    moments = column(adapter.validate_json(to_json(list(places)), strict=True), field)
    return moments.take(pa.array([places[text] for text in texts], pa.int32()))
