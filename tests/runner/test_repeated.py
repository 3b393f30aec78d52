"""The same inputs give the same records, byte for byte apart from times."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.records import STEPS
from pipeline.runner import Order
from pipeline.runner.chain import run_case
from pipeline.store import Store

TIMES = re.compile(r'("(?:started|finished)": ")[^"]*"|("seconds": )[0-9.e+-]+')


@pytest.mark.usefixtures("small_cases")
def test_two_homes_get_the_same_records_and_files(tiny_home: Path, store: Store) -> None:
    """Figures, tables and models too: their digests stand in the records."""
    run_case(store, "tiny", Order(), run_id="first", say=lambda line: None)
    folders = [Store.at(home).run_folder("tiny", "first") for home in (tiny_home, store.home)]

    for step in STEPS:
        one, other = [(folder / step / "record.json").read_text() for folder in folders]
        assert TIMES.sub(r"\1\2", one) == TIMES.sub(r"\1\2", other)
        names = [sorted(path.name for path in (folder / step).iterdir()) for folder in folders]
        assert names[0] == names[1]
        for name in names[0]:
            if name != "record.json":
                assert (folders[0] / step / name).read_bytes() == (
                    folders[1] / step / name
                ).read_bytes()
