"""Every figure on a page: its files beside it, what it was made from, and an address of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.publish import Published

Publish = Callable[..., Published]
Read = Callable[[Path], Any]


@pytest.mark.parametrize("kept", [True, False], ids=["with its specification", "without one"])
def test_a_figure_tells_how_it_was_drawn_and_what_from(
    home: Any, published: Publish, kept: bool
) -> None:
    """The JSON beside it is the Vega-Lite specification, where the step kept one, with the run,
    notebook, versions of tables and code that it was made from."""
    run_id = home.run()
    spec = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "mark": "line"}
    if kept:
        folder = home.store.run_folder("bikes", run_id) / "ingest"
        (folder / "volume.json").write_text(json.dumps(spec))
    path = published().output / "bikes" / "files" / "ingest" / "volume.json"
    found = json.loads(path.read_text())

    assert (spec if kept else {}).items() <= found.items()
    assert "Counts rise from 2 million in winter to 5 million in September." == found["description"]
    assert {
        "case": "bikes",
        "run_id": run_id,
        "step": "ingest",
        "notebook": "1-ingest",
        "as_of": "2021-09-09T22:00:00Z",
        "tables": ["observations version 7 (1,234,555 rows)"],
        "code": "0.1.0+0123456789ab",
        "libraries": "ba9876543210",
    } == found["usermeta"]["made_from"]
    for name in ("data", "picture"):
        assert (path.parent / found["usermeta"][name]).is_file()


def test_what_a_figure_was_made_from_stands_under_it(
    home: Any, published: Publish, read: Read
) -> None:
    """Table version, run, notebook and cell, code; with a link to the page of the run."""
    run_id = home.run()
    page = read(published().output / "bikes" / "data.html")

    assert (
        f"Made from observations version 7 (1,234,555 rows) in run {run_id}, "
        "notebook 1-ingest, cell 7; code 0.1.0+0123456789ab"
    ) in page.text
    assert f"runs/{run_id}.html" in page.links


def test_figures_and_tables_have_an_address(home: Any, published: Publish, read: Read) -> None:
    """A link to the figure itself, which stays the same from run to run."""
    home.run()
    page = read(published().output / "bikes" / "data.html")

    for name in ("figure-ingest-volume", "figure-validate-volume", "table-ingest-counters"):
        assert f"#{name}" in page.links
        assert name in page.ids
