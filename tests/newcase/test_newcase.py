"""A case of one's own: what is guessed, what is refused, and that the case runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hand_made import Bench

import pipeline.cases
from pipeline.errors import OptionError, SourceError, VigieError
from pipeline.newcase import Made, make_case, read_file
from pipeline.records import PromoteRecord, TrainRecord, ValidateRecord
from pipeline.sources import Request
from pipeline.store import Store, project

FIRST = datetime(2023, 1, 1)
STEPS = ("ingest", "validate", "drift", "decide", "train", "evaluate", "promote", "report")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout's folders for cases and expectations, where cases are imported from."""
    for folder in ("pipeline/cases", "expectations"):
        (tmp_path / "checkout" / folder).mkdir(parents=True)
    known = set(sys.modules)
    path = [*pipeline.cases.__path__, str(tmp_path / "checkout" / "pipeline" / "cases")]
    monkeypatch.setattr(pipeline.cases, "__path__", path)
    monkeypatch.setattr(
        project, "suite", lambda case: tmp_path / "checkout" / "expectations" / f"{case}.json"
    )
    yield tmp_path / "checkout"
    for name in set(sys.modules) - known:
        if name.startswith("pipeline.cases.own"):
            del sys.modules[name]


def hourly() -> bytes:
    random = np.random.default_rng(1)
    lines = ["Zähler;Zeit;Anzahl"]
    for place in ("Süd", "Nord"):
        for hour in range(24 * 50):
            value = 50 + 30 * np.sin(hour * np.pi / 12) + random.normal(0, 5)
            moment = FIRST + timedelta(hours=hour)
            lines.append(f"{place};{moment:%d.%m.%Y %H:%M};{value:.1f}")
    text = "\n".join(lines) + "\n"
    return text.encode("cp1252")


def daily() -> bytes:
    random = np.random.default_rng(2)
    lines = ["day\trevenue"]
    for day in range(230):
        moment = FIRST + timedelta(days=day)
        revenue = f"{5000 + 1000 * (day % 7) + random.normal(0, 250):,.2f}"
        lines.append(f"{moment:%m/%d/%Y}\t{revenue if day % 40 else 'n/a'}")
    return ("\n".join(lines) + "\n").encode("utf-16")


def yearly() -> bytes:
    random = np.random.default_rng(3)
    lines = ["year\tstate\temitted"]
    lines += [
        f"{year}\t{state}\t{50 + (year - 1980) / 2 + random.normal(0, 1):.2f}".replace(".", ",")
        for state in "ABC"
        for year in range(1980, 2023)
    ]
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


def quarter_hourly() -> bytes:
    """Beginning at five past."""
    random = np.random.default_rng(6)
    lines = ["time,load"]
    for step in range(96 * 20):
        moment = FIRST + timedelta(minutes=15 * step + 5)
        load = 300 + 90 * np.sin(step * np.pi / 48) + random.normal(0, 9)
        lines.append(f"{moment:%Y-%m-%dT%H:%M:%SZ},{load:.1f}")
    return ("\n".join(lines) + "\n").encode()


def weekly() -> bytes:
    """By the Sunday that ends a week, with two weeks missing."""
    random = np.random.default_rng(7)
    lines = ["week,shop,sold"]
    for week in {*range(300)} - {120, 121}:
        moment = datetime(2018, 1, 7) + timedelta(weeks=week)
        sold = 400 + 150 * np.cos(week * 2 * np.pi / 52.18) + random.normal(0, 20)
        lines.append(f"{moment:%Y-%m-%d},north,{sold:.0f}")
    return ("\n".join(lines) + "\n").encode()


def quarterly() -> bytes:
    """Written as quarters, with one missing."""
    random = np.random.default_rng(8)
    lines = ["period,region,built"]
    for number in {*range(60)} - {31}:
        for region in ("east", "west"):
            built = 80 + 20 * (number % 4) + random.normal(0, 3)
            lines.append(f"{2005 + number // 4}-Q{number % 4 + 1},{region},{built:.1f}")
    return ("\n".join(lines) + "\n").encode()


