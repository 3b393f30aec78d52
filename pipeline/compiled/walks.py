"""Boosted trees walked side by side: for a few rows, one step down all trees at once costs less
than one call for each tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
MOST_CATEGORIES: Final = 256
"""Of a column, in histogram gradient boosting: their codes are bytes."""


class Forest:
    """The trees of a fitted `HistGradientBoosting*`, their nodes in one row, after one another.

    A leaf leads to itself, so that a walk of the greatest depth ends in the leaves of all trees.
    The rules of a step are those of scikit-learn's `_predict_one_from_raw_data`.
    """

    def __init__(self, trees: Sequence[Any], known: NDArray[np.uint32], places: Any) -> None:
        """`known` and `places` as the model's bin mapper gives them: the bits of the categories of
        each categorical column, and the place of each column among those.
        """
        nodes = [tree.nodes for tree in trees]
        sizes = [len(each) for each in nodes]
        self._roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        every = np.concatenate(nodes)
        first = np.repeat(self._roots, sizes)
        leaf, own = every["is_leaf"].astype(bool), np.arange(len(every))
        # Places of the node to the right and to the left, so that a yes is an index.
        self._next = np.stack(
            [np.where(leaf, own, every[side].astype(np.intp) + first) for side in ("right", "left")]
        )
        self._feature = np.where(leaf, 0, every["feature_idx"]).astype(np.intp)
        self._threshold = every["num_threshold"].astype(np.float64)
        self._missing_left = every["missing_go_to_left"].astype(bool)
        self._categorical = every["is_categorical"].astype(bool) & ~leaf
        self._value = every["value"].astype(np.float64)
        self._depth = int(every["depth"].max(initial=0))
        bits = [tree.raw_left_cat_bitsets for tree in trees]
        starts = np.concatenate([[0], np.cumsum([len(each) for each in bits])[:-1]])
        self._bitset = every["bitset_idx"].astype(np.intp) + np.repeat(starts, sizes).astype(
            np.intp
        )
        self._goes_left = _table(np.concatenate(bits))
        self._is_known, self._column = _table(known), np.asarray(places, dtype=np.intp)

    def total(self, table: Table) -> Table:
        """Sum over the trees of the value of the leaf that each row comes to."""
        at = np.broadcast_to(self._roots, (len(table), len(self._roots)))
        rows = np.arange(len(table))[:, None]
        for _ in range(self._depth):
            at = self._next[self._left(at, table, rows).astype(np.intp), at]
        return np.asarray(self._value[at].sum(axis=1))

    def _left(self, at: NDArray[np.intp], table: Table, rows: NDArray[Any]) -> NDArray[np.bool_]:
        feature = self._feature[at]
        value = table[rows, feature]
        left = np.where(np.isnan(value), self._missing_left[at], value <= self._threshold[at])
        chosen = self._categorical[at]
        if chosen.any():
            left[chosen] = self._left_by_category(at[chosen], value[chosen], feature[chosen])
        return left

    def _left_by_category(
        self, at: NDArray[np.intp], value: Table, feature: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        """A category that the model has not met goes the way of a missing one."""
        is_code = (value >= 0) & (value < MOST_CATEGORIES)
        code = np.where(is_code, value, 0).astype(np.intp)
        known = is_code & self._is_known[self._column[feature], code]
        to_left = self._goes_left[self._bitset[at], code]
        return np.where(known, to_left, self._missing_left[at])


def _table(bits: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Shape (sets, 256) from 8 words of 32 bits a set, the lowest bit first."""
    if not len(bits):
        return np.zeros((1, MOST_CATEGORIES), dtype=np.bool_)
    words = np.ascontiguousarray(bits, dtype="<u4").view(np.uint8)
    return np.asarray(np.unpackbits(words, axis=1, bitorder="little").astype(np.bool_))
