"""What is measured of a picture: enough for expectations and drift, without its pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PictureError
from pipeline.pictures.decoding import LIMITS, Limits, decoded

if TYPE_CHECKING:
    from PIL import Image

LUMA: Final = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""
HASHED: Final = 32
KEPT: Final = 8


@dataclass(frozen=True, kw_only=True)
class Description:
    """One picture in numbers; of one that can't be decoded only the first three are told."""

    sha256: str
    bytes: int
    trouble: str | None = None
    """Why it can't be decoded."""
    width: int | None = None
    height: int | None = None
    """Pixels, upright."""
    format: str | None = None
    mode: str | None = None
    animated: bool | None = None
    perceptual_hash: str | None = None
    brightness: float | None = None
    contrast: float | None = None
    saturation: float | None = None
    red: float | None = None
    green: float | None = None
    blue: float | None = None
    sharpness: float | None = None


def describe(content: bytes, limits: Limits = LIMITS) -> Description:
    """Decodes the picture once and measures it; what can't be decoded is described as such.

    Brightness, saturation and colours are means, 0 to 1; contrast is the standard deviation of
    brightness; sharpness the standard deviation of its Laplacian.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        image, header, (width, height) = decoded(content, limits)
    except PictureError as error:
        return Description(sha256=sha256, bytes=len(content), trouble=str(error))
    return Description(
        sha256=sha256,
        bytes=len(content),
        width=width,
        height=height,
        format=header.format,
        mode=header.mode,
        animated=header.animated,
        perceptual_hash=perceptual_hash(image),
        **_measured(image),
    )


def perceptual_hash(image: Image.Image) -> str:
    """64 bits as 16 hexadecimal digits, alike for pictures that look alike: whether each of the
    lowest 8 x 8 frequencies of a 32 x 32 grey copy is above their median (Zauner 2010,
    "Implementation and benchmarking of perceptual image hash functions", section 3.2.1).
    """
    from PIL import Image
    from scipy.fft import dctn

    grey = image.convert("L").resize((HASHED, HASHED), Image.Resampling.LANCZOS)
    low = dctn(np.asarray(grey, dtype=np.float64), norm="ortho")[:KEPT, :KEPT].ravel()
    bits = low > np.median(low[1:])
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def _measured(image: Image.Image) -> dict[str, Any]:
    rgb = np.asarray(image, dtype=np.float64) / 255
    luma = rgb @ LUMA
    most, least = rgb.max(axis=2), rgb.min(axis=2)
    saturation = np.divide(most - least, most, out=np.zeros_like(most), where=most > 0)
    red, green, blue = rgb.mean(axis=(0, 1))
    found: dict[str, Any] = {
        "brightness": luma.mean(),
        "contrast": luma.std(),
        "saturation": saturation.mean(),
        "red": red,
        "green": green,
        "blue": blue,
        "sharpness": _laplacian(luma).std(),
    }
    return {name: round(float(value), 6) for name, value in found.items()}


def _laplacian(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the inner pixels; zero for a picture without any."""
    if min(luma.shape) < 3:
        return np.zeros((1, 1))
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    return np.asarray(around - 4 * luma[1:-1, 1:-1])
