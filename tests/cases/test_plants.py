"""The plants case: folders and lists of pictures as rows, expectations, models and views."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pictures import animated_gif, bomb_png, cmyk_jpeg, deep_png, encoded, jpeg, scene, turned_jpeg
from PIL import Image
from publisher import Asked, Reply, publishing

from pipeline.case import Folders, find_case
from pipeline.cases.plants.addresses import NOTE, Listed, downloads, unavailable
from pipeline.cases.plants.checks import check_columns
from pipeline.cases.plants.convolutions import convolved, halved, views
from pipeline.cases.plants.simulate import PlantSimulator
from pipeline.errors import SourceError
from pipeline.models import dump_model, load_model
from pipeline.sources import Request
from pipeline.sources.fingerprints import FileDigests, fingerprint
from pipeline.sources.http import Patience
from pipeline.store import project
from pipeline.suites import check

CASE = find_case("plants")
NOW = datetime(2024, 6, 1, tzinfo=UTC)


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def rows_of(folder: Path, store: Path | None = None, **asked: Any) -> pd.DataFrame:
    feed = CASE.source("files").fetch(
        Request(schema=CASE.schema, folder=folder, files=store, **asked)
    )
    return pa.Table.from_batches(feed.batches, CASE.schema.arrow()).to_pandas()


def failed(rows: pd.DataFrame) -> dict[str, str]:
    """Address of each row that failed an expectation, and which."""
    verdict = check(check_columns(rows, NOW), project.suite("plants"), parameters={})
    return {rows["address"].iloc[place]: why for place, why in verdict.reasons().items()}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """80 simulated pictures with what models read."""
    folder = tmp_path_factory.mktemp("plants")
    feed = PlantSimulator(pictures=80).fetch(Request(schema=CASE.schema, files=folder / "files"))
    rows = pa.Table.from_batches(feed.batches, CASE.schema.arrow()).to_pandas()
    return CASE.with_files(rows, Folders(files=folder / "files", cache=folder / "cache"))


def test_every_file_is_a_row(tmp_path: Path) -> None:
    """Also what is no picture; what lies beside the folders is none of a class."""
    folder = put(
        tmp_path / "in",
        {"daisy/a.jpg": jpeg(1), "dandelion/b.jpg": b"no", "LICENSE.txt": b"CC", "daisy/.x": b"x"},
    )

    rows = rows_of(folder, tmp_path / "files")

    assert ["daisy/a.jpg", "dandelion/b.jpg"] == rows["address"].tolist()
    assert ["daisy", "dandelion"] == rows["label"].tolist()
    assert jpeg(1) == (tmp_path / "files" / rows["picture"].iloc[0]).read_bytes()
    assert "it is no picture" in rows["trouble"].iloc[1]


def test_a_folder_without_classes_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"<class>/<picture>; addresses\.csv with columns"):
        rows_of(put(tmp_path, {"a.jpg": jpeg(1)}))


def test_each_address_has_a_row_that_says_what_became_of_it(tmp_path: Path) -> None:
    """What didn't come is told with its status; the others are there all the same."""

    def answer(asked: Asked) -> Reply:
        if asked.path == "/a.jpg":
            return Reply(body=jpeg(1), kind="image/jpeg")
        return Reply(status=404)

    with publishing(answer) as publisher:
        site = publisher.site
        lines = f"address,label\n{site}/a.jpg,daisy\n{site}/gone.jpg,dandelion\n"
        folder = put(tmp_path / "in", {"addresses.csv": lines.encode()})
        rows = rows_of(folder, tmp_path / "files", cache=tmp_path / "cache")

    assert [f"{site}/a.jpg", f"{site}/gone.jpg"] == rows["address"].tolist()
    assert pd.isna(rows["trouble"].iloc[0])
    assert "404" in rows["trouble"].iloc[1]


