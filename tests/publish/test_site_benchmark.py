"""The benchmark of publishing, small: what it counts, and that what it makes are runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.site import Growing, piled_up, weight
from pipeline.store import Store


def test_a_run_more_is_measured_at_two_sizes(home: Any, tmp_path: Path) -> None:
    """As many pages are rendered at either, and seconds and bytes are counted."""
    home.run("bikes")
    small, large = (
        Growing(
            template=home.store,
            cases=("bikes",),
            home=tmp_path / name,
            output=tmp_path / f"{name}-site",
        )
        for name in ("small", "large")
    )
    told = piled_up(small, large, few=2, many=4, times=1)

    assert told["ratio"] > 0
    assert told["rendered"] < told["files"]
    assert weight(large.output) / 1e6 == pytest.approx(told["megabytes"], abs=0.01)


def test_runs_that_were_made_are_like_others(home: Any, tmp_path: Any) -> None:
    """In the order of their days, each with its own id and scores, and pages as every run has."""
    home.run("bikes")
    growing = Growing(
        template=home.store, cases=("bikes",), home=tmp_path / "grown", output=tmp_path / "public"
    )
    growing.add(0, 3)
    store = Store(home=growing.home)
    made = growing.publish()
    promotions = store.promotions("bikes")

    assert ["20200101", "20200102", "20200103"] == [name[:8] for name in store.run_ids("bikes")]
    assert 3 == len({record.scores["rmse"] for record in promotions})
    assert 4 == len(list((made.output / "bikes" / "runs").glob("*.html")))
