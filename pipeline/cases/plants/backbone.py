"""Features of a ResNet-18 that was learned elsewhere, where its weights are on this machine.

Nothing is downloaded. The file is read as safetensors (a header of JSON, then plain arrays), with
torchvision's names; it is computed with NumPy, and its weights are stored with the champion, so
that a service needs neither the file nor PyTorch.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from pipeline.cases.plants.looks import square
from pipeline.errors import StepError
from pipeline.pictures.kept import Pixels
from pipeline.tasks.pictures import PIXELS

VARIABLE: Final = "VIGIE_BACKBONE"
SIDE: Final = 224
MEAN: Final = np.array([0.485, 0.456, 0.406], dtype=np.float32)
SPREAD: Final = np.array([0.229, 0.224, 0.225], dtype=np.float32)
NORMAL: Final = 1e-5
LONGEST_HEADER: Final = 10_000_000
KINDS: Final = {"F32": "<f4", "F16": "<f2"}
Floats = NDArray[np.float32]
Weights = dict[str, Floats]


def missing_backbone() -> str:
    """What to do where there are no weights; empty where they can be read."""
    named = os.environ.get(VARIABLE, "")
    if not named:
        return (
            "Its weights are not on this machine, and nothing is downloaded. Name a file of "
            f"ResNet-18 (safetensors, torchvision's names) in {VARIABLE}."
        )
    try:
        folded(read_arrays(Path(named)))
    except StepError as error:
        return str(error)
    return ""


def read_arrays(path: Path) -> Weights:
    """The arrays of a safetensors file by name; raises `StepError` for anything else."""
    try:
        content = path.read_bytes()
        size = min(int.from_bytes(content[:8], "little"), LONGEST_HEADER)
        head = json.loads(content[8 : 8 + size])
        return {
            name: _array(content, 8 + size, told)
            for name, told in head.items()
            if name != "__metadata__" and told["dtype"] in KINDS
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StepError(
            f"{path} can't be read as weights (safetensors): {error}. Name another in {VARIABLE}."
        ) from error


def folded(arrays: Weights) -> Weights:
    """Weights and biases of each convolution, its normalisation folded in; raises `StepError`."""
    try:
        return {
            key: value
            for convolution, normal in _layers()
            for key, value in _folded(arrays, convolution, normal).items()
        }
    except KeyError as error:
        raise StepError(
            f"The weights named in {VARIABLE} are no ResNet-18: they lack {error}. Name others."
        ) from error


def features(pixels: Pixels, weights: Weights) -> Floats:
    """Means of the last stage's 512 channels."""
    cut = np.asarray((square(pixels, SIDE) / 255 - MEAN) / SPREAD, dtype=np.float32)
    values = _largest(_rectified(_convolved(cut.transpose(2, 0, 1), weights, "conv1", 2)))
    for stage in range(1, 5):
        for block in range(2):
            values = _block(values, weights, f"layer{stage}.{block}", 2 - (stage == 1 or block))
    return np.asarray(values.mean(axis=(1, 2)))


class Backbone(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """From the column of pictures to features, shape (rows, 512), kept by digest."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Reads the weights; raises `StepError` when they can't be."""
        path = Path(os.environ.get(VARIABLE, ""))
        self.weights_ = folded(read_arrays(path))
        total = hashlib.sha256(b"".join(each.tobytes() for each in self.weights_.values()))
        self.name_ = f"backbone-{total.hexdigest()[:16]}"
        return self

    def transform(self, X: pd.DataFrame) -> Floats:
        """Computed once for a picture of the home and these weights."""
        return np.stack([picture.features(self.name_, self._compute) for picture in X[PIXELS]])

    def _compute(self, pixels: Pixels) -> Floats:
        return features(pixels, self.weights_)


def _array(content: bytes, start: int, told: dict[str, Any]) -> Floats:
    first, last = told["data_offsets"]
    found = np.frombuffer(content[start + first : start + last], dtype=KINDS[told["dtype"]])
    return np.asarray(found.reshape(told["shape"]), dtype=np.float32)


def _layers() -> list[tuple[str, str]]:
    """Names of convolutions and of their normalisation."""
    found = [("conv1", "bn1")]
    for stage in range(1, 5):
        for block in range(2):
            place = f"layer{stage}.{block}"
            found += [(f"{place}.conv{number}", f"{place}.bn{number}") for number in (1, 2)]
        if stage > 1:
            found.append((f"layer{stage}.0.downsample.0", f"layer{stage}.0.downsample.1"))
    return found


def _folded(arrays: Weights, convolution: str, normal: str) -> Weights:
    scale = arrays[f"{normal}.weight"] / np.sqrt(arrays[f"{normal}.running_var"] + NORMAL)
    shift = arrays[f"{normal}.bias"] - arrays[f"{normal}.running_mean"] * scale
    weight = arrays[f"{convolution}.weight"] * scale[:, None, None, None]
    return {
        f"{convolution}.weight": weight.astype(np.float32),
        f"{convolution}.bias": shift.astype(np.float32),
    }


def _block(values: Floats, weights: Weights, place: str, stride: int) -> Floats:
    inner = _rectified(_convolved(values, weights, f"{place}.conv1", stride))
    inner = _convolved(inner, weights, f"{place}.conv2", 1)
    if f"{place}.downsample.0.weight" in weights:
        values = _convolved(values, weights, f"{place}.downsample.0", stride)
    return _rectified(inner + values)


def _rectified(values: Floats) -> Floats:
    return np.asarray(np.maximum(values, 0), dtype=np.float32)


def _convolved(values: Floats, weights: Weights, name: str, stride: int) -> Floats:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    side = weight.shape[2]
    edge = side // 2
    padded = np.pad(values, ((0, 0), (edge, edge), (edge, edge)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    seen = windows[:, ::stride, ::stride]
    channels, height, width = seen.shape[:3]
    columns = seen.transpose(0, 3, 4, 1, 2).reshape(channels * side * side, height * width)
    found = weight.reshape(len(weight), -1) @ columns + bias[:, None]
    return np.asarray(found.reshape(-1, height, width))


def _largest(values: Floats) -> Floats:
    """The maximum of each 3 x 3, every second one; values are not below zero."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.asarray(windows[:, ::2, ::2].max(axis=(3, 4)))
