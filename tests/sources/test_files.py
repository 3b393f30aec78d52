"""Publishers' files: read as declared, or refused with all that is wrong and the remedy."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.sources.delimited import CsvFormat, read_csv
from pipeline.sources.files import digest, list_files
from pipeline.sources.parquet import ParquetFormat, read_parquet
from pipeline.sources.refusals import SEARCHED
from pipeline.sources.values import (
    INTEGER,
    NUMBER,
    POINT,
    TEXT,
    UTC_TIME,
    ZONED_TIME,
    Field,
    ValueKind,
)

HEADER = "Nom;Relevé;Date;Mesure"
FORM = CsvFormat(
    title="readings",
    delimiter=";",
    fields=(
        Field(header="Nom", name="name", kind=TEXT),
        Field(header="Date", name="time", kind=ZONED_TIME),
        Field(header="Relevé", name="count", kind=INTEGER),
        Field(header="Mesure", name="level", kind=NUMBER),
    ),
)
ROWS = ("nord;3.0;2021-09-01T03:00:00+02:00;1.5", "sud;4;2021-09-01T04:00:00+02:00;-2e3")
PACKAGED = ParquetFormat(
    title="packaged readings",
    fields=(
        Field(header="who", name="name", kind=TEXT),
        Field(header="when", name="time", kind=UTC_TIME),
        Field(header="many", name="count", kind=INTEGER),
    ),
)


def text(*rows: str, header: str = HEADER) -> str:
    return "".join(f"{line}\n" for line in (header, *rows))


@pytest.fixture
def refuse(tmp_path: Path) -> Callable[[str | bytes], str]:
    """Message with which a CSV file of this content is refused."""

    def message(content: str | bytes) -> str:
        path = tmp_path / "readings.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(SourceError) as caught:
            read_csv(path, FORM)
        assert str(path) in str(caught.value)
        return str(caught.value)

    return message


def write(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


def one_column(path: Path, kind: ValueKind, *values: str) -> pa.Table:
    """Table of a file with one column of this kind, and a row number beside it."""
    rows = [f"{number};{value}" for number, value in enumerate(values)]
    form = CsvFormat(
        title="readings",
        delimiter=";",
        fields=(Field(header="value", name="value", kind=kind),),
    )
    return read_csv(write(path / "one.csv", text(*rows, header="row;value")), form)


def refused_column(path: Path, kind: ValueKind, *values: str) -> str:
    with pytest.raises(SourceError) as caught:
        one_column(path, kind, *values)
    return str(caught.value)


def test_reads_the_declared_columns_under_their_names_here(tmp_path: Path) -> None:
    """A file as declared becomes a typed table, in the declared order."""
    table = read_csv(write(tmp_path / "a.csv", text(*ROWS)), FORM)

    assert table.to_pylist() == [
        {"name": "nord", "time": datetime(2021, 9, 1, 1, tzinfo=UTC), "count": 3, "level": 1.5},
        {"name": "sud", "time": datetime(2021, 9, 1, 2, tzinfo=UTC), "count": 4, "level": -2000.0},
    ]
    assert [str(of) for of in table.schema.types] == [
        "string",
        "timestamp[us, tz=UTC]",
        "int64",
        "double",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_the_mark_of_utf_8_make_no_difference(
    tmp_path: Path, end: str, mark: str
) -> None:
    """All line ends are read, with and without a byte order mark."""
    plain = read_csv(write(tmp_path / "a.csv", text(*ROWS)), FORM)
    other = read_csv(write(tmp_path / "b.csv", mark + text(*ROWS).replace("\n", end)), FORM)

    assert other.equals(plain)


def test_decomposed_accents_of_a_header_are_the_same_header(tmp_path: Path) -> None:
    """A header whose accent is a sign of its own looks the same and is the same."""
    table = read_csv(write(tmp_path / "a.csv", text(*ROWS).replace("é", "e\u0301")), FORM)

    assert table["count"].to_pylist() == [3, 4]


def test_an_empty_file_is_refused(refuse: Callable[[str | bytes], str]) -> None:
    """A file of no bytes is said to be empty."""
    assert "should hold readings as CSV, and it is empty (0 bytes)" in refuse("")


def test_a_file_of_blanks_is_refused(refuse: Callable[[str | bytes], str]) -> None:
    """Line ends alone are as good as nothing."""
    assert "it is empty (2 bytes)" in refuse("\n\n")


@pytest.mark.parametrize("content", [HEADER, f"{HEADER}\n", f"{HEADER}\r\n\r\n"])
def test_a_header_without_rows_is_refused(
    refuse: Callable[[str | bytes], str], content: str
) -> None:
    """A header alone is told apart from an empty file."""
    assert "it has a header and no rows: fetch it again" in refuse(content)


def test_an_error_page_in_place_of_the_file_is_refused(
    refuse: Callable[[str | bytes], str],
) -> None:
    """HTML is recognised and named by its title."""
    page = "\n<!DOCTYPE html><html><head><title>\nService &amp; more </title></head></html>"

    assert "it is an HTML page titled 'Service & more'. Fetch it again" in refuse(page)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(b"Nom;Date\n", mtime=0), "a gzip archive"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"PK\x03\x04\x14\x00", "a ZIP archive or an Excel workbook"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"ab\x00\x01\x02cdefgh", "a binary file"),
        (b'{"error": "no such dataset"}', "a JSON document"),
        (b'<?xml version="1.0"?><rows/>', "an XML document"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    ],
)
def test_other_content_is_named(
    refuse: Callable[[str | bytes], str], content: bytes, what: str
) -> None:
    """What isn't text with separators is told by what it is."""
    assert f"and it is {what}" in refuse(content)