def test_pictures_that_do_not_come_are_asked_for_again_in_rounds(tmp_path: Path) -> None:
    """One pause for all of them, which grows or is as long as a server asks; each that is left is
    named, what can't come is not asked for twice, and the next fetch asks again.
    """
    asked: list[str] = []

    def answer(request: Asked) -> Reply:
        asked.append(request.path)
        often = asked.count(request.path)
        if request.path == "/gone.jpg":
            return Reply(status=404)
        if request.path == "/never.jpg" or (request.path == "/busy.jpg" and often < 3):
            wish = {"Retry-After": "7"} if often == 2 else {}
            return Reply(status=503, headers=wish)
        return Reply(body=jpeg(1), kind="image/jpeg")

    with publishing(answer) as publisher:
        names = ("good", "busy", "never", "gone")
        listed = tuple(Listed(address=f"{publisher.site}/{n}.jpg", label="daisy") for n in names)
        pauses: list[float] = []
        said: list[str] = []
        patience = Patience(attempts=4, first_pause=2.0)
        found = list(downloads(listed, tmp_path, patience, sleep=pauses.append, say=said.append))

    assert [line.address for line in listed] == [each.address for each in found]
    assert [True, True, False, False] == [each.content is not None for each in found]
    assert ["", ""] == [each.trouble for each in found[:2]]
    assert "503" in found[2].trouble
    assert "404" in found[3].trouble
    assert [1, 3, 4, 1] == [asked.count(f"/{name}.jpg") for name in names]
    assert [2.0, 7.0, 8.0] == pauses
    assert "2 of 4 pictures haven't come. Trying again in 2 s (attempt 2 of 4)." == said[0]
    assert unavailable(listed, tmp_path)
    assert not unavailable(listed[:2] + listed[3:], tmp_path)


def test_a_run_is_not_at_rest_while_a_picture_may_still_come(tmp_path: Path) -> None:
    """The same list is known by its content only when nothing of it is awaited."""
    folder = put(tmp_path / "in", {"addresses.csv": b"address,label\nhttp://x/a.jpg,daisy\n"})
    asked = Request(schema=CASE.schema, folder=folder, cache=tmp_path / "cache")
    files = FileDigests(tmp_path / "digests.json")

    def known() -> str | None:
        return fingerprint(CASE.source("files"), asked, files)

    assert known() is None
    put(tmp_path / "cache", {NOTE: b'["http://x/a.jpg"]'})
    assert known() is None
    put(tmp_path / "cache", {NOTE: b"[]"})
    assert known() is not None


def test_a_list_that_cannot_be_used_is_told_line_by_line(tmp_path: Path) -> None:
    lines = b"address,label\nftp://x/a.jpg,daisy\nhttp://x/b.jpg,\n"
    with pytest.raises(SourceError) as caught:
        rows_of(put(tmp_path, {"addresses.csv": lines}))

    assert "line 2: 'ftp://x/a.jpg' is no http address" in str(caught.value)
    assert "line 3: it has no label" in str(caught.value)


def test_what_is_wrong_with_a_picture_is_named(tmp_path: Path) -> None:
    """Each goes to quarantine with its expectation; what can be converted does not."""
    good = {f"daisy/{seed}.jpg": jpeg(seed) for seed in range(10, 14)}
    good |= {f"dandelion/{seed}.jpg": jpeg(seed) for seed in range(20, 24)}
    wrong = {
        "daisy/bomb.png": (bomb_png(), "decodes"),
        "daisy/cut.jpg": (jpeg(1)[:1500], "decodes"),
        "daisy/text.jpg": (b"not a picture", "decodes"),
        "daisy/moving.gif": (animated_gif(), "still-picture"),
        "daisy/small.png": (encoded(scene(2, (60, 90))), "large-enough"),
        "daisy/blank.png": (encoded(Image.new("RGB", (90, 90), "green")), "not-blank"),
        "rose/x.jpg": (jpeg(3), "class-known"),
        "dandelion/copy.jpg": (jpeg(20), "no-exact-copy"),
        "dandelion/disputed.png": (encoded(scene(10)), "label-undisputed"),
    }
    converted = {
        "daisy/inks.jpg": cmyk_jpeg(4),
        "daisy/turned.jpg": turned_jpeg(5),
        "daisy/deep.png": deep_png(),
    }
    content = good | {name: each for name, (each, _) in wrong.items()} | converted

    found = failed(rows_of(put(tmp_path, content)))

    assert {name: why for name, (_, why) in wrong.items()} == {
        name: why for name, why in found.items() if name in wrong
    }
    assert not found.keys() & converted.keys()
    assert "label-undisputed" == found["daisy/10.jpg"]
    assert len(wrong) + 1 == len(found)


