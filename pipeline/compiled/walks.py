"""Boosted trees by bits: which leaf of every tree a row comes to, found for all trees at once.

After Lucchese, Nardini, Orlando, Perego, Tonellotto & Venturini 2015, "QuickScorer: a fast
algorithm to rank documents with additive ensembles of regression trees".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
Bits = NDArray[Any]
"""Unsigned integers: of a tree, a bit for each leaf, the lowest for the one furthest left."""
MOST_CATEGORIES: Final = 256
"""Of a column, in histogram gradient boosting: their codes are bytes."""
MOST_LEAVES: Final = 64
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of all bits that are kept; above, the trees are walked one after the other."""
BYTES_AT_ONCE: Final = 192 * 1024
"""Rows are taken in blocks whose bits stay near the processor."""


class TooLargeError(Exception):
    """Trees with too many leaves, or too many of them, to be kept as bits."""


class Forest:
    """The trees of a fitted `HistGradientBoosting*`.

    A row that goes to the right at a node can't come to the leaves on its left: it takes their bits
    away. What a column's value takes away at all nodes that ask for that column depends only on
    which of their thresholds it is above, and is kept for each such range. Of the bits that all
    columns leave, the lowest is the leaf. The rules of a node are those of scikit-learn's
    `_predict_one_from_raw_data`.
    """

    def __init__(self, trees: Sequence[Any], known: NDArray[np.uint32], places: Any) -> None:
        """`known` and `places` as the model's bin mapper gives them: the bits of the categories of
        each categorical column, and the place of each column among those. Raises `TooLargeError`.
        """
        most = max(int(tree.nodes["is_leaf"].sum()) for tree in trees)
        if most > MOST_LEAVES:
            raise TooLargeError(f"{most} leaves")
        self._kind = np.dtype(np.uint32 if most <= MOST_LEAVES // 2 else np.uint64)
        self._all = np.empty(len(trees), dtype=self._kind)
        self._values = np.zeros((len(trees), most))
        self._first = np.arange(len(trees)) * most
        asked: dict[int, list[_Node]] = {}
        for place, tree in enumerate(trees):
            values, nodes = _leaves_and_nodes(place, tree)
            self._all[place] = (1 << len(values)) - 1
            self._values[place, : len(values)] = values
            for node in nodes:
                asked.setdefault(node.column, []).append(node)
        knows = _table(known)
        self._columns = [
            _column(nodes, self._all, knows[places[number]])
            for number, nodes in sorted(asked.items())
        ]
        if sum(column.left.nbytes for column in self._columns) > MOST_BYTES:
            raise TooLargeError("more bits than are kept")
        self._rows = max(1, BYTES_AT_ONCE // self._all.nbytes)

    def total(self, table: Table) -> Table:
        """Sum over the trees of the value of the leaf that each row comes to."""
        found = np.empty(len(table))
        ranges = [(column.left, column.places(table)) for column in self._columns]
        for start in range(0, len(table), self._rows):
            block = slice(start, start + self._rows)
            left = np.repeat(self._all[None, :], len(table[block]), axis=0)
            part = np.empty_like(left)
            for bits, places in ranges:
                # With places that are known to be within, "clip" spares a copy of the outcome.
                left &= np.take(bits, places[block], axis=0, out=part, mode="clip")
            leaf = np.bitwise_count((left & -left) - self._kind.type(1))
            found[block] = self._values.ravel()[leaf + self._first].sum(axis=1)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Node:
    """A question of a tree, and the bits that stay where the answer is no."""

    tree: int
    column: int
    threshold: float
    categories: NDArray[np.bool_] | None
    """Those that go to the left; `None` of a number."""
    missing_left: bool
    stay: int


def _leaves_and_nodes(place: int, tree: Any) -> tuple[list[float], list[_Node]]:
    """Values of the leaves from left to right, and the questions."""
    values: list[float] = []
    nodes: list[_Node] = []
    sets = _table(tree.raw_left_cat_bitsets)

    def walk(number: int) -> None:
        node = tree.nodes[number]
        if node["is_leaf"]:
            values.append(float(node["value"]))
            return
        first = len(values)
        walk(int(node["left"]))
        to_the_left = (1 << len(values)) - (1 << first)
        nodes.append(
            _Node(
                tree=place,
                column=int(node["feature_idx"]),
                threshold=float(node["num_threshold"]),
                categories=sets[node["bitset_idx"]] if node["is_categorical"] else None,
                missing_left=bool(node["missing_go_to_left"]),
                stay=~to_the_left,
            )
        )
        walk(int(node["right"]))

    walk(0)
    return values, nodes


class _Numbers:
    """What the ranges of a column of numbers leave: the last row is for a missing one."""

    def __init__(self, nodes: Sequence[_Node], everything: Bits) -> None:
        self._column = nodes[0].column
        self._thresholds = np.unique([node.threshold for node in nodes])
        self.left = np.repeat(everything[None, :], len(self._thresholds) + 2, axis=0)
        above = np.searchsorted(self._thresholds, [node.threshold for node in nodes]) + 1
        for node, first in zip(nodes, above.tolist(), strict=True):
            stay = everything.dtype.type(node.stay & _ones(everything))
            self.left[first, node.tree] &= stay
            if not node.missing_left:
                self.left[-1, node.tree] &= stay
        np.bitwise_and.accumulate(self.left[:-1], axis=0, out=self.left[:-1])

    def places(self, table: Table) -> NDArray[np.intp]:
        values = table[:, self._column]
        above = np.searchsorted(self._thresholds, values, side="left")
        return np.where(np.isnan(values), len(self._thresholds) + 1, above)


class _Categories:
    """What the codes of a column of categories leave: the last row is for one that the model has
    not met, which goes the way of a missing one.
    """

    def __init__(self, nodes: Sequence[_Node], everything: Bits, known: NDArray[np.bool_]) -> None:
        self._column = nodes[0].column
        self._known = known
        self.left = np.repeat(everything[None, :], MOST_CATEGORIES + 1, axis=0)
        for node in nodes:
            stay = everything.dtype.type(node.stay & _ones(everything))
            right = np.append(~np.asarray(node.categories), not node.missing_left)
            self.left[right, node.tree] &= stay

    def places(self, table: Table) -> NDArray[np.intp]:
        values = table[:, self._column]
        is_code = (values >= 0) & (values < MOST_CATEGORIES)
        codes = np.where(is_code, values, 0).astype(np.intp)
        return np.where(is_code & self._known[codes], codes, MOST_CATEGORIES)


def _column(
    nodes: Sequence[_Node], everything: Bits, known: NDArray[np.bool_]
) -> _Numbers | _Categories:
    if nodes[0].categories is None:
        return _Numbers(nodes, everything)
    return _Categories(nodes, everything, known)


def _ones(everything: Bits) -> int:
    return int(np.iinfo(everything.dtype).max)


def _table(bits: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Shape (sets, 256) from 8 words of 32 bits a set, the lowest bit first."""
    if not len(bits):
        return np.zeros((1, MOST_CATEGORIES), dtype=np.bool_)
    words = np.ascontiguousarray(bits, dtype="<u4").view(np.uint8)
    return np.asarray(np.unpackbits(words, axis=1, bitorder="little").astype(np.bool_))