def test_a_last_line_with_too_few_fields_is_a_truncated_file(
    refuse: Callable[[str | bytes], str],
) -> None:
    """A cut in the middle of a line is told as truncation, once."""
    message = refuse(text(*ROWS) + "est;5.0;2021")

    assert "the last line (4) has 3 of 4 fields: the file is truncated, fetch it again" in message
    assert message.count("truncated") == 1


def test_a_last_line_without_its_end_may_be_cut(refuse: Callable[[str | bytes], str]) -> None:
    """All fields are there, but the last value may have lost digits."""
    assert "the last line has no end: the file looks truncated" in refuse(text(*ROWS)[:-1])


def test_a_quote_that_never_closes_is_refused(refuse: Callable[[str | bytes], str]) -> None:
    """A cut within quotes names the last line that was whole."""
    message = refuse(text(*ROWS) + '"est;5.0;2021-09-01T03:00:00+02:00;1\nouest;1')

    assert "the record after line 3 has quotes out of place" in message


def test_a_quote_that_swallows_a_large_file_is_refused(
    refuse: Callable[[str | bytes], str],
) -> None:
    """Neither reader can hold such a value, and the place is told all the same."""
    lost = ROWS[1].replace("sud", '"sud')
    message = refuse(text(ROWS[0], lost, *[ROWS[0]] * 60_000))

    assert "the record after line 2 has quotes out of place" in message


def test_a_line_with_too_many_fields_is_refused(refuse: Callable[[str | bytes], str]) -> None:
    """A separator within a value shows in the number of fields, with its line."""
    message = refuse(text(ROWS[0], f"{ROWS[1]};9", ROWS[1]))

    assert "line 3 has 5 fields where the header has 4" in message


@pytest.mark.parametrize("separator", [",", "\t", "|"])
def test_a_wrong_separator_is_named(refuse: Callable[[str | bytes], str], separator: str) -> None:
    """The separator that was found is told with the one that is expected."""
    message = refuse(text(*ROWS).replace(";", separator))

    assert f"its separator is {separator!r} where ';' is expected: export it with ';'" in message


