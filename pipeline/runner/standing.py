"""Whether an earlier run does all that is asked, so that there is nothing to do."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.case import find_case
from pipeline.records import CheckRecord, RunRecord
from pipeline.runner.order import Order
from pipeline.runner.past import Past, plan
from pipeline.runner.stamps import begin
from pipeline.saying import Say
from pipeline.seals import Sealed, nothing_new, path_of, seal
from pipeline.sources.fingerprints import SelfKnown
from pipeline.store import Store
from pipeline.store.atomic import write_bytes


def standing_run(store: Store, case: str, order: Order, say: Say) -> RunRecord | None:
    """The earlier run that does all that is asked, with a word about it; `None` when there is
    something to do.
    """
    found = standing(store, case, order)
    if found is not None:
        say(nothing_new(case, told(found)))
        note_look(store, order, found, new=False)
    return found


def standing(store: Store, case: str, order: Order) -> RunRecord | None:
    """The earlier run that does all that is asked; `None` when there is something to do."""
    chain = begin(store, find_case(case), order)
    past = Past.of(chain)
    done, following = plan(chain, past)
    return past.standing(done) if following is None else None


def told(record: RunRecord) -> Sealed:
    """What is said of the run that stands."""
    return Sealed(run_id=record.run_id, outcome=record.outcome, sentence=record.sentence)


def seal_case(store: Store, case: str, order: Order) -> None:
    """Seals the case, when the same order would find nothing to do and its source is known by its
    settings or its files.
    """
    declared = find_case(case)
    source = declared.source(order.source)
    known = source.simulated or bool(order.data)
    found = standing(store, case, order)
    path = path_of(store.home, case)
    content = None
    if found is not None and known and not isinstance(source, SelfKnown):
        content = seal(store.home, case, order.asked, told(found))
    if content is None:
        path.unlink(missing_ok=True)
    else:
        write_bytes(path, content)


def note_look(store: Store, order: Order, record: RunRecord, *, new: bool) -> None:
    """Keeps when the case was looked at, and whether that made the run."""
    store.write_check(
        CheckRecord(
            case=record.case,
            looked=datetime.now(UTC),
            as_of=record.as_of,
            run_id=record.run_id,
            new=new,
            source=order.source,
            data=order.data,
            asked_as_of=order.moment,
            own=order.own,
        )
    )
