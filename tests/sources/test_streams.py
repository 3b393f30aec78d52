"""Files in pieces: what `read_csv` reads and refuses, without the whole in memory."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.sources import streams
from pipeline.sources.delimited import CsvFormat, read_csv
from pipeline.sources.files import digest
from pipeline.sources.streams import Reading, stream_csv
from pipeline.sources.values import INTEGER, NUMBER, TEXT, UTC_TIME, Field

FORM = CsvFormat(
    title="cars",
    delimiter=",",
    fields=(
        Field(header="ID", name="id", kind=INTEGER),
        Field(header="Make", name="make", kind=TEXT),
        Field(header="m (kg)", name="mass", kind=NUMBER),
        Field(header="Date", name="time", kind=UTC_TIME),
        Field(header="Note", name="note", kind=TEXT, optional=True),
    ),
)
HEAD = "ID,Make,m (kg),Date,Note"


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PIECE", 64)


def written(folder: Path, *lines: str, head: str = HEAD, end: str = "\n") -> Path:
    path = folder / "cars.csv"
    path.write_bytes((end.join([head, *lines]) + end).encode())
    return path


def cars(count: int) -> list[str]:
    return [f'{n},"FIAT, {n % 7}",{1000 + n}.5,2021-01-{1 + n % 28:02d},' for n in range(count)]


def streamed(path: Path) -> pa.Table:
    return pa.Table.from_batches(stream_csv(path, FORM))


def read(path: Path) -> pa.Table:
    return read_csv(path, FORM).select([field.name for field in FORM.fields])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_pieces_add_up_to_the_file(tmp_path: Path, end: str) -> None:
    """In the order of its lines, with columns in the order of the fields."""
    path = written(tmp_path, *cars(300), end=end)

    assert read(path).equals(streamed(path))
    assert len(list(stream_csv(path, FORM))) > 20


@settings(max_examples=25)
@given(notes=st.lists(st.text(alphabet='ab,\n" é', max_size=30), min_size=1, max_size=40))
def test_line_ends_and_quotes_within_values_are_kept(
    tmp_path_factory: pytest.TempPathFactory, notes: list[str]
) -> None:
    """No piece ends inside quotes."""
    told = [note.replace('"', '""') for note in notes]
    lines = [f'{n},A,1,2021-01-01,"{note}"' for n, note in enumerate(told)]
    path = written(tmp_path_factory.mktemp("quotes"), *lines)

    assert read(path).equals(streamed(path))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1,A,1.5 kg,2021-01-01,", "'1.5 kg' in line 202"),
        ("1,A,nan,2021-01-01,", "'nan' in line 202"),
        ("1,A,inf,2021-01-01,", "'inf' in line 202"),
        ('1,A,"1,5",2021-01-01,', "decimal comma"),
        ("1.5,A,1,2021-01-01,", "'1.5' in line 202"),
        ("1,A,1,01/02/2021,", "'01/02/2021' in line 202"),
        ("1,A,1", "line 202 has 3 fields"),
        ("1,A,1,2021-01-01T00:00:00+02:00,", "mixes times with a zone"),
    ],
)
def test_what_is_refused_is_told_with_line_and_column(tmp_path: Path, line: str, said: str) -> None:
    """By the slow way, in the same words, however far into the file it is."""
    path = written(tmp_path, *cars(200), line, *cars(200))

    with pytest.raises(SourceError) as slow:
        read(path)
    with pytest.raises(SourceError) as caught:
        streamed(path)

    assert str(slow.value) == str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("place", [0, 250])
def test_texts_are_utf8_in_every_piece(tmp_path: Path, place: int) -> None:
    """What is none is refused in a text, and of no concern in a column that isn't asked for."""
    lines = [f"{line}né" if n == place else line for n, line in enumerate(cars(300))]
    path = written(tmp_path, *lines)
    assert streamed(path)["note"].to_pylist()[place] == "né"

    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xe9"))
    with pytest.raises(SourceError, match="isn't UTF-8: byte 0xe9"):
        streamed(path)

    others = CsvFormat(title="cars", delimiter=",", fields=FORM.fields[:-1])
    found = pa.Table.from_batches(stream_csv(path, others))
    assert found.equals(streamed(written(tmp_path, *cars(300))).drop_columns("note"))


def test_zones_that_change_between_pieces_are_a_mixture(tmp_path: Path) -> None:
    """Each piece on its own would pass."""
    zoned = [
        line.replace(",2021-01-", ",2021-01-").rsplit(",", 1)[0] + "T00:00Z," for line in cars(99)
    ]

    with pytest.raises(SourceError, match="mixes times with a zone"):
        streamed(written(tmp_path, *cars(99), *zoned))


def test_a_column_that_is_empty_throughout_is_refused_unless_it_may_be(tmp_path: Path) -> None:
    """One that is empty in some pieces is not."""
    empty = [f"{n},,1,2021-01-01," for n in range(50)]

    with pytest.raises(SourceError, match="column 'Make' is empty in all 50 rows"):
        streamed(written(tmp_path, *empty))
    path = written(tmp_path, *empty, *cars(50))
    assert read(path).equals(streamed(path))


@pytest.mark.parametrize("head", ["ID,Make,Date,Note", "ID;Make;m (kg);Date;Note"])
def test_a_header_that_is_none_is_refused(tmp_path: Path, head: str) -> None:
    """Before any row is given."""
    with pytest.raises(SourceError):
        next(stream_csv(written(tmp_path, *cars(3), head=head), FORM))


