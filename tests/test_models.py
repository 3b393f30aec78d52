"""Models as bytes: they come back the same, they are reproducible, and only known types load."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from pipeline import models
from pipeline.errors import ServiceError, VigieError
from pipeline.models import dump_model, load_model

ROOT = Path(__file__).parent.parent


class Doubled(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer that is not part of the pipeline package."""

    def fit(self, rows: Any, target: Any = None) -> Doubled:
        self.names_ = {"b", "a", "c"}
        return self

    def transform(self, rows: Any) -> Any:
        return 2 * rows


def a_table(rows: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(7)
    counter = pd.Series(random.choice(["north", "south", "west"], rows), dtype="str")
    frame = pd.DataFrame({"counter": counter, "hour": random.integers(0, 24, rows).astype(float)})
    frame["lag"] = np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows))
    return frame, random.poisson(3.0 + frame["hour"].to_numpy()).astype(float)


def encoded(encoder: Any) -> ColumnTransformer:
    return ColumnTransformer(
        [("series", encoder, ["counter"]), ("numbers", StandardScaler(), ["hour"])],
        verbose_feature_names_out=False,
    )


def boosted() -> Pipeline:
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer(
        [("series", ordinal, ["counter"]), ("numbers", "passthrough", ["hour", "lag"])],
        verbose_feature_names_out=False,
    )
    boosting = HistGradientBoostingRegressor(
        loss="poisson", categorical_features=["counter"], max_iter=20, random_state=0
    )
    return Pipeline([("columns", columns.set_output(transform="pandas")), ("model", boosting)])


def all_models() -> dict[str, Any]:
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    forest = RandomForestRegressor(n_estimators=5, random_state=0)
    return {
        "histogram boosting": boosted(),
        "forest": make_pipeline(encoded(one_hot), forest),
        "poisson regression": make_pipeline(encoded(OneHotEncoder()), PoissonRegressor()),
        "ridge": make_pipeline(encoded(OrdinalEncoder()), Ridge()),
    }


def fitted(name: str) -> Any:
    frame, target = a_table()
    return all_models()[name].fit(frame, target)


@pytest.fixture
def own_transformer(monkeypatch: pytest.MonkeyPatch) -> type[Doubled]:
    """`Doubled` as though a module of the pipeline package defined it."""
    monkeypatch.setattr(Doubled, "__module__", "pipeline.models")
    monkeypatch.setattr(models, "Doubled", Doubled, raising=False)
    return Doubled


@pytest.mark.parametrize("name", all_models())
def test_a_model_comes_back_with_the_same_predictions(name: str) -> None:
    """A stored model predicts exactly what the fitted one did."""
    frame, _ = a_table()
    model = fitted(name)

    again = load_model(dump_model(model))

    np.testing.assert_array_equal(model.predict(frame), again.predict(frame))


@pytest.mark.parametrize("name", all_models())
def test_a_loaded_model_is_written_as_it_was(name: str) -> None:
    """Load and dump again gives the same bytes."""
    content = dump_model(fitted(name))

    assert content == dump_model(load_model(content))


def test_two_processes_write_the_same_bytes() -> None:
    """The bytes depend on the fitted model alone: not on addresses, times or the hash seed."""
    code = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1]); import test_models as t\n"
        "for name in t.all_models(): "
        "print(hashlib.sha256(t.dump_model(t.fitted(name))).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "11", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", code, str(Path(__file__).parent)]

    elsewhere = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=600
    ).stdout.split()

    here = [hashlib.sha256(dump_model(fitted(name))).hexdigest() for name in all_models()]
    assert here == elsewhere


def test_a_set_is_written_in_one_order(own_transformer: type[Doubled]) -> None:
    """Equal sets that were filled in another order give the same bytes."""
    one, other = own_transformer().fit(None), own_transformer().fit(None)
    one.names_ = {8, 0, "x"}
    other.names_ = {"x", 0, 8}

    assert list({8, 0}) != list({0, 8})
    assert dump_model(one) == dump_model(other)


