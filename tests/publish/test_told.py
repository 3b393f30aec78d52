"""The status for a terminal and for the summary of a job."""

from __future__ import annotations

from standings import NOW, status

from pipeline.publish.status import SiteStatus
from pipeline.publish.told import in_markdown


def test_the_summary_of_a_job_is_a_table_with_a_row_a_case() -> None:
    lines = in_markdown(status(health="watch", headline="RMSE has grown.")).splitlines()

    assert 3 == len(lines)
    assert lines[2].startswith("| Bicycles in Paris | 👀 watch | RMSE has grown. |")


def test_text_of_a_case_stays_in_its_cell() -> None:
    row = in_markdown(status(headline="a | b\n<img> [x](y)")).splitlines()[2]

    assert r"a \| b \<img\> \[x\](y)" in row


def test_a_home_without_runs_says_so() -> None:
    assert "Nothing has run yet." == in_markdown(SiteStatus(published=NOW, cases=()))