def test_of_copies_the_first_stays(tmp_path: Path) -> None:
    content = {f"daisy/{name}.jpg": jpeg(1) for name in "cab"}

    assert {"daisy/b.jpg", "daisy/c.jpg"} == {
        name
        for name, why in failed(rows_of(put(tmp_path, content))).items()
        if why == "no-exact-copy"
    }


def test_near_copies_are_never_on_two_sides(tmp_path: Path) -> None:
    """Of 30 pictures, each there in two qualities, no group is split by any fold."""
    content = {}
    for seed in range(30):
        plant = "daisy" if seed % 2 else "dandelion"
        content[f"{plant}/{seed}-a.jpg"] = encoded(scene(seed, (200, 150)), "JPEG", quality=90)
        content[f"{plant}/{seed}-b.jpg"] = encoded(scene(seed, (200, 150)), "JPEG", quality=45)
    rows = rows_of(put(tmp_path, content))

    assert 30 == rows["group"].nunique()
    assert not failed(rows)
    held = CASE.task.held_out(rows, CASE.schema, start=NOW, end=NOW)
    folds = CASE.task.folds(rows, CASE.schema, count=3, length=CASE.windows.fold, end=NOW)
    for fold in (held, *folds):
        one, other = (set(rows["group"].iloc[side]) for side in (fold.train, fold.test))
        assert one
        assert other
        assert not one & other


def test_a_near_copy_across_two_groups_is_set_aside_on_the_held_out_side() -> None:
    """Only links between groups are left for the expectation to find."""
    rows = pd.DataFrame(
        {
            "address": [f"{number}" for number in range(40)],
            "label": "daisy",
            "sha256": [f"{number:064x}" for number in range(40)],
            "group": [f"group {number}" for number in range(40)],
            "perceptual_hash": "00000000000000ff",
            "width": 90,
            "height": 90,
        }
    )
    from pipeline.cases.plants.division import DIVISION

    held = DIVISION.side(rows, CASE.schema)

    found = check_columns(rows, NOW)["near_across"]

    assert 0 < held.sum() < 40
    np.testing.assert_array_equal(held, found.notna())


@pytest.mark.parametrize("name", ["vectors", "boosting"])
def test_a_candidate_tells_simulated_plants_apart_and_can_be_stored(
    name: str, learned: pd.DataFrame
) -> None:
    """Better than the commonest class; what is loaded gives the same to the bit."""
    truth = CASE.task.truth(learned, CASE.schema)
    tested = np.arange(len(learned)) % 4 == 3
    test = learned[tested]

    model = CASE.candidate(name).build(0).fit(learned[~tested], truth[~tested])
    found = CASE.task.predict(model, test)

    assert CASE.task.metrics(truth[tested], found)["accuracy"] > 0.6
    again = CASE.task.predict(load_model(dump_model(model)), test)
    np.testing.assert_array_equal(found, again)


