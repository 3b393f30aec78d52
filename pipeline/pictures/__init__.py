"""Pictures as rows refer to them: bytes in a store by their digest, pixels only where a model asks.

A row holds what was measured of its picture; the picture itself travels as a `Picture`, which a
run finds in the home and a service has from a call.
"""

from pipeline.pictures.decoding import LIMITS, Limits, decoded
from pipeline.pictures.description import Description, describe
from pipeline.pictures.kept import Picture, StoredPicture, UploadedPicture
from pipeline.pictures.store import PictureStore

__all__ = [
    "LIMITS",
    "Description",
    "Limits",
    "Picture",
    "PictureStore",
    "StoredPicture",
    "UploadedPicture",
    "decoded",
    "describe",
]