@pytest.mark.parametrize(
    ("encoding", "sign", "looks"),
    [
        ("latin-1", "é", "byte 0xe9, 'é' in Latin-1 or Windows-1252"),
        ("cp1252", "œ", "byte 0x9c, 'œ' in Windows-1252"),
    ],
)
def test_a_wrong_encoding_in_the_values_names_the_line(
    refuse: Callable[[str | bytes], str], encoding: str, sign: str, looks: str
) -> None:
    """Bytes that aren't UTF-8 are told with what they look like."""
    bad = text(f"{sign}st;3.0;2021-09-01T03:00:00+02:00;1", header="").lstrip().encode(encoding)
    message = refuse(text(ROWS[0]).encode() + bad)

    assert f"line 3 isn't UTF-8: {looks}. Save the file as UTF-8" in message


def test_a_wrong_encoding_of_the_header_is_not_a_missing_column(
    refuse: Callable[[str | bytes], str],
) -> None:
    """An accent of the header in Latin-1 is told as the encoding, not as a renamed column."""
    message = refuse(text(*ROWS).encode("latin-1"))

    assert "line 1 isn't UTF-8: byte 0xe9, 'é'" in message
    assert "missing" not in message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_recognised(refuse: Callable[[str | bytes], str], encoding: str) -> None:
    """Two bytes a letter are recognised with and without a mark."""
    assert "its encoding looks like UTF-16: save the file as UTF-8" in refuse(
        text(*ROWS).encode(encoding)
    )


def test_decimal_commas_name_the_column_the_value_and_the_line(
    refuse: Callable[[str | bytes], str],
) -> None:
    """The first decimal comma is shown, and how many there are."""
    rows = [ROWS[0], "", "sud;4,0;2021-09-01T04:00:00+02:00;2", ROWS[1].replace("4;", "5,5;")]

    assert (
        "column 'Relevé': '4,0' in line 4 isn't a whole number (2 such values): it has a decimal "
        "comma: export the file with decimal points" in refuse(text(*rows))
    )


def test_the_line_is_right_after_a_value_that_spans_lines(
    refuse: Callable[[str | bytes], str],
) -> None:
    """A line break within quotes counts as a line of the file."""
    message = refuse(text(ROWS[0].replace("nord", '"no\nrd"'), ROWS[1].replace("-2e3", "much")))

    assert "column 'Mesure': 'much' in line 4 isn't a finite number" in message


@pytest.mark.parametrize("value", ["nan", "inf", "NA", "1_000", "0x10", "1e999"])
def test_what_is_no_finite_number_is_refused(tmp_path: Path, value: str) -> None:
    """Nothing becomes null or infinite because it could not be read."""
    assert f"{value!r} in line 3 isn't a finite number" in refused_column(
        tmp_path, NUMBER, "1", value
    )


@pytest.mark.parametrize("value", ["1 234.5", "12\u202f345", "1,234,567", "1'234"])
def test_grouped_digits_have_a_remedy_of_their_own(tmp_path: Path, value: str) -> None:
    """Thousands separators are told apart from other text."""
    message = refused_column(tmp_path, NUMBER, value)

    assert "its digits are grouped: export the file without thousands separators" in message


def test_a_fraction_is_no_whole_number(tmp_path: Path) -> None:
    """Counts may be written 3.0, but 3.5 is refused, and so is what no 64 bits hold."""
    assert one_column(tmp_path, INTEGER, "3.0", "-4", "99999")["value"].to_pylist() == [
        3,
        -4,
        99999,
    ]
    assert "'3.5' in line 3 isn't a whole number:" in refused_column(tmp_path, INTEGER, "3", "3.5")
    assert "'1e30' in line 2 isn't a whole number:" in refused_column(tmp_path, INTEGER, "1e30")


def test_a_place_is_a_latitude_and_a_longitude(tmp_path: Path) -> None:
    """Two numbers in one column become two; anything else is refused."""
    table = one_column(tmp_path, POINT, "48.8,2.3", "", " 48.9 , -2 ")

    assert table["value"].to_pylist() == [
        {"latitude": 48.8, "longitude": 2.3},
        {"latitude": None, "longitude": None},
        {"latitude": 48.9, "longitude": -2.0},
    ]
    assert "'48,8;2,3' in line 2 isn't a latitude and a longitude" in refused_column(
        tmp_path, POINT, '"48,8;2,3"'
    )


