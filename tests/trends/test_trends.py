"""Trends: questions that are refused, and answers that a short loop gives as well."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import CaseError, OptionError, StateError
from pipeline.figures import WIDTH, Figure
from pipeline.schema import Column, Schema
from pipeline.trends import AGGREGATES, Observations, Question, TrendView, parse_condition
from pipeline.trends.small_multiples import draw
from pipeline.trends.told import told
from pipeline.trends.unknown import require_known_values
from pipeline.trends.views import check_views

PARIS = "Europe/Paris"
FIRST = datetime(2024, 3, 29, 22, tzinfo=UTC)
SCHEMA = Schema(
    columns=(
        Column(name="make", kind="category", description="who built it", nullable=True),
        Column(name="make of car", kind="text", description="the same in words", nullable=True),
        Column(name="time", kind="time", description="when it was seen", nullable=True),
        Column(name="mass", kind="number", unit="kg", description="mass", nullable=True),
        Column(name="seats", kind="integer", description="seats"),
        Column(name="electric", kind="boolean", description="no engine"),
    ),
    key=("make", "time"),
    target="mass",
    time="time",
)
MAKES = ("Citroën", 'O\'Hara, "Son"', "x; DROP TABLE files --")
ROWS = [
    {
        "make": [*MAKES, None][place % 4],
        "make of car": f"car {place % 3}",
        "time": None if place == 9 else FIRST + timedelta(hours=5 * place),
        "mass": None if place % 10 == 0 else 900.0 + 37 * (place % 11),
        "seats": 2 + place % 5,
        "electric": place % 6 == 0,
    }
    for place in range(60)
]


@pytest.fixture(scope="module")
def cars(tmp_path_factory: pytest.TempPathFactory) -> Observations:
    """Sixty cars in two files."""
    folder = tmp_path_factory.mktemp("car's")
    paths = [folder / "one.parquet", folder / "two.parquet"]
    for path, rows in zip(paths, (ROWS[:30], ROWS[30:]), strict=True):
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA.arrow()), path)
    return Observations(files=paths, schema=SCHEMA)


def seen(row: dict[str, object], bucket: str, zone: str) -> object:
    """The bucket of a row, by the standard library."""
    if row["time"] is None:
        return None
    local = row["time"].astimezone(ZoneInfo(zone))
    day = local.date()
    return {
        "hour": local.hour,
        "weekday": local.strftime("%A"),
        "day": str(day),
        "week": str(day - timedelta(days=day.weekday())),
        "month": str(day.replace(day=1)),
        "year": str(day.replace(month=1, day=1)),
    }[bucket]


@pytest.mark.parametrize("zone", ["UTC", PARIS])
@pytest.mark.parametrize("bucket", ["hour", "weekday", "day", "week", "month", "year"])
def test_an_answer_is_what_a_loop_over_the_rows_gives(
    cars: Observations, bucket: str, zone: str
) -> None:
    """By make and bucket, in both zones, over the night on which clocks go forward in Paris."""
    masses: dict[object, list[float]] = defaultdict(list)
    for row in ROWS:
        found = masses[row["make"], seen(row, bucket, zone)]
        if row["mass"] is not None:
            found.append(float(str(row["mass"])))

    answer = cars.answer(
        Question.of(SCHEMA, by=("make",), bucket=bucket, zone=zone, aggregates=AGGREGATES)
    )

    assert ("make", bucket, *AGGREGATES) == answer.columns
    assert len(masses) == answer.total == len(answer.rows)
    for make, step, average, total, low, high, count in answer.rows:
        held = masses[make, step]
        expected = [mean(held), sum(held), min(held), max(held)] if held else [None] * 4
        assert expected == pytest.approx([average, total, low, high])
        assert len(held) == count


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("seats = 3", lambda row: row["seats"] == 3),
        ("seats != 3", lambda row: row["seats"] != 3),
        ("seats<4", lambda row: row["seats"] < 4),
        ("seats <= 3.5", lambda row: row["seats"] <= 3.5),
        ("mass > 1000", lambda row: row["mass"] is not None and row["mass"] > 1000),
        ("mass>=1e3", lambda row: row["mass"] is not None and row["mass"] >= 1000),
        ("mass is missing", lambda row: row["mass"] is None),
        ("time is present", lambda row: row["time"] is not None),
        ("electric = true", lambda row: row["electric"]),
        ("make = Citroën", lambda row: row["make"] == MAKES[0]),
        (f"make = {MAKES[1]}", lambda row: row["make"] == MAKES[1]),
        (f"make = {MAKES[2]}", lambda row: row["make"] == MAKES[2]),
        ('make in Citroën, "O\'Hara, ""Son"""', lambda row: row["make"] in MAKES[:2]),
        ("make of car = car 1", lambda row: row["make of car"] == "car 1"),
        (
            "time >= 2024-04-01",
            lambda row: row["time"] and row["time"] >= datetime(2024, 4, 1, tzinfo=UTC),
        ),
        (
            "time < 2024-04-01T02:00:00+02:00",
            lambda row: row["time"] and row["time"] < datetime(2024, 4, 1, tzinfo=UTC),
        ),
    ],
)
def test_a_condition_keeps_the_rows_where_it_holds(
    cars: Observations, text: str, keeps: object
) -> None:
    """Whatever signs a value holds: it is bound, never part of the statement."""
    answer = cars.answer(Question.of(SCHEMA, where=(text,), column="seats", aggregates=("count",)))

    assert ((sum(bool(keeps(row)) for row in ROWS),),) == answer.rows