def cars() -> bytes:
    random = np.random.default_rng(4)
    lines = ["mass (kg),fuel,power,note,co2"]
    for place in range(250):
        mass, fuel = random.normal(1500, 200), ["petrol", "diesel"][place % 2]
        power = "" if place % 20 == 0 else f"{random.normal(100, 20):.1f}"
        co2 = mass * 0.08 + (9 if fuel == "petrol" else 0) + random.normal(0, 3)
        lines.append(f"{mass:.0f},{fuel},{power},car {place},{co2:.1f}")
    return ("\n".join(lines) + "\n").encode()


def flowers() -> bytes:
    random = np.random.default_rng(5)
    names = ("setosa", "versicolor", "virginica")
    lines = ["length|width|species"]
    for place in range(240):
        kind = place % 3
        length, width = 4 + kind + random.normal(0, 0.3), 2 + kind / 2 + random.normal(0, 0.2)
        lines.append(f"{length:.2f}|{width:.2f}|{names[kind]}")
    return ("\n".join(lines) + "\n").encode()


FILES: dict[str, tuple[Callable[[], bytes], dict[str, Any], str, str]] = {
    "hourly": (
        hourly,
        {"target": "Anzahl", "time": "Zeit", "key": ("Zähler",)},
        "cp1252",
        "forecasting",
    ),
    "daily": (
        daily,
        {"target": "revenue", "time": "day"},
        "utf-16",
        "forecasting",
    ),
    "yearly": (
        yearly,
        {"target": "emitted", "time": "year", "key": ("state",)},
        "utf-8-sig",
        "forecasting",
    ),
    "quarter_hourly": (
        quarter_hourly,
        {"target": "load", "time": "time"},
        "utf-8",
        "forecasting",
    ),
    "weekly": (
        weekly,
        {"target": "sold", "time": "week", "key": ("shop",)},
        "utf-8",
        "forecasting",
    ),
    "quarterly": (
        quarterly,
        {"target": "built", "time": "period", "key": ("region",)},
        "utf-8",
        "forecasting",
    ),
    "cars": (cars, {"target": "co2"}, "utf-8", "regression"),
    "flowers": (flowers, {"target": "species"}, "utf-8", "classification"),
}


def made(root: Path, name: str) -> tuple[Path, Made]:
    """The folder of the data and what was written."""
    content, asked, *_ = FILES[name]
    path = root / "data" / f"own_{name}" / f"{name}.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(content())
    return root / "data", make_case(f"own_{name}", path, root=root, **asked)


@pytest.mark.parametrize("name", list(FILES))
def test_a_case_from_a_file_goes_through_every_step(root: Path, tmp_path: Path, name: str) -> None:
    """From the file to a champion, which may be the baseline, and a report with trends."""
    data, written = made(root, name)
    case = importlib.import_module(f"pipeline.cases.own_{name}").CASE
    bench = Bench(store=Store.at(tmp_path / "home"), case=case)

    view = bench.do(*STEPS, case=case.name, source="files", data=str(data), folds=2)

    assert FILES[name][3] == case.task.kind
    assert FILES[name][2] == read_file(data / f"own_{name}" / f"{name}.csv").encoding
    assert "stopped" not in view.record.sentence
    assert case.gates.oldest_champion > case.windows.held_out
    trained = bench.store.record(case.name, "run-1", TrainRecord)
    promoted = bench.store.record(case.name, "run-1", PromoteRecord)
    assert trained is not None
    assert promoted is not None
    assert promoted.champion.ref.candidate in {each.name for each in trained.candidates}
    assert any(file.kind == "trend" for file in view.record.files)
    assert any(f"CASES=own_{name}" in command for command in written.commands)


def test_nothing_is_overwritten_and_nothing_half_written(root: Path) -> None:
    """A second time is refused; a name that is none as well."""
    data, written = made(root, "cars")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    path = data / "own_cars" / "cars.csv"

    with pytest.raises(OptionError, match="there already"):
        make_case("own_cars", path, target="co2", root=root)
    with pytest.raises(OptionError, match="no name for a case"):
        make_case("../cars", path, target="co2", root=root)

    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert written.suite.is_file()


