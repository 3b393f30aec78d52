"""The files of a case as texts: declarations, models, and a page to be rewritten."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from datetime import timedelta
from functools import cache
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.newcase.numerals import Numerals
from pipeline.newcase.planning import Plan

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
FRESH_DAYS = 365
"""For which newest rows of no forecast count as fresh."""
TITLES = {
    "boosting": "Histogram gradient boosting",
    "forest": "Random forest",
    "linear": "Ridge regression",
}


def case_module(name: str, plan: Plan) -> str:
    """`__init__.py`: declarations alone."""
    guess, title = plan.guess, titled(name)
    fresh = plan.rhythm.fresh if plan.rhythm else FRESH_DAYS
    return _filled(
        "case.py.j2",
        name=name,
        title=title,
        file=guess.path.name.replace("\\", "/").replace('"', "'"),
        plan=plan,
        guess=guess,
        units={column.name: _unit(plan, column.name) for column in plan.columns},
        question=f"What will {plan.target} be?",
        task=_task(plan),
        described={column.name: _described(plan, column.name) for column in plan.columns},
        known_after=plan.rhythm.known_after if plan.rhythm else "days=1" if plan.time else "0",
        source=f"{title} (a file of your own)",
        pattern=f"*{guess.path.suffix or '.csv'}",
        layout=_layout(plan),
        competing=_competing(plan),
        windows=_windows(plan),
        fresh=fresh,
        # A champion has not seen the held-out window on which it was tested.
        oldest=4 * fresh + ceil(plan.stretches.held_out / timedelta(days=1)),
        trends=_trends(plan),
    )


def candidates_module(plan: Plan) -> str:
    """`candidates.py`: models on the columns of the file, or of its past."""
    classes, rhythm = plan.task == "classification", plan.rhythm
    numbers, categories = plan.of_kind("number", "integer"), plan.of_kind("category")
    if rhythm:
        lags = [f"lag_{n}" for n in rhythm.lags]
        numbers = (*lags, *(f"mean_{n}" for n in rhythm.means), "season_mean")
        categories = plan.series
    return _filled(
        "candidates.py.j2",
        numbers=list(numbers),
        categories=list(categories),
        competing=_competing(plan),
        kind="Classifier" if classes else "Regressor",
        linear="LogisticRegression" if classes else "Ridge",
        settings="max_iter=2000" if classes else "alpha=1.0",
    )


def page(name: str, plan: Plan) -> str:
    """`page.md`: what a reader sees first, to be rewritten."""
    said = "\n".join(f"- {sentence}" for sentence in plan.said)
    return (
        f"# {titled(name)}\n\n"
        f"Made from `{plan.guess.path.name}`, {plan.guess.rows:,} rows. Say here what these are, "
        f"where they come from and what the answer is used for.\n\n{said}\n"
    )


def titled(name: str) -> str:
    """The name of a case as a title."""
    return name.replace("_", " ").capitalize()


def _competing(plan: Plan) -> dict[str, str]:
    """Name -> title of the candidates."""
    titles = dict(TITLES)
    if plan.task == "forecasting":
        del titles["forest"]
    if plan.task == "classification":
        titles["linear"] = "Logistic regression"
    return titles


def _layout(plan: Plan) -> dict[str, Any]:
    """How values are written, where it is not as usual."""
    usual, found = Numerals(), plan.guess.numerals
    own = {
        each.name: getattr(found, each.name)
        for each in fields(Numerals)
        if getattr(found, each.name) != getattr(usual, each.name)
    }
    return own | ({"time_form": plan.time_form} if plan.time_form else {})


def _described(plan: Plan, name: str) -> str:
    header = next((h.strip() for h, n in plan.guess.headers.items() if n == name), "")
    return f"column {header!r} of the file" if header else "number of the row in the file"


def _unit(plan: Plan, name: str) -> str:
    """What a column of numbers has in brackets at the end of its header: `mass (kg)`."""
    header = next((h for h, n in plan.guess.headers.items() if n == name), "")
    found = re.search(r"[(\[]([^()\[\]]{1,20})[)\]]\s*$", header)
    number = plan.guess.columns.get(name) and plan.guess.kind(name) in ("number", "integer")
    return found[1].strip() if found and number else ""


def _task(plan: Plan) -> str:
    if plan.task == "classification":
        return f"Classification(classes={plan.classes!r})"
    floor = "floor=0.0" if min(plan.guess.numbers(plan.target)) >= 0 else ""
    rhythm = plan.rhythm
    if rhythm is None:
        return f"Regression({floor})"
    return (
        f"Forecasting(every={rhythm.every!r}, horizon={rhythm.horizon}, season={rhythm.season}, "
        f"season_name={rhythm.season_name!r}, lags={rhythm.lags!r}, means={rhythm.means!r}, "
        f"seasons={rhythm.seasons}, {floor})"
    )


def _windows(plan: Plan) -> str:
    lengths = plan.stretches
    if plan.time is None:
        return f"Windows(folds={lengths.folds})"
    block = plan.rhythm.block if plan.rhythm else "days=1"
    held = _timedelta(lengths.held_out)
    fold = f"fold={_timedelta(lengths.fold)}, " if plan.rhythm else ""
    return (
        f"Windows(folds={lengths.folds}, {fold}held_out={held}, current={held}, "
        f"block=timedelta({block}))"
    )


def _timedelta(length: timedelta) -> str:
    return f"timedelta(days={round(length / timedelta(days=1), 2):g})"


def _trends(plan: Plan) -> list[str]:
    """Views over time and by its cycles, or by the first category of a table without time."""
    counted = plan.task == "classification"
    lines = plan.target if counted else next(iter(plan.of_kind("category")), "")
    if plan.time is None:
        return (
            [_view("by_group", f"{plan.target} by {lines}", counted, lines=lines)] if lines else []
        )
    if plan.rhythm is None:
        by = {"lines": lines} if counted else {}
        return [_view("over_time", f"{plan.target} over time", counted, bucket="month", **by)]
    panels = {"panels": plan.series[0]} if plan.series else {}
    views = [
        _view(
            "over_time", f"{plan.target} over time", counted, bucket=plan.stretches.bucket, **panels
        )
    ]
    return views + [
        _view(f"by_{cycle}", f"{plan.target} by {cycle}", counted, bucket=cycle, **panels)
        for cycle in plan.rhythm.cycles
    ]


def _view(name: str, title: str, counted: bool, **said: str) -> str:
    told = {"name": name, "title": title, **said} | ({"aggregate": "count"} if counted else {})
    return f"TrendView({', '.join(f'{key}={value!r}' for key, value in told.items())})"


def _filled(template: str, **values: object) -> str:
    return _formatted(_templates().get_template(template).render(**values))


@cache
def _templates() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - Python comes out, with every value quoted by repr
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = repr
    return environment


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
