"""A sheet of an Excel workbook is read whole and as declared, or refused with what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from workbooks import Cell, workbook

from pipeline.errors import SourceError
from pipeline.sources.values import INTEGER, NUMBER, TEXT, Field
from pipeline.sources.workbook import SheetFormat, read_sheet

FORM = SheetFormat(
    title="emissions",
    sheet="Emissions",
    fields=(
        Field(header="Year", name="year", kind=INTEGER),
        Field(header="State", name="state", kind=TEXT),
        Field(header="CO2 (Metric Tons)", name="tons", kind=NUMBER),
    ),
)
HEADER: Sequence[Cell] = ("Year", "State", "CO2\n(Metric Tons)", "Remarks")


def read(folder: Path, *rows: Sequence[Cell], name: str = "Emissions") -> pa.Table:
    path = folder / "book.xlsx"
    path.write_bytes(workbook({"Notes": [["a note"]], name: rows}))
    return read_sheet(path, FORM)


def refusal(folder: Path, *rows: Sequence[Cell], name: str = "Emissions") -> str:
    with pytest.raises(SourceError) as caught:
        read(folder, *rows, name=name)
    return str(caught.value)


def test_a_sheet_is_read_by_its_headers(tmp_path: Path) -> None:
    """Line breaks in a header are blanks, blank rows are none, an empty cell is missing."""
    table = read(
        tmp_path, HEADER, (1990, "AK", 824004.5, None), (None,) * 4, (1991, "AK", None, "late")
    )

    assert {"year": [1990, 1991], "state": ["AK", "AK"], "tons": [824004.5, None]} == (
        table.to_pydict()
    )


def test_another_unit_in_the_header_is_refused(tmp_path: Path) -> None:
    """A unit is part of the name: thousands of tons would be off by a thousand."""
    told = refusal(tmp_path, ("Year", "State", "CO2 (Thousand Metric Tons)"), (1990, "AK", 824.0))

    assert "'CO2 (Metric Tons)' is missing" in told
    assert "'CO2 (Thousand Metric Tons)' is close" in told


def test_a_word_among_numbers_is_refused_with_its_row(tmp_path: Path) -> None:
    told = refusal(tmp_path, HEADER, (1990, "AK", 1.0), (1991, "AK", "withheld"))

    assert "'withheld' in row 3" in told


def test_all_problems_of_a_sheet_are_told_at_once(tmp_path: Path) -> None:
    told = refusal(tmp_path, ("Year", "Area", "Year", "CO2 (Metric Tons)"), (1990, "AK", 1, "x"))

    assert "'State' is missing" in told
    assert "'Year' is there 2 times" in told
    assert "'x' in row 2" in told


def test_a_missing_or_empty_sheet_is_told(tmp_path: Path) -> None:
    assert "the sheets found are 'Notes', 'Other'" in refusal(tmp_path, HEADER, name="Other")
    assert "no rows" in refusal(tmp_path, HEADER)
    assert "empty" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty (0 bytes)"),
        (b"Year,State\n1990,AK\n", "a text file"),
        (b"<!doctype html><title>Moved</title>", "an HTML page titled 'Moved'"),
        (workbook({"Emissions": [HEADER]})[:400], "damaged"),
    ],
)
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "book.xlsx"
    path.write_bytes(content)

    with pytest.raises(SourceError) as caught:
        read_sheet(path, FORM)

    assert told in str(caught.value)