ROWS = "\n".join(f"{n},{n % 5},{n % 3}.5,c{n % 2}" for n in range(60))


SLASHED = "".join(f"0{1 + n % 9}/0{1 + n % 8}/2020,{n}\n" for n in range(60))
HOURS = [datetime(2024, 10, 26) + timedelta(hours=n) for n in range(60)]
DOUBLED = "".join(f"{t:%Y-%m-%d %H:%M},{n}\n" for n, t in enumerate([*HOURS[:27], *HOURS[26:]]))
NOW_AND_THEN = "".join(f"{t + timedelta(minutes=n % 7)},{n}\n" for n, t in enumerate(HOURS))
MIDNIGHTS = "".join(f"2024-10-{5 + n:02}T00:00:00+02:00,{n}\n" for n in range(23)) + "".join(
    f"2024-11-{1 + n:02}T00:00:00+01:00,{n}\n" for n in range(30)
)
SHOPS = "".join(
    f"{FIRST + timedelta(days=n // 2 + 365):%Y-%m-%d},{'AB'[n % 2]},{n}\n" for n in range(60)
)
DAILY = {"target": "b", "time": "t", "key": ("s",), "task": ""}
YEARS = "".join(f"{1900 + n},{n}\n" for n in range(45))


@pytest.mark.parametrize(
    ("text", "asked", "said"),
    [
        (f"id,a,b,c\n{ROWS}\n", {"target": "price"}, "no column 'price'"),
        ("a,b\n" + "1,2\n" * 60, {"target": "b"}, "nothing to learn"),
        ("a,b\n" + "1,2\n" * 10, {"target": "b"}, "10 rows"),
        (f"a,a,b,c\n{ROWS}\n", {"target": "b"}, "'a' is there 2 times"),
        ("a,b\n" + "".join(f"7,{n}\n" for n in range(60)), {"target": "b"}, "can explain"),
        (f"id,a,b,c\n{ROWS}\n1,2\n", {"target": "b"}, "another number of values"),
        ("one\n" + "1\n" * 60, {"target": "one"}, "no separator"),
        ("<html><body>no</body></html>", {"target": "a"}, "HTML page"),
        (f"id,a,b,c\n{ROWS}\n", {"target": "c", "task": "regression"}, "not numbers"),
        (f"id,a,b,c\n{ROWS}\n", {"target": "b", "task": "forecasting"}, "needs --time"),
        (f"id,a,b,c\n{ROWS}\n", {"target": "b", "time": "c"}, "no times that are known"),
        (f"id,a,b,c\n{ROWS}\n", {"target": "b", "key": ("a",)}, "rows share a key"),
        (f"id,a,b,c\n{ROWS}\n", {"target": "id", "task": "classification"}, "60 different values"),
        (f"id,a,b,c\n{ROWS}\n", {"target": "b", "key": ("id", "c"), "time": "b"}, "both"),
        (
            "a,b\n" + "".join(f"x{n},{n}\n" for n in range(60)),
            {"target": "b"},
            "60 different texts",
        ),
        (
            "a,b\n" + "".join(f"{n},€{n}.5\n" for n in range(60)),
            {"target": "b"},
            "line 2 has '€0.5'",
        ),
        ("a;b\n" + "".join(f"{n};{n + 1},234\n" for n in range(60)), {"target": "b"}, "thousands"),
        ("a,b\n1,2\n" * 30 + "x", {"target": "b"}, "another number"),
        ("", {"target": "b"}, "it is empty"),
        ("t,b\n" + DOUBLED, {"target": "b", "time": "t"}, "the hour that clocks repeat"),
        ("t,s,b\n" + SHOPS, DAILY | {"key": (), "task": "forecasting"}, "apart with --key"),
        ("t,s,b\n" + SHOPS + "2024-01-01,A,3\n", DAILY, "lines 2 and 62"),
        ("t,b\n" + NOW_AND_THEN, {"target": "b", "time": "t"}, "lies between two of the others"),
        ("t,b\n" + MIDNIGHTS, {"target": "b", "time": "t"}, "days as dates alone"),
        ("t,b\n" + SLASHED, {"target": "b", "time": "t"}, "day first or month first"),
        ("t,b\n" + YEARS + ",3\n", {"target": "b", "time": "t"}, "no value in line 47"),
    ],
)
def test_a_file_with_nothing_to_learn_says_so(
    root: Path, text: str, asked: dict[str, Any], said: str
) -> None:
    """In words, and nothing is written."""
    path = root / "data.csv"
    path.write_text(text)

    with pytest.raises((OptionError, SourceError, VigieError)) as caught:
        make_case("own", path, root=root, **asked)

    assert said in str(caught.value)
    assert [path] == [found for found in root.rglob("*") if found.is_file()]


