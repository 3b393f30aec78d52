"""Shares of the rows of a block: of a category, of those never seen, of missing values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.shift._categories import Shares
from pipeline.shift._design import latest_blocks
from pipeline.shift._layout import Layout
from pipeline.shift._rates import cauchy_combination, chance_of_occurrences
from pipeline.shift._types import Part
from pipeline.shift._year import contrast_all, yearly_columns

Floats = NDArray[np.float64]

RARE = 5
"""Blocks of the reference with an occurrence below which single blocks are counted."""


def missing_part(missing: Floats, rows: Floats, layout: Layout) -> Part | None:
    """Share of rows without a value; `None` where there is none."""
    if not missing.any():
        return None
    found, effects, latest = _contrast_shares(missing[:, None], rows, layout)
    before, now = _share_of(missing, rows, float(latest[0]), layout)
    return Part(
        name="missing values",
        p_value=float(found[0]),
        effect=float(effects[0]),
        latest=float(latest[0]),
        before=before,
        now=now,
    )


def category_parts(shares: Shares, layout: Layout) -> list[Part]:
    """Share of each category, combined; and of those that were never seen."""
    parts = []
    if shares.counts.shape[1]:
        p_values, effects, latest = _contrast_shares(shares.counts, shares.rows, layout)
        most = int(np.argmin(p_values))
        before, now = _share_of(shares.counts[:, most], shares.rows, float(latest[most]), layout)
        parts.append(
            Part(
                name="categories",
                p_value=float(cauchy_combination(p_values)),
                effect=float(effects[most]),
                about=str(shares.labels[most]),
                latest=float(latest[most]),
                before=before,
                now=now,
            )
        )
    if shares.new:
        fresh = shares.new_counts[layout.blocks :]
        later = shares.new_counts[layout.blocks // 2 : layout.blocks]
        share = float(fresh.sum() / max(1.0, shares.rows[layout.blocks :].sum()))
        chance = chance_of_occurrences(
            np.array([(fresh > 0).sum()]), len(fresh), np.array([(later > 0).sum()]), len(later)
        )
        parts.append(
            Part(
                name="new categories",
                p_value=float(chance[0]),
                effect=2 * float(np.arcsin(np.sqrt(share))),
                about=shares.new[0],
                others=len(shares.new) - 1,
                before=0.0,
                now=share,
            )
        )
    return parts


def _share_of(counts: Floats, rows: Floats, latest: float, layout: Layout) -> tuple[float, float]:
    """Share of the rows in the reference, and in the latest part of the current window."""
    first = layout.all_blocks - latest_blocks(latest, layout.current_blocks)
    before, now = (
        float(counts[part].sum() / max(1.0, rows[part].sum()))
        for part in (slice(0, layout.blocks), slice(first, None))
    )
    return before, now


def _contrast_shares(counts: Floats, rows: Floats, layout: Layout) -> tuple[Floats, Floats, Floats]:
    """p-value, Cohen's h (1988, 6.2: difference of arcsines of roots) and latest part, of shares
    by block.

    Where the reference has hardly an occurrence, its variance says little: there the number of
    blocks with one must be unlikely too.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        series = np.where(rows[:, None] > 0, counts / rows[:, None], np.nan)
    before, now = layout.split(counts)
    all_before = rows[: layout.blocks].sum()
    guess = (before.sum(axis=0) + 1) / (all_before + 2)
    least = guess * (1 - guess) / max(1.0, all_before / layout.blocks)
    found = contrast_all(series, yearly_columns(series, layout), layout, least)
    occurred = np.minimum((before > 0).sum(axis=0), (before < rows[: layout.blocks, None]).sum(0))
    turned = (before > 0).sum(axis=0) > layout.blocks / 2
    occurs = np.where(turned, now < rows[layout.blocks :, None], now > 0).sum(axis=0)
    chance = chance_of_occurrences(
        occurs.astype(float), layout.current_blocks, occurred.astype(float), layout.blocks
    )
    p_values = np.where(occurred < RARE, np.maximum(found.p_values, chance), found.p_values)
    shares = [
        _share_of(counts[:, place], rows, float(latest), layout)
        for place, latest in enumerate(found.latest)
    ]
    share, moved = np.array(shares).T.reshape(2, -1)
    return p_values, 2 * (np.arcsin(np.sqrt(moved)) - np.arcsin(np.sqrt(share))), found.latest


def least_share(rows: Floats, layout: Layout) -> float:
    """Least variance of a mean by block of values about as large as 1."""
    return float(1e-3 / max(1.0, rows[: layout.blocks].sum() / layout.blocks))
