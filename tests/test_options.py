"""Parameters: strict types, known names, times with a zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.errors import OptionError
from pipeline.options import (
    NOTEBOOKS,
    SETTINGS_OF_A_RUN,
    EvaluateOptions,
    NotebookName,
    Options,
    TrainOptions,
    ValidateOptions,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-06-01", datetime(2021, 6, 1, tzinfo=UTC)),
        ("2021-06-01T06:30", datetime(2021, 6, 1, 6, 30, tzinfo=UTC)),
        ("2021-06-01T06:00:00+02:00", datetime(2021, 6, 1, 4, tzinfo=UTC)),
        ("2021-06-01T06:00:00Z", datetime(2021, 6, 1, 6, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(text: str, moment: datetime) -> None:
    """A zone that is given is taken into account."""
    assert parse_time(text) == moment
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["yesterday", "2021-13-01", "01/06/2021", "2021-06-31"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    """Days that no month has, and other ways to write a date."""
    with pytest.raises(ValueError, match=rf"'{text}' is not a time; write it like 2021-06-01"):
        parse_time(text)


def test_an_empty_as_of_is_left_to_the_data() -> None:
    """There is no moment then; a given one is in UTC."""
    assert Options().moment is None
    assert Options(as_of="2021-06-01").moment == datetime(2021, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("notebook", list(NOTEBOOKS))
def test_every_parameter_has_a_default_and_a_help_of_one_line(notebook: NotebookName) -> None:
    """Each notebook opens by itself, and its help fits a comment."""
    NOTEBOOKS[notebook]()
    for field in NOTEBOOKS[notebook].model_fields.values():
        assert field.description
        assert "\n" not in field.description


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (TrainOptions, {"folds": "2"}),
        (TrainOptions, {"folds": 2.0}),
        (TrainOptions, {"folds": 0}),
        (TrainOptions, {"seed": True}),
        (TrainOptions, {"level": 1.0}),
        (TrainOptions, {"level": float("nan")}),
        (EvaluateOptions, {"alpha": "0.05"}),
        (EvaluateOptions, {"margin": float("inf")}),
        (ValidateOptions, {"most_quarantined": 1.01}),
        (ValidateOptions, {"folds": 2}),
    ],
)
def test_a_value_of_another_type_or_out_of_range_is_refused(
    model: type[Options], values: dict[str, Any]
) -> None:
    """No value is turned into another; the message names parameter and value."""
    (name,) = values
    with pytest.raises(OptionError, match=rf"  - '?{name}'? "):
        model.checked("n", values)


def test_a_whole_number_is_a_share() -> None:
    """`--set margin=0` means no margin."""
    assert EvaluateOptions.checked("5-evaluate", {"margin": 0}).margin == 0.0


def test_options_do_not_change() -> None:
    """What was checked is what runs."""
    with pytest.raises(ValidationError):
        Options().case = "other"  # type: ignore[misc]


def test_own_parameters_are_those_of_the_step() -> None:
    """Settings of the whole run, such as the home, are not part of a record's parameters."""
    own = TrainOptions(home="/somewhere", run_id="x", folds=3).own

    assert own == {"candidates": "", "folds": 3, "level": 0.9, "seed": 0}
    assert set(own).isdisjoint(SETTINGS_OF_A_RUN)