def test_a_missing_column_lists_what_was_found(refuse: Callable[[str | bytes], str]) -> None:
    """A column that isn't there is named, with the columns that are."""
    message = refuse(text("nord;2021-09-01T03:00:00+02:00;1", header="Nom;Date;Mesure"))

    assert "column 'Relevé' is missing: export the file with all its columns" in message
    assert "the columns found are 'Nom', 'Date', 'Mesure'" in message


def test_a_renamed_column_is_suggested(refuse: Callable[[str | bytes], str]) -> None:
    """The header closest to the missing one is offered."""
    message = refuse(text(*ROWS, header="Nom;Relevés;Date;Mesure"))

    assert "column 'Relevé' is missing; 'Relevés' is close: rename it if it is the same" in message


def test_a_column_that_is_there_twice_is_refused(refuse: Callable[[str | bytes], str]) -> None:
    """Nobody can tell which of two columns of one name is meant."""
    message = refuse(text(*(f"{row};1" for row in ROWS), header=f"{HEADER};Mesure"))

    assert "column 'Mesure' is there 2 times: keep one" in message


def test_columns_that_nobody_asked_for_may_repeat(tmp_path: Path) -> None:
    """Unnamed columns beside the declared ones do no harm."""
    path = write(tmp_path / "a.csv", text(*(f"{row};;" for row in ROWS), header=f"{HEADER};;"))

    assert read_csv(path, FORM).num_rows == 2


def test_a_file_of_something_else_is_told_so(refuse: Callable[[str | bytes], str]) -> None:
    """None of the expected columns: one problem, not one for each column."""
    message = refuse(text("FORD;1200", header="Mk;m (kg)"))

    assert "it has none of the expected columns ('Nom', 'Date', 'Relevé', 'Mesure')" in message
    assert "it looks like a file of something else. Found: 'Mk', 'm (kg)'" in message
    assert "missing" not in message


def test_a_column_without_a_value_is_refused(refuse: Callable[[str | bytes], str]) -> None:
    """All values null is not the same as some."""
    message = refuse(text(*(row.rsplit(";", 1)[0] + ";" for row in ROWS)))

    assert "column 'Mesure' is empty in all 2 rows: fetch the file again" in message


def test_some_values_may_be_missing(tmp_path: Path) -> None:
    """A missing value is null; whether that is allowed is not for the reader to judge."""
    path = write(tmp_path / "a.csv", text(ROWS[0], ";;;2"))

    assert read_csv(path, FORM).to_pylist()[1] == {
        "name": None,
        "time": None,
        "count": None,
        "level": 2.0,
    }


@pytest.mark.parametrize("header", ["other", "value"])
def test_an_optional_column_may_be_missing_or_empty(tmp_path: Path, header: str) -> None:
    """What is declared optional is null where the file has nothing."""
    form = CsvFormat(
        title="readings",
        delimiter=";",
        fields=(
            Field(header="row", name="row", kind=INTEGER),
            Field(header="value", name="value", kind=NUMBER, optional=True),
        ),
    )
    path = write(tmp_path / "a.csv", text("1;", "2;", header=f"row;{header}"))

    assert read_csv(path, form).to_pydict() == {"row": [1, 2], "value": [None, None]}


def test_all_problems_of_a_file_come_at_once_and_sorted(
    refuse: Callable[[str | bytes], str],
) -> None:
    """One error tells of columns, values and lines together."""
    message = refuse(
        text("nord;3,0;yesterday;1", "sud;1", "est;2;tomorrow;1", header="Nom;Relevé;Date;Mesures")
    )
    problems = [line for line in message.splitlines() if line.startswith("  - ")]

    assert problems == sorted(problems)
    assert [problem.split(":")[0][4:] for problem in problems] == [
        "column 'Date'",
        "column 'Mesure' is missing; 'Mesures' is close",
        "column 'Relevé'",
        "line 3 has 2 fields where the header has 4",
        "the columns found are 'Nom', 'Relevé', 'Date', 'Mesures'",
    ]


