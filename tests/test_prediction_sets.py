"""Sets of classes that hold the true one as often as they promise."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter

from pipeline.errors import StepError
from pipeline.intervals import LevelConformal
from pipeline.prediction_sets import ClassConformal
from pipeline.regions import Calibration, ClassSets

CLASSES = ("a", "b", "c")


def drawn(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that say little, and labels drawn from sharper ones."""
    random = np.random.default_rng(seed)
    given = random.dirichlet([1.0, 1.0, 1.0], rows)
    sharp = given**2 / (given**2).sum(axis=1, keepdims=True)
    truth = (random.random((rows, 1)) > sharp.cumsum(axis=1)).sum(axis=1)
    return given, np.array(CLASSES, dtype=object)[np.minimum(truth, 2)]


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_the_sets_hold_the_truth_as_often_as_asked(level: float) -> None:
    """Mean coverage of 200 calibrations of 100 rows: the level, up to 1 / 101 a class above it,
    within four standard errors of that mean.
    """
    held = []
    for seed in range(200):
        given, truth = drawn(300, seed)
        fitted = ClassConformal.fit(given[:100], truth[:100], classes=CLASSES, level=level)
        members = fitted.members(given[100:])
        held.append(ClassSets(classes=CLASSES, members=members).holds(truth[100:]).mean())

    error = 4 * np.std(held) / len(held) ** 0.5
    assert level - error <= np.mean(held) <= level + len(CLASSES) / 101 + error


def test_every_class_is_held_as_often_as_asked() -> None:
    """A rare class that is hard to tell has a threshold of its own, and new shares of the classes
    change nothing: mean coverage by class of 200 calibrations, within four standard errors.
    """
    held: dict[str, list[float]] = {name: [] for name in CLASSES}
    for seed in range(200):
        given, truth = drawn(2_000, seed)
        truth = np.where((truth == "c") & (given[:, 2] > 0.5), "a", truth)
        known, fresh = slice(0, 400), slice(400, None)
        fitted = ClassConformal.fit(given[known], truth[known], classes=CLASSES, level=0.8)
        sets = ClassSets(classes=CLASSES, members=fitted.members(given[fresh]))
        found = sets.holds(truth[fresh])
        for name in CLASSES:
            held[name].append(found[truth[fresh] == name].mean())

    for name in CLASSES:
        error = 4 * np.std(held[name]) / len(held[name]) ** 0.5
        assert np.mean(held[name]) >= 0.8 - error, name


def test_a_class_with_too_few_rows_has_the_threshold_of_all() -> None:
    """Nine rows are needed for 90 %; a class that was never met has none either."""
    given, truth = drawn(300, 2)
    rows = np.concatenate([np.flatnonzero(truth == "a")[:8], np.flatnonzero(truth == "b")[:9]])

    fitted = ClassConformal.fit(given[rows], truth[rows], classes=CLASSES, level=0.9)

    assert ["b"] == list(fitted.by_class)
    only_c = fitted.members(np.array([[0.0, 0.99, fitted.least_probability]]))
    assert [[False, True, True]] == only_c.tolist()


def test_the_threshold_is_that_of_a_loop() -> None:
    """The ceil((n + 1) level)-th largest probability of a true class."""
    given, truth = drawn(57, 4)
    own = sorted((given[row, CLASSES.index(truth[row])] for row in range(57)), reverse=True)

    found = ClassConformal.fit(given, truth, classes=CLASSES, level=0.9)

    assert own[53 - 1] == found.least_probability


def test_with_too_few_rows_every_class_is_in_every_set() -> None:
    """Five rows can't promise 90 %."""
    given, truth = drawn(5, 1)
    fitted = ClassConformal.fit(given, truth, classes=CLASSES, level=0.9)

    assert fitted.members(given).all()


def test_no_set_is_empty() -> None:
    """The likeliest class is in it, however unlikely."""
    fitted = ClassConformal(level=0.5, classes=CLASSES, least_probability=0.9)
    sets = ClassSets(classes=CLASSES, members=fitted.members(np.array([[0.4, 0.35, 0.25]])))

    assert [1.0] == sets.size().tolist()
    assert {"set": [["a"]]} == sets.columns()


def test_an_unknown_label_is_named() -> None:
    """With the classes that there are."""
    given, truth = drawn(5, 1)
    truth[2] = "tulip"

    with pytest.raises(StepError, match="'tulip' are not among the classes a, b, c"):
        ClassConformal.fit(given, truth, classes=CLASSES, level=0.9)


@pytest.mark.parametrize(
    "calibration",
    [
        ClassConformal(level=0.9, classes=CLASSES, least_probability=0.25),
        ClassConformal(level=0.9, classes=CLASSES, least_probability=0.2, by_class={"b": 0.1}),
        LevelConformal(level=0.9, edges=(), low=(-1.0,), high=(1.0,)),
    ],
)
def test_a_calibration_is_told_by_its_kind(calibration: object) -> None:
    """Written to a record and read again, it is what it was."""
    adapter = TypeAdapter(Calibration)

    assert calibration == adapter.validate_json(adapter.dump_json(calibration))  # type: ignore[arg-type]
