"""A fitted pipeline that takes arrays by column name, so that one record costs no pandas frame.

The transformers and estimators are the fitted ones. Only the way to them is another, and who uses
a compiled model compares it with the model itself first.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Table = NDArray[Any]
"""Shape (rows, columns)."""
Block = Callable[[Arrays], Table]
Change = Callable[[Table], Table]


class NotCompiledError(Exception):
    """A model that is only understood with a frame."""


class TakesArrays(Protocol):
    """A transformer of our own that needs no frame."""

    def transform_arrays(self, *columns: NDArray[Any]) -> Table:
        """The same as `transform` of a frame with these columns."""


class PredictsArrays(Protocol):
    """A model of our own that needs no frame."""

    def predict_arrays(self, columns: Arrays) -> NDArray[np.float64]:
        """The same as `predict` of a frame with these columns."""


class Compiled:
    """Predicts from arrays by name what the model predicts from a frame."""

    def __init__(self, model: Any) -> None:
        """Raises `NotCompiledError` for a model of another make."""
        if hasattr(model, "predict_arrays"):
            self.predict: Callable[[Arrays], NDArray[Any]] = model.predict_arrays
            return
        block, changes, last = _parts(copy.deepcopy(model))

        def table(columns: Arrays) -> Table:
            found = block(columns)
            for change in changes:
                found = change(found)
            return found

        estimate = _estimate(last)
        self.predict = lambda columns: estimate(table(columns))
        if hasattr(last, "predict_proba"):
            self.predict_proba = lambda columns: last.predict_proba(table(columns))
            self.classes_ = last.classes_


def _parts(model: Any) -> tuple[Block, list[Change], Any]:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if not isinstance(model, Pipeline) or not isinstance(model[0], ColumnTransformer):
        raise NotCompiledError(f"{type(model).__name__} is no pipeline that begins with columns")
    *others, last = [step for _, step in model.steps[1:]]
    if isinstance(last, str):
        raise NotCompiledError("a pipeline without an estimator")
    _forget_names(last)
    return _columns(model[0]), [_change(step) for step in others], last


def _columns(transformer: Any) -> Block:
    """All blocks of a ColumnTransformer, side by side."""
    blocks = [
        _block(step, columns)
        for _, step, columns in transformer.transformers_
        if not _is_drop(step) and len(columns)
    ]
    return lambda arrays: np.hstack([block(arrays) for block in blocks])


def _block(step: Any, columns: Sequence[Any]) -> Block:
    from sklearn.pipeline import Pipeline

    names = [columns] if isinstance(columns, str) else list(columns)
    if not all(isinstance(name, str) for name in names):
        raise NotCompiledError("columns that are chosen by place")
    first, *others = [each for _, each in step.steps] if isinstance(step, Pipeline) else [step]
    changes = [_change(each) for each in others]
    begin = _begin(first, names)

    def block(arrays: Arrays) -> Table:
        found = begin(arrays)
        for change in changes:
            found = change(found)
        return found

    return block


def _begin(step: Any, names: list[str]) -> Block:
    if hasattr(step, "transform_arrays"):
        return lambda arrays: step.transform_arrays(*(arrays[name] for name in names))
    change = _change(step)
    return lambda arrays: change(_side_by_side([arrays[name] for name in names]))


def _side_by_side(arrays: list[NDArray[Any]]) -> Table:
    kinds = {array.dtype for array in arrays}
    table = np.empty(
        (len(arrays[0]), len(arrays)), dtype=np.float64 if kinds == {np.dtype(float)} else object
    )
    for place, array in enumerate(arrays):
        table[:, place] = array
    return table


def _change(step: Any) -> Change:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import (
        FunctionTransformer,
        OrdinalEncoder,
        StandardScaler,
    )

    if _is_identity(step) or (isinstance(step, FunctionTransformer) and step.func is None):
        return lambda table: table
    if isinstance(step, SimpleImputer) and not step.add_indicator and _is_number(step):
        filled = step.statistics_.astype(float)
        if np.isfinite(filled).all():
            return lambda table: np.where(np.isnan(table), filled, table)
    if isinstance(step, StandardScaler):
        mean = step.mean_ if step.with_mean else 0.0
        scale = step.scale_ if step.with_std else 1.0
        return lambda table: (table - mean) / scale
    if isinstance(step, OrdinalEncoder) and _is_plain(step):
        return _ordinal(step)
    return _dense(_forget_names(step))


def _ordinal(step: Any) -> Change:
    """Codes of known categories, `unknown_value` for others; missing ones are for sklearn."""
    codes = [{value: float(code) for code, value in enumerate(known)} for known in step.categories_]
    unknown = step.unknown_value

    def encode(table: Table) -> Table:
        found = np.empty(table.shape)
        for place, known in enumerate(codes):
            found[:, place] = [known.get(value, unknown) for value in table[:, place].tolist()]
        return found

    return encode


def _dense(step: Any) -> Change:
    """The step as scikit-learn has it."""

    def change(table: Table) -> Table:
        found = step.transform(table)
        return found.toarray() if hasattr(found, "toarray") else np.asarray(found)

    return change


def _estimate(last: Any) -> Callable[[Table], NDArray[Any]]:
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import Ridge

    if isinstance(last, HistGradientBoostingRegressor):
        return _boosted(last)
    if isinstance(last, RandomForestRegressor) and last.n_outputs_ == 1:
        return _forest(last)
    if isinstance(last, Ridge) and np.ndim(last.coef_) == 1:
        return lambda table: np.asarray(table @ last.coef_ + last.intercept_)
    return lambda table: np.asarray(last.predict(table))


def _boosted(last: Any) -> Callable[[Table], NDArray[Any]]:
    """The trees one after the other, on one thread: for few rows, most of the time of `predict`
    goes into checks and threads.
    """
    known, places = last._bin_mapper.make_known_categories_bitsets()  # noqa: SLF001
    trees = [tree for (tree,) in last._predictors]  # noqa: SLF001
    start = float(np.ravel(last._baseline_prediction)[0])  # noqa: SLF001

    def predict(table: Table) -> NDArray[Any]:
        ready = last._preprocess_X(table, reset=False)  # noqa: SLF001
        raw = np.full(len(table), start)
        for tree in trees:
            raw += tree.predict(ready, known, places, 1)
        return np.asarray(last._loss.link.inverse(raw))  # noqa: SLF001

    return predict


def _forest(last: Any) -> Callable[[Table], NDArray[Any]]:
    trees = [tree.tree_ for tree in last.estimators_]

    def predict(table: Table) -> NDArray[Any]:
        ready = np.ascontiguousarray(table, dtype=np.float32)
        total = np.zeros(len(table))
        for tree in trees:
            total += tree.predict(ready)[:, 0]
        return total / len(trees)

    return predict


def _is_plain(step: Any) -> bool:
    """An encoder without missing values or rare categories among its own."""
    rare = getattr(step, "_infrequent_enabled", False)
    known = [value for values in step.categories_ for value in values]
    missing = any(value is None or value != value for value in known)  # noqa: PLR0124  NaN
    return not rare and not missing and step.handle_unknown == "use_encoded_value"


def _is_number(step: Any) -> bool:
    return bool(np.asarray(step.statistics_).dtype.kind == "f")


def _is_identity(step: Any) -> bool:
    return isinstance(step, str) and step == "passthrough"


def _is_drop(step: Any) -> bool:
    return isinstance(step, str) and step == "drop"


def _forget_names(step: Any) -> Any:
    """Arrays have no names: without this every call would warn that they are missing."""
    from sklearn.base import BaseEstimator

    parts = [value for value in vars(step).values() if isinstance(value, BaseEstimator)]
    for each in (step, *parts):
        vars(each).pop("feature_names_in_", None)
    return step
