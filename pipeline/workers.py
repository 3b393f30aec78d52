"""Processes beside a kernel that do pieces of its work, one for each core that it may use.

Threads that fit models to small tables wait for one another, since much of a fit is Python's own
work: two took half as long again as two processes. A kernel of the warm engine forks its
workers before it begins, while it has one thread. Whoever has none, such as a kernel that Jupyter
has started, spreads the work over threads. What comes of it is the same, to the bit.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.errors import StepError, WorkerError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

MOST = 8
"""Workers of one kernel: each holds the rows as well."""
MOST_BYTES = 256_000_000
"""Of rows that are handed to workers. Fits of larger tables hardly wait for one another."""
SAID: dict[str | tuple[str, type[Warning], int], int] = {}
"""Warnings that were shown before, as Python keeps them for each module."""


@dataclass(eq=False)
class Worker:
    """A forked process, and the connection to it."""

    pid: int
    connection: Connection
    knows: bytes = b""
    """The work that it was told last."""

    def do(self, work: bytes, item: bytes) -> Done:
        """Has it done; raises `WorkerError` when the process is gone."""
        try:
            if work is not self.knows:
                self.connection.send_bytes(work)
                self.knows = work
            else:
                self.connection.send_bytes(b"")
            self.connection.send_bytes(item)
            done: Done = _loaded(self.connection.recv_bytes())
        except (EOFError, OSError) as error:
            raise WorkerError.for_fits() from error
        return done


class Workers:
    """Those of this process."""

    standing: ClassVar[list[Worker]] = []


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of one piece of work, and what it said meanwhile."""

    result: Any = None
    error: BaseException | None = None
    printed: str = ""
    warned: list[warnings.WarningMessage] = field(default_factory=list)

    def told(self) -> Any:
        """The result, with what was said said here; raises what the work has raised."""
        if self.printed:
            print(self.printed, end="")
        for each in self.warned:
            place = each.filename, each.lineno
            warnings.warn_explicit(each.message, each.category, *place, registry=SAID)
        if self.error is not None:
            raise self.error
        return self.result


def packed(work: Callable[[Any], Any], *, rows: int) -> bytes | None:
    """The work as it is sent to workers; `rows` are bytes of the tables within.

    `None` where threads are to do it: there are no workers, it holds too much, or something that
    can't be sent.
    """
    if not Workers.standing or rows > MOST_BYTES:
        return None
    try:
        return _dumped(work)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None


def spread(
    work: bytes, items: Sequence[Any], *, kinds: Sequence[tuple[Hashable, Hashable]] = ()
) -> Iterator[Any]:
    """What the `packed` work makes of each item, in their order, as soon as it is there.

    It is sent to each worker once. It must not depend on what the notebook has changed in modules.
    `kinds` has two words for each item: those of the same first word are done before others, and
    of these a worker prefers one whose second word it has met, since it may remember something.
    Raises what it raises, and `WorkerError` when a worker dies; whatever ends it early ends the
    workers, so that none goes on with what nobody waits for.
    """
    waiting = Waiting(kinds or [("", number) for number, _ in enumerate(items)])
    answers = [Future[Done]() for _ in items]

    def feed(worker: Worker) -> None:
        while (number := waiting.take(worker.pid)) is not None:
            try:
                answers[number].set_result(worker.do(work, _dumped(items[number])))
            except BaseException as error:  # noqa: BLE001
                answers[number].set_exception(error)

    with ThreadPoolExecutor(len(Workers.standing), thread_name_prefix="vigie worker") as threads:
        for worker in Workers.standing:
            threads.submit(feed, worker)
        try:
            for answer in answers[:-1]:
                yield answer.result().told()
            last = [answer.result().told() for answer in answers[-1:]]
        except BaseException:
            waiting.clear()
            end()
            raise
    for worker in Workers.standing:
        worker.knows = b""
    yield from last


class Waiting:
    """Numbers of items that nobody has begun, by their kinds."""

    def __init__(self, kinds: Sequence[tuple[Hashable, Hashable]]) -> None:
        self._kinds = kinds
        self._numbers = list(range(len(kinds)))
        self._met: dict[Hashable, int] = {}
        """By second word, the process that met it last."""
        self._lock = Lock()

    def take(self, pid: int) -> int | None:
        """The one that this process is to do now; `None` when none is left."""
        with self._lock:
            if not self._numbers:
                return None
            group = self._kinds[self._numbers[0]][0]
            alike = [number for number in self._numbers if self._kinds[number][0] == group]
            chosen = min(alike, key=lambda number: self._rank(number, pid))
            self._numbers.remove(chosen)
            self._met[self._kinds[chosen][1]] = pid
            return chosen

    def _rank(self, number: int, pid: int) -> int:
        """Its own first, then what nobody has met; of equals the first."""
        return {pid: 0, None: 1}.get(self._met.get(self._kinds[number][1]), 2)

    def clear(self) -> None:
        """Nothing more is to be begun."""
        with self._lock:
            self._numbers.clear()


def end() -> None:
    """Ends the workers of this process, whatever they do."""
    while Workers.standing:
        worker = Workers.standing.pop()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(worker.pid, 0)


def serve(connection: Connection) -> None:
    """Does what is asked for through `connection`, until nobody is left who could ask."""
    known: list[Callable[[Any], Any]] = []
    while True:
        try:
            told = connection.recv_bytes()
            item = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(_as_bytes(_done(known, told, item)))


def _done(known: list[Callable[[Any], Any]], told: bytes, item: bytes) -> Done:
    """`known` holds the work that was told last; it makes room for another."""
    printed = io.StringIO()
    result, failed = None, None
    with (
        warnings.catch_warnings(record=True) as warned,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        # Whether one is shown, or is an error, is for the asking process to say.
        warnings.simplefilter("always")
        try:
            if told:
                known.clear()
                known.append(_loaded(told))
            result = known[0](_loaded(item))
        except BaseException as error:  # noqa: BLE001
            error.add_note("In a worker:\n" + traceback.format_exc())
            failed = error
    return Done(result=result, error=failed, printed=printed.getvalue(), warned=list(warned or ()))


def _as_bytes(done: Done) -> bytes:
    """As it is sent; an error that can't be is told in words."""
    try:
        content = _dumped(done)
        _loaded(content)
    except Exception as error:  # noqa: BLE001
        told = done.error or error
        words = StepError(f"A worker could not say what came of it: {type(told).__name__}: {told}")
        return _dumped(Done(error=words, printed=done.printed))
    return content


def _dumped(content: Any) -> bytes:
    """Also functions that a notebook has defined; read by a process of the same kernel only."""
    import cloudpickle

    dumped: bytes = cloudpickle.dumps(content)
    return dumped


def _loaded(content: bytes) -> Any:
    return pickle.loads(content)  # noqa: S301