@settings(max_examples=40)
@given(st.text(min_size=1).map(str.strip).filter(bool))
def test_any_text_can_be_looked_for(cars: Observations, value: str) -> None:
    """No value breaks the question, and none finds what it doesn't equal."""
    answer = cars.answer(Question.of(SCHEMA, where=(f"make = {value}",), aggregates=("count",)))

    expected = sum(row["make"] == value and row["mass"] is not None for row in ROWS)
    assert ((expected,),) == answer.rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("color = red", "begins with no column"),
        ("mass", "no comparison"),
        ("mass ~ 3", "no comparison after"),
        ("mass > 1,5", "a number such as 12.5"),
        ("mass > nan", "a number such as 12.5"),
        ("mass > ", "a number such as 12.5"),
        ("make > A", "no order"),
        ("make = ", "write a value"),
        ("make is red", "'missing' or 'present'"),
        ("make in ", "no value"),
        ("electric = yes", "write true or false"),
        ("time > last week", "write a time such as"),
    ],
)
def test_a_condition_that_is_none_is_refused(text: str, said: str) -> None:
    """With its own words, and how to write it."""
    with pytest.raises(OptionError) as caught:
        parse_condition(text, SCHEMA)

    assert repr(text) in str(caught.value)
    assert said in str(caught.value)


def test_all_that_is_wrong_with_a_question_is_said_at_once() -> None:
    """Unknown names, kinds that don't fit, and limits."""
    with pytest.raises(OptionError) as caught:
        Question.of(
            SCHEMA,
            by=("colour", "mass", "time", "make", "make"),
            where=("mass > heavy",),
            bucket="decade",
            zone="Paris",
            aggregates=("median",),
            column="make of car",
            limit=0,
            offset=-1,
        )

    said = str(caught.value)
    for part in (
        "no column 'colour'",
        "'mass' (number) makes no groups",
        "choose a bucket",
        "'make' more than once",
        "'heavy'",
        "'decade'",
        "'Paris'",
        "'median'",
        "holds no numbers",
        "limit = 0",
        "offset = -1",
    ):
        assert part in said


def test_a_bucket_needs_a_time_and_names_may_not_clash() -> None:
    """A table without time has no trends over time; an answer has no two columns of one name."""
    timeless = replace(SCHEMA, key=("make",), time=None)
    counted = replace(
        SCHEMA, columns=(*SCHEMA.columns, Column(name="year", kind="integer", description="of it"))
    )

    with pytest.raises(OptionError, match="has no time"):
        Question.of(timeless, bucket="year")
    with pytest.raises(OptionError, match="called alike"):
        Question.of(counted, by=("year",), bucket="year")


def test_rows_that_are_absent_or_not_known_yet_take_no_part(cars: Observations) -> None:
    """Quarantined rows are told by key, a missing part of it too; the rest by time."""
    absent = [row for row in ROWS if row["make"] is None or row["seats"] == 2]
    moment = FIRST + timedelta(hours=100)
    kept = [
        row for row in ROWS if row not in absent and (row["time"] is None or row["time"] <= moment)
    ]
    observations = replace(
        cars,
        without=pa.Table.from_pylist(absent, schema=SCHEMA.arrow()),
        key=SCHEMA.key,
        not_after=moment,
    )

    answer = observations.answer(Question.of(SCHEMA, column="seats", aggregates=("count",)))

    assert ((len(kept),),) == answer.rows
    assert any(row["time"] is None for row in kept)


def test_pages_of_an_answer_follow_one_another(cars: Observations) -> None:
    """Limit and offset cut the same order, and the total stays."""
    whole = cars.answer(Question.of(SCHEMA, by=("make", "seats")))
    pages = [
        cars.answer(Question.of(SCHEMA, by=("make", "seats"), limit=7, offset=offset))
        for offset in range(0, whole.total, 7)
    ]

    assert whole.rows == tuple(row for page in pages for row in page.rows)
    assert {whole.total} == {page.total for page in pages}


