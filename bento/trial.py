"""A champion is tried on an example before it serves: it must answer, and the fast way to its
answer must give what the model itself gives.
"""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, JsonValue

from bento.champion import Champion
from pipeline.errors import ServiceError

TRIED: Final = 20
"""Records on which a model is tried when it is loaded."""
TRIED_FILES: Final = 2
"""And where a record holds a file."""
CLOSE: Final = 1e-9
"""How far, as a share, two ways to compute one prediction may lie apart: sums are rounded."""
logger = logging.getLogger("vigie")


def tried(champion: Champion) -> Champion:
    """The champion, tried on the example of its card: with the compiled model where that gives
    the same, else with the model and pandas. Raises `ServiceError` where neither answers.
    """
    example = _drawn(champion.upload) if champion.upload else champion.card.example
    if example is None:
        return champion
    slow = replace(champion, compiled=None)
    records, expected = _expected(slow, example)
    if champion.compiled is None:
        return slow
    try:
        one, many = (_predictions(champion, part) for part in (records[:1], records))
    except Exception as error:  # noqa: BLE001  whatever it is, pandas answers
        return _told(slow, repr(error))
    if same(one, expected[:1]) and same(many, expected):
        return champion
    return _told(slow, "the answers differ")


def _drawn(field: str) -> dict[str, JsonValue]:
    """A record with a small picture, for models of pictures: the card has none to show."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((160, 120)).save(buffer, "PNG")
    return {field: base64.b64encode(buffer.getvalue()).decode("ascii")}


def same(some: list[dict[str, Any]], others: list[dict[str, Any]]) -> bool:
    """Whether two lists of predictions are equal but for the rounding of sums."""
    return all(_close(one, other) for one, other in zip(some, others, strict=True))


def _expected(
    champion: Champion, example: Mapping[str, JsonValue]
) -> tuple[Sequence[BaseModel], list[dict[str, Any]]]:
    try:
        content = {"records": [example]}
        (record,) = champion.body.model_validate(content, strict=False).records  # type: ignore[attr-defined]
        # A call may be limited to fewer records than a model is tried on.
        records = [record] * (TRIED_FILES if champion.upload else TRIED)
        return records, _predictions(champion, records)
    except Exception as error:
        name = champion.case.name
        raise ServiceError(
            f"The champion {champion.card.candidate!r} of case {name!r} can't predict its own "
            f"example with this version of the code: {error}. Train it again: vigie run {name}."
        ) from error


def _predictions(champion: Champion, records: Sequence[BaseModel]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = champion.answer(records).content["predictions"]
    return found


def _told(champion: Champion, reason: str) -> Champion:
    logger.info("Case %r is answered through pandas: %s", champion.case.name, reason)
    return champion


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return bool(np.isclose(one, other, rtol=CLOSE, atol=CLOSE))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_close(one[name], other[name]) for name in one)
    return bool(one == other)