def test_numbers_that_only_text_conversion_takes_are_taken(tmp_path: Path) -> None:
    """Blanks around values, and whole numbers with a fraction of zeros."""
    path = written(tmp_path, "3.0,A, 1.5 , 2021-01-01 ,", *cars(90))

    assert read(path).equals(streamed(path))
    assert [3, 1.5] == [streamed(path)["id"][0].as_py(), streamed(path)["mass"][0].as_py()]


TWO_LINES = replace(
    FORM,
    header_lines=2,
    may_lack_end=True,
    fields=(
        Field(header="MODEL YEAR", name="year", kind=INTEGER),
        Field(header="MODEL # = diesel", name="model", kind=TEXT),
        Field(header="CO2 (g/km)", name="co2", kind=NUMBER),
    ),
)
TWO_HEADS = "MODEL,MODEL,CO2 ,,\nYEAR,# = diesel,(g/km),,\n"


def test_a_header_of_two_lines_names_columns_by_both(tmp_path: Path) -> None:
    """Names that stand twice in a line, empty columns beside them, and a last line without end."""
    path = tmp_path / "two.csv"
    path.write_text(
        TWO_HEADS + "".join(f"{2000 + n},M{n},{n}.5,,\n" for n in range(30)) + "2030,Z,1,,"
    )

    found = read_csv(path, TWO_LINES)

    assert 31 == found.num_rows
    assert {"year": 2030, "model": "Z", "co2": 1.0} == found.to_pylist()[-1]
    assert found.equals(pa.Table.from_batches(stream_csv(path, TWO_LINES)))


def test_a_value_that_is_refused_is_told_by_its_line_below_two_of_header(tmp_path: Path) -> None:
    """Lines are counted as an editor shows them."""
    path = tmp_path / "two.csv"
    path.write_text(TWO_HEADS + "2000,A,1,,\n2001,B,x,,\n")

    with pytest.raises(SourceError, match="'x' in line 4"):
        list(stream_csv(path, TWO_LINES))


def test_a_last_line_that_is_cut_is_refused_also_where_it_may_lack_its_end(tmp_path: Path) -> None:
    """It has fewer fields than the header."""
    path = tmp_path / "two.csv"
    path.write_text(TWO_HEADS + "2000,A,1,,\n2001,B,1")

    with pytest.raises(SourceError, match=r"last line \(4\) has 3 of 5 fields"):
        list(stream_csv(path, TWO_LINES))


def test_a_file_is_digested_and_counted_while_it_is_read(tmp_path: Path) -> None:
    """Mark, header and rows; by the slow way too."""
    path = written(tmp_path, *cars(300))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    quick, slow = Reading(), Reading()

    list(stream_csv(path, FORM, quick))
    taken = digest(path)
    path.write_bytes(path.read_bytes() + b" 301,A,\t1,2021-01-01T00:00:00+00:00,\n")

    assert Reading(sha256=taken, rows=300) == quick
    with pytest.raises(SourceError):
        list(stream_csv(path, FORM, slow))
    assert "" == slow.sha256


PLAIN = st.integers(-(2**62), 2**62).map(str) | st.just("") | st.just("9007199254740993")
LOOSE = st.integers(0, 2**53 - 1).map(lambda n: f" {n}.0") | st.sampled_from(["", "+5", "1e3"])


@settings(max_examples=20)
@given(numbers=st.lists(PLAIN, max_size=30) | st.lists(LOOSE, max_size=30))
def test_whole_numbers_are_kept_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[str]
) -> None:
    """Also those that a double would round to another."""
    told = [*numbers, "7"]
    path = written(
        tmp_path_factory.mktemp("whole"), *(f"{number},A,1,2021-01-01," for number in told)
    )

    exact = [int(Decimal(number)) if number else None for number in told]

    assert exact == streamed(path)["id"].to_pylist()


def test_a_whole_number_that_would_be_rounded_is_refused(tmp_path: Path) -> None:
    """Written with a fraction it is read as a double, which can't hold it."""
    path = written(tmp_path, "9007199254740993.0,A,1,2021-01-01,")

    with pytest.raises(SourceError, match=r"'9007199254740993\.0' in line 2 isn't a whole"):
        streamed(path)


@pytest.mark.parametrize("ending", ["T00:00Z", "T03:00+02:00", " 04:05", " "])
def test_times_are_read_in_whichever_way_they_are_written(tmp_path: Path, ending: str) -> None:
    """Those with a zone, or blanks around them, are no such times as Arrow reads at once."""
    lines = [line.rsplit(",", 1)[0] + f"{ending}," for line in cars(300)]
    path = written(tmp_path, *lines)

    assert read(path).equals(streamed(path))


def test_room_of_converted_pieces_is_used_again(tmp_path: Path) -> None:
    """A long file takes no more of it than a short one, and long records are whole all the same."""
    long = [f'{n},"{"x" * (n % 7 * 60)}",1,2021-01-01,' for n in range(900)]
    path = written(tmp_path, *long)
    made = []

    def counted(size: int) -> bytearray:
        made.append(size)
        return bytearray(size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "PIECE", 4096)
        patch.setattr(streams, "bytearray", counted, raising=False)
        found = streamed(path)

    assert read(path).equals(found)
    assert len(made) < 30
