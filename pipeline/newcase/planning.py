"""From a guessed file to a case: key, task, windows and columns; or why nothing can be learned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.errors import OptionError
from pipeline.newcase.reading import MOST_CATEGORIES, Guess
from pipeline.newcase.rhythms import Rhythm, Stretches, fitted, undivided
from pipeline.newcase.tasks import TaskName, choose_key, choose_task
from pipeline.newcase.times import Grid, forms_of, grid_of, periods_told, read_times
from pipeline.schema import Kind
from pipeline.sources.flat import ROW
from pipeline.tasks import timesteps

MOST_LACKING = 0.05
"""Share of rows in quarantine that stops a run of a case that `vigie new` has made."""
FEWEST_PERIODS = 3
"""Columns named after times, from which a table looks as if it had one for each."""
_IDENTIFIER = re.compile(r"(^|_)(id|ids|nr|no|num|number|key|code|index|idx|uid)(_|$)")
_DIGITS = re.compile(r"[+-]?[\d.,' ]*\d")
_SIGNED = re.compile(r"[^\d+-]*[+-]?[\d.,' ]*\d[^\d]*")
FEW_ODD = 0.1
"""Share of values that are no numbers, up to which a column looks like one of numbers."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A column as it is declared."""

    name: str
    kind: Kind
    nullable: bool
    known_ahead: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that the generated files declare."""

    guess: Guess
    task: TaskName
    columns: tuple[Planned, ...]
    key: tuple[str, ...]
    target: str
    time: str | None
    time_form: str
    rhythm: Rhythm | None
    stretches: Stretches
    classes: tuple[str, ...]
    features: tuple[str, ...]
    """Columns that the models go by, beside what forecasts go by of the past."""
    said: tuple[str, ...]

    @property
    def series(self) -> tuple[str, ...]:
        return tuple(name for name in self.key if name != self.time)

    def of_kind(self, *kinds: Kind) -> tuple[str, ...]:
        """The features of these kinds."""
        known = {column.name: column.kind for column in self.columns}
        return tuple(name for name in self.features if known[name] in kinds)


def make_plan(guess: Guess, *, target: str, time: str, key: tuple[str, ...], task: str) -> Plan:
    """Raises `OptionError` where names are unknown, or the file has nothing to learn."""
    target, time, *named = (_column(guess, name) if name else "" for name in (target, time, *key))
    _require_target(guess, target, time)
    series = tuple(name for name in named if name != time)
    form = _form(guess, time) if time else ""
    kinds = _kinds(guess, time, form, series, target)
    times = read_times(guess.columns[time], form) if time else []
    grid = _grid(guess, series, times)
    chosen, why = choose_task(guess, target, kinds[target], grid, task)
    periods = periods_told(guess.columns[time], form) if time else ""
    told = [*_kinds_told(guess, kinds), *_wide_told(guess)]
    said = [*guess.grounds, *filter(None, [periods]), *told, *_lacking_told(guess, target), why]
    forecasting = chosen == "forecasting"
    rhythm, lengths = None, undivided(times)
    if forecasting and grid.step:
        rhythm, lengths = fitted(grid.step, times, guess.path)
        said.append(f"Baseline: {rhythm.season_name}; forecasts reach {_ahead(rhythm)}.")
    whole = (*series, time) if forecasting else choose_key(guess, series, time, said)
    features, unused = _features(guess, kinds, {target, time, *whole})
    said += _unused(features, unused) if forecasting else [*_because(unused)]
    if not forecasting and not features:
        raise OptionError(_nothing(guess, target, unused, grid if grid.why_not and time else None))
    kinds[target] = "category" if chosen == "classification" else kinds[target]
    if not forecasting:
        # What tells rows apart says nothing of them: nobody watches it, and no caller names it.
        own = [name for name in series if len(guess.values(name)) > MOST_CATEGORIES]
        kinds |= dict.fromkeys(own, "text")
    known = {*whole} if forecasting else {*features}
    return Plan(
        guess=guess,
        task=chosen,
        key=whole,
        target=target,
        time=time or None,
        time_form=form,
        rhythm=rhythm,
        stretches=lengths,
        said=tuple(said),
        classes=guess.values(target) if chosen == "classification" else (),
        columns=_planned(guess, kinds, known=known, given={*whole, target, time}),
        features=() if forecasting else tuple(features),
    )


def _ahead(rhythm: Rhythm) -> str:
    if rhythm.horizon * timesteps.mean(rhythm.every) == timedelta(days=1):
        return "a day ahead"
    if rhythm.horizon == 1:
        return f"{timesteps.a(rhythm.every)} ahead"
    return f"{rhythm.horizon} {timesteps.names(rhythm.every)} ahead"


def _column(guess: Guess, name: str) -> str:
    """A column by its header or by its name here."""
    known = {**{h.strip(): n for h, n in guess.headers.items()}, **{n: n for n in guess.columns}}
    if name.strip() not in known:
        raise OptionError(
            f"{guess.path} has no column {name!r}. Choose among: "
            f"{', '.join(header.strip() for header in guess.headers)}."
        )
    return known[name.strip()]


def _require_target(guess: Guess, target: str, time: str) -> None:
    different = guess.values(target)
    if len(different) < 2:
        found = f"only the value {different[0]!r}" if different else "no value"
        raise OptionError(f"Column {target!r} has {found}: there is nothing to learn.")
    lacking = guess.columns[target].count("")
    if lacking > MOST_LACKING * guess.rows:
        line = guess.columns[target].index("") + 2
        raise OptionError(
            f"Column {target!r} has no value in {lacking:,} of {guess.rows:,} rows, such as line "
            f"{line}: what isn't known can't be learned from, and more than {MOST_LACKING:.0%} of "
            "such rows stop a run. Remove these rows, or name another target."
        )
    if time and "" in guess.columns[time]:
        row = guess.columns[time].index("") + 2
        raise OptionError(f"Column {time!r} has no value in line {row}: every row needs its time.")
    if target == time:
        raise OptionError(f"Column {target!r} can't be both --target and --time.")
    if time and len(guess.values(time)) < 2:
        raise OptionError(
            f"Column {time!r} has only the value {guess.values(time)[0]!r}: models learn from what "
            "was before and are tested on what came after. Leave --time out."
        )


def _form(guess: Guess, time: str) -> str:
    """How the times are written, empty for ISO 8601; raises `OptionError` for no times, and
    where day and month can't be told apart.
    """
    values = guess.values(time)
    found = forms_of(values)
    if len(found) > 1:
        raise OptionError(
            f"--time {time}: {values[0]!r} may be day first or month first, and no value settles "
            "it: write dates such as 2021-06-01."
        )
    if not found:
        odd = next((v for v in guess.columns[time] if not forms_of([v])), values[0])
        raise OptionError(
            f"--time {time}: its values are no times that are known, all written alike. One is "
            f"{odd!r}; write times such as 2021-06-01T06:00, days such as 2021-06-01, and periods "
            "such as 2021-W22, 2021-06 or 2021-Q2."
        )
    return found[0]


def _kinds(
    guess: Guess, time: str, form: str, series: tuple[str, ...], target: str
) -> dict[str, Kind]:
    """What the columns hold; what tells series apart is a category, also where it is a number or a
    text of its own in each. Times that are written otherwise than those of `time` are texts, and so
    are numbers of rows, which nobody watches.
    """
    kinds: dict[str, Kind] = {name: guess.kind(name) for name in guess.columns}
    for name, kind in kinds.items():
        other = kind == "time" and forms_of(guess.values(name)) != (form,)
        number = kind == "integer" and name != target and _is_running_number(guess, name)
        kinds[name] = "text" if other or number else kind
    told: dict[str, Kind] = dict.fromkeys(series, "category")
    return kinds | told | ({time: "time"} if time else {})


def _kinds_told(guess: Guess, kinds: dict[str, Kind]) -> Iterator[str]:
    """What each column holds, and which are numbers but for a few values."""
    yield f"Columns: {', '.join(f'{name} ({kind})' for name, kind in kinds.items())}."
    for name in (name for name, kind in kinds.items() if kind in ("category", "text")):
        given = [value for value in guess.columns[name] if value]
        odd = [value for value in given if not guess.numerals.is_number(value)]
        if odd and len(odd) <= FEW_ODD * len(given):
            line = guess.columns[name].index(odd[0]) + 2
            yield (
                f"Column {name} would be numbers but for {len(odd):,} of {len(given):,} values, "
                f"such as {odd[0]!r} in line {line}: it is taken as {kinds[name]}. Where these are "
                "mistakes, mend or empty them, remove what was written here and begin again."
            )
        elif (sign := _sign(given)) and kinds[name] == "category":
            yield (
                f"Column {name} would be numbers but for {sign!r}, as in {given[0]!r}: it is taken "
                "as category. Write the numbers alone, and their unit in the name of the column."
            )


def _sign(values: list[str]) -> str:
    """What stands before or after the digits of all values, such as a currency; empty for none."""
    found = {_DIGITS.sub("", value) for value in values}
    return found.pop().strip() if len(found) == 1 and all(map(_SIGNED.fullmatch, values)) else ""


def _lacking_told(guess: Guess, target: str) -> Iterator[str]:
    lacking = guess.columns[target].count("")
    if lacking:
        yield f"{lacking:,} rows have no value of {target}: each run sets them aside."


def _wide_told(guess: Guess) -> Iterator[str]:
    """A table with a column a period holds series that no forecast sees."""
    headers = [header.strip() for header in guess.headers]
    named = [header for header in headers if forms_of([header]) not in ((), ("%Y%m%d",))]
    if len(named) >= FEWEST_PERIODS:
        yield (
            f"{len(named)} columns are named after times, such as {named[0]!r} and {named[1]!r}. A "
            "forecast needs a row for each time, with one column of times and one of values: bring "
            "the table into that form if a forecast is what you want."
        )


def _is_running_number(guess: Guess, name: str) -> bool:
    """Whether all values differ, and are named as an identifier or follow one another."""
    values = guess.columns[name]
    if len(set(values)) < len(values) or "" in values or forms_of(guess.values(name)):
        return False
    numbers = [guess.numerals.value(value) for value in values]
    return bool(_IDENTIFIER.search(name)) or max(numbers) - min(numbers) == len(numbers) - 1


def _grid(guess: Guess, series: tuple[str, ...], times: list[datetime]) -> Grid:
    if not times:
        return Grid(why_not="no --time was named")
    rows = list(zip(*(guess.columns[name] for name in series), strict=True))
    return grid_of(times, rows or [()] * len(times))


def _features(
    guess: Guess, kinds: dict[str, Kind], others: set[str]
) -> tuple[list[str], dict[str, str]]:
    """Columns that models can go by, and why each other one is none."""
    features, unused = [], {}
    for name in (name for name in guess.columns if name not in others):
        different = len(guess.values(name))
        if different + guess.missing(name) < 2:
            unused[name] = "the same throughout" if different else "empty"
        elif guess.kind(name) == "integer" and _is_running_number(guess, name):
            unused[name] = "another whole number in each row, as numbers of rows or customers are"
        elif kinds[name] in ("number", "integer", "category"):
            features.append(name)
        elif kinds[name] == "time" or forms_of(guess.values(name)):
            unused[name] = "times"
        else:
            unused[name] = f"{different:,} different texts"
    return features, unused


def _because(unused: dict[str, str]) -> list[str]:
    listed = ", ".join(f"{name} ({why})" for name, why in unused.items())
    return [f"Not used by the models: {listed}."] if unused else []


def _unused(features: list[str], unused: dict[str, str]) -> list[str]:
    if not features:
        return _because(unused)
    return [
        f"Not used by the forecasts, which go by the past of the target: {', '.join(features)}. "
        "Where they are known ahead, as a calendar is, declare that (known_ahead) and name them "
        "in candidates.py.",
        *_because(unused),
    ]


def _nothing(guess: Guess, target: str, unused: dict[str, str], grid: Grid | None) -> str:
    why = "; ".join(f"{name}: {why}" for name, why in unused.items()) or "there is no other"
    no_grid = f"No forecast can be made: {grid.why_not}. And no" if grid else "No"
    return (
        f"{no_grid} column of {guess.path} can explain {target!r} ({why}). A column must differ "
        "from row to row, and be a number or a text that comes back, with at most "
        f"{MOST_CATEGORIES} different ones."
    )


def _planned(
    guess: Guess, kinds: dict[str, Kind], *, known: set[str], given: set[str]
) -> tuple[Planned, ...]:
    """The columns of the case; that of the rows' numbers first, where these are the key."""
    columns = [
        Planned(
            name=name,
            kind=kinds[name],
            nullable=name not in given and guess.missing(name),
            known_ahead=name in known,
        )
        for name in guess.columns
    ]
    numbers = Planned(name=ROW, kind="integer", nullable=False, known_ahead=False)
    return (*([numbers] if ROW in given else []), *columns)
