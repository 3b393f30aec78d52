"""Whatever lies in a folder of pictures is decoded right, or said to be what it is."""

from __future__ import annotations

import time

import numpy as np
import pytest
from pictures import (
    animated_gif,
    bomb_png,
    cmyk_jpeg,
    deep_png,
    encoded,
    jpeg,
    scene,
    turned_jpeg,
)
from PIL import Image

from pipeline.errors import PictureError
from pipeline.pictures import Limits, decoded, describe
from pipeline.pictures.store import ALIKE, distances


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(decoded(content)[0], dtype=float)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


def test_a_turned_picture_is_set_upright() -> None:
    """Its size is that of the upright picture too."""
    found, _, size = decoded(turned_jpeg())

    assert (120, 90) == size
    assert difference(np.asarray(found, dtype=float), pixels(jpeg())) < 4


def test_four_inks_become_three_lights() -> None:
    """A CMYK picture is told as such, and looks like its original."""
    found, header, _ = decoded(cmyk_jpeg())

    assert ("JPEG", "CMYK") == (header.format, header.mode)
    assert difference(np.asarray(found, dtype=float), pixels(encoded(scene()))) < 6


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    """The ramp goes from black to white, and is half as bright in its middle."""
    found = pixels(deep_png())

    assert 0 == found[0, 0, 0]
    assert 255 == found[0, -1, 0]
    assert pytest.approx(127.5, abs=3) == found[0, 50, 0]


def test_what_is_transparent_lies_on_white() -> None:
    see_through = Image.new("RGBA", (80, 80), (255, 0, 0, 0))

    assert 255.0 == pixels(encoded(see_through)).min()


def test_an_animation_is_said_to_be_one() -> None:
    described = describe(animated_gif())

    assert described.animated is True
    assert describe(jpeg()).animated is False


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"These are no pixels.", "it is no picture"),
        (b"", "it is no picture"),
        (jpeg()[:1500], "can't be"),
        (encoded(scene())[:900], "can't be decoded"),
        (bomb_png(), "pixels"),
        (bomb_png(7_000, 7_000), "40,000,000"),
    ],
    ids=["text", "empty", "cut jpeg", "cut png", "bomb", "large"],
)
def test_what_is_no_picture_is_described_as_such(content: bytes, words: str) -> None:
    """Nothing is raised, and only digest and size are told."""
    described = describe(content)

    assert words in str(described.trouble)
    assert described.width is None
    assert len(content) == described.bytes


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    """3,600 million pixels would take 3.6 GB and many seconds."""
    began = time.process_time()
    with pytest.raises(PictureError, match="pixels"):
        decoded(bomb_png())

    assert time.process_time() - began < 1


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(PictureError, match="it has 5,000 bytes, at most 4,999 are taken"):
        decoded(bytes(5_000), Limits(most_bytes=4_999))


def test_measures_are_those_of_known_pictures() -> None:
    """Pure red is saturated, has the brightness of red, and neither contrast nor edges."""
    red = describe(encoded(Image.new("RGB", (70, 80), (255, 0, 0))))

    assert (70, 80) == (red.width, red.height)
    assert (1.0, 0.0, 0.0, 1.0) == (red.red, red.green, red.blue, red.saturation)
    assert pytest.approx(0.299) == red.brightness
    assert pytest.approx(0.0, abs=1e-9) == red.contrast
    assert pytest.approx(0.0, abs=1e-9) == red.sharpness


def test_near_copies_have_near_hashes_and_others_have_not() -> None:
    """Another format, size or light is a near copy; 40 other pictures are none."""
    one = describe(encoded(scene(0, (300, 225))))
    copies = [
        describe(encoded(scene(0, (300, 225)), "JPEG", quality=40)),
        describe(encoded(scene(0, (300, 225)).resize((200, 150)))),
        describe(encoded(scene(0, (300, 225)).point(lambda value: value * 0.8))),
    ]
    others = [describe(encoded(scene(seed))) for seed in range(1, 41)]
    names = [str(each.perceptual_hash) for each in (*copies, *others)]

    far = distances([str(one.perceptual_hash)], names)[0]

    assert far[:3].max() <= ALIKE < far[3:].min()
