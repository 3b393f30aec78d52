"""A run of one case: what every step knows of it, and the records of the steps before."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.case import Case, Folders, find_case
from pipeline.errors import StateError, StepError
from pipeline.models import load_model
from pipeline.options import NOTEBOOKS, SETTINGS_OF_A_RUN, Options
from pipeline.records import (
    STEPS_OF,
    IngestRecord,
    ModelRef,
    Record,
    Sample,
    StepName,
    ValidateRecord,
    step_of,
)
from pipeline.steps.writer import StepWriter
from pipeline.store import Store, Within
from pipeline.store.ids import RunIds
from pipeline.store.locks import hold

if TYPE_CHECKING:
    import pandas as pd

AnyRecord = TypeVar("AnyRecord", bound=Record)
Found = TypeVar("Found")


def clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: of the runner, or begun by hand in a notebook."""

    case: Case
    store: Store
    settings: Options
    run_id: str
    by_hand: bool
    now: Callable[[], datetime] = clock
    found: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    """What was computed once and is asked for again in this process."""

    @property
    def as_of(self) -> datetime:
        """No row known later than this is seen; what was ingested when it was not given."""
        return self.settings.moment or self.need(IngestRecord).as_of

    def find(self, kind: type[AnyRecord]) -> AnyRecord | None:
        """A step's record: of this run; by hand, else of the newest run of the same as-of time."""
        own = self.store.record(self.case.name, self.run_id, kind)
        if own is not None or not self.by_hand:
            return own
        asked = self.settings.moment
        wanted = asked if kind is IngestRecord or asked else self.as_of
        return next(
            (
                record
                for record in self.store.records(self.case.name, kind)
                if record.source == self.settings.source and wanted in (None, record.as_of)
            ),
            None,
        )

    def need(self, kind: type[AnyRecord]) -> AnyRecord:
        """A step's record. By hand, a step that is missing is done first, with its defaults;
        raises `StateError` in a run of the runner.
        """
        found = self.find(kind)
        if found is None and self.by_hand:
            self._do(step_of(kind))
            found = self.find(kind)
        if found is None:
            raise StateError.for_missing_record(self.case.name, step_of(kind), self.store.home)
        return found

    def validated(self) -> pd.DataFrame:
        """The observations less the quarantined rows, as of the run, sorted by key; of very many
        those that take part (`within`).
        """
        record = self._judged()
        rows = self.store.validated(self.case.name, self.case.schema, record, self.within())
        return self.with_files(rows.to_pandas())

    def within(self) -> Within | None:
        """Which rows take part where the case has more than models learn from; else `None`.

        Raises `StepError` where they reach less far back than the folds.
        """
        case = self.case
        return self.once(
            "rows that take part", lambda: taking_part(self.store, case, self._judged())
        )

    @property
    def sample(self) -> Sample | None:
        """What records say of `within`."""
        within = self.within()
        return within.sample if within else None

    def _judged(self) -> ValidateRecord:
        record = self.need(ValidateRecord)
        if record.stopped:
            raise StepError(
                f"Validation stopped case {self.case.name!r}: {record.sentence} "
                "Mend the data or the expectation, then run again from 1-ingest."
            )
        return record

    def with_files(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows and what they refer to in the home, such as pictures."""
        store, name = self.store, self.case.name
        folders = Folders(files=store.files_folder(name), cache=store.cache_folder(name))
        return self.case.with_files(rows, folders)

    def once(self, what: Hashable, compute: Callable[[], Found]) -> Found:
        """What it computes, and the next time the same again. `what` names all that it rests on,
        but for the rows of the run.
        """
        if what not in self.found:
            self.found[what] = compute()
        known: Found = self.found[what]
        return known

    def model(self, ref: ModelRef) -> Any:
        """A fitted model of the case; steps of one notebook load it once, and change nothing in it.

        Raises `StateError` when its file has been changed or is gone.
        """
        return _loaded(self.store.model_bytes(self.case.name, ref))

    @contextmanager
    def step(self, name: StepName, options: Options) -> Iterator[StepWriter]:
        """A writer for a step's files; by hand it holds the case meanwhile."""
        writer = StepWriter(
            store=self.store,
            case=self.case.name,
            run_id=self.run_id,
            step=name,
            options=options,
            now=self.now,
        )
        if not self.by_hand:
            yield writer
            return
        with hold(self.store.home, self.case.name, f"{self.now():%Y-%m-%d %H:%M} UTC"):
            yield writer

    def _do(self, step: StepName) -> None:
        notebook = next(name for name, steps in STEPS_OF.items() if step in steps)
        settings = self.settings.model_dump(include=set(SETTINGS_OF_A_RUN))
        print(f"{self.store.home} has no record of {step!r} for this run: doing it first.")
        function = getattr(importlib.import_module(f"pipeline.steps.{step}"), step)
        function(self, NOTEBOOKS[notebook](**settings))


def open_run(options: Options) -> Run:
    """The run that a notebook works in: the one named by `run_id`, else a new one begun by hand."""
    store = Store.at(options.home)
    store.prepare()
    return Run(
        case=find_case(options.case),
        store=store,
        settings=options,
        run_id=options.run_id or RunIds(store.run_ids(options.case), clock).new(),
        by_hand=not options.run_id,
    )


def taking_part(store: Store, case: Case, record: ValidateRecord) -> Within | None:
    """Which rows take part; raises `StepError` where they reach less far back than the folds."""
    within = store.within(case.name, case.schema, record, case.takes)
    oldest = within.bound.oldest(within.limit) if within else None
    if within is None or oldest is None:
        return within
    windows = case.windows
    needed = windows.held_out + windows.folds * windows.fold + case.task.history
    reached = record.as_of - oldest
    if reached < needed:
        raise StepError(
            f"Case {case.name!r} has {within.sample.of:,} rows. The newest {within.sample.rows:,}, "
            f"which take part, reach back {reached.days} days; folds, the held-out window and what "
            f"forecasts look back on need {needed.days}. Give the case a larger bound, or one of "
            f"whole series: bound=Drawn(most=…, whole={case.schema.series!r})."
        )
    return within


@lru_cache(maxsize=4)
def _loaded(content: bytes) -> Any:
    return load_model(content)
