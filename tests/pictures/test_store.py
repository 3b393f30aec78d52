"""Pictures are kept once, by digest, and their groups and features outlast the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, jpeg, scene

from pipeline.errors import StateError
from pipeline.pictures import PictureStore, StoredPicture, UploadedPicture
from pipeline.pictures.sheets import Shown, Strip, sheet


def test_a_picture_lies_under_its_digest(tmp_path: Path) -> None:
    """The same bytes twice are one file."""
    store = PictureStore(folder=tmp_path)
    described = store.add(jpeg())
    store.add(jpeg())
    store.keep()

    path = store.path(described.sha256)
    assert f"{described.sha256[:2]}/{described.sha256}.jpg" == path
    assert jpeg() == (tmp_path / path).read_bytes()
    assert [tmp_path / path] == sorted(tmp_path.glob("??/*"))


def test_what_was_kept_is_known_the_next_time(tmp_path: Path) -> None:
    """Without its bytes it is not."""
    store = PictureStore(folder=tmp_path)
    described = store.add(jpeg())
    store.keep()

    assert described == PictureStore(folder=tmp_path).known(described.sha256)
    (tmp_path / store.path(described.sha256)).unlink()
    assert PictureStore(folder=tmp_path).known(described.sha256) is None


def test_near_copies_join_a_group_that_keeps_its_name(tmp_path: Path) -> None:
    """Also in a later run, whichever digest is smaller."""
    store = PictureStore(folder=tmp_path)
    first = store.add(encoded(scene(1, (300, 225))))
    store.add(encoded(scene(2)))
    store.keep()
    name = store.group(first.sha256)

    later = PictureStore(folder=tmp_path)
    copies = [
        later.add(encoded(scene(1, (300, 225)), "JPEG", quality=quality)) for quality in (40, 60)
    ]

    assert {name} == {later.group(each.sha256) for each in (first, *copies)}
    assert name != later.group(later.add(encoded(scene(2))).sha256)


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{")

    with pytest.raises(StateError, match=r"index\.json is damaged"):
        PictureStore(folder=tmp_path)


def test_features_are_computed_once(tmp_path: Path) -> None:
    """What is kept is used by name and digest; a damaged file is computed again."""
    asked = []

    def mean(pixels: np.ndarray) -> np.ndarray:
        asked.append(1)
        return pixels.mean(axis=(0, 1))

    store = PictureStore(folder=tmp_path / "files")
    described = store.add(jpeg())
    path = tmp_path / "files" / store.path(described.sha256)
    picture = StoredPicture(path=path, sha256=described.sha256, cache=tmp_path / "cache")

    found = [picture.features("mean", mean) for _ in range(3)]
    assert 1 == len(asked)
    assert [found[0].tolist()] * 3 == [each.tolist() for each in found]
    np.testing.assert_array_equal(found[0], UploadedPicture(content=jpeg()).features("mean", mean))
    (kept,) = (tmp_path / "cache").rglob("*.npy")
    kept.write_bytes(b"")
    picture.features("mean", mean)
    picture.features("another", mean)
    assert 4 == len(asked)


def test_a_sheet_escapes_what_it_tells() -> None:
    """Names of files come from anywhere; the drawing loads nothing from elsewhere."""
    from xml.etree.ElementTree import fromstring

    import pandas as pd

    shown = Shown(picture=UploadedPicture(content=jpeg()), words='<b>"x"</b>', lines=("<script>&",))
    found = sheet(
        [Strip(heading="<i>", shown=[shown])],
        pd.DataFrame({"a": [1]}),
        name="sheet",
        title="t",
        words="w",
    )

    root = fromstring(found.svg)
    texts = [each.text for each in root.iter() if each.text]
    assert {"<i>", "<script>&", '<b>"x"</b>'} <= set(texts)
    links = [value for each in root.iter() for name, value in each.items() if name == "href"]
    assert all(link.startswith("data:image/jpeg;base64,") for link in links)
    assert 1 == len(links)
