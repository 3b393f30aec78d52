"""What `benchmarks.bounds` measures: more rows of all approvals, and as many of whole ones."""

from __future__ import annotations

import json

from click.testing import CliRunner

from benchmarks.bounds import main


def test_rows_are_of_all_approvals_and_whole_approvals_of_few() -> None:
    """As many rows in both ways, so that only what they are of differs."""
    asked = ["--rows", "9000", "--sizes", "600,2400", "--candidates", "linear"]
    found = json.loads(
        CliRunner().invoke(main, asked, catch_exceptions=False).output.splitlines()[-1]
    )
    by = {(one["drawn"], one["most"]): one for one in found["measured"]}
    rows, whole = by["rows", 2400], by["whole approvals", 2400]

    assert {600, 2400} == {most for _, most in by}
    assert 2400 == rows["rows"]
    assert 0.9 * 2400 < whole["rows"] <= 2400
    assert rows["approvals"] > 2 * whole["approvals"]
    assert 1.0 == found["ratio"]
    assert 1 < rows["rmse"] < 20
