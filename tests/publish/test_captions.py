"""The words that a case brings to its pages."""

from __future__ import annotations

from datetime import timedelta

from pipeline.case import find_cases
from pipeline.publish.captions import caption


def test_a_case_brings_its_own_words() -> None:
    """Title, question, unit and freshness are those that the case declares."""
    name, case = next(iter(find_cases().items()))
    found = caption(name)

    assert (case.title, case.question) == (found.title, found.question)
    assert case.schema.column(case.schema.target).unit == found.unit
    assert case.gates.fresh == found.fresh


def test_a_case_that_left_the_package_keeps_its_pages() -> None:
    """Records of a case without declarations are shown under the name of their folder."""
    found = caption("old_rivers")

    assert found.title == "Old rivers"
    assert found.fresh > timedelta(0)
