"""Draws daisies and dandelions: flowers with petals on grass, seeded, the same on every machine."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.cases.plants.rows import Found, table_of
from pipeline.pictures import PictureStore
from pipeline.sources import Feed, Part, Request

SIZE: Final = 96
"""Pixels of a side."""
FROM: Final = 0.75
"""Share of the pictures after which the second camera begins."""
Field = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PlantSimulator:
    """As many pictures as asked for; `note` says what is wrong with some of them."""

    pictures: int = 200
    seed: int = 20240501
    publisher: str = "Vigie's simulator"
    licence: str = "MIT, as the code that drew them"
    address: str = ""
    simulated: bool = True
    note: str = (
        "Drawn, not photographed. The last quarter of the pictures come from a second camera: "
        "30 % darker, bluish and less sharp. One dandelion in four has gone to seed and is white. "
        "One picture in twenty has the wrong label."
    )

    def fetch(self, request: Request) -> Feed:
        """All pictures, kept where the request says, else described only."""
        store = PictureStore(folder=request.files)
        table = table_of(map(self._picture, range(self.pictures)), store, request.schema)
        digests = "".join(table["sha256"].to_pylist())
        sha256 = hashlib.sha256(digests.encode()).hexdigest()
        part = Part(name=f"simulation, seed {self.seed}", sha256=sha256, rows=table.num_rows)
        return Feed(parts=(part,), batches=tuple(table.to_batches()))

    def _picture(self, number: int) -> Found:
        random = np.random.default_rng([self.seed, number])
        shown = "daisy" if random.random() < 0.45 else "dandelion"
        pixels = draw(shown, random)
        if number >= FROM * self.pictures:
            pixels = second_camera(pixels)
        other = {"daisy": "dandelion", "dandelion": "daisy"}[shown]
        label = other if random.random() < 0.05 else shown
        return Found(address=f"simulated/{number:05}.png", label=label, content=_png(pixels))


def draw(plant: str, random: np.random.Generator) -> Field:
    """Shape (SIZE, SIZE, 3), 0 to 1: one to three flowers before grass out of focus."""
    picture = _grass(random)
    for _ in range(int(random.integers(1, 4))):
        seeds = plant == "dandelion" and random.random() < 0.25
        _flower(picture, "seeds" if seeds else plant, random)
    return np.asarray(np.clip(picture + random.normal(0, 0.03, picture.shape), 0, 1))


def second_camera(picture: Field) -> Field:
    """30 % darker, bluish, and blurred over three pixels."""
    rolled = [np.roll(picture, step, axis) for axis in (0, 1) for step in (-1, 0, 1)]
    tinted = np.mean(rolled, axis=0) * 0.7 * np.array([0.92, 0.97, 1.12])
    return np.asarray(np.clip(tinted, 0, 1))


def _grass(random: np.random.Generator) -> Field:
    from scipy.ndimage import gaussian_filter

    ground = np.array([0.22, 0.38, 0.14]) + random.normal(0, 0.07, 3)
    rough = gaussian_filter(
        random.normal(0, 1, (SIZE, SIZE)), (random.uniform(1, 6), random.uniform(1, 6))
    )
    light = 1 + 0.35 * rough / max(float(rough.std()), 1e-6) * random.uniform(0.3, 1.0)
    return np.asarray(ground * light[:, :, None])


def _flower(picture: Field, plant: str, random: np.random.Generator) -> None:
    """Draws into the picture, seen from above and a little from the side."""
    radius = random.uniform(0.12, 0.38) * SIZE
    middle = random.uniform(0.2, 0.8, 2) * SIZE
    tilt, turn = random.uniform(0.6, 1.0), random.uniform(0, np.pi)
    rows, columns = np.mgrid[:SIZE, :SIZE] - middle[:, None, None]
    along = rows * np.cos(turn) + columns * np.sin(turn)
    across = (columns * np.cos(turn) - rows * np.sin(turn)) / tilt
    far, angle = np.hypot(along, across) / radius, np.arctan2(along, across)
    petals, colours = PLANTS[plant]
    count = int(random.integers(*petals))
    rays = 0.5 + 0.5 * np.cos(count * angle + random.uniform(0, 2 * np.pi))
    edge = 0.75 + 0.25 * rays
    shade = (0.75 + 0.25 * rays) * (1 - 0.25 * far) * random.uniform(0.8, 1.1)
    outer, inner, heart = colours
    _paint(picture, far < edge, outer, shade)
    _paint(picture, far < heart, inner, shade)


PLANTS: Final = {
    "daisy": ((12, 24), ((0.95, 0.95, 0.93), (0.92, 0.76, 0.16), 0.3)),
    "dandelion": ((28, 50), ((0.96, 0.82, 0.10), (0.88, 0.66, 0.06), 0.45)),
    "seeds": ((36, 60), ((0.82, 0.82, 0.80), (0.60, 0.56, 0.48), 0.14)),
}
"""Petals from and below; colour outside and inside, and how far the inside reaches."""


def _paint(
    picture: Field, where: NDArray[np.bool_], colour: tuple[float, float, float], shade: Field
) -> None:
    picture[where] = (np.array(colour) * shade[:, :, None])[where]


def _png(pixels: Field) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray((pixels * 255).round().astype(np.uint8)).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
