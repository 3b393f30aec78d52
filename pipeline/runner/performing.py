"""Notebooks of a run: executed, in their turn or before it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, MutableMapping
from concurrent.futures import Future

from pipeline.errors import VigieError
from pipeline.kernels import execute
from pipeline.options import NotebookName
from pipeline.records import STEPS_OF
from pipeline.runner.order import Order
from pipeline.store import Store

Early = MutableMapping[NotebookName, Future[None]]
"""Notebooks that are executed before their turn, beside those before them."""


def perform(
    store: Store,
    case: str,
    order: Order,
    run_id: str,
    notebook: NotebookName,
    turn: Callable[[], None] | None = None,
) -> None:
    """Executes a notebook of a run, that waits for its `turn`; raises what it ended with."""
    execute(
        notebook,
        store.notebook_path(case, run_id, notebook),
        order.values(notebook, case, str(store.home), run_id),
        seconds=order.seconds,
        notebook_seconds=order.step_seconds,
        engine=order.engine,
        cores=order.cores_of(notebook),
        turn=turn,
    )


def drop_early(early: Early, store: Store, case: str, run_id: str) -> None:
    """What was executed before its turn met another outcome of those before it than was expected:
    it is as if it had not been.
    """
    for notebook in [*early]:
        error = early[notebook].exception()
        if isinstance(error, VigieError) and error.failure == "interrupted":
            raise error
        del early[notebook]
        for step in STEPS_OF[notebook]:
            shutil.rmtree(store.run_folder(case, run_id) / step, ignore_errors=True)
