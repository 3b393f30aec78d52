"""From a guessed file to a case: key, task, windows and bounds; or why nothing can be learned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

from pipeline.errors import OptionError
from pipeline.newcase.reading import Guess
from pipeline.schema import Kind
from pipeline.sources.flat import ROW
from pipeline.tasks import timesteps
from pipeline.tasks.timesteps import Step

TaskName = Literal["forecasting", "regression", "classification"]
MOST_CLASSES = 30
LEAST_ORIGINS = 10
"""Forecasts in the held-out window: models are told apart by at least eight pairs of losses."""
ROOM = 0.5
"""Share of a column's range that its bounds leave at either end."""


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How a forecast is made at one step of time."""

    every: Step
    horizon: int
    season: int
    season_name: str
    lags: tuple[int, ...]
    means: tuple[int, ...]
    seasons: int
    block: str
    known_after: str

    @property
    def reach(self) -> int:
        """Steps of the past that the columns of a row look at."""
        return max(*self.lags, self.season * self.seasons, self.horizon + max(self.means))


RHYTHMS: dict[Step, Rhythm] = {
    "h": Rhythm(
        every="h",
        horizon=24,
        season=168,
        season_name="same hour a week before",
        lags=(24, 48, 168),
        means=(24, 168),
        seasons=2,
        block="days=1",
        known_after="hours=1",
    ),
    "D": Rhythm(
        every="D",
        horizon=7,
        season=7,
        season_name="same weekday a week before",
        lags=(7, 14, 28),
        means=(7, 28),
        seasons=4,
        block="days=7",
        known_after="days=1",
    ),
    "M": Rhythm(
        every="M",
        horizon=1,
        season=12,
        season_name="same month a year before",
        lags=(1, 2, 12),
        means=(3, 12),
        seasons=2,
        block="days=31",
        known_after="days=28",
    ),
    "Y": Rhythm(
        every="Y",
        horizon=1,
        season=1,
        season_name="same as the year before",
        lags=(1, 2, 3),
        means=(3,),
        seasons=3,
        block="days=365",
        known_after="days=365",
    ),
}


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
    folds: int
    fold: timedelta
    held_out: timedelta
    classes: tuple[str, ...]
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    said: tuple[str, ...]

    @property
    def series(self) -> tuple[str, ...]:
        return tuple(name for name in self.key if name != self.time)


def make_plan(guess: Guess, *, target: str, time: str, key: tuple[str, ...], task: str) -> Plan:
    """Raises `OptionError` where names are unknown, or the file has nothing to learn."""
    target, time, *named = (_column(guess, name) if name else "" for name in (target, time, *key))
    series = tuple(name for name in named if name != time)
    form = _form(guess, time)
    kinds = _kinds(guess, time, series)
    _require_target(guess, target)
    times = _times(guess, time, form) if time else []
    step = _step(guess, series, times)
    chosen, why = _task(kinds[target], step, task, guess, target)
    said = [*guess.grounds, why]
    forecasting = chosen == "forecasting"
    rhythm = RHYTHMS[step] if forecasting and step else None
    whole = (*series, time) if forecasting else _key(guess, series, time, said)
    features = _features(guess, kinds, (target, time, *whole))
    left = [n for n in guess.columns if n not in (target, time, *whole, *features)]
    if left:
        said.append(
            f"Not used by the models: {', '.join(left)} (free text, times, or the same throughout)."
        )
    if not forecasting and not features:
        raise OptionError(
            f"No column of {guess.path} can explain {target!r}: there is none but the "
            "target, key and time that differs from row to row without being free text."
        )
    fold, held_out, folds = (
        _lengths(rhythm, times, guess) if time else (timedelta(0), timedelta(0), 5)
    )
    kinds[target] = "category" if chosen == "classification" else kinds[target]
    known = {*whole, time, *(() if forecasting else features)}
    return Plan(
        guess=guess,
        task=chosen,
        key=whole,
        target=target,
        time=time or None,
        time_form=form,
        rhythm=rhythm,
        fold=fold,
        held_out=held_out,
        folds=folds,
        said=tuple(said),
        classes=_values(guess, target) if chosen == "classification" else (),
        columns=_planned(guess, kinds, known=known, given={*whole, target, time}),
        numbers=tuple(n for n in features if kinds[n] != "category"),
        categories=tuple(n for n in features if kinds[n] == "category"),
    )


def _form(guess: Guess, time: str) -> str:
    """How the times are written, empty for ISO 8601 or no time; raises `OptionError`."""
    form = guess.time_form(time) if time else ""
    if form is None:
        raise OptionError(
            f"--time {time}: its values are no times that are known. {_seen(guess, time)}"
        )
    return form


def _kinds(guess: Guess, time: str, series: tuple[str, ...]) -> dict[str, Kind]:
    """What the columns hold; what tells series apart is a category, also where it is a number."""
    kinds: dict[str, Kind] = {name: guess.kind(name) for name in guess.columns}
    told: dict[str, Kind] = dict.fromkeys(series, "category")
    return kinds | told | ({time: "time"} if time else {})


def _features(guess: Guess, kinds: dict[str, Kind], others: tuple[str, ...]) -> list[str]:
    """Columns that differ from row to row without being free text, but for the others."""
    usable = ("number", "integer", "category")
    return [
        name
        for name in guess.columns
        if name not in others and kinds[name] in usable and len(_values(guess, name)) > 1
    ]


def _values(guess: Guess, name: str) -> tuple[str, ...]:
    return tuple(sorted({value for value in guess.columns[name] if value}))


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
    numbers = Planned(name=ROW, kind="integer", nullable=False, known_ahead=True)
    return (*([numbers] if ROW in given else []), *columns)


def _column(guess: Guess, name: str) -> str:
    """A column by its header or by its name here."""
    known = {**{h.strip(): n for h, n in guess.headers.items()}, **{n: n for n in guess.columns}}
    if name not in known:
        raise OptionError(
            f"{guess.path} has no column {name!r}. Choose among: "
            f"{', '.join(header.strip() for header in guess.headers)}."
        )
    return known[name]


def _seen(guess: Guess, name: str) -> str:
    shown = next((value for value in guess.columns[name] if value), "")
    return f"The first is {shown!r}; write times such as 2021-06-01T06:00."


def _require_target(guess: Guess, target: str) -> None:
    different = {value for value in guess.columns[target] if value}
    if len(different) < 2:
        found = f"only the value {next(iter(different))!r}" if different else "no value"
        raise OptionError(f"Column {target!r} has {found}: there is nothing to learn.")


def _times(guess: Guess, time: str, form: str) -> list[datetime]:
    if "" in guess.columns[time]:
        row = guess.columns[time].index("") + 2
        raise OptionError(f"Column {time!r} has no value in line {row}: every row needs its time.")
    found = (
        datetime.strptime(value, form) if form else datetime.fromisoformat(value)  # noqa: DTZ007
        for value in guess.columns[time]
    )
    return [t.replace(tzinfo=UTC) if t.tzinfo is None else t.astimezone(UTC) for t in found]


def _step(guess: Guess, series: tuple[str, ...], times: list[datetime]) -> Step | None:
    """The step of the grid that the times lie on, when each series has a time once; else none."""
    rows = [tuple(guess.columns[name][place] for name in series) for place in range(len(times))]
    if not times or len(set(zip(rows, times, strict=True))) < len(times):
        return None
    gaps = [
        later - sooner
        for (one, sooner), (other, later) in pairwise(sorted(zip(rows, times, strict=True)))
        if one == other
    ]
    if not gaps:
        return None
    usual = sorted(gaps)[len(gaps) // 2]
    for step, shortest in (("Y", 360), ("M", 27), ("D", 1), ("h", 0)):
        every: Step = step  # type: ignore[assignment]
        if usual >= timedelta(days=shortest) and usual <= timesteps.LONGEST[every]:
            on_grid = all(timesteps.start(timesteps.ordinal(t, every), every) == t for t in times)
            return every if on_grid else None
    return None


def _task(
    kind: Kind, step: Step | None, asked: str, guess: Guess, target: str
) -> tuple[TaskName, str]:
    numeric = kind in ("number", "integer")
    if asked in ("forecasting", "regression") and not numeric:
        raise OptionError(
            f"--task {asked}: column {target!r} holds {kind} values, not numbers. "
            "Use --task classification, or another target."
        )
    if asked == "forecasting" and step is None:
        raise OptionError(
            "--task forecasting needs --time, a column of times an hour, a day, a month "
            "or a year apart, each once for a series. Name the columns that tell series "
            "apart with --key, or use --task regression."
        )
    classes = len({v for v in guess.columns[target] if v})
    if (asked == "classification" or not numeric) and classes > MOST_CLASSES:
        raise OptionError(
            f"Column {target!r} has {classes} different values: at most {MOST_CLASSES} "
            "can be classes. Name another target."
        )
    if asked == "classification" or not numeric:
        return "classification", f"Task: classification; {target!r} has {classes} classes."
    if step and asked in ("", "forecasting"):
        return (
            "forecasting",
            f"Task: forecasting; times are a grid of one {timesteps.NAMES[step]} a step.",
        )
    return "regression", f"Task: regression; {target!r} is a number, and times are no grid."


def _key(guess: Guess, series: tuple[str, ...], time: str, said: list[str]) -> tuple[str, ...]:
    """What was named, where it is unique, or with the time; else the number of the row."""
    for names in (series, (*series, time) if time else ()):
        if (
            series
            and names
            and len(set(zip(*(guess.columns[n] for n in names), strict=True))) == guess.rows
        ):
            return names
    if series:
        raise OptionError(
            f"--key {', '.join(series)}: rows share a key. Name more columns, or leave "
            "--key out: rows are then told apart by their number."
        )
    said.append(
        "Key: the number of the row, as no --key was named. A file whose rows move is then "
        "seen as revised."
    )
    return (ROW,)


def _lengths(
    rhythm: Rhythm | None, times: list[datetime], guess: Guess
) -> tuple[timedelta, timedelta, int]:
    """Fold, held-out window and number of folds that fit into the data."""
    span = max(times) - min(times)
    if rhythm is None:
        return timedelta(0), max(span / 5, timedelta(days=1)), 5
    mean = timesteps.MEAN[rhythm.every]
    steps = round(span / mean) + 1
    usable = steps - rhythm.reach - rhythm.horizon
    held = max(usable // 5, LEAST_ORIGINS * rhythm.horizon)
    fold = max(usable // 8, rhythm.horizon)
    folds = min(3, (usable - held) // fold - 1)
    if folds < 1:
        raise OptionError(
            f"{guess.path} has {steps} steps of one {timesteps.NAMES[rhythm.every]}: a forecast "
            f"looks back {rhythm.reach} of them, and folds and a held-out window need more than "
            "are left. "
            "Bring a longer history, or use --task regression."
        )
    return fold * mean, held * mean, int(folds)