def test_the_network_learns_and_answers_without_the_library_that_taught_it(
    learned: pd.DataFrame,
) -> None:
    """Two fits with one seed are equal to the bit, also stored and loaded."""
    pytest.importorskip("torch", reason="the extra 'vision' is not installed")
    from pipeline.cases.plants import network

    truth = CASE.task.truth(learned, CASE.schema)
    one, other = (
        network.PictureNetwork(epochs=4, width=4, seed=3).fit(learned.iloc[:40], truth[:40])
        for _ in range(2)
        if network._KEPT.clear() is None
    )

    assert dump_model(one) == dump_model(other)
    found = load_model(dump_model(one)).predict_proba(learned.iloc[40:50])
    assert (10, 2) == found.shape
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_convolution_is_what_a_loop_gives() -> None:
    """Zeros beyond the border; the maximum of each 2 x 2."""
    random = np.random.default_rng(0)
    values = random.normal(size=(2, 3, 5, 4)).astype(np.float32)
    weight = random.normal(size=(4, 3, 3, 3)).astype(np.float32)
    expected = np.zeros((2, 4, 5, 4))
    for place in np.ndindex(2, 4, 5, 4):
        picture, out, row, column = place
        for channel, down, right in np.ndindex(3, 3, 3):
            y, x = row + down - 1, column + right - 1
            if 0 <= y < 5 and 0 <= x < 4:
                expected[place] += (
                    values[picture, channel, y, x] * weight[out, channel, down, right]
                )

    np.testing.assert_allclose(expected, convolved(values, weight), atol=1e-4)
    assert values[0, 0, 2:4, 2:4].max() == halved(values)[0, 0, 1, 1]


def test_the_views_of_a_square_are_its_turns() -> None:
    found = views(np.asarray(scene(1, (96, 96))))

    assert (8, 3, 64, 64) == found.shape
    np.testing.assert_array_equal(found[0][:, :, ::-1], found[1])
    np.testing.assert_array_equal(np.rot90(found[0], 1, axes=(1, 2)), found[2])


def test_mistakes_are_shown_as_pictures(learned: pd.DataFrame) -> None:
    """The surest first, each with its name for those who can't see it."""
    truth = CASE.task.truth(learned, CASE.schema)
    right = np.array([[0.9, 0.1] if name == "daisy" else [0.1, 0.9] for name in truth])
    right[[4, 9]] = right[[4, 9]][:, ::-1]
    right[9] = [0.99, 0.01] if truth[9] == "dandelion" else [0.01, 0.99]

    regions = CASE.task.regions(
        CASE.task.calibrate(learned, CASE.schema, truth, right, level=0.9),
        learned,
        CASE.schema,
        right,
        level=0.9,
    )
    found = CASE.task.figures(learned, CASE.schema, truth, right, regions)[-1]

    assert ("mistakes", 2) == (found.name, found.rows)
    assert ["simulated/00009.png", "simulated/00004.png"] == [
        line.split(",")[0] for line in found.csv.splitlines()[1:]
    ]
    assert 2 == found.svg.count("<image ")
    assert "simulated/00009.png" in found.svg


def test_drift_watches_measures_embedding_and_label(learned: pd.DataFrame) -> None:
    """The axes of the embedding have a mean of 0 and a variance of 1 over all pictures."""
    watched = CASE.task.drift_view(learned, CASE.schema)

    assert {"label", "brightness", "width", "embedding 1", "embedding 3"} <= watched.keys()
    np.testing.assert_allclose(0, watched["embedding 1"].mean(), atol=1e-6)
    np.testing.assert_allclose(1, watched["embedding 1"].var(), atol=1e-6)


def test_a_call_is_the_picture_itself(learned: pd.DataFrame) -> None:
    """What is sent as base64 gets the answer that the same picture gets in a run."""
    import base64

    from pipeline.errors import RecordError
    from pipeline.tasks.lookup import frame_of

    truth = CASE.task.truth(learned, CASE.schema)
    model = CASE.candidate("vectors").build(0).fit(learned.iloc[:60], truth[:60])
    content = learned["pixels"].iloc[61].path.read_bytes()
    lookup = CASE.task.lookup(learned.head(1), CASE.schema)
    sent = np.array([base64.b64encode(content).decode()], dtype=object)

    found = CASE.task.predict(model, frame_of(lookup({"picture": sent})))

    np.testing.assert_array_equal(CASE.task.predict(model, learned.iloc[61:62]), found)
    moving = np.array([base64.b64encode(animated_gif()).decode()], dtype=object)
    with pytest.raises(RecordError, match="record 0, picture: it is an animation"):
        lookup({"picture": moving})
