"""From bytes to upright RGB pixels; size is known and judged before a pixel is decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.errors import PictureError

if TYPE_CHECKING:
    from PIL import Image

FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
"""What is decoded; Pillow's other readers stay shut. Its reader of JPEG tells several pictures in
one file, as some cameras write them, as MPO."""
DEEP: Final = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I"})
"""Modes of one channel of 16 bits: Pillow would cut them off at 255."""
WORKING: Final = 256
"""Longest side in pixels of the copy that is measured, shown and learned from."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is refused before it is decoded."""

    most_bytes: int = 20_000_000
    most_pixels: int = 40_000_000


LIMITS: Final = Limits()


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file says of itself, before its pixels are read."""

    format: str
    mode: str
    animated: bool


def opened(content: bytes, limits: Limits = LIMITS) -> Image.Image:
    """The picture with its header read; raises `PictureError`."""
    from PIL import Image, UnidentifiedImageError

    if len(content) > limits.most_bytes:
        raise PictureError(
            f"it has {len(content):,} bytes, at most {limits.most_bytes:,} are taken"
        )
    Image.init()
    Image.MAX_IMAGE_PIXELS = limits.most_pixels
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PictureError(f"it is no picture ({', '.join(FORMATS)})") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"it has more than {limits.most_pixels:,} pixels") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureError(f"its header can't be read: {error}") from error
    pixels = image.width * image.height
    if pixels > limits.most_pixels:
        raise PictureError(f"it has {pixels:,} pixels, at most {limits.most_pixels:,} are decoded")
    return image


def decoded(content: bytes, limits: Limits = LIMITS) -> tuple[Image.Image, Header, tuple[int, int]]:
    """An upright RGB copy whose longer side has at most `WORKING` pixels, what the file says, and
    width and height of the upright original; raises `PictureError` for one that can't be decoded.

    Of an animation it is the first frame. What is transparent lies on white.
    """
    image = opened(content, limits)
    try:
        header = Header(
            format=image.format or "",
            mode=image.mode,
            animated=bool(getattr(image, "is_animated", False)) and image.format != "MPO",
        )
        image.seek(0)
        size = _upright_size(image)
        image.draft(None, (2 * WORKING, 2 * WORKING))
        image.load()
        return _working(image), header, size
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, IndexError) as error:
        raise PictureError(f"its pixels can't be decoded: {error}") from error


def _upright_size(image: Image.Image) -> tuple[int, int]:
    from PIL.ExifTags import Base

    turned = image.getexif().get(Base.Orientation) in (5, 6, 7, 8)
    return (image.height, image.width) if turned else (image.width, image.height)


def _working(image: Image.Image) -> Image.Image:
    from PIL import Image, ImageOps

    upright = _rgb(ImageOps.exif_transpose(image))
    upright.thumbnail((WORKING, WORKING), Image.Resampling.LANCZOS, reducing_gap=None)
    return upright


def _rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode in DEEP:
        deep = np.clip(np.asarray(image, dtype=np.int64), 0, 65_535)
        image = Image.fromarray((deep // 257).astype(np.uint8))
    if image.has_transparency_data:
        see_through = image.convert("RGBA")
        ground = Image.new("RGBA", see_through.size, "white")
        return Image.alpha_composite(ground, see_through).convert("RGB")
    return image.convert("RGB")
