"""Compares what there is to tell with what each target was told, and tells the rest."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.notify.events import Event
from pipeline.notify.memory import read_told, write_told
from pipeline.notify.targets import Target
from pipeline.saying import Say
from pipeline.store import Store


def notify(
    store: Store,
    events: Iterable[Event],
    targets: Iterable[Target],
    *,
    rules: frozenset[str],
    say: Say,
) -> int:
    """Sends every target what it has not been told yet; gives how many messages arrived.

    A target that can't be reached is said and skipped; it doesn't stop the others.
    """
    found = [event for event in events if event.rule in rules]
    return sum(_tell(store, target, found, say) for target in targets)


def _tell(store: Store, target: Target, found: list[Event], say: Say) -> int:
    told = read_told(store.home, target.name)
    new = [event for event in found if event.is_news(told.get(event.key))]
    arrived = 0
    for event in new:
        problem = target.send(event)
        if problem:
            say(f"{target.name} was not told of {event.case}, {event.rule}: {problem}")
        else:
            told[event.key] = event.state
            arrived += 1
    quiet = {event.key: event.state for event in found if event not in new}
    write_told(store.home, target.name, told | quiet)
    return arrived
