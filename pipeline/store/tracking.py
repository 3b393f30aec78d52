"""MLflow as a view of the records: every training a run, the champion an alias in the registry.

The records are the truth. What MLflow lacks is added after the notebooks have ended, by this one
process; a database that was lost is filled again from the records.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.saying import Say
from pipeline.store import Store
from pipeline.store.atomic import write_bytes
from pipeline.store.experiments import DATABASE, SERVER, connected, mirror_case
from pipeline.store.locks import take_turns

logger = logging.getLogger("vigie.tracking")

PAUSES = (1.0, 3.0)
"""Seconds before a database that refused is tried again: of two that find it empty and make its
tables at the same time, one is refused."""


def mirror(store: Store, cases: Sequence[str], *, say: Say) -> None:
    """Adds to MLflow what the records of `cases` hold and it does not.

    A server that can't be reached is said; what it lacks is added by the next run.
    """
    try:
        _patiently(store, cases, say)
    except Exception as error:
        # MLflow, SQLAlchemy and drivers of databases have no common base for "not reached".
        if not os.environ.get(SERVER):
            raise
        # The error's own words may hold the address, and with it a password.
        say(
            f"{'mlflow':<10} not told    {_told(store)}, named in {SERVER}, can't be used: "
            f"{type(error).__name__}. The next run adds what it lacks."
        )


def catch_up(store: Store, case: str) -> int:
    """Does the same for one case, and gives the number of candidates that it has added.

    It says nothing, and raises whatever MLflow does.
    """
    return sum(_added(store, [case]).values())


def prepare(store: Store) -> None:
    """Makes the tables of a new database, which takes a while.

    Raises whatever MLflow does.
    """
    with take_turns(store.home, "mlflow"), connected(store):
        pass


def _patiently(store: Store, cases: Sequence[str], say: Say) -> None:
    # A server is asked again by MLflow's own client.
    server = os.environ.get(SERVER, "")
    for pause in PAUSES if server and not server.startswith("http") else ():
        try:
            return _mirror(store, cases, say)
        except Exception:
            logger.debug("MLflow's database refused; tried again in %s s", pause, exc_info=True)
            time.sleep(pause)
    return _mirror(store, cases, say)


def _mirror(store: Store, cases: Sequence[str], say: Say) -> None:
    for case, count in _added(store, cases).items():
        if count:
            say(tracked(store, case, count))


def tracked(store: Store, case: str, count: int) -> str:
    """What is said of candidates that were added."""
    return f"{case:<10} tracked     {count} candidates in {_told(store)}"


def _added(store: Store, cases: Sequence[str]) -> dict[str, int]:
    """Adds what is lacking; how many candidates of each case that was behind."""
    if not any(_is_behind(store, case) for case in cases):
        return {}
    found = {}
    with take_turns(store.home, "mlflow"):
        pending = [case for case in cases if _is_behind(store, case)]
        if not pending:
            return {}
        with connected(store) as client:
            for case in pending:
                recorded = _recorded(store, case)
                found[case] = mirror_case(store, client, case)
                write_bytes(_seen_path(store, case), recorded.encode())
    return found


def _is_behind(store: Store, case: str) -> bool:
    """Whether there may be something that MLflow lacks; told without asking it."""
    recorded, seen = _recorded(store, case), _seen_path(store, case)
    if not recorded:
        return False
    there = bool(os.environ.get(SERVER)) or (store.home / DATABASE).exists()
    known = there and seen.exists()
    return not known or seen.read_text() != recorded


def _recorded(store: Store, case: str) -> str:
    """The runs that trained or decided, a line each."""
    folders = [store.run_folder(case, run_id) for run_id in store.run_ids(case)]
    return "\n".join(
        f"{folder.name} {step}"
        for folder in folders
        for step in ("train", "promote")
        if (folder / step / "record.json").exists()
    )


def _seen_path(store: Store, case: str) -> Path:
    address = os.environ.get(SERVER, "")
    place = hashlib.sha256(address.encode()).hexdigest()[:12] if address else "home"
    return store.home / "mlflow" / place / f"{case}.txt"


def _told(store: Store) -> str:
    """Where MLflow keeps its data, without the password that an address may hold."""
    address = os.environ.get(SERVER)
    return urlsplit(address).hostname or "the server" if address else str(store.home / DATABASE)
