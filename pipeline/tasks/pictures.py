"""Classification of pictures: the same verbs, with the picture itself as what a call sends.

A row refers to its picture by a path in the home; the table that models take has a column of
`Picture` besides, from the home in a run and from the call in a service.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PictureError, RecordError
from pipeline.figures import Figure
from pipeline.pictures import LIMITS, UploadedPicture
from pipeline.regions import Regions
from pipeline.schema import ENCODED, Schema
from pipeline.tasks import Floats, Truth
from pipeline.tasks.classification import Classification
from pipeline.tasks.lookup import Columns, RecordLookup
from pipeline.tasks.tables import watched_columns

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

    from pipeline.tasks.lookup import Lookup

PIXELS: Final = "pixels"
"""The column of pictures that models read; not a column of any table."""
EMBEDDING: Final = "embedding "
"""What the names of columns begin with that say where a picture lies among all."""
EXAMPLES: Final = 5
"""Pictures of each class that are shown."""
MISTAKES: Final = 15


@dataclass(frozen=True, kw_only=True)
class PictureClassification(Classification):
    """What is measured of pictures is watched, and learned from only where a model says so."""

    picture: str = "picture"
    """The column that refers to the picture; in a call it holds the picture, base64."""
    watched: tuple[str, ...] = ()
    """Measured columns whose distribution is compared."""

    def drift_view(self, frame: pd.DataFrame, schema: Schema) -> dict[str, NDArray[Any]]:
        """The target, what is measured, and where the pictures lie among all of them."""
        embedding = [name for name in frame.columns if str(name).startswith(EMBEDDING)]
        measured = {
            name: frame[name].to_numpy(dtype=np.float64) for name in (*self.watched, *embedding)
        }
        return watched_columns(frame, schema) | measured

    def volume_columns(self, schema: Schema) -> tuple[str, ...] | None:
        """Every row counts."""
        return None

    def volume(self, observations: pd.DataFrame, schema: Schema) -> Figure:
        """How many of each class there are, and what they look like."""
        from pipeline.tasks.picture_views import examples_figure

        return examples_figure(observations, schema, most=EXAMPLES)

    def figures(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        truth: Truth,
        predicted: Floats,
        regions: Regions,
    ) -> Sequence[Figure]:
        from pipeline.tasks.picture_views import mistakes_figure

        return [
            *super().figures(frame, schema, truth, predicted, regions),
            mistakes_figure(frame, schema, truth, predicted, self.classes, most=MISTAKES),
        ]

    def request_model(self, schema: Schema, name: str) -> type[BaseModel]:
        """One picture, base64."""
        from pydantic import ConfigDict, Field, create_model

        most = 4 * -(-LIMITS.most_bytes // 3)
        words = "the picture itself, base64 (RFC 4648, section 4)"
        fields: dict[str, Any] = {
            self.picture: (
                str,
                Field(
                    min_length=1, max_length=most, description=words, json_schema_extra={**ENCODED}
                ),
            )
        }
        return create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)

    def lookup(self, history: pd.DataFrame, schema: Schema) -> Lookup:
        return PictureLookup(schema, self.picture)


class PictureLookup:
    """From base64 to pictures; what can't be decoded is refused, with the record named."""

    def __init__(self, schema: Schema, picture: str) -> None:
        self._others = RecordLookup(schema)
        self._picture = picture

    def __call__(self, records: Columns) -> Columns:
        """Raises `RecordError` for every record whose picture can't be taken."""
        found: list[UploadedPicture] = []
        problems: list[tuple[int, str, str]] = []
        for place, text in enumerate(records[self._picture]):
            try:
                found.append(uploaded(text))
            except PictureError as error:
                problems.append((place, self._picture, str(error)))
        if problems:
            raise RecordError(problems)
        pictures = np.empty(len(found), dtype=object)
        pictures[:] = found
        return self._others(records) | {PIXELS: pictures}

    def values(self) -> dict[str, list[str]]:
        return {}


def uploaded(text: str) -> UploadedPicture:
    """The picture that a call sends; it is decoded once here, so that a bad one is refused."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PictureError(f"it is no base64: {error}") from error
    picture = UploadedPicture(content=content)
    if picture.decoded[1].animated:
        raise PictureError("it is an animation; send one still picture")
    return picture