def test_another_fit_gives_other_bytes() -> None:
    """Two models that differ in one number have different digests."""
    frame, target = a_table()

    one, other = (make_pipeline(encoded(OneHotEncoder()), Ridge(a)) for a in (1.0, 1.5))

    assert dump_model(one.fit(frame, target)) != dump_model(other.fit(frame, target))


def test_shared_arrays_stay_shared(own_transformer: type[Doubled]) -> None:
    """Two attributes that were one object are one object again."""
    model = own_transformer()
    model.first_ = model.second_ = np.arange(3)
    model.third_ = np.arange(3)

    again = load_model(dump_model(model))

    assert again.first_ is again.second_
    assert again.first_ is not again.third_


def test_a_class_of_the_pipeline_is_trusted(own_transformer: type[Doubled]) -> None:
    """A transformer that a module of the package defines can be stored and loaded."""
    again = load_model(dump_model(own_transformer().fit(None)))

    assert {"a", "b", "c"} == again.names_
    assert 6 == again.transform(3)


def test_a_foreign_class_is_not_stored() -> None:
    """A class from elsewhere is refused when it is stored, with its name."""
    with pytest.raises(ServiceError, match=r"not trusted(.|\n)*test_models\.Doubled"):
        dump_model(make_pipeline(Doubled(), Ridge()))


def test_a_foreign_function_is_not_loaded() -> None:
    """A function that could do harm is refused by name before it is imported or called."""
    content = skops.io.dumps(FunctionTransformer(os.system))

    with pytest.raises(ServiceError, match=r"'posix\.system'"):
        load_model(content)


def test_what_the_package_only_imports_is_not_trusted() -> None:
    """A file can't reach another library through the names that our modules import."""
    content = skops.io.dumps(FunctionTransformer(models.dump_model))
    forged = _replaced(content, b'"dump_model"', b'"importlib"')

    with pytest.raises(ServiceError, match=r"'pipeline\.models\.importlib'"):
        load_model(forged)


def test_a_module_that_is_gone_is_refused_by_name() -> None:
    """A class of the package that no longer exists is named."""
    content = skops.io.dumps(FunctionTransformer(models.dump_model))
    forged = _replaced(content, b'"pipeline.models"', b'"pipeline.was_here_once"')

    with pytest.raises(ServiceError, match=r"pipeline\.was_here_once\.dump_model"):
        load_model(forged)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04N.", b"<html>"])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    """Other bytes, a pickle among them, are an error of ours with a remedy."""
    with pytest.raises(VigieError, match=r"not a readable skops archive.*vigie run"):
        load_model(content)


def test_a_cut_archive_is_refused() -> None:
    """Half a model is no model."""
    content = dump_model(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]))

    with pytest.raises(ServiceError, match="not a readable skops archive"):
        load_model(content[: len(content) // 2])


def test_what_needs_a_pickle_is_refused() -> None:
    """An estimator with a lambda can't be stored, and the message says what can."""
    with pytest.raises(ServiceError):
        dump_model(FunctionTransformer(lambda rows: rows))


def test_the_archive_holds_no_time_and_no_address() -> None:
    """Entries are sorted and stamped with one fixed time; ids count from 1."""
    with zipfile.ZipFile(io.BytesIO(dump_model(fitted("ridge")))) as archive:
        entries = archive.infolist()
        schema = json.loads(archive.read("schema.json"))

    assert sorted(entry.filename for entry in entries) == [entry.filename for entry in entries]
    assert {(1980, 1, 1, 0, 0, 0)} == {entry.date_time for entry in entries}
    assert 1 == schema["__id__"]


def _replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(buffer, "w") as archive,
    ):
        for name in source.namelist():
            archive.writestr(name, source.read(name).replace(old, new))
    return buffer.getvalue()
