"""Runs of one case for one date after the other that overlap, where there is a second core.

A date's data may be taken in and checked while the date before is judged, and its drift measured
while that one's report is written: none of these looks at what the other makes. A training has all
cores for itself. The records are those of runs that follow one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from pipeline.errors import HeldError, StateError
from pipeline.kernels import stop
from pipeline.options import NotebookName
from pipeline.records import RunRecord
from pipeline.runner.chain import Parts, Say, holding, in_parts, standing, standing_run
from pipeline.runner.order import Order
from pipeline.store import Store
from pipeline.store.locks import Held

Result = RunRecord | StateError
SECONDS_BETWEEN_STOPS = 0.1


def replay(
    store: Store, case: str, orders: Sequence[Order], *, say: Say, new_id: Callable[[], str]
) -> Iterator[Result]:
    """What came of each order, in turn; runs that stand already are taken as they are.

    The case is held from the first new run to the last. Another's hold is the result of the order
    that met it, and the last one.
    """
    rest = list(orders)
    while rest:
        found = standing_run(store, case, rest[0], say)
        if found is None:
            break
        yield found
        rest.pop(0)
    if not rest:
        return
    try:
        with (
            holding(store, case, rest[0]) as held,
            ThreadPoolExecutor(1, thread_name_prefix=f"vigie beside {case}") as pool,
        ):
            yield from Replay(store, case, held, say, new_id, pool).run(rest)
    except HeldError as error:
        yield error


@dataclass(eq=False)
class Going:
    """A run between two of its notebooks, or one that stands already."""

    parts: Parts | None
    following: NotebookName | None = None
    result: Result | None = None
    stopping: bool = False

    def until(self, *notebooks: NotebookName) -> None:
        """Goes on to the first of these, else to its end; what broke it is its result."""
        while (
            self.parts is not None
            and self.result is None
            and self.following not in notebooks
            and not self.stopping
        ):
            try:
                self.following = next(self.parts)
            except StopIteration as ended:
                self.result = ended.value
            except StateError as error:
                self.result = error

    @property
    def interrupted(self) -> bool:
        """Whether somebody wants all to end."""
        return isinstance(self.result, RunRecord) and self.result.failure == "interrupted"

    def close(self) -> None:
        """One that has not ended was interrupted."""
        if self.parts is not None:
            self.parts.close()


@dataclass(frozen=True)
class Replay:
    """One case, which is held, as of one date after the other."""

    store: Store
    case: str
    held: Held
    say: Say
    new_id: Callable[[], str]
    pool: ThreadPoolExecutor

    def run(self, orders: Sequence[Order]) -> Iterator[Result]:
        """While a run is judged the next one takes its data in; while that one's drift is measured,
        the first one's report is written.
        """
        report = going = ahead = Going(None)
        try:
            for place, order in enumerate(orders):
                going, ahead = ahead if ahead.parts else self._taken(order), Going(None)
                self._both(report, (), going, ("4-train", "5-evaluate"))
                if report.result is not None:
                    yield report.result
                going.until("5-evaluate")
                if place + 1 < len(orders) and not going.interrupted:
                    ahead = self._begun(orders[place + 1])
                self._both(ahead, ("3-drift",), going, ("6-report",))
                report = going
                if report.interrupted or ahead.interrupted:
                    break
            report.until()
            if report.result is not None:
                yield report.result
            ahead.close()
        except BaseException:
            for each in (report, going, ahead):
                each.close()
            raise

    def _taken(self, order: Order) -> Going:
        """The run whose turn it is: one that stands, or a new one."""
        found = standing_run(self.store, self.case, order, self.say)
        return self._new(order) if found is None else Going(None, result=found)

    def _begun(self, order: Order) -> Going:
        """A new run before its turn; nothing where one stands, which is seen in its turn."""
        found = standing(self.store, self.case, order)
        return self._new(order) if found is None else Going(None)

    def _new(self, order: Order) -> Going:
        return Going(
            in_parts(
                self.store, self.case, order, run_id=self.new_id(), say=self.say, held=self.held
            )
        )

    def _both(
        self,
        one: Going,
        there: tuple[NotebookName, ...],
        other: Going,
        here: tuple[NotebookName, ...],
    ) -> None:
        """Side by side, the other in this thread; what interrupts one stops both."""
        beside = self.pool.submit(one.until, *there)
        try:
            other.until(*here)
            beside.result()
        except BaseException:
            one.stopping = True
            while not beside.done():
                stop()
                wait([beside], SECONDS_BETWEEN_STOPS)
            raise
