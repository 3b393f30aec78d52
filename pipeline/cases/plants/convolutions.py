"""A small convolutional network that answers without PyTorch: its weights are plain arrays.

Stages of a 3 x 3 convolution, a rectifier and the maximum of each 2 x 2, then the mean over what
is left and a linear layer. What was learned with PyTorch is stored and computed by NumPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
MEAN: Final = np.array([0.45, 0.45, 0.35], dtype=np.float32)
SPREAD: Final = np.array(0.27, dtype=np.float32)
SEEN: Final = 64
"""Pixels of a side that the network sees."""
MARGIN: Final = 0.055
"""Share of the square that is left out on each side when the network answers."""
AT_ONCE: Final = 16


def views(square: NDArray[np.uint8]) -> Floats:
    """Shape (8, 3, SEEN, SEEN): the square turned by quarters, and the same mirrored."""
    from PIL import Image

    side = square.shape[0]
    box = (MARGIN * side, MARGIN * side, (1 - MARGIN) * side, (1 - MARGIN) * side)
    small = Image.fromarray(square).resize((SEEN, SEEN), Image.Resampling.BILINEAR, box=box)
    one = scaled(np.asarray(small))
    turned = [np.rot90(one, turns, axes=(1, 2)) for turns in range(4)]
    return np.stack([each for view in turned for each in (view, view[:, :, ::-1])])


def scaled(pixels: NDArray[np.uint8]) -> Floats:
    """Channels first, centred; shape (…, 3, height, width)."""
    values: Floats = np.asarray((pixels / 255 - MEAN) / SPREAD, dtype=np.float32)
    return np.moveaxis(values, -1, -3)


def answers(
    pictures: Floats, weights: Sequence[Floats], biases: Sequence[Floats]
) -> NDArray[np.float64]:
    """Logarithms of unscaled probabilities, shape (pictures, classes)."""
    parts = [
        _answers(pictures[start : start + AT_ONCE], weights, biases)
        for start in range(0, len(pictures), AT_ONCE)
    ]
    return np.concatenate(parts).astype(np.float64)


def _answers(pictures: Floats, weights: Sequence[Floats], biases: Sequence[Floats]) -> Floats:
    values = pictures
    last = len(weights) - 2
    for number, (weight, bias) in enumerate(zip(weights[:-1], biases[:-1], strict=True)):
        values = np.maximum(convolved(values, weight) + bias[:, None, None], 0)
        if number < last:
            values = halved(values)
    return np.asarray(values.mean(axis=(2, 3)) @ weights[-1].T + biases[-1])


def convolved(values: Floats, weight: Floats) -> Floats:
    """3 x 3 with a border of zeros; (n, in, h, w) and (out, in, 3, 3) to (n, out, h, w)."""
    padded = np.pad(values, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    count, channels, height, width = values.shape
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(count * height * width, channels * 9)
    found = columns @ weight.reshape(len(weight), -1).T
    return np.ascontiguousarray(found.reshape(count, height, width, -1).transpose(0, 3, 1, 2))


def halved(values: Floats) -> Floats:
    """The maximum of each 2 x 2; an odd last row or column is left out."""
    count, channels, height, width = values.shape
    even = values[:, :, : height // 2 * 2, : width // 2 * 2]
    return np.asarray(even.reshape(count, channels, height // 2, 2, width // 2, 2).max(axis=(3, 5)))
