"""What fitted transformers do to a table of numbers or texts, without their checks of the input:
for few rows, most of the time of `transform` goes into those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Table = NDArray[Any]
"""Shape (rows, columns)."""
Change = Callable[[Table], Table]


class NotCompiledError(Exception):
    """A model that is only understood with a frame."""


def change(step: Any) -> Change:
    """The transformer on a table; the simple ones as arithmetic, others as scikit-learn has it."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import (
        FunctionTransformer,
        OneHotEncoder,
        OrdinalEncoder,
        StandardScaler,
    )

    if _is_identity(step) or (isinstance(step, FunctionTransformer) and step.func is None):
        return lambda table: table
    if isinstance(step, SimpleImputer) and (filled := _fills(step)) is not None:
        return _imputed(step, filled)
    if isinstance(step, StandardScaler):
        mean = step.mean_ if step.with_mean else 0.0
        scale = step.scale_ if step.with_std else 1.0
        return lambda table: (table - mean) / scale
    if isinstance(step, OrdinalEncoder) and _is_plain(step):
        return _ordinal(step)
    if isinstance(step, OneHotEncoder) and _is_plain_one_hot(step):
        return _one_hot(step)
    return _dense(forget_names(step))


def forget_names(step: Any) -> Any:
    """Arrays have no names: without this every call would warn that they are missing."""
    from sklearn.base import BaseEstimator

    parts = [value for value in vars(step).values() if isinstance(value, BaseEstimator)]
    for each in (step, *parts):
        vars(each).pop("feature_names_in_", None)
    return step


def _fills(step: Any) -> NDArray[np.float64] | None:
    """What stands for a missing number in each column; `None` where it isn't that simple."""
    numbers = np.asarray(step.statistics_)
    if not all(isinstance(value, (int, float)) for value in numbers.tolist()):
        return None
    filled = numbers.astype(float)
    is_nan = isinstance(step.missing_values, float) and np.isnan(step.missing_values)
    return filled if is_nan and np.isfinite(filled).all() else None


def _imputed(step: Any, filled: NDArray[np.float64]) -> Change:
    if not step.add_indicator:
        return lambda table: np.where(np.isnan(table), filled, table)
    told = step.indicator_.features_

    def fill(table: Table) -> Table:
        missing = np.isnan(table)
        return np.hstack([np.where(missing, filled, table), missing[:, told]])

    return fill


def _ordinal(step: Any) -> Change:
    """Codes of known categories, `unknown_value` for others."""
    codes = [
        {value: float(code) for value, code in zip(known, _pooled(step, place), strict=True)}
        for place, known in enumerate(step.categories_)
    ]
    unknown = step.unknown_value

    def encode(table: Table) -> Table:
        found = np.empty(table.shape)
        for place, known in enumerate(codes):
            found[:, place] = [known.get(value, unknown) for value in table[:, place].tolist()]
        return found

    return encode


def _one_hot(step: Any) -> Change:
    """A column of 0 and 1 for each category; rare ones share the last column of theirs."""
    widths = step._n_features_outs  # noqa: SLF001
    starts = np.concatenate([[0], np.cumsum(widths)]).tolist()
    nowhere = starts[-1]
    columns = []
    for place, known in enumerate(step.categories_):
        codes = {
            value: starts[place] + int(code)
            for value, code in zip(known, _pooled(step, place), strict=True)
        }
        pools = step.handle_unknown == "infrequent_if_exist" and _is_pooled(step, place)
        columns.append((codes, starts[place + 1] - 1 if pools else nowhere))

    def encode(table: Table) -> Table:
        # One column more than there are, for what is unknown and shown nowhere.
        found = np.zeros((len(table), nowhere + 1))
        rows = np.arange(len(table))
        for place, (codes, unknown) in enumerate(columns):
            found[rows, [codes.get(value, unknown) for value in table[:, place].tolist()]] = 1.0
        return found[:, :nowhere]

    return encode


def _pooled(step: Any, place: int) -> NDArray[np.intp]:
    """The code of each category of a column, rare ones counted as one."""
    if _is_pooled(step, place):
        codes: NDArray[np.intp] = step._default_to_infrequent_mappings[place]  # noqa: SLF001
        return codes
    return np.arange(len(step.categories_[place]))


def _is_pooled(step: Any, place: int) -> bool:
    enabled = getattr(step, "_infrequent_enabled", False)
    return bool(enabled and step._default_to_infrequent_mappings[place] is not None)  # noqa: SLF001


def _dense(step: Any) -> Change:
    def changed(table: Table) -> Table:
        found = step.transform(table)
        return found.toarray() if hasattr(found, "toarray") else np.asarray(found)

    return changed


def _is_plain(step: Any) -> bool:
    """An encoder to whom an unknown category is a number of its own, and none is missing."""
    return step.handle_unknown == "use_encoded_value" and not _has_missing(step)


def _is_plain_one_hot(step: Any) -> bool:
    known = step.handle_unknown in ("ignore", "infrequent_if_exist")
    return known and step.drop is None and not _has_missing(step)


def _has_missing(step: Any) -> bool:
    known = [value for values in step.categories_ for value in values]
    return any(value is None or value != value for value in known)  # noqa: PLR0124  NaN


def _is_identity(step: Any) -> bool:
    return isinstance(step, str) and step == "passthrough"
