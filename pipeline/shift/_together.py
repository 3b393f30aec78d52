"""Can a classifier tell rows of the current window from rows of the reference?

A two-sample test by classification (Friedman 2003, "On multivariate goodness-of-fit and two-sample
testing") with a linear discriminant, whose test has a closed form: Hotelling's. Columns whose
dependence on one another changed, while each alone did not, are found by their pairwise products.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._contrasts import contrast_means
from pipeline.shift._layout import Layout, even_draw
from pipeline.shift._pooled import hotelling
from pipeline.shift._ranks import block_ranks, normal_scores
from pipeline.shift._rates import simes, weighted_bonferroni

Floats = NDArray[np.float64]

MOST_PAIRED = 20
"""Columns of which all pairs are looked at: the first ones."""
ROWS_SCORED = 20_000


@dataclass(frozen=True, kw_only=True)
class Together:
    """All number columns at once."""

    p_value: float
    auc: float
    """Area under the curve of a linear discriminant on blocks that it was not fitted on."""
    pair: tuple[str, str]
    """The two columns whose product moved most."""
    pair_decides: bool
    pair_effect: float
    """How far the mean product of their normal scores moved: a correlation, nearly."""


def measure_together(
    names: list[str],
    codes: list[NDArray[np.int16]],
    z_scores: Floats,
    residuals: Floats,
    layout: Layout,
) -> Together | None:
    """`codes`: levels of the drawn rows by column (`Scores.codes`); `None` for fewer than two
    columns.
    """
    if len(names) < 2:
        return None
    table = np.column_stack([normal_scores(each) for each in codes[:MOST_PAIRED]])
    block = layout.block[layout.drawn]
    products, rows = _products(table, block, layout)
    first, second = np.triu_indices(table.shape[1], 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        series = np.where(rows[:, None] > 0, products[:, first, second] / rows[:, None], np.nan)
    level = replace(layout.plain, follows=False)
    paired = contrast_means(*block_ranks(*layout.split(series)), level, wide=True).p_values
    joint, dependence = float(hotelling(z_scores[None], residuals)[0]), simes(paired)
    most = int(np.argmin(paired))
    return Together(
        p_value=weighted_bonferroni(np.array([joint, dependence]), np.array([0.5, 0.5])),
        auc=_held_out_auc(table, block, products, layout),
        pair=(names[first[most]], names[second[most]]),
        pair_decides=dependence < joint,
        pair_effect=_moved(products[:, first[most], second[most]], rows, layout),
    )


def _products(
    table: NDArray[np.float32], block: NDArray[np.intp], layout: Layout
) -> tuple[Floats, Floats]:
    """Sums of all products of two columns by block, blocks x columns x columns; rows by block.

    The rows are sorted by block.
    """
    rows = np.bincount(block, minlength=layout.all_blocks).astype(np.float64)
    ends = np.cumsum(rows).astype(int)
    products = np.zeros((layout.all_blocks, table.shape[1], table.shape[1]))
    for number, (start, end) in enumerate(zip(ends - rows.astype(int), ends, strict=True)):
        part = table[start:end]
        products[number] = part.T @ part
    return products, rows


def _moved(sums: Floats, rows: Floats, layout: Layout) -> float:
    before, now = (
        products.sum() / max(1.0, counted.sum())
        for products, counted in zip(layout.split(sums), layout.split(rows), strict=True)
    )
    return float(now - before)


def _held_out_auc(
    table: NDArray[np.float32], block: NDArray[np.intp], products: Floats, layout: Layout
) -> float:
    """Even blocks are scored with the discriminant of the odd ones, and the other way round."""
    from scipy.stats import rankdata

    now = block >= layout.blocks
    areas = []
    for parity in (0, 1):
        fitted = block % 2 == parity
        if not (fitted & now).any() or not (fitted & ~now).any():
            continue
        spread = products[parity::2].sum(axis=0) / fitted.sum() + 0.01 * np.eye(table.shape[1])
        gap = table[fitted & now].mean(axis=0) - table[fitted & ~now].mean(axis=0)
        held = np.flatnonzero(~fitted)
        held = held[even_draw(len(held), ROWS_SCORED)]
        truth = now[held]
        count, rest = int(truth.sum()), int((~truth).sum())
        if count and rest:
            ranks = rankdata(table[held] @ np.linalg.solve(spread, gap))
            areas.append((ranks[truth].sum() - count * (count + 1) / 2) / (count * rest))
    return float(np.mean(areas)) if areas else 0.5