def test_times_over_both_clock_changes_are_told_apart_by_their_offset(tmp_path: Path) -> None:
    """The hour that comes twice in October is two hours; none is missing in March."""
    paris = ZoneInfo("Europe/Paris")
    starts = (datetime(2021, 3, 27, 22, tzinfo=UTC), datetime(2021, 10, 30, 22, tzinfo=UTC))
    hours = [start + timedelta(hours=hour) for start in starts for hour in range(8)]
    local = [hour.astimezone(paris).isoformat() for hour in hours]

    assert "2021-10-31T02:00:00+02:00" in local
    assert "2021-10-31T02:00:00+01:00" in local
    assert one_column(tmp_path, ZONED_TIME, *local)["value"].to_pylist() == hours


@pytest.mark.parametrize(
    "value", ["2021-09-01T03:00:00Z", "2021-09-01 05:00+02:00", "2021-09-01T05:00:00.000+0200"]
)
def test_offsets_are_read_in_each_usual_spelling(tmp_path: Path, value: str) -> None:
    """The same instant, however it is written."""
    instant = one_column(tmp_path, ZONED_TIME, value)["value"].to_pylist()

    assert instant == [datetime(2021, 9, 1, 3, tzinfo=UTC)]


def test_times_without_a_zone_are_refused_where_the_source_says_so(tmp_path: Path) -> None:
    """A local time is no instant: 02:30 of a night in October is two."""
    message = refused_column(tmp_path, ZONED_TIME, "2021-10-31T02:30:00", "2021-10-31T03:30:00")

    assert (
        "'2021-10-31T02:30:00' in line 2 isn't a time with its offset from UTC (2 such values): "
        "it has no time zone: export the file with the offset from UTC" in message
    )


def test_times_without_a_zone_are_utc_where_the_source_says_so(tmp_path: Path) -> None:
    """The same text is an instant when the publisher is known to write UTC."""
    table = one_column(tmp_path, UTC_TIME, "2021-03-28 02:30:00", "2021-10-31")

    assert table["value"].to_pylist() == [
        datetime(2021, 3, 28, 2, 30, tzinfo=UTC),
        datetime(2021, 10, 31, tzinfo=UTC),
    ]


@pytest.mark.parametrize("kind", [UTC_TIME, ZONED_TIME])
def test_times_with_and_without_a_zone_do_not_mix(tmp_path: Path, kind: ValueKind) -> None:
    """One column holds one sort of time, whichever the source would take."""
    message = refused_column(tmp_path, kind, "2021-09-01T03:00:00+02:00", "2021-09-01T04:00:00")

    assert (
        "mixes times with a zone ('2021-09-01T03:00:00+02:00' in line 2) and without one "
        "('2021-09-01T04:00:00' in line 3)" in message
    )


@pytest.mark.parametrize("value", ["2021-02-30T00:00:00Z", "01/09/2021 03:00", "1630458000"])
def test_what_is_no_time_is_refused(tmp_path: Path, value: str) -> None:
    """Impossible dates, other orders and bare numbers aren't times."""
    message = refused_column(tmp_path, UTC_TIME, "2021-02-28T00:00:00Z", value)

    assert f"{value!r} in line 3 isn't a time: write times such as" in message


def test_many_impossible_values_are_counted_as_far_as_they_were_searched(tmp_path: Path) -> None:
    """Values of the right shape are looked for one by one, so not all of them."""
    message = refused_column(tmp_path, UTC_TIME, *["2021-02-30"] * (SEARCHED + 5))

    assert f"in line 2 isn't a time (at least {SEARCHED} such values)" in message


