"""The files of a case: written beside their place and moved there whole, never over another."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.errors import OptionError, StateError
from pipeline.newcase.planning import ROOM, Plan, make_plan
from pipeline.newcase.reading import read_file
from pipeline.store import project


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was written, what was guessed, and how to go on."""

    folder: Path
    suite: Path
    said: tuple[str, ...]
    commands: tuple[str, ...]


def make_case(
    name: str,
    path: Path,
    *,
    target: str,
    time: str = "",
    key: tuple[str, ...] = (),
    task: str = "",
    root: Path = project.ROOT,
) -> Made:
    """Reads the file, writes the case; raises `OptionError` or `SourceError` and writes nothing."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise OptionError(
            f"{name!r} is no name for a case: use small letters, digits and underscores."
        )
    folder, suite = root / "pipeline" / "cases" / name, root / "expectations" / f"{name}.json"
    for held in (folder, suite):
        if held.exists():
            raise OptionError(f"{held} is there already. Choose another name, or remove it first.")
    plan = make_plan(read_file(path), target=target, time=time, key=key, task=task)
    files = {
        "__init__.py": case_module(name, plan),
        "candidates.py": candidates_module(plan),
        "page.md": page(name, plan),
    }
    _place(files, folder, suite, json.dumps(expectations(name, plan), indent=2, ensure_ascii=False))
    return Made(
        folder=folder,
        suite=suite,
        said=plan.said,
        commands=(
            f"mkdir -p data/{name} && cp {path} data/{name}/",
            f"make run CASES={name} SOURCE=files DATA=data",
            "make serve SOURCE=files",
        ),
    )


def _place(files: dict[str, str], folder: Path, suite: Path, expected: str) -> None:
    try:
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
        try:
            for name, text in files.items():
                (work / name).write_text(text, encoding="utf-8")
            work.chmod(0o755)
            with suite.open("x", encoding="utf-8") as file:
                file.write(expected + "\n")
            try:
                work.rename(folder)
            except OSError:
                suite.unlink()
                raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise StateError.for_failed_write(folder, error) from error


def case_module(name: str, plan: Plan) -> str:
    """`__init__.py`: declarations alone."""
    title = name.replace("_", " ").capitalize()
    guess = plan.guess
    columns = "".join(
        f"            Column(name={c.name!r}, kind={c.kind!r}, description={_described(plan, c.name)!r}, "
        f"nullable={c.nullable}, known_ahead={c.known_ahead}),\n"
        for c in plan.columns
    )
    names = {"forecasting": ["boosting", "linear"]}.get(plan.task, ["boosting", "forest", "linear"])
    titles = {
        "boosting": "Histogram gradient boosting",
        "forest": "Random forest",
        "linear": "Logistic regression" if plan.task == "classification" else "Ridge regression",
    }
    candidates = "".join(
        f"        Candidate(name={n!r}, title={titles[n]!r}, build=candidates.{n}),\n"
        for n in names
    )
    rhythm = plan.rhythm
    known_after = rhythm.known_after if rhythm else ("days=1" if plan.time else "0")
    windows = _windows(plan)
    trends = _trends(plan)
    task_class = plan.task.capitalize()
    return _formatted(f'''"""{title}: made by `vigie new` from {guess.path.name}; yours to change."""

from __future__ import annotations

from datetime import timedelta

from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.cases.{name} import candidates
from pipeline.schema import Column, Schema
from pipeline.sources.flat import FlatFile
from pipeline.tasks.{plan.task} import {task_class}
{"from pipeline.trends import TrendView" if trends else ""}

CASE = Case(
    name={name!r},
    title={title!r},
    question={f"What will {plan.target} be?"!r},
    task={_task(plan)},
    schema=Schema(
        columns=(
{columns}        ),
        key={plan.key!r},
        target={plan.target!r},
        time={plan.time!r},
        known_after=timedelta({known_after}),
    ),
    sources={{
        "files": FlatFile(
            title={f"{title} (a file of your own)"!r},
            pattern={f"*{guess.path.suffix or '.csv'}"!r},
            delimiter={guess.delimiter!r},
            headers={guess.headers!r},
            encoding={guess.encoding!r},
            decimal={guess.decimal!r},
            time_form={plan.time_form!r},
        ),
    }},
    candidates=(
{candidates}    ),
    windows={windows},
    gates=Gates(
        most_quarantined=0.05,
        fresh=timedelta(days={_fresh(plan)}),
        degradation=0.2,
        oldest_champion=timedelta(days={4 * _fresh(plan)}),
        margin=0.01,
    ),
    check_columns=lambda table, as_of: table,  # noqa: ARG005 - the suite needs no further columns
    check_rows_alone=True,
    {trends}
)
''')


def candidates_module(plan: Plan) -> str:
    """`candidates.py`: models on the columns of the file."""
    forecasting = plan.task == "forecasting"
    kind = "Classifier" if plan.task == "classification" else "Regressor"
    linear = (
        "LogisticRegression(max_iter=2000, random_state=seed)"
        if plan.task == "classification"
        else "Ridge(alpha=1.0, random_state=seed)"
    )
    rhythm = plan.rhythm
    if rhythm:
        numbers = [
            *(f"lag_{n}" for n in rhythm.lags),
            *(f"mean_{n}" for n in rhythm.means),
            "season_mean",
        ]
        categories = list(plan.series)
    else:
        numbers, categories = list(plan.numbers), list(plan.categories)
    forest = (
        ""
        if forecasting
        else f'''

def forest(seed: int) -> Pipeline:
    """A random forest."""
    from sklearn.ensemble import RandomForest{kind}

    model = RandomForest{kind}(n_estimators=100, min_samples_leaf=2, random_state=seed)
    return trees(model, numbers=NUMBERS, categories=CATEGORIES)
'''
    )
    return _formatted(f'''"""The models that compete. Change them, or add others of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