def test_one_opening_answers_many_questions_side_by_side(cars: Observations) -> None:
    """As a service asks, from several threads."""
    from concurrent.futures import ThreadPoolExecutor

    questions = [Question.of(SCHEMA, by=("make",), where=(f"seats >= {n}",)) for n in range(7)]
    with cars.opened() as opened, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(opened.answer, questions * 3))

    assert [cars.answer(question) for question in questions] * 3 == found


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    """With what the library says of it."""
    missing = Observations(files=[tmp_path / "gone.parquet"], schema=SCHEMA)

    with pytest.raises(StateError, match=r"gone\.parquet"):
        missing.answer(Question.of(SCHEMA))


def test_an_answer_is_told_as_table_csv_and_json(cars: Observations) -> None:
    """The same rows; the table says how many are left out, and when there are none."""
    answer = cars.answer(Question.of(SCHEMA, by=("make",), limit=2))

    assert [list(answer.columns), *([str(cell) for cell in row] for row in answer.rows)] == list(
        csv.reader(io.StringIO(told(answer, "csv")))
    )
    assert {"total": 4, "rows": answer.records()} == json.loads(told(answer, "json"))
    assert "2 of 4 rows are not shown" in told(answer, "table")
    nothing = cars.answer(Question.of(SCHEMA, by=("make",), where=("seats > 99",)))
    assert "No rows" in told(nothing, "table")


def test_a_view_shows_the_largest_panels_and_keeps_all_numbers(cars: Observations) -> None:
    """Its data hold every group; what is shown is told in words."""
    view = TrendView(name="by_make", title="Mass", bucket="day", panels="make", lines="seats")
    with cars.opened() as opened:
        figure = draw(view, opened, SCHEMA)

    answer = cars.answer(Question.of(SCHEMA, by=("make", "seats"), bucket="day"))
    assert ("trend_by_make", answer.total) == (figure.name, figure.rows)
    assert "make,seats,day,mean mass,count" == figure.csv.splitlines()[0]
    assert "5 values of seats (the 4 with the most observations are shown)" in figure.alt
    assert figure.svg.count(">Citroën<") == 1


@pytest.mark.parametrize(
    "view",
    [
        TrendView(name="hours", title="Hours", bucket="hour", own_scales=True, panels="seats"),
        TrendView(name="weekdays", title="Weekdays", bucket="weekday", zone=PARIS),
        TrendView(name="bars", title="Bars", lines="make", aggregate="count"),
        TrendView(name="none", title="None", bucket="year", where=("seats > 99",)),
    ],
    ids=lambda view: view.name,
)
def test_a_view_can_be_drawn(cars: Observations, view: TrendView) -> None:
    """Twice the same, to the byte; also when there is nothing to show."""
    with cars.opened() as opened:
        one, other = (draw(view, opened, SCHEMA) for _ in range(2))

    assert one == other
    assert "<svg" in one.svg
    assert one.alt.endswith(".")


def test_views_that_cannot_be_shown_are_refused_with_their_case() -> None:
    """Names, columns, an axis: all at once."""
    views = (
        TrendView(name="By make", title="", bucket="day"),
        TrendView(name="twice", title="", bucket="day", panels="colour"),
        TrendView(name="twice", title=""),
    )

    with pytest.raises(CaseError) as caught:
        check_views(views, SCHEMA, "cars")

    for part in ("'By make'", "'colour'", "no horizontal axis", "'twice' names two views", "cars"):
        assert part in str(caught.value)


def test_sums_take_no_part_beside_their_parts(cars: Observations) -> None:
    """Unless the question is about that very column: then both are shown."""
    parts = replace(cars, schema=replace(SCHEMA, parts="electric"))
    plain = Question.of(SCHEMA, column="seats", aggregates=("count",))
    split = Question.of(SCHEMA, by=("electric",), column="seats", aggregates=("count",))
    chosen = Question.of(SCHEMA, where=("electric = false",), column="seats", aggregates=("count",))

    assert [{"count": 10}] == parts.answer(plain).records()
    assert [{"count": 60}] == cars.answer(plain).records()
    assert [50, 10] == [row["count"] for row in parts.answer(split).records()]
    assert [{"count": 50}] == parts.answer(chosen).records()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("make = citroen", r"column 'make' never is 'citroen'; close to it: Citroën"),
        ("make of car in car 1,lorry", r"never is 'lorry'. There are: car 0, car 1, car 2"),
        ("make = Citroën", None),
        ("seats = 99", None),
    ],
)
def test_a_value_that_no_row_has_is_named_with_those_that_there_are(
    cars: Observations, where: str, said: str | None
) -> None:
    """Where nothing fits for another reason, there is nothing to mend."""
    question = Question.of(SCHEMA, where=(where, "seats > 98"))
    with cars.opened() as opened:
        answer = opened.answer(question)
        if said is None:
            require_known_values(question, answer, opened)
            return
        with pytest.raises(OptionError, match=said):
            require_known_values(question, answer, opened)


