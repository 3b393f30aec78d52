"""From pictures to rows of the plants case: one row a picture, whatever is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import pyarrow as pa

from pipeline.pictures import Description, PictureStore
from pipeline.schema import Schema

TOLD_EVERY = 10.0
"""Seconds between two lines about how far it has got."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A picture that a source has looked for."""

    address: str
    """Where it is: below the folder, or on the web."""
    label: str
    content: bytes | None = None
    described: Description | None = None
    """What is known of it already."""
    trouble: str = ""
    """Why it didn't come."""


def table_of(found: Iterable[Found], store: PictureStore, schema: Schema) -> pa.Table:
    """Keeps and describes the pictures; one row each, in their order."""
    began = told = time.monotonic()
    rows = []
    for number, each in enumerate(found, 1):
        rows.append(_row(each, store))
        if time.monotonic() - told > TOLD_EVERY:
            told = time.monotonic()
            print(f"{number:,} pictures in {told - began:.0f} s …")
    store.keep()
    return pa.Table.from_pylist(rows, schema=schema.arrow())


def _row(found: Found, store: PictureStore) -> dict[str, Any]:
    described = found.described
    if described is None and found.content is not None:
        described = store.add(found.content)
    named = {"address": found.address, "label": found.label}
    if described is None:
        return {**named, "trouble": found.trouble, "group": found.address}
    return {
        **named,
        **dict(_measures(described)),
        "picture": store.path(described.sha256),
        "group": store.group(described.sha256),
    }


def _measures(described: Description) -> Iterator[tuple[str, Any]]:
    values = asdict(described)
    for each in fields(described):
        yield each.name, values[each.name]
