"""What a notebook rests on, item by item: equal stamps, equal results.

A stamp holds no time and no run id of data: a table is its version, a model its training. So a
notebook that is done again with the same outcome leaves those after it as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pipeline.calls import newest_call
from pipeline.case import Case
from pipeline.errors import SourceError, StateError
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.records import (
    DecideRecord,
    IngestRecord,
    PromoteRecord,
    Record,
    TrainRecord,
    ValidateRecord,
)
from pipeline.runner.order import Order
from pipeline.sources.fingerprints import FileDigests, fingerprint
from pipeline.store import Store, project
from pipeline.store.atomic import sha256_of

Stamp = dict[str, str]
AnyRecord = TypeVar("AnyRecord", bound=Record)
UNKNOWN = "unknown"
NONE = "none"
SHOWN = 12
"""Digits of a digest that are kept: enough to tell apart, few enough to read."""

JUDGED: tuple[NotebookName, ...] = ("2-validate", "3-drift", "4-train", "5-evaluate")
"""Notebooks whose findings the report tells."""

WORDS = {
    "source": "another source is asked for",
    "as of": "another as-of time is asked for",
    "parameters": "other parameters are asked for",
    "notebook": "the notebook has changed",
    "package": "the package's code has changed",
    "libraries": "the lock file of the libraries has changed",
    "feed": "the source holds something else",
    "suite": "the expectations have changed",
    "observations": "the table of observations has another version",
    "newest": "the newest row is another",
    "late": "the data have become too old",
    "quarantine": "other rows are in quarantine",
    "calls": "callers have asked since",
    "champion": "another model is champion",
    "challenger": "another challenger was trained",
    "results": "notebooks before it were run again",
    "history": "other runs have decided since",
}
"""Why a notebook is stale, by the item that differs."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A run so far: which run executed each notebook that it goes by."""

    store: Store
    case: Case
    order: Order
    makers: dict[NotebookName, str] = field(default_factory=dict)
    feed: str = UNKNOWN

    def after(self, notebook: NotebookName, run_id: str) -> Chain:
        """The chain with one notebook more."""
        return replace(self, makers={**self.makers, notebook: run_id})

    def record(self, notebook: NotebookName, kind: type[AnyRecord]) -> AnyRecord | None:
        maker = self.makers.get(notebook)
        return self.store.record(self.case.name, maker, kind) if maker else None

    def need(self, notebook: NotebookName, kind: type[AnyRecord]) -> AnyRecord:
        found = self.record(notebook, kind)
        if found is None:
            name = self.case.name
            raise StateError.for_missing_record(name, notebook, self.store.home)
        return found

    @property
    def keeps(self) -> bool:
        """Whether the champion is kept, so that nothing is trained."""
        decided = self.record("3-drift", DecideRecord)
        return decided is not None and decided.decision == "keep"


def begin(store: Store, case: Case, order: Order) -> Chain:
    """A chain of no notebook yet; what the source holds is looked at once."""
    files = FileDigests(store.home / "cache" / "digests.json")
    asked = replace(order.request(case), cache=store.cache_folder(case.name))
    try:
        found = fingerprint(case.source(order.source), asked, files)
    except SourceError:
        found = None  # 1-ingest will meet it, and say what is wrong.
    if found is not None and store.home.exists():
        files.keep()
    return Chain(store=store, case=case, order=order, feed=found or UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Resting:
    """What a notebook would rest on now: the items that are the same whoever asks, and the
    decisions that stand.
    """

    notebook: NotebookName
    items: Stamp
    promotions: tuple[PromoteRecord, ...] = ()

    def without(self, family: AbstractSet[str]) -> Stamp:
        """The stamp without promotions by the runs of `family`: they came of the notebook."""
        others = [record for record in self.promotions if record.run_id not in family]
        if self.notebook in ("3-drift", "5-evaluate"):
            return self.items | {"champion": _model(others[0].champion) if others else NONE}
        if self.notebook == "6-report":
            decided = [f"{record.as_of.isoformat()} {record.run_id}" for record in others]
            return self.items | {"history": _digest(decided)}
        return self.items


def resting(chain: Chain, notebook: NotebookName) -> Resting:
    """What the notebook would rest on now, after those of the chain."""
    items = _asked(chain, notebook)
    if notebook == "1-ingest":
        return Resting(notebook=notebook, items=items | {"feed": chain.feed})
    items |= _arrived(chain)
    if notebook == "2-validate":
        suite = sha256_of(project.suite(chain.case.name))[:SHOWN]
        return Resting(notebook=notebook, items=items | {"suite": suite})
    checked = chain.need("2-validate", ValidateRecord)
    items["quarantine"] = str(checked.quarantine.version)
    if notebook == "3-drift" and json.loads(items["parameters"])["current"] == "calls":
        as_of = chain.need("1-ingest", IngestRecord).as_of
        newest = newest_call(chain.store.calls_file, chain.case.name, until=as_of)
        items["calls"] = newest or NONE
    if notebook == "4-train":
        return Resting(notebook=notebook, items=items)
    if notebook == "5-evaluate":
        trained = chain.record("4-train", TrainRecord)
        items["challenger"] = _model(trained.challenger) if trained else NONE
    if notebook == "6-report":
        items["results"] = _digest([chain.makers.get(name, NONE) for name in JUDGED])
    as_of = chain.need("1-ingest", IngestRecord).as_of
    promotions = tuple(chain.store.promotions(chain.case.name, as_of))
    return Resting(notebook=notebook, items=items, promotions=promotions)


def differences(before: Stamp, now: Stamp) -> list[str]:
    """In words what differs, with both values where they are short."""
    names = [name for name in WORDS if before.get(name) != now.get(name)]
    return [
        f"{WORDS[name]} ({_shown(before.get(name))} before, {_shown(now.get(name))} now)"
        for name in names
    ]


def _asked(chain: Chain, notebook: NotebookName) -> Stamp:
    order, name = chain.order, chain.case.name
    options = NOTEBOOKS[notebook].checked(notebook, order.values(notebook, name, "", ""))
    return {
        "source": order.source,
        "as of": order.moment,
        "parameters": json.dumps(options.own, sort_keys=True),
        "notebook": sha256_of(project.notebook(notebook))[:SHOWN],
        "package": project.code_version(),
        "libraries": project.lock_digest(),
    }


def _arrived(chain: Chain) -> Stamp:
    record = chain.need("1-ingest", IngestRecord)
    newest = record.newest
    late = newest is not None and record.as_of - newest > chain.case.gates.fresh
    return {
        "observations": str(record.observations.version),
        "newest": newest.isoformat() if newest else NONE,
        "late": "yes" if late else "no",
    }


def _model(fitted: Any) -> str:
    return f"{fitted.ref.candidate} of run {fitted.ref.run_id}"


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:SHOWN]


def _shown(value: str | None) -> str:
    return value or "nothing"