def test_a_column_that_only_fails_as_a_whole_is_refused(tmp_path: Path) -> None:
    """A kind may judge values together: then no single one is to blame."""

    def increasing(values: pa.ChunkedArray) -> pa.ChunkedArray:
        if values.to_pylist() != sorted(values.to_pylist()):
            raise pa.ArrowInvalid("out of order")
        return values

    kind = ValueKind(
        wanted="an increasing text", remedy="sort the file", shape=".*", convert=increasing
    )

    assert one_column(tmp_path, kind, "a", "b")["value"].to_pylist() == ["a", "b"]
    message = refused_column(tmp_path, kind, "b", "a")
    assert "column 'value' as a whole isn't an increasing text: sort the file" in message


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=["Cs"]),
    min_size=1,
    max_size=12,
)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(
    datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=OFFSETS
)  # all offsets are whole minutes, as ISO 8601 has them
READINGS = st.fixed_dictionaries(
    {
        "name": TEXTS,
        "time": TIMES,
        "count": st.integers(-(2**53), 2**53),
        "level": st.floats(allow_nan=False, allow_infinity=False),
    }
)


@settings(max_examples=60)
@given(st.lists(READINGS, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_what_the_csv_writer_writes_is_read_back(rows: list[dict[str, object]], end: str) -> None:
    """Any text, time, count and number survives the way through a file."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator=end, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["Nom", "Date", "Relevé", "Mesure"])
    for row in rows:
        time = row["time"]
        assert isinstance(time, datetime)
        writer.writerow([row["name"], time.isoformat(), row["count"], row["level"]])
    with tempfile.TemporaryDirectory() as folder:
        table = read_csv(write(Path(folder) / "a.csv", buffer.getvalue()), FORM)

    assert table.to_pylist() == rows


@pytest.fixture
def packaged(tmp_path: Path) -> Path:
    """A Parquet file with a dictionary, naive times and counts as doubles."""
    path = tmp_path / "packaged.parquet"
    table = pa.table(
        {
            "many": pa.array([1.0, 2.0, float("nan")]),
            "who": pa.array(["nord", "sud", "sud"]).dictionary_encode(),
            "when": pa.array([datetime(2021, 3, 28, hour) for hour in range(3)]),
        }
    )
    pq.write_table(table, path)
    return path


def test_reads_parquet_of_other_types(packaged: Path) -> None:
    """Dictionaries, doubles and naive times become texts, whole numbers and instants."""
    table = read_parquet(packaged, PACKAGED)

    assert table.to_pydict() == {
        "name": ["nord", "sud", "sud"],
        "time": [datetime(2021, 3, 28, hour, tzinfo=UTC) for hour in range(3)],
        "count": [1, 2, None],
    }


def test_a_local_zone_in_parquet_is_brought_to_utc(tmp_path: Path) -> None:
    """Typed times keep their instant."""
    hours = [datetime(2021, 10, 31, hour, tzinfo=UTC) for hour in range(3)]
    when = pa.array(hours, pa.timestamp("ns", tz="Europe/Paris"))
    pq.write_table(pa.table({"who": ["a"] * 3, "when": when, "many": [1] * 3}), tmp_path / "a")

    assert read_parquet(tmp_path / "a", PACKAGED)["time"].to_pylist() == hours


def refused_parquet(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read_parquet(path, PACKAGED)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_a_truncated_parquet_file_is_refused(packaged: Path, share: float) -> None:
    """A cut loses the mark at the end."""
    whole = packaged.read_bytes()
    cut = whole[: int(share * len(whole))]
    packaged.write_bytes(cut)

    assert f"it is truncated after {len(cut)} bytes: fetch it again" in refused_parquet(packaged)


def test_a_damaged_parquet_file_is_refused(packaged: Path) -> None:
    """Both marks are there, and what lies between is not."""
    whole = packaged.read_bytes()
    packaged.write_bytes(whole[:4] + b"\xff" * (len(whole) - 12) + whole[-8:])

    assert "its data are damaged (" in refused_parquet(packaged)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty (0 bytes)"),
        (b"a;b\n1;2\n", "a text file"),
        (b"<html><body>404", "an HTML page"),
        (gzip.compress(b"x", mtime=0), "a gzip archive"),
    ],
)
def test_other_content_under_the_name_of_a_parquet_file_is_named(
    tmp_path: Path, content: bytes, what: str
) -> None:
    """What isn't Parquet is told by what it is."""
    path = tmp_path / "a.parquet"
    path.write_bytes(content)

    assert f"should hold packaged readings as Parquet, and it is {what}." in refused_parquet(path)


def test_a_parquet_file_without_rows_is_refused(packaged: Path) -> None:
    """Columns alone are told apart from a damaged file."""
    pq.write_table(pq.read_table(packaged).slice(0, 0), packaged)

    assert "it has columns and no rows" in refused_parquet(packaged)


def test_columns_of_a_parquet_file_that_do_not_fit_are_named_with_their_rows(
    tmp_path: Path,
) -> None:
    """Types are judged as values are: numbers are no times, and all problems come at once."""
    table = pa.table({"whom": ["a", "b"], "when": [1, 2], "many": [1.0, 2.5]})
    pq.write_table(table, tmp_path / "a")
    message = refused_parquet(tmp_path / "a")

    assert "column 'who' is missing; 'whom' is close" in message
    assert "column 'when' of type int64: 1 in row 1 isn't a time (2 such values)" in message
    assert "column 'many' of type double: 2.5 in row 2 isn't a whole number:" in message


def test_truth_values_are_no_numbers(tmp_path: Path) -> None:
    """A count of `True` would be taken as 1 without a word."""
    table = pa.table({"who": ["a"], "when": [datetime(2021, 1, 1)], "many": [True]})
    pq.write_table(table, tmp_path / "a")

    assert "column 'many' of type bool: True in row 1 isn't" in refused_parquet(tmp_path / "a")


def test_naive_times_of_parquet_are_refused_where_the_source_says_so(packaged: Path) -> None:
    """The rule for times without a zone is the source's, in every format."""
    form = ParquetFormat(
        title="readings", fields=(Field(header="when", name="time", kind=ZONED_TIME),)
    )
    with pytest.raises(SourceError, match=r"column 'when' of type timestamp.* \(3 such values\)"):
        read_parquet(packaged, form)


def test_lists_the_files_that_fit_a_pattern_by_name(tmp_path: Path) -> None:
    """Folders and other names are left out; capitals make no difference."""
    for name in ("b.csv", "A.CSV", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "d.csv").mkdir()

    assert [path.name for path in list_files(tmp_path, "*.csv")] == ["A.CSV", "b.csv"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The folder and the option that names another."""
    with pytest.raises(SourceError, match=r"There is no folder '.*absent'.*--data"):
        list_files(tmp_path / "absent", "*")


def test_a_file_in_place_of_a_folder_is_no_folder(tmp_path: Path) -> None:
    """A path to a file isn't taken for a folder."""
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="There is no folder"):
        list_files(tmp_path / "file", "*")


@pytest.fixture
def without_rights() -> Iterator[Path]:
    """A folder for a user to whom file rights apply: the administrator reads everything."""
    folder = Path(tempfile.mkdtemp(prefix="vigie-"))
    folder.chmod(0o755)
    write(folder / "closed.csv", text(*ROWS)).chmod(0)
    (folder / "closed").mkdir(mode=0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    yield folder
    os.seteuid(user)
    (folder / "closed").chmod(0o700)
    shutil.rmtree(folder)


def test_a_folder_without_the_right_to_read_is_refused(without_rights: Path) -> None:
    """The path, what the system says, and the remedy."""
    with pytest.raises(SourceError, match=r"closed can't be read: Permission denied\..*right"):
        list_files(without_rights / "closed", "*")


@pytest.mark.parametrize(
    "read",
    [
        digest,
        lambda path: read_csv(path, FORM),
        lambda path: read_parquet(path, PACKAGED),
    ],
)
def test_a_file_without_the_right_to_read_is_refused(
    without_rights: Path, read: Callable[[Path], object]
) -> None:
    """Each way of reading says so in the same words."""
    with pytest.raises(SourceError, match=r"closed\.csv can't be read: Permission denied"):
        read(without_rights / "closed.csv")


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    """SHA-256, as others compute it."""
    path = write(tmp_path / "a.csv", "é\n")

    assert digest(path) == hashlib.sha256("é\n".encode()).hexdigest()
