"""Numbers and times as a reader sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.publish import words


@given(st.floats(min_value=-1e12, max_value=1e12).filter(lambda value: abs(value) > 1e-9))
def test_a_number_keeps_three_digits(value: float) -> None:
    """What a reader sees differs from the record by at most half of the third digit."""
    shown = float(words.number(value).replace(",", "").replace(words.MINUS, "-"))

    assert abs(shown - value) <= 0.0051 * abs(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234567.0, "1,234,567"), (1234.5, "1,234"), (0.0, "0"), (-0.04567, "\u22120.0457"), (7, "7")],
)
def test_thousands_are_separated(value: float, shown: str) -> None:
    """Whole numbers stay whole and large ones get separators."""
    assert shown == words.number(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.3418, "34"), (0.0149, "1.5"), (0.0, "0"), (1.0, "100"), (-0.2, "\u221220"), (0.0996, "10")],
)
def test_a_share_is_shown_in_per_cent(value: float, shown: str) -> None:
    """Small shares get one decimal."""
    assert shown + "%" == words.share(value)


def test_a_time_is_shown_in_utc() -> None:
    """A time of another zone is converted, in words and for machines."""
    paris = datetime(2021, 9, 10, 0, 30, tzinfo=timezone(timedelta(hours=2)))

    assert words.moment_text(paris) == "9 September 2021, 22:30 UTC"
    assert 'datetime="2021-09-09T22:30:00Z"' in words.moment(paris)
    assert "9 September 2021<" in words.day(paris)
    assert words.stamp(datetime(2021, 1, 2, tzinfo=UTC)) == "2021-01-02T00:00:00Z"
