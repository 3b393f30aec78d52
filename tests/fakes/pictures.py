"""Pictures of all kinds as bytes, drawn here."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def scene(seed: int = 0, size: tuple[int, int] = (120, 90)) -> Image.Image:
    """Smooth blobs of colour, others for each seed."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(seed: int = 0, **options: Any) -> bytes:
    return encoded(scene(seed), "JPEG", quality=92, **options)


def turned_jpeg(seed: int = 0) -> bytes:
    """Lies on its side, and says so: upright it is `scene(seed)`."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(scene(seed).rotate(90, expand=True), "JPEG", quality=92, exif=exif.tobytes())


def cmyk_jpeg(seed: int = 0) -> bytes:
    return encoded(scene(seed).convert("CMYK"), "JPEG", quality=95)


def deep_png() -> bytes:
    """16 bits of grey, from black on the left to white on the right."""
    ramp = np.tile(np.linspace(0, 65_535, 100).astype(np.uint16), (80, 1))
    return encoded(Image.fromarray(ramp))


def animated_gif() -> bytes:
    frames = [scene(seed).convert("P") for seed in range(3)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def bomb_png(width: int = 60_000, height: int = 60_000) -> bytes:
    """A few hundred bytes that say they are 3,600 million pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 100_000)
    parts = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
