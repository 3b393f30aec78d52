"""A picture that came with a call: decoded once, and answered as by the trained pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pictures import jpeg

from pipeline.cases.plants import candidates
from pipeline.cases.plants.looks import SIDE, looks, square
from pipeline.compiled import Compiled
from pipeline.pictures import UploadedPicture, kept
from pipeline.tasks.pictures import PIXELS


def table(count: int) -> pd.DataFrame:
    pictures = np.empty(count, dtype=object)
    pictures[:] = [UploadedPicture(content=jpeg(seed)) for seed in range(count)]
    return pd.DataFrame({PIXELS: pictures})


def test_a_picture_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many models and features ask for its pixels."""
    asked: list[bytes] = []
    plain = kept.decoded
    monkeypatch.setattr(kept, "decoded", lambda content: asked.append(content) or plain(content))
    picture = UploadedPicture(content=jpeg())

    first = picture.pixels()

    assert first is picture.pixels()
    assert [picture.content] == asked


def test_the_second_half_of_the_looks_is_that_of_the_mirror_image() -> None:
    """To the last bit, though colours are computed for one side only."""
    cut = square(UploadedPicture(content=jpeg(3)).pixels(), SIDE)

    one, other = looks(cut)
    mirrored, back = looks(np.ascontiguousarray(cut[:, ::-1]))

    np.testing.assert_array_equal(other, mirrored)
    np.testing.assert_array_equal(one, back)


def test_arrays_of_pictures_give_what_the_trained_pipeline_gives() -> None:
    """The way without pandas, for one picture and for several."""
    rows = table(24)
    truth = np.array(["daisy", "dandelion"] * 12)
    model: Any = candidates.vectors(0).fit(rows, truth)
    arrays = {PIXELS: rows[PIXELS].to_numpy()}

    compiled = Compiled(model)

    expected = model.predict_proba(rows)
    assert ["daisy", "dandelion"] == compiled.classes_.tolist()
    np.testing.assert_array_equal(expected, compiled.predict_proba(arrays))
    np.testing.assert_allclose(
        expected[:1], compiled.predict_proba({PIXELS: arrays[PIXELS][:1]}), rtol=1e-12
    )