def test_a_misspelt_column_is_told_with_the_one_that_is_close() -> None:
    with pytest.raises(OptionError, match=r"'mass' is close to 'maas'"):
        parse_condition("maas > 3", SCHEMA)
    with pytest.raises(OptionError, match=r"no comparison after 'mass'"):
        parse_condition("mass ~ 3", SCHEMA)


def test_sums_choose_the_panels_with_the_largest(cars: Observations) -> None:
    """And say so: many small ones are left out before few large ones."""
    view = TrendView(
        name="sums", title="Mass", bucket="day", panels="make", lines="seats", aggregate="sum"
    )
    with cars.opened() as opened:
        figure = draw(view, opened, SCHEMA)

    totals = cars.answer(Question.of(SCHEMA, by=("seats",), aggregates=("sum",)))
    least = min(totals.rows, key=lambda row: float(row[1] or 0))[0]
    assert "(the 4 with the largest sums are shown)" in figure.alt
    assert f'"line": {least}' not in figure.spec
    assert f'"line":"{least}"' not in figure.spec


def drawn(rows: list[dict[str, Any]], tmp_path: Path, **view: Any) -> tuple[Figure, list[Any]]:
    """The figure of rows by year, and what of it is drawn."""
    path = tmp_path / "cars.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA.arrow()), path)
    asked = TrendView(name="mass", title="Mass", bucket="year", **view)
    with Observations(files=[path], schema=SCHEMA).opened() as opened:
        figure = draw(asked, opened, SCHEMA)
    (points,) = json.loads(figure.spec)["datasets"].values()
    return figure, points


def of_year(year: int, mass: float, **others: object) -> dict[str, Any]:
    return {"time": datetime(year, 5, 1, tzinfo=UTC), "mass": mass, **others}


def test_no_line_is_drawn_across_steps_without_an_observation(tmp_path: Path) -> None:
    """The gap is a row without value in the drawing, and no row of the data beside it."""
    years = [2001, 2002, 2005, 2006]

    figure, points = drawn([of_year(year, 7.0) for year in years], tmp_path)

    assert ["2003-01-01"] == [point["step"] for point in points if point["value"] is None]
    assert years == [int(line[:4]) for line in figure.csv.splitlines()[1:]]
    (path,) = re.findall(r'aria-roledescription="line mark" d="([^"]*)"', figure.svg)
    assert 2 == path.count("M")


def test_a_single_step_is_shown_as_bars(tmp_path: Path) -> None:
    """One year of several kinds is no course of time."""
    cars = [of_year(2001, 1000.0, seats=2), of_year(2001, 2000.0, seats=4)]

    figure, points = drawn(cars, tmp_path, lines="seats")

    assert [("2", 1000.0), ("4", 2000.0)] == [(each["line"], each["value"]) for each in points]
    assert 2 == figure.svg.count('aria-roledescription="bar"')
    assert "Highest: 2,000 kg (4, 2001)" in figure.alt


@pytest.mark.parametrize("panels", [1, 2, 3, 4])
def test_few_panels_fill_the_width_of_many(tmp_path: Path, panels: int) -> None:
    """A narrow figure would be drawn with larger letters than its neighbours on the page."""
    cars = [of_year(y, 7.0, make="ABCD"[n]) for n in range(panels) for y in (2001, 2002)]

    figure, _ = drawn(cars, tmp_path, panels="make")

    found = re.search(r'viewBox="0 0 ([\d.]+)', figure.svg)
    assert found is not None
    assert WIDTH == pytest.approx(float(found[1]), abs=30)


def test_a_panel_of_zeros_has_zero_at_the_bottom_of_its_axis(tmp_path: Path) -> None:
    """It goes as high as the lowest of the others, whose heights stay as they are."""
    heights = {"A": 0.0, "B": 900.0, "C": 100.0}
    cars = [of_year(y, mass, make=make) for make, mass in heights.items() for y in (2001, 2002)]

    figure, _ = drawn(cars, tmp_path, panels="make", own_scales=True)

    axes = re.findall(r'aria-label="Y-axis[^"]* from 0 to (\d+)"', figure.svg)
    assert ["100", "900", "100"] == axes
