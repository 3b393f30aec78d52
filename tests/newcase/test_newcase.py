"""A case of one's own: what is guessed, what is refused, and that the case runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made import Bench

import pipeline.cases
from pipeline.errors import OptionError, SourceError, VigieError
from pipeline.newcase import Made, make_case, read_file
from pipeline.records import PromoteRecord, TrainRecord
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
    lines = ["day,shop,revenue"]
    for shop in "AB":
        for day in range(230):
            moment = FIRST + timedelta(days=day)
            lines.append(
                f'{moment:%Y-%m-%d},{shop},"{100 + 20 * (day % 7) + random.normal(0, 5):.2f}"'
            )
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
        {"target": "revenue", "time": "day", "key": ("shop",)},
        "utf-16",
        "forecasting",
    ),
    "yearly": (
        yearly,
        {"target": "emitted", "time": "year", "key": ("state",)},
        "utf-8-sig",
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
