"""Where runs are done: in this process, on its threads, or on the workers of a Dask cluster.

All three are `concurrent.futures` executors, and the work given to them is the same.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.errors import OptionError
from pipeline.saying import Say

SECONDS_TO_ANSWER = 30


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where work is given to, how it says something, and the cores that each piece may use."""

    executor: Executor
    say: Say
    cores: int | None
    """`None`: as many as the worker that does it has threads."""


class Here(Executor):
    """Does the work at once, in the thread that asks for it."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*given, **named))
        return done


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Lines from a worker to whoever asked for the work."""

    topic: str

    def __call__(self, line: str) -> None:
        from distributed import get_worker

        get_worker().log_event(self.topic, line)


@contextmanager
def spread(jobs: int, cluster: str, ticket: str, say: Say) -> Iterator[Place]:
    """The place for `jobs` pieces of work side by side, or for as many as the cluster has workers.

    Raises `OptionError` when the cluster does not answer.
    """
    if cluster:
        with _cluster(cluster, ticket, say) as place:
            yield place
    elif jobs == 1:
        yield Place(executor=Here(), say=say, cores=cores_here())
    else:
        cores = max(1, cores_here() // jobs)
        with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="vigie") as executor:
            try:
                yield Place(executor=executor, say=_one_by_one(say), cores=cores)
            except BaseException:
                from pipeline.kernels import stop

                executor.shutdown(wait=False, cancel_futures=True)
                stop()
                raise


def cores_here() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def cores_of_worker() -> int:
    """Threads of the Dask worker that this runs on: what it was given of its machine."""
    from distributed import get_worker

    return int(get_worker().state.nthreads)


def was_lost(error: Exception) -> bool:
    """Whether Dask has given the work up, since its workers died one after the other."""
    distributed = sys.modules.get("distributed")
    return distributed is not None and isinstance(error, distributed.KilledWorker)


@contextmanager
def _cluster(address: str, ticket: str, say: Say) -> Iterator[Place]:
    from distributed import Client

    try:
        client = Client(address, timeout=SECONDS_TO_ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OptionError(
            f"No Dask scheduler answers at {address!r}: {error}. Start one with `dask scheduler` "
            "and workers with `dask worker ADDRESS --nthreads 1`, or leave --cluster out."
        ) from error
    topic = f"vigie-{ticket}"
    with client:
        client.subscribe_topic(topic, lambda event: say(event[1]))
        executor = client.get_executor(pure=False)
        yield Place(executor=executor, say=Channel(topic=topic), cores=None)
        client.unsubscribe_topic(topic)


def _one_by_one(say: Say) -> Say:
    turn = threading.Lock()

    def said(line: str) -> None:
        with turn:
            say(line)

    return said
