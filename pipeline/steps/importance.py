"""What a model's predictions rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.case import Case
from pipeline.tasks import Truth

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 2_000
SEED = 20211109


def importance(case: Case, model: Any, rows: pd.DataFrame, truth: Truth) -> dict[str, float]:
    """Share by which the primary score grows when a watched column is shuffled among rows that the
    model had not learned from, with all that the frame derives from it; 0 where it does not grow.

    Permutation importance: Breiman 2001, "Random forests", section 10; Fisher, Rudin & Dominici
    2019, "All models are wrong, but many are useful", equation 3 (ratio form).
    """
    random = np.random.default_rng(SEED)
    chosen = np.sort(random.permutation(len(rows))[:MOST_ROWS])
    table, known, primary = rows.iloc[chosen], truth[chosen], case.task.primary
    error = case.task.metrics(known, case.task.predict(model, table))[primary]
    derived = [name for name in rows.columns if name not in case.schema.names]
    found = {}
    for name in case.task.drift_view(table, case.schema):
        moved = derived if name == case.schema.target else [name]
        shuffled = table.copy()
        shuffled[moved] = table[moved].iloc[random.permutation(len(table))].to_numpy()
        grown = case.task.metrics(known, case.task.predict(model, shuffled))[primary]
        found[name] = max(0.0, grown / error - 1) if error > 0 else 0.0
    return found