NUMBERS = {numbers!r}
CATEGORIES: list[str] = {categories!r}


def boosting(seed: int) -> Pipeline:
    """Histogram gradient boosting; missing numbers are learned from as they are."""
    from sklearn.ensemble import HistGradientBoosting{kind}

    from pipeline.tasks.tabular import trees

    model = HistGradientBoosting{kind}(max_iter=100, early_stopping=False, random_state=seed)
    return trees(model, numbers=NUMBERS, categories=CATEGORIES)
{forest.replace("    model = RandomForest", "    from pipeline.tasks.tabular import trees" + chr(10) + chr(10) + "    model = RandomForest")}

def linear(seed: int) -> Pipeline:
    """A linear model on scaled numbers."""
    from sklearn.linear_model import {linear.split("(", maxsplit=1)[0]}

    from pipeline.tasks.tabular import scaled

    return scaled({linear}, numbers=NUMBERS, categories=CATEGORIES)
''')


def page(name: str, plan: Plan) -> str:
    """`page.md`: what a reader sees first, to be rewritten."""
    said = "\n".join(f"- {sentence}" for sentence in plan.said)
    return (
        f"# {name.replace('_', ' ').capitalize()}\n\n"
        f"Made from `{plan.guess.path.name}`, {plan.guess.rows:,} rows. Say here what the rows are, "
        f"where they come from and what the answer is used for.\n\n{said}\n"
    )


def expectations(name: str, plan: Plan) -> dict[str, Any]:
    """The suite: bounds are those of the file with room, for a person to review."""
    unique = (
        _entry(
            "expect_compound_columns_to_be_unique",
            {"column_list": list(plan.key)},
            "warning",
            "key-unique",
            "No two rows share their key.",
        )
        if len(plan.key) > 1
        else _entry(
            "expect_column_values_to_be_unique",
            {"column": plan.key[0]},
            "warning",
            "key-unique",
            "No two rows share their key.",
        )
    )
    found = [
        _entry(
            "expect_table_row_count_to_be_between",
            {"min_value": plan.guess.rows // 2},
            "critical",
            "enough-rows",
            f"There are at least half as many rows as the {plan.guess.rows:,} of the first file.",
        ),
        unique,
    ]
    if plan.time:
        found.append(
            _entry(
                "expect_column_max_to_be_between",
                {"column": plan.time, "min_value": {"$PARAMETER": "fresh_since"}},
                "critical",
                "fresh",
                "The newest row is not older than the case allows.",
            )
        )
    given = [c.name for c in plan.columns if not c.nullable]
    found += [
        _entry(
            "expect_column_values_to_not_be_null",
            {"column": column},
            "warning",
            f"{_hyphened(column)}-given",
            f"Every row has a value of {column}.",
        )
        for column in given
    ]
    found += [
        bound
        for column in plan.columns
        if column.kind in ("number", "integer")
        and column.name in plan.guess.columns
        and (bound := _bounds(plan, column.name)) is not None
    ]
    if plan.classes:
        found.append(
            _entry(
                "expect_column_values_to_be_in_set",
                {"column": plan.target, "value_set": list(plan.classes)},
                "warning",
                "class-known",
                "The class is one of those that the case declares.",
            )
        )
    return {"name": name, "expectations": found, "meta": {}}


def _bounds(plan: Plan, name: str) -> dict[str, Any] | None:
    values = [float(v.replace(",", ".")) for v in plan.guess.columns[name] if v]
    if not values:
        return None
    low, high = min(values), max(values)
    room = ROOM * (high - low) or abs(high) or 1.0
    least = max(low - room, 0.0) if low >= 0 else low - room
    bounds = {"min_value": float(f"{least:.4g}"), "max_value": float(f"{high + room:.4g}")}
    return _entry(
        "expect_column_values_to_be_between",
        {"column": name, **bounds},
        "warning",
        f"{_hyphened(name)}-plausible",
        f"{name} lies within the range of the first file, {low:g} to {high:g}, and half of it more "
        "at either end. Review these bounds.",
    )


def _entry(
    kind: str, kwargs: dict[str, Any], severity: str, name: str, sentence: str
) -> dict[str, Any]:
    return {
        "type": kind,
        "kwargs": kwargs,
        "severity": severity,
        "meta": {"name": name, "sentence": sentence},
    }


def _hyphened(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "column"


def _described(plan: Plan, name: str) -> str:
    header = next((h.strip() for h, n in plan.guess.headers.items() if n == name), "")
    return f"column {header!r} of the file" if header else "number of the row in the file"


def _task(plan: Plan) -> str:
    if plan.task == "classification":
        return f"Classification(classes={plan.classes!r})"
    floor = (
        ", floor=0.0"
        if all(float(v.replace(",", ".")) >= 0 for v in plan.guess.columns[plan.target] if v)
        else ""
    )
    rhythm = plan.rhythm
    if rhythm is None:
        return f"Regression({floor.removeprefix(', ')})"
    return (
        f"Forecasting(every={rhythm.every!r}, horizon={rhythm.horizon}, season={rhythm.season}, "
        f"season_name={rhythm.season_name!r}, lags={rhythm.lags!r}, means={rhythm.means!r}, "
        f"seasons={rhythm.seasons}{floor})"
    )


def _windows(plan: Plan) -> str:
    if plan.time is None:
        return "Windows(folds=5)"
    block = plan.rhythm.block if plan.rhythm else "days=1"
    held = _timedelta(plan.held_out)
    fold = f"fold={_timedelta(plan.fold)}, " if plan.rhythm else ""
    return f"Windows(folds={plan.folds}, {fold}held_out={held}, current={held}, block=timedelta({block}))"


def _timedelta(length: timedelta) -> str:
    days = length / timedelta(days=1)
    return f"timedelta(days={round(days, 2):g})"


def _fresh(plan: Plan) -> int:
    """Days for which newest rows count as fresh: three steps, and a month at least."""
    steps = {"h": 1 / 24, "D": 1, "M": 31, "Y": 366}
    return max(round(3 * steps[plan.rhythm.every]), 30) if plan.rhythm else 365


def _trends(plan: Plan) -> str:
    """A view over time, or by the first category of a table without time."""
    count = ", aggregate='count'" if plan.task == "classification" else ""
    if plan.time:
        bucket = "year" if plan.rhythm and plan.rhythm.every in "MY" else "month"
        panels = f", panels={plan.series[0]!r}" if plan.rhythm and plan.series else ""
        if plan.task == "classification":
            panels = f", lines={plan.target!r}"
        return (
            f"trends=(TrendView(name='over_time', title={f'{plan.target} over time'!r}, "
            f"bucket={bucket!r}{panels}{count}),),"
        )
    lines = plan.target if plan.classes else next(iter(plan.categories), "")
    if not lines:
        return ""
    return (
        f"trends=(TrendView(name='by_group', title={f'{plan.target} by {lines}'!r}, "
        f"lines={lines!r}{count}),),"
    )


def _formatted(text: str) -> str:
    """As `make format` has it, where ruff is installed."""
    if find_spec("ruff") is None:
        return text
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--line-length", "100", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else text
