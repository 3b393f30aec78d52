"""A home as one moment shows it: a site that is made from it agrees with itself, and reads no run
that has ended for a second time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple, Self

from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.records import RECORDS, STEPS_OF, PromoteRecord, Record, RunRecord, step_of
from pipeline.store import AnyRecord, Store, project
from pipeline.store.ledger import Ledger, Line

Make = Callable[[str], str]


class Brief(NamedTuple):
    """What finds a run among many; a tuple, since there are thousands of them."""

    run_id: str
    executed: Sequence[str]
    """Notebooks that this very run brought to their end."""
    ended_at: str
    """ISO time; empty while it is under way."""
    own: Sequence[str]
    """Notebooks that it goes by as it executed them itself."""
    taken: Mapping[str, str]
    """The run that executed each of the others."""
    promoted: Sequence[str]
    """Of a decision about the champion that stands: as-of time, run that made it, digest of who
    serves; else empty."""

    @property
    def finished(self) -> datetime | None:
        """When it ended; `None` while it is under way."""
        return datetime.fromisoformat(self.ended_at) if self.ended_at else None


@dataclass(frozen=True, kw_only=True)
class StillStore(Store):
    """The store at the moment when each thing was first asked of it. It writes nothing of a run."""

    seen: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False, compare=False)
    thorough: bool = False
    """Look at all runs, also at old ones that are known to have ended."""

    @classmethod
    def of(cls, store: Store, *, thorough: bool = False) -> Self:
        return store if isinstance(store, cls) else cls(home=store.home, thorough=thorough)

    def cases(self) -> list[str]:
        return list(self._once(("cases",), super().cases))

    def lines(self, case: str) -> tuple[Line, ...]:
        """Every run in the order of time, with a digest of all that its records hold."""
        found: tuple[Line, ...] = self._once(("lines", case), lambda: self._ledger.lines(case))
        return found

    def run_ids(self, case: str) -> list[str]:
        return [line.run_id for line in self.lines(case)]

    def run_record(self, case: str, run_id: str) -> RunRecord | None:
        read = super().run_record
        found: RunRecord | None = self._once(("run", case, run_id), lambda: read(case, run_id))
        return found

    def record(self, case: str, run_id: str, kind: type[AnyRecord]) -> AnyRecord | None:
        read = super().record
        key = ("record", case, run_id, step_of(kind))
        found: AnyRecord | None = self._once(key, lambda: read(case, run_id, kind))
        return found

    def promotion(self, case: str, as_of: datetime | None = None) -> PromoteRecord | None:
        if as_of is not None:
            return super().promotion(case, as_of)
        decided = self.decided(case)
        return self.record(case, decided[0][1], PromoteRecord) if decided else None

    def serving_since(self, promotion: PromoteRecord) -> datetime:
        case, who = promotion.case, promotion.champion.ref.sha256
        line = takewhile(lambda decided: decided[2] == who, self.decided(case))
        *_, (_, run_id, _) = (("", promotion.run_id, who), *line)
        first = self.record(case, run_id, PromoteRecord)
        return first.finished if first else promotion.finished

    def decided(self, case: str) -> list[tuple[str, str, str]]:
        """Decisions about the champion that stand, newest first: as-of time, run, who serves."""
        found: list[tuple[str, str, str]] = self._once(
            ("decided", case), lambda: self._decided(case)
        )
        return found

    def briefs(self, case: str) -> list[Brief]:
        """Every run in the order of time."""
        found: list[Brief] = self._once(("briefs", case), lambda: self._briefs(case))
        return found

    def worked_out(
        self,
        case: str,
        kind: str,
        make: Make,
        *,
        lines: Sequence[Line] | None = None,
        rests_on: str = "",
    ) -> list[str]:
        """Text that `make` gives for the id of each run, oldest first, from the cache where it is.

        It must follow from the records of the run, those that it took over, and `rests_on`; it is
        made again when one of them or the package's source changes. Of `lines` those that have not
        ended are not for it: what becomes of them depends on who is alive.
        """
        chosen = self.lines(case) if lines is None else lines
        version = f"{project.code_version()} {rests_on}"
        return self._ledger.facts(case, kind, version, chosen, make)

    @property
    def _ledger(self) -> Ledger:
        file = self.home / "cache" / "ledger.db"
        return Ledger(runs=self.home / "runs", file=file, thorough=self.thorough)

    def _briefs(self, case: str) -> list[Brief]:
        store = Store(home=self.home)
        texts = self.worked_out(case, "brief", lambda run_id: _brief(store, case, run_id))
        held = json.loads(f"[{','.join(texts)}]")
        return [
            Brief(line.run_id, *found) for line, found in zip(self.lines(case), held, strict=True)
        ]

    def _decided(self, case: str) -> list[tuple[str, str, str]]:
        found = {tuple(brief.promoted) for brief in self.briefs(case) if brief.promoted}
        return sorted(((as_of, run_id, who) for as_of, run_id, who in found), reverse=True)

    def _once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        if key not in self.seen:
            self.seen[key] = make()
        return self.seen[key]


def _brief(store: Store, case: str, run_id: str) -> str:
    whole = store.run_record(case, run_id)
    promoted = store.record(case, run_id, PromoteRecord)
    executed = [name for name in NOTEBOOKS if _executed(store, case, run_id, name, whole)]
    decided = promoted and store.stands(promoted)
    told = _decided(promoted) if promoted and decided else []
    makers = {name: whole.maker(name) for name in NOTEBOOKS} if whole else {}
    own = [name for name, maker in makers.items() if maker == run_id]
    taken = {name: maker for name, maker in makers.items() if maker and maker != run_id}
    ended = whole.finished if whole else None
    finished = ended.isoformat() if ended else ""
    return json.dumps([executed, finished, own, taken, told])


def _decided(record: PromoteRecord) -> list[str]:
    return [record.as_of.isoformat(), record.run_id, record.champion.ref.sha256]


def _executed(
    store: Store, case: str, run_id: str, name: NotebookName, whole: RunRecord | None
) -> bool:
    if whole is not None and whole.failed_notebook == name:
        return False
    last: type[Record] = RECORDS[STEPS_OF[name][-1]]
    record = store.record(case, run_id, last)
    return record is not None and record.run_id == run_id
