"""A fitted pipeline that takes arrays by column name, so that one record costs no pandas frame.

The transformers and estimators are the fitted ones. Only the way to them is another, and who uses
a compiled model compares it with the model itself first.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled.alike import each_once
from pipeline.compiled.estimators import estimate, is_linear
from pipeline.compiled.transformers import (
    Arrays,
    Change,
    NotCompiledError,
    Table,
    change,
    forget_names,
)

__all__ = [
    "Arrays",
    "Compiled",
    "MakesTables",
    "NotCompiledError",
    "PredictsArrays",
    "TakesArrays",
    "WrapsModel",
]

Block = Callable[[Arrays], Table]
Predict = Callable[[Arrays], NDArray[Any]]


class TakesArrays(Protocol):
    """A transformer of our own that needs no frame."""

    def transform_arrays(self, *columns: NDArray[Any]) -> Table:
        """The same as `transform` of a frame with these columns."""


class MakesTables(TakesArrays, Protocol):
    """A first step of our own that needs no frame."""

    def columns_taken(self) -> Sequence[str]:
        """Names of the columns that it is made of."""


class PredictsArrays(Protocol):
    """A model of our own that needs no frame."""

    def predict_arrays(self, columns: Arrays) -> NDArray[np.float64]:
        """The same as `predict` of a frame with these columns."""


class WrapsModel(Protocol):
    """A model of our own around another one."""

    def wrapped(self, compiled: Callable[[Any], Predict]) -> Predict:
        """The same as `predict`, from arrays; `compiled` makes the inner model's own."""


class Compiled:
    """Predicts from arrays by name what the model predicts from a frame."""

    def __init__(self, model: Any) -> None:
        """Raises `NotCompiledError` for a model of another make."""
        if hasattr(model, "predict_arrays"):
            self.predict: Predict = model.predict_arrays
            return
        if hasattr(model, "wrapped"):
            self.predict = model.wrapped(lambda inner: Compiled(inner).predict)
            return
        blocks, changes, last = _parts(copy.deepcopy(model))
        table = _table(blocks, changes)
        if is_linear(last) and not changes:
            self.predict = _summed(blocks, last)
        else:
            predicted = estimate(last)
            self.predict = lambda columns: predicted(table(columns))
        if hasattr(last, "predict_proba"):
            self.predict_proba = lambda columns: last.predict_proba(table(columns))
            self.classes_ = last.classes_


@dataclass(frozen=True)
class _Part:
    """Some columns of the table that an estimator takes."""

    make: Block
    names: Sequence[str]
    """Of the columns that it is made of."""
    where: slice


def _parts(model: Any) -> tuple[list[_Part], list[Change], Any]:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if not isinstance(model, Pipeline) or not (
        isinstance(model[0], ColumnTransformer) or hasattr(model[0], "columns_taken")
    ):
        raise NotCompiledError(f"{type(model).__name__} is no pipeline that begins with columns")
    *others, last = [step for _, step in model.steps[1:]]
    if isinstance(last, str):
        raise NotCompiledError("a pipeline without an estimator")
    forget_names(last)
    return _first(model[0]), [change(step) for step in others], last


def _first(step: Any) -> list[_Part]:
    """What the table of the estimator is made of."""
    if not hasattr(step, "columns_taken"):
        return _columns(step)
    names = list(step.columns_taken())
    return [_Part(_begin(step, names), names, slice(None))]


def _columns(transformer: Any) -> list[_Part]:
    """All blocks of a ColumnTransformer, in their order."""
    return [
        _Part(_block(step, names), names, transformer.output_indices_[name])
        for name, step, columns in transformer.transformers_
        if not _is_drop(step) and len(names := _names(columns))
    ]


def _names(columns: Any) -> list[str]:
    names = [columns] if isinstance(columns, str) else list(columns)
    if not all(isinstance(name, str) for name in names):
        raise NotCompiledError("columns that are chosen by place")
    return names


def _table(parts: Sequence[_Part], changes: Sequence[Change]) -> Block:
    """The blocks side by side, and what is done to all of them."""
    blocks = [each_once(part.make, part.names) for part in parts]

    def table(arrays: Arrays) -> Table:
        found: Table = np.hstack([block(arrays) for block in blocks])
        for each in changes:
            found = each(found)
        return found

    return table


def _summed(parts: Sequence[_Part], last: Any) -> Predict:
    """A linear model, block by block: what the hour gives is computed once an hour, not a row."""

    def term(part: _Part) -> Predict:
        weights = last.coef_[part.where]
        return each_once(lambda arrays: np.asarray(part.make(arrays) @ weights), part.names)

    terms = [term(part) for part in parts]

    def predict(arrays: Arrays) -> NDArray[Any]:
        return np.asarray(sum((each(arrays) for each in terms), start=last.intercept_))

    return predict


def _block(step: Any, names: list[str]) -> Block:
    from sklearn.pipeline import Pipeline

    first, *others = [each for _, each in step.steps] if isinstance(step, Pipeline) else [step]
    changes = [change(each) for each in others]
    begin = _begin(first, names)

    def block(arrays: Arrays) -> Table:
        found = begin(arrays)
        for each in changes:
            found = each(found)
        return found

    return block


def _begin(step: Any, names: list[str]) -> Block:
    if hasattr(step, "transform_arrays"):
        return lambda arrays: step.transform_arrays(*(arrays[name] for name in names))
    first = change(step)
    return lambda arrays: first(_side_by_side([arrays[name] for name in names]))


def _side_by_side(arrays: list[NDArray[Any]]) -> Table:
    kinds = {array.dtype for array in arrays}
    table = np.empty(
        (len(arrays[0]), len(arrays)), dtype=np.float64 if kinds == {np.dtype(float)} else object
    )
    for place, array in enumerate(arrays):
        table[:, place] = array
    return table


def _is_drop(step: Any) -> bool:
    return isinstance(step, str) and step == "drop"
