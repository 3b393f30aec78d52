"""`Case`: the one contract between the pipeline and a use case.

A case is a folder of `pipeline/cases` whose `__init__.py` declares `CASE = Case(...)`. It is found
by looking in that folder; nothing else in the pipeline knows a case by name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.bounds import Bound
from pipeline.errors import CaseError, OptionError
from pipeline.schema import Schema
from pipeline.sources import Mode, Source
from pipeline.tasks import Task
from pipeline.trends import TrendView, check_views

if TYPE_CHECKING:
    import pandas as pd

CASES_PACKAGE = "pipeline.cases"


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Where a home keeps what the tables of one case refer to."""

    files: Path
    """What a source has put there, such as pictures; part of the home's state."""
    cache: Path
    """What can be computed again; may be removed at any time."""


def _as_they_are(rows: pd.DataFrame, _folders: Folders) -> pd.DataFrame:
    return rows


def _nothing_missing() -> str:
    return ""


def _nothing_to_prepare() -> None:
    return


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model that competes: how it is built, and in words what it is."""

    name: str
    title: str
    build: Callable[[int], Any]
    """From a seed to an unfitted scikit-learn pipeline that takes the task's frame."""
    not_eligible: str = ""
    """Why it may not become champion although its score is shown; empty when it may."""
    missing: Callable[[], str] = _nothing_missing
    """What it needs and this machine lacks, as a sentence with the remedy; empty when it can run.
    It is left out then, and the page says why."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How the past is divided: folds, then the held-out window, which ends at as_of.

    A length is left at zero where nothing is divided by time: folds of a task that keeps groups
    together, unless they are to go forward in time too, and everything in a case without a time
    column.
    """

    folds: int
    fold: timedelta = timedelta(0)
    held_out: timedelta = timedelta(0)
    current: timedelta = timedelta(0)
    """The newest stretch that the drift step compares with the reference."""
    block: timedelta = timedelta(0)
    """Stretch within which rows hang together; the drift step learns from their means how
    chance moves them."""
    hindsight: timedelta | None = None
    """How often every candidate is learned anew over the held-out window, to tell who would have
    won there; `None`: not told. It costs a training for each of these stretches."""
    zone: str = "UTC"
    """Time zone of the clock that the rows live by: the drift step compares hours and days of it,
    so that summer time is no change of rhythm."""


@dataclass(frozen=True, kw_only=True)
class Gates:
    """The limits at which a case stops, retrains or promotes."""

    most_quarantined: float
    """Share of rows that may be quarantined before the case stops."""
    fresh: timedelta
    """How old the newest row may be at as_of."""
    degradation: float
    """Share by which the champion's error may exceed the mean of its backtest, whatever its spread.
    """
    oldest_champion: timedelta
    """Age of what the newest model learned at which a model is trained again, champion or not."""
    margin: float
    """Share by which a challenger's error must be lower to be promoted."""
    drifted: float = 0.25
    """Share of the champion's importance that must be in columns with an alarm to train again."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Declarations only; see DESIGN for what each is used for."""

    name: str
    title: str
    question: str
    task: Task
    schema: Schema
    sources: Mapping[Mode, Source]
    candidates: tuple[Candidate, ...]
    windows: Windows
    gates: Gates
    check_columns: Callable[[pd.DataFrame, datetime], pd.DataFrame]
    """Adds the columns that expectations need beside the schema's (see the case's checks.py)."""
    check_rows_alone: bool = False
    """`check_columns` looks at no other row: tables of any size are then judged in batches."""
    with_files: Callable[[pd.DataFrame, Folders], pd.DataFrame] = _as_they_are
    """Adds columns to rows that are to be learned from or drawn: what the tables only refer to,
    such as pictures. The order of the rows stays."""
    bound: Bound | None = None
    """How many rows models learn from and are compared on; `None`: as the task says. All rows are
    ingested, judged and shown in trends."""
    trends: tuple[TrendView, ...] = ()
    """What the case's page of trends shows, in its order."""
    use: str = ""
    """What the model is meant for and what it is not, in a sentence or two, for its card."""
    prepare: Callable[[], None] = _nothing_to_prepare
    """Imports and reads what is slow and the same in every run, such as calendars of holidays: done
    once, before kernels are forked. It must start no thread and look at no home and no network."""

    def __post_init__(self) -> None:
        names = [candidate.name for candidate in self.candidates]
        if len(set(names)) < len(names):
            raise CaseError(f"Case {self.name!r} has two candidates of one name: {sorted(names)}.")
        check_views(self.trends, self.schema, self.name)
        windows = self.windows
        try:
            ZoneInfo(windows.zone)
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:
            raise CaseError(
                f"Case {self.name!r} has windows in the time zone {windows.zone!r}, which is not "
                "known. Write it like Europe/Paris."
            ) from error
        lengths = (windows.held_out, windows.current, windows.block)
        if self.schema.time is not None and min(lengths) <= timedelta(0):
            raise CaseError(
                f"Case {self.name!r} has a time column and windows without length: give held_out, "
                "current and block a length above zero."
            )

    @property
    def takes(self) -> Bound:
        """Which rows take part where there are many."""
        return self.bound or self.task.bound

    def source(self, mode: Mode) -> Source:
        """The source of a mode; raises `OptionError` when the case has none."""
        if mode not in self.sources:
            raise OptionError.for_missing_mode(self.name, mode, self.sources)
        return self.sources[mode]

    def candidate(self, name: str) -> Candidate:
        """The candidate of a name; raises `OptionError` with the known names."""
        found = [candidate for candidate in self.candidates if candidate.name == name]
        if not found:
            known = ", ".join(candidate.name for candidate in self.candidates)
            raise OptionError(
                f"Case {self.name!r} has no candidate {name!r}. Choose among: {known}."
            )
        return found[0]

    @property
    def page(self) -> Path:
        """The hand-written Markdown that opens the case's overview."""
        return Path(__file__).parent / "cases" / self.name / "page.md"


@cache
def find_cases() -> Mapping[str, Case]:
    """Every case, by name, found by looking in the folder of cases."""
    package = importlib.import_module(CASES_PACKAGE)
    found = [name for _, name, is_package in pkgutil.iter_modules(package.__path__) if is_package]
    return {name: _load(f"{CASES_PACKAGE}.{name}", name) for name in sorted(found)}


def find_case(name: str) -> Case:
    """The case of a name; raises `OptionError` with the known names."""
    cases = find_cases()
    if name not in cases:
        raise OptionError.for_unknown_case(name, cases)
    return cases[name]


def _load(module_name: str, name: str) -> Case:
    case = getattr(importlib.import_module(module_name), "CASE", None)
    if not isinstance(case, Case):
        raise CaseError.for_missing_declaration(module_name)
    if case.name != name:
        raise CaseError(
            f"The case in {module_name} calls itself {case.name!r}; give it its folder's name."
        )
    return case
