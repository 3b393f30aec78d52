"""How a picture looks, in numbers that need no learning: colours, edges and texture.

Everything is computed from one square of the picture's middle, and of its mirror image too: a
flower has no left. What is computed is kept by digest under `NAME`, which changes with the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.pictures.kept import Pixels

NAME: Final = "looks-1"
SIDE: Final = 96
"""Pixels of a side of the square."""
COLOURS: Final = (12, 4, 4)
"""Classes of hue, saturation and value."""
RADII: Final = ((8, 1), (16, 2))
"""Points and radius in pixels of local binary patterns."""
CELL: Final = 12
"""Pixels of a side of the cells in which directions of edges are counted."""
Values = NDArray[np.float32]


def square(pixels: Pixels, side: int) -> Pixels:
    """The largest square of the middle, `side` pixels wide."""
    from PIL import Image, ImageOps

    fitted = ImageOps.fit(Image.fromarray(pixels), (side, side), Image.Resampling.LANCZOS)
    return np.asarray(fitted)


def looks(pixels: Pixels) -> Values:
    """Shape (2, features): of the square and of its mirror image."""
    from skimage.color import rgb2gray, rgb2hsv

    cut = square(pixels, SIDE)
    colours = _classes(rgb2hsv(cut))
    grey = (rgb2gray(cut) * 255).round().astype(np.uint8)
    # A pixel's colour is its own: that of the mirror image needs no second computation.
    sides = (slice(None), slice(None, None, -1))
    return np.stack(
        [_looks(cut[:, side], colours[:, side], grey[:, side]) for side in sides]
    ).astype(np.float32)


def blocks() -> dict[str, slice]:
    """Where colours, edges and texture stand among the features."""
    cells = SIDE // CELL - 1
    sizes = {
        "colours": REGIONS * int(np.prod(COLOURS)),
        "edges": cells * cells * 2 * 2 * 9,
        "texture": REGIONS * sum(points + 2 for points, _ in RADII),
    }
    ends = np.cumsum(list(sizes.values())).tolist()
    return {
        name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)
    }


def _looks(cut: Pixels, colours: NDArray[np.intp], grey: NDArray[np.uint8]) -> Values:
    from skimage.feature import hog

    edges = hog(
        cut,
        orientations=9,
        pixels_per_cell=(CELL, CELL),
        cells_per_block=(2, 2),
        channel_axis=-1,
    )
    return np.concatenate(
        [
            *(_shares(region, int(np.prod(COLOURS))) for region in _regions(colours)),
            edges,
            *_texture(grey),
        ]
    )


def _classes(hsv: NDArray[np.float64]) -> NDArray[np.intp]:
    """Number of each pixel's class of colour."""
    places = [
        np.minimum((hsv[:, :, channel] * count).astype(np.intp), count - 1)
        for channel, count in enumerate(COLOURS)
    ]
    return np.ravel_multi_index(tuple(places), COLOURS)


def _texture(grey: NDArray[np.uint8]) -> Iterator[NDArray[np.float64]]:
    from skimage.feature import local_binary_pattern

    for points, radius in RADII:
        codes = local_binary_pattern(grey, points, radius, "uniform").astype(np.intp)
        yield from (_shares(region, points + 2) for region in _regions(codes))


REGIONS: Final = 6


def _regions(values: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The whole, its quarters and its middle."""
    half, quarter = SIDE // 2, SIDE // 4
    return [
        values,
        *(values[row : row + half, left : left + half] for row in (0, half) for left in (0, half)),
        values[quarter : quarter + half, quarter : quarter + half],
    ]


def _shares(codes: NDArray[np.intp], classes: int) -> NDArray[np.float64]:
    """Roots of the shares of each class: their products are the Bhattacharyya coefficient."""
    return np.sqrt(np.bincount(codes.ravel(), minlength=classes) / codes.size)
