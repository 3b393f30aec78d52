"""The columns of a picture's row."""

from __future__ import annotations

from pipeline.cases.plants.division import KEY
from pipeline.schema import Column, Kind, Schema

WATCHED = (
    "brightness",
    "contrast",
    "saturation",
    "red",
    "green",
    "blue",
    "sharpness",
    "width",
    "height",
)
"""Measured columns whose distribution the drift step compares."""


def _measured(name: str, kind: Kind, description: str, unit: str = "") -> Column:
    """Of a picture that couldn't be decoded nothing is measured."""
    return Column(name=name, kind=kind, description=description, unit=unit, nullable=True)


SCHEMA = Schema(
    columns=(
        Column(
            name=KEY,
            kind="text",
            description="where the picture comes from: below the folder, or on the web",
        ),
        Column(name="label", kind="category", description="which plant it shows"),
        Column(
            name="picture",
            kind="text",
            description="where its bytes are kept; in a call, the picture itself, base64",
            known_ahead=True,
            nullable=True,
        ),
        _measured("sha256", "text", "digest of its bytes"),
        _measured("trouble", "text", "why it can't be fetched or decoded"),
        Column(name="group", kind="text", description="pictures that look alike share it"),
        _measured("perceptual_hash", "text", "64 bits, alike for pictures that look alike"),
        _measured("format", "text", "file format"),
        _measured("mode", "text", "channels of the file, in Pillow's words"),
        _measured("animated", "boolean", "has more than one frame"),
        _measured("bytes", "integer", "size of the file", "bytes"),
        _measured("width", "integer", "width, upright", "pixels"),
        _measured("height", "integer", "height, upright", "pixels"),
        _measured("brightness", "number", "mean brightness, 0 to 1"),
        _measured("contrast", "number", "standard deviation of the brightness"),
        _measured("saturation", "number", "mean saturation, 0 (grey) to 1"),
        _measured("red", "number", "mean of red, 0 to 1"),
        _measured("green", "number", "mean of green, 0 to 1"),
        _measured("blue", "number", "mean of blue, 0 to 1"),
        _measured("sharpness", "number", "standard deviation of the brightness' Laplacian"),
    ),
    key=(KEY,),
    target="label",
)