def test_numbers_times_and_gaps_are_read_as_they_are_written(root: Path) -> None:
    """A sign between thousands, words for no value, days first, blanks: declared, and then read."""
    path = root / "data" / "own_odd" / "odd.csv"
    path.parent.mkdir(parents=True)
    rows = [f"{1000 + n:,}".replace(",", ".") + f";{n % 5},5;{n % 2};ja" for n in range(60)]
    rows[3], rows[4], rows[5] = "NA;1,5;0;ja", "1.004;-;1;nein", "1.005; ;1;"
    path.write_text("wert;rest;class;lag_1\n" + "\n".join(rows) + "\n")

    made = make_case("own_odd", path, target="class", root=root)
    case = importlib.import_module("pipeline.cases.own_odd").CASE
    asked = Request(folder=path.parent, schema=case.schema)
    found = pa.Table.from_batches(case.sources["files"].fetch(asked).batches).to_pylist()

    assert [1000.0, 0.5, "0", "ja"] == [found[0][n] for n in ("wert", "rest", "c_class", "c_lag_1")]
    assert [None, 1.5] == [found[3][n] for n in ("wert", "rest")]
    assert [None, None] == [found[4]["rest"], found[5]["rest"]]
    assert case.task.kind == "classification"
    assert any("'-', 'NA'" in sentence for sentence in made.said)
    path.write_text(path.read_text().replace("1.004", "1.00.4"))
    with pytest.raises(SourceError, match=r"'1.00.4' in line 6 isn't a number written like"):
        list(case.sources["files"].fetch(asked).batches)


MONTH_NAMES = (
    "jan",
    "Feb",
    "MAR",
    "Apr",
    "May",
    "June",
    "July",
    "Aug",
    "Sept",
    "Oct",
    "Nov",
    "Dec",
)


def weeks_of(count: int) -> list[tuple[str, datetime]]:
    """ISO weeks from the first of 2019 on; 2020 has 53 of them."""
    mondays = [datetime(2018, 12, 31) + timedelta(weeks=n) for n in range(count)]
    return [("{}-W{:02}".format(*monday.isocalendar()[:2]), monday) for monday in mondays]


