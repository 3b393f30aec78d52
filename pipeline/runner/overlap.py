"""Runs of one case for one date after the other that overlap, where there is a second core.

Three threads do the dates in turn: one takes the data in and checks them, some dates ahead; one
judges; one writes reports. None of them looks at what the others make of another date, but that a
date is judged when the one before has been. Where a challenger was trained so lately that no other
will be, models are compared while the drift is measured; they are asked for their predictions while
the date before is still compared, and wait for its decision before anything is said of them. The
records are those of runs that follow one another.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue

from pipeline.case import find_case
from pipeline.errors import HeldError, StepError, VigieError
from pipeline.kernels import stop
from pipeline.options import NOTEBOOKS, NotebookName
from pipeline.runner.chain import END, holding, in_parts
from pipeline.runner.going import BEFORE_ITS_TURN, RANKS, Going, Result
from pipeline.runner.order import Order
from pipeline.runner.performing import drop_early, perform
from pipeline.runner.slots import Slots
from pipeline.runner.standing import standing, standing_run
from pipeline.runner.turns import Turn
from pipeline.saying import Say
from pipeline.store import Store
from pipeline.store.locks import Held

SECONDS_BETWEEN_STOPS = 0.1
AHEAD = 6
"""Dates whose data are taken in before their turn."""
COMPARES: NotebookName = "5-evaluate"


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
        with holding(store, case, rest[0]) as held:
            yield from Replay(store, case, held, say, new_id).run(rest)
    except HeldError as error:
        yield error


def asked_moments(store: Store, case: str) -> set[str]:
    """As-of times that the runs there are were asked for."""
    known = (store.run_record(case, run_id) for run_id in store.run_ids(case))
    return {record.asked_as_of for record in known if record is not None}


@dataclass(frozen=True)
class Line:
    """Runs on their way from one thread to the next; `None` after the last one."""

    queue: SimpleQueue[Going | None] = field(default_factory=SimpleQueue)

    def put(self, going: Going) -> None:
        self.queue.put(going)

    def end(self) -> None:
        self.queue.put(None)

    def __iter__(self) -> Iterator[Going]:
        return iter(self.queue.get, None)


class Replay:
    """One case, which is held, as of one date after the other."""

    def __init__(
        self, store: Store, case: str, held: Held, say: Say, new_id: Callable[[], str]
    ) -> None:
        self.store = store
        self.case = case
        self.held = held
        self.say = say
        self.new_id = new_id
        self.stopping = threading.Event()
        self.room = threading.Semaphore(AHEAD)
        self.begun: list[Going] = []
        self.taken: deque[Going] = deque()
        """Dates whose data are there, and whose turn to be judged has not come."""
        self.is_comparing = False
        """Whether the date that is judged will be trained for no more."""
        self.looking = threading.Lock()
        self.asked_before = asked_moments(store, case)

    def run(self, orders: Sequence[Order]) -> Iterator[Result]:
        """Gives the results in turn; what breaks or interrupts one thread stops all."""
        self.slots = Slots(2 if orders[0].overlaps else 1)
        taken, judged, ended = Line(), Line(), Line()
        with ThreadPoolExecutor(5, thread_name_prefix=f"vigie {self.case}") as self.pool:
            threads = [
                self.pool.submit(self._thread, work, line)
                for work, line in (
                    (lambda: self._take_in(orders, taken), taken),
                    (lambda: self._judge(taken, judged), judged),
                    (lambda: self._report(judged, ended), ended),
                )
            ]
            try:
                for going in ended:
                    if going.result is not None:
                        yield going.result
                for thread in threads:
                    thread.result()
            finally:
                self._stop()
                early = [done for going in self.begun for done in going.early.values()]
                while wait([*threads, *early], SECONDS_BETWEEN_STOPS).not_done:
                    stop()
                for going in self.begun:
                    going.close()

    def _thread(self, work: Callable[[], None], line: Line) -> None:
        try:
            work()
        except BaseException:
            self._stop()
            stop()
            raise
        finally:
            line.end()

    def _stop(self) -> None:
        self.stopping.set()
        self.room.release()
        for going in self.begun:
            if going.turn is not None:
                going.turn.come()

    def _take_in(self, orders: Sequence[Order], taken: Line) -> None:
        for order in orders:
            self.room.acquire()
            if self.stopping.is_set():
                return
            # Whether a run stands is seen in its turn: those before it may change that.
            found = standing(self.store, self.case, order)
            going = self._new(order) if found is None else Going(order)
            going.until(self.slots, self.stopping, "3-drift", END)
            self.taken.append(going)
            taken.put(going)
            self._look_ahead()
            if going.interrupted:
                return

    def _judge(self, taken: Line, judged: Line) -> None:
        for ahead in taken:
            with self.looking:
                self.taken.popleft()
            going = ahead if ahead.parts else self._taken(ahead.order)
            self.room.release()
            self._compare(going)
            if going.turn is not None:
                going.turn.come()
                # Asked for now, since reports and new data would take the slot of the drift first.
                self.is_comparing = True
                self._look_ahead()
            going.until(self.slots, self.stopping, COMPARES, "6-report", END)
            self.is_comparing = True
            self._look_ahead()
            going.until(self.slots, self.stopping, "6-report", END)
            self.is_comparing = False
            judged.put(going)
            if going.interrupted or self.stopping.is_set():
                self._stop()
                return
            drop_early(going.early, self.store, self.case, going.run_id)

    def _report(self, judged: Line, ended: Line) -> None:
        for going in judged:
            going.until(self.slots, self.stopping)
            ended.put(going)
            if going.interrupted or self.stopping.is_set():
                self._stop()
                return

    def _look_ahead(self) -> None:
        """Begins to compare for the next date, once nothing is trained for the one before it. Not
        where a notebook has a limit of time, which should not count what it waits.
        """
        with self.looking:
            if not self.is_comparing or not self.taken or self.stopping.is_set():
                return
            if self.taken[0].order.step_seconds is None:
                self._compare(self.taken[0])

    def _compare(self, going: Going) -> None:
        """Begins it before its turn where that is possible."""
        if going.turn is None and self._is_only_compared(going):
            going.turn = Turn(
                self.slots, notebook=COMPARES, rank=RANKS[COMPARES], stopping=self.stopping
            )
            going.early[COMPARES] = self.pool.submit(self._early, going, going.turn)

    def _early(self, going: Going, turn: Turn) -> None:
        with self.slots.taken(RANKS[COMPARES] if turn.has_come else BEFORE_ITS_TURN):
            if self.stopping.is_set():
                raise StepError.for_interrupt(COMPARES)
            work = partial(perform, self.store, self.case, going.order, going.run_id, COMPARES)
            try:
                work(turn=turn.wait)
            except VigieError as error:
                if not turn.is_spoiled(error):
                    raise
                turn.wait()
                work()

    def _taken(self, order: Order) -> Going:
        """The run whose turn it is: one that stands, or a new one."""
        found = standing_run(self.store, self.case, order, self.say)
        return self._new(order) if found is None else Going(order, result=found)

    def _new(self, order: Order) -> Going:
        going = Going(order, run_id=self.new_id())
        going.parts = in_parts(
            self.store,
            self.case,
            order,
            run_id=going.run_id,
            say=self.say,
            held=self.held,
            early=going.early,
        )
        self.begun.append(going)
        return going

    def _is_only_compared(self, going: Going) -> bool:
        """Whether nothing will be trained, as far as that is known before the drift. Not for a date
        that was asked for before: much of it may only be taken over.
        """
        order = going.order
        if going.following != "3-drift" or order.moment in self.asked_before:
            return False
        if not order.overlaps or order.is_anew(COMPARES) or order.until is not None:
            return False
        from pipeline.steps.decide import is_settled

        options = NOTEBOOKS["3-drift"].checked(
            "3-drift", order.values("3-drift", self.case, str(self.store.home), going.run_id)
        )
        return is_settled(self.store, find_case(self.case), options)
