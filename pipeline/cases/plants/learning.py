"""How the small network learns: with PyTorch, from pictures that are turned, scaled and recoloured.

Everything random comes from generators of its own, so that folds that learn side by side in one
process give what they would give alone.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.cases.plants.convolutions import SEEN, scaled

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]
BATCH: Final = 32
STAGES: Final = (1, 2, 3, 4)
"""Channels of each stage, in widths."""
SMOOTHED: Final = 0.1
"""Share of the label that is spread over all classes (Szegedy et al. 2016, section 7)."""
CHECKED_EVERY: Final = 4
NORMAL: Final = 1e-5


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long and how large."""

    epochs: int = 60
    patience: int = 20
    """Epochs without a better validation after which learning ends."""
    width: int = 24
    dropped: float = 0.3
    rate: float = 4e-3
    decay: float = 0.05


def missing_torch() -> str:
    """What to install where PyTorch is not there; empty where it is."""
    if importlib.util.find_spec("torch") is not None:
        return ""
    return "It needs PyTorch, which is not installed here (pip install 'vigie[vision]')."


def learn(
    squares: NDArray[np.uint8],
    truth: NDArray[np.intp],
    checked: NDArray[np.bool_],
    *,
    classes: int,
    effort: Effort,
    seed: int,
) -> tuple[list[Floats], list[Floats], int]:
    """Weights and biases of the best epoch, and its number; `squares` has shape (n, side, side, 3).

    Rows that are `checked` are not learned from: the epoch with their lowest loss is kept.
    """
    import torch

    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(seed)
    network = Network(classes, effort, random)
    pictures, labels = torch.from_numpy(scaled(squares).copy()), torch.from_numpy(truth)
    learned = torch.from_numpy(np.flatnonzero(~checked))
    kept = torch.from_numpy(np.flatnonzero(checked))
    steps = effort.epochs * math.ceil(len(learned) / BATCH)
    optimizer = torch.optim.AdamW(network.learned, lr=effort.rate, weight_decay=effort.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, effort.rate, total_steps=steps, pct_start=0.2
    )
    best, best_loss, best_epoch = network.folded(), math.inf, 0
    for epoch in range(1, effort.epochs + 1):
        for batch in _batches(learned, random):
            loss = _loss(network.train(varied(pictures[batch], random)), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch % CHECKED_EVERY and epoch < effort.epochs:
            continue
        with torch.no_grad():
            found = float(_loss(network.judge(_middle(pictures[kept])), labels[kept]))
        if found < best_loss:
            best, best_loss, best_epoch = network.folded(), found, epoch
        elif epoch - best_epoch >= effort.patience:
            break
    return (*best, best_epoch)


class Network:
    """The stages with their normalisation, which is folded into the weights at the end."""

    def __init__(self, classes: int, effort: Effort, random: torch.Generator) -> None:
        import torch

        sizes = [3, *(effort.width * stage for stage in STAGES)]
        self.random, self.dropped = random, effort.dropped
        self.weights = [
            torch.randn(out, inner, 3, 3, generator=random) * math.sqrt(2 / (9 * inner))
            for inner, out in pairwise(sizes)
        ]
        self.scales = [torch.ones(out) for out in sizes[1:]]
        self.shifts = [torch.zeros(out) for out in sizes[1:]]
        self.means = [torch.zeros(out) for out in sizes[1:]]
        self.variances = [torch.ones(out) for out in sizes[1:]]
        self.last = torch.randn(classes, sizes[-1], generator=random) / math.sqrt(sizes[-1])
        self.bias = torch.zeros(classes)
        self.learned = [*self.weights, *self.scales, *self.shifts, self.last, self.bias]
        for each in self.learned:
            each.requires_grad_()

    def train(self, values: torch.Tensor) -> torch.Tensor:
        """Answers with the statistics of the batch, some channels left out."""
        import torch

        found = self._stages(values, learning=True)
        keep = torch.rand(found.shape, generator=self.random) >= self.dropped
        return found * keep / (1 - self.dropped) @ self.last.T + self.bias

    def judge(self, values: torch.Tensor) -> torch.Tensor:
        """Answers as the stored network will."""
        return self._stages(values, learning=False) @ self.last.T + self.bias

    def folded(self) -> tuple[list[Floats], list[Floats]]:
        """Weights and biases without normalisation, as arrays."""
        weights, biases = [], []
        for place, weight in enumerate(self.weights):
            factor = self.scales[place] / (self.variances[place] + NORMAL).sqrt()
            weights.append(_array(weight * factor[:, None, None, None]))
            biases.append(_array(self.shifts[place] - self.means[place] * factor))
        return [*weights, _array(self.last)], [*biases, _array(self.bias)]

    def _stages(self, values: torch.Tensor, *, learning: bool) -> torch.Tensor:
        from torch.nn import functional

        for place, weight in enumerate(self.weights):
            values = functional.conv2d(values, weight, padding=1)
            values = functional.batch_norm(
                values,
                self.means[place],
                self.variances[place],
                self.scales[place],
                self.shifts[place],
                training=learning,
                eps=NORMAL,
            )
            values = functional.relu(values)
            if place < len(self.weights) - 1:
                values = functional.max_pool2d(values, 2)
        return values.mean(dim=(2, 3))


def varied(pictures: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Each picture turned by any angle, mirrored or not, moved, scaled, and in another light."""
    import torch
    from torch.nn import functional

    count = len(pictures)

    def between(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=random)

    angle, scale = between(-math.pi, math.pi), 0.85 * torch.exp(between(-0.3, 0.3))
    mirrored = torch.where(between(0, 1) < 0.5, -1.0, 1.0)
    moved = between(-0.15, 0.15, 2)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    turned = torch.stack(
        [
            torch.stack([cosine * mirrored, -sine, moved[:, 0]], 1),
            torch.stack([sine * mirrored, cosine, moved[:, 1]], 1),
        ],
        1,
    )
    grid = functional.affine_grid(turned, [count, 3, SEEN, SEEN], align_corners=False)
    seen = functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    contrast = torch.exp(between(-0.25, 0.25, 1, 1, 1))
    light = between(-0.25, 0.25, 1, 1, 1) + between(-0.12, 0.12, 3, 1, 1)
    return seen * contrast + light


def _middle(pictures: torch.Tensor) -> torch.Tensor:
    """As large as the network sees, without turning."""
    import torch
    from torch.nn import functional

    upright = torch.tensor([[0.89, 0.0, 0.0], [0.0, 0.89, 0.0]]).expand(len(pictures), 2, 3)
    grid = functional.affine_grid(upright, [len(pictures), 3, SEEN, SEEN], align_corners=False)
    return functional.grid_sample(pictures, grid, align_corners=False)


def _batches(rows: torch.Tensor, random: torch.Generator) -> Iterator[torch.Tensor]:
    import torch

    shuffled = rows[torch.randperm(len(rows), generator=random)]
    yield from shuffled.split(BATCH)


def _loss(said: torch.Tensor, labels: torch.Tensor) -> Any:
    from torch.nn import functional

    return functional.cross_entropy(said, labels, label_smoothing=SMOOTHED)


def _array(values: torch.Tensor) -> Floats:
    return np.asarray(values.detach().numpy().copy(), dtype=np.float32)