def months_of(count: int, written: Callable[[int, int], str]) -> list[tuple[str, datetime]]:
    return [
        (written(2010 + n // 12, n % 12 + 1), datetime(2010 + n // 12, n % 12 + 1, 1))
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("times", "form", "every", "said"),
    [
        (weeks_of(160), "%G-W%V", "W", "Times such as 2019-W01 are ISO weeks"),
        (months_of(80, lambda year, month: f"{year}M{month:02}"), "%YM%m", "M", "are months"),
        (months_of(80, lambda year, month: f"{year}-{month:02}"), "%Y-%m", "M", "2010-01-01."),
        (months_of(80, lambda year, month: f"{year}{month:02}"), "%Y%m", "M", "201001 are months"),
        (months_of(80, lambda year, month: f"{month:02}/{year}"), "%m/%Y", "M", "are months"),
        (
            months_of(80, lambda year, month: f"{MONTH_NAMES[month - 1]} {year}"),
            "%b %Y",
            "M",
            "Times such as jan 2010 are months; each stands at its first day, here 2010-01-01.",
        ),
        (
            [
                (f"q{month // 3 + 1} {day:%Y}", day)
                for _, day in months_of(240, lambda *_: "")
                if (month := day.month - 1) % 3 == 0
            ],
            "Q%q %Y",
            "3M",
            "are quarters",
        ),
    ],
)
def test_times_that_are_written_as_periods_are_read(
    root: Path, times: list[tuple[str, datetime]], form: str, every: str, said: str
) -> None:
    """Each at its first day, by the guess and by the case that was written; and it is told."""
    path = root / "data" / "own_periods" / "periods.csv"
    path.parent.mkdir(parents=True)
    rows = [f"{text},{n % 7 + n / 50:.2f}" for n, (text, _) in enumerate(times)]
    path.write_text("\n".join(["when,value", *rows]) + "\n")

    written = make_case("own_periods", path, target="value", time="when", root=root)
    case = importlib.import_module("pipeline.cases.own_periods").CASE
    source = case.sources["files"]
    asked = Request(folder=path.parent, schema=case.schema)
    found = pa.Table.from_batches(source.fetch(asked).batches)["when"].to_pylist()

    assert (form, every) == (source.time_form, case.task.every)
    assert [moment for _, moment in times] == [moment.replace(tzinfo=None) for moment in found]
    assert any(said in sentence for sentence in written.said)


def test_a_period_that_there_is_not_is_refused_with_its_line(root: Path) -> None:
    """2021 has no week 53; nothing is moved into the next year."""
    path = root / "data" / "own_weeks" / "weeks.csv"
    path.parent.mkdir(parents=True)
    lines = ["when,value", *(f"{text},{n % 7}" for n, (text, _) in enumerate(weeks_of(160)))]
    path.write_text("\n".join(lines) + "\n")
    make_case("own_weeks", path, target="value", time="when", root=root)
    case = importlib.import_module("pipeline.cases.own_weeks").CASE
    path.write_text("\n".join([*lines, "2021-W53,4"]) + "\n")

    asked = Request(folder=path.parent, schema=case.schema)

    with pytest.raises(SourceError, match="column 'when'"):
        list(case.sources["files"].fetch(asked).batches)


def table(header: str, row: str, rows: int = 60, end: str = "") -> bytes:
    """Rows in which `#` is a number of its own, `%` one of seven and `@` one of two letters."""
    lines = [
        row.replace("#", str(100 + n)).replace("%", str(n % 7)).replace("@", "ab"[n % 2])
        for n in range(rows)
    ]
    return "\n".join([header, *lines, *([end] if end else [])]).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "named", "told"),
    [
        (table("Report 2023\n\nsize,kind,y", "%,@,#"), {}, "record 2 looks like it ('size, kind"),
        (table("Report;;\nsize;kind;y", "%;@;#"), {}, "Remove what is above it"),
        (table("size,kind,y", "%,@,#", end="Total,,7770"), {}, "looks like a total ('Total')"),
        (table("day,y", "2023-01-01,%"), {"time": "day"}, "Leave --time out"),
        (table("size,y", "%,#.5%"), {}, None),
        (table("size,y", "%,$#.50"), {}, "line 2 has '$100.50'"),
        (table("size,y", "%,#").replace(b",103", b","), {}, None),
        (table("size,y", "%,#").replace(b",10", b",\n5,10"), {}, "no value in 10 of 70 rows"),
        (table("size;y", "%;#.250"), {}, "the point in '100.250' may stand between thousands"),
        (table('size,"y\nunits"', "%,#"), {}, "has a line break"),
        (table(",size,y", "#,%,#"), {}, "column 1 has no name"),
    ],
)
def test_what_users_bring_is_read_or_refused_with_its_remedy(
    root: Path, content: bytes, named: dict[str, Any], told: str | None
) -> None:
    path = root / "data.csv"
    path.write_bytes(content)

    if told is None:
        make_case("own", path, target="y", root=root, **named)
        return
    with pytest.raises((SourceError, OptionError)) as caught:
        make_case("own", path, target="y", root=root, **named)

    assert told in str(caught.value)
    assert not (root / "pipeline" / "cases" / "own").exists()


def test_what_is_no_measure_and_what_looks_like_one_is_said(root: Path) -> None:
    """A customer's number explains nothing, a share with its sign is no number, and columns named
    after months hold series.
    """
    path = root / "data.csv"
    header = "customer_id,discount,Jan 2023,Feb 2023,Mar 2023,y,"
    path.write_bytes(table(header, "#,1% %,%,#%,%,#%,").replace(b"1% ", b"1"))

    made = make_case("own", path, target="y", root=root)

    told = " ".join(made.said)
    assert "customer_id (another whole number in each row" in told
    assert "3 columns are named after times, such as 'Jan 2023' and 'Feb 2023'" in told
    assert "Each line ends with a separator" in told
    case = importlib.import_module("pipeline.cases.own").CASE
    for name in ("__init__.py", "candidates.py"):  # `vigie --help` finds all cases
        text = (root / "pipeline" / "cases" / "own" / name).read_text()
        assert not any(
            line.startswith(("from sklearn", "import sklearn")) for line in text.splitlines()
        )
    assert "text" == case.schema.column("customer_id").kind
    (root / "data").mkdir()
    (root / "data" / "data.csv").write_bytes(path.read_bytes())
    feed = case.source("files").fetch(Request(schema=case.schema, folder=root / "data"))
    assert 60 == sum(batch.num_rows for batch in feed.batches)


@pytest.mark.parametrize("name", ["class", "cases", "assets"])
def test_a_name_that_python_or_the_site_uses_is_refused(root: Path, name: str) -> None:
    with pytest.raises(OptionError, match="Choose another"):
        make_case(name, root / "none.csv", target="a", root=root)


def test_a_caller_names_what_explains_a_row_and_not_what_tells_it_apart(root: Path) -> None:
    """A new customer has an identity that no model has seen."""
    path = root / "data.csv"
    rows = [f"{n}-XY,{n % 7},{'ab'[n % 2]},{2024 - n % 3}-01-0{1 + n % 9},{n}" for n in range(300)]
    path.write_text("customer,visits,plan,joined,spent (EUR)\n" + "\n".join(rows) + "\n")

    make_case(
        "own_customers", path, target="spent (EUR)", key=("customer",), time="joined", root=root
    )
    make_case("own_rows", path, target="spent (EUR)", root=root)
    named, numbered = (
        importlib.import_module(f"pipeline.cases.own_{name}").CASE for name in ("customers", "rows")
    )

    for case in (named, numbered):
        assert ["", "EUR"] == [case.schema.column(each).unit for each in ("plan", "spent_eur")]
        asked = case.task.request_model(case.schema, "Row").model_json_schema()
        assert {"visits", "plan"} == set(asked["properties"])
    assert [("customer",), ("row",)] == [named.schema.key, numbered.schema.key]
    assert named.schema.column("customer").kind == "text"


def test_what_columns_hold_is_said_and_which_are_numbers_but_for_a_few(root: Path) -> None:
    """A word among numbers makes a category of them, which nobody should have to find out."""
    path = root / "data.csv"
    rows = [f"{'oops' if n == 5 else n % 7},{'ab'[n % 2]},{n}" for n in range(60)]
    path.write_text("visits,plan,spent\n" + "\n".join(rows) + "\n")

    said = make_case("own_odd_one", path, target="spent", root=root).said

    assert "Columns: visits (category), plan (category), spent (integer)." in said
    (odd,) = [sentence for sentence in said if "numbers but for" in sentence]
    assert "1 of 60 values, such as 'oops' in line 7" in odd


def test_a_time_between_two_steps_is_set_aside(root: Path, tmp_path: Path) -> None:
    """It would be taken for the step before, in the place of a row that is right."""
    data, _ = made(root, "weekly")
    path = data / "own_weekly" / "weekly.csv"
    path.write_text(path.read_text() + "2023-09-26,north,7\n")
    case = importlib.import_module("pipeline.cases.own_weekly").CASE
    bench = Bench(store=Store.at(tmp_path / "home"), case=case)

    bench.do("ingest", "validate", case=case.name, source="files", data=str(data))

    record = bench.store.record(case.name, "run-1", ValidateRecord)
    assert record is not None
    failed = {each.name: each.unexpected for each in record.findings if not each.success}
    assert {"time-on-the-grid": 1} == failed
