"""Has Great Expectations judge a table; what could not be evaluated is an error, never a pass."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import SuiteError
from pipeline.suites.findings import column_of, name_in
from pipeline.suites.reading import document, quiet_import

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.core.batch_definition import BatchDefinition

_ONE_AT_A_TIME = threading.Lock()
"""Great Expectations keeps the table that is judged under a name."""


def evaluate(
    table: pd.DataFrame,
    path: Path,
    chosen: list[dict[str, Any]],
    values: Mapping[str, object],
) -> list[ExpectationValidationResult]:
    """Some expectations of the suite file over a table; raises `SuiteError` as `check` does."""
    with quiet_import():
        from great_expectations import ExpectationSuite
    suite = ExpectationSuite(**{**document(path), "expectations": chosen})
    return results(table, path, suite, values)


def rehearse() -> None:
    """Judges a small table for nobody: the first one takes four times as long as the next."""
    import pandas as pd
    from great_expectations import ExpectationSuite

    present = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}
    told = {**present, "severity": "warning", "meta": {"name": "present"}}
    suite = ExpectationSuite(name="rehearsal", expectations=[told])
    results(pd.DataFrame({"x": [1.0]}), Path("rehearsal.json"), suite, {})


def results(
    table: pd.DataFrame,
    path: Path,
    suite: ExpectationSuite,
    parameters: Mapping[str, object],
) -> list[ExpectationValidationResult]:
    """One result per expectation, in the order of the suite."""
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    try:
        found = _validate(table, suite, parameters)
    except (GreatExpectationsError, TypeError, ValueError) as error:
        raise SuiteError.for_unevaluated(path, [str(error)]) from error
    problems = [
        f"{name_in(result)!r} (column {column_of(result)!r}): {message}"
        for result in found
        for message in _raised(result)
    ]
    if problems:
        raise SuiteError.for_unevaluated(path, problems)
    order = [(expectation.meta or {})["name"] for expectation in suite.expectations]
    return sorted(found, key=lambda result: order.index(name_in(result)))


def _validate(
    table: pd.DataFrame, suite: ExpectationSuite, parameters: Mapping[str, object]
) -> list[ExpectationValidationResult]:
    with _ONE_AT_A_TIME:
        definition = _definition()
        # even a bar that is switched off would start tqdm's watching thread, which a fork can't
        # survive
        import_module("tqdm").tqdm.monitor_interval = 0
        batch = definition.get_batch({"dataframe": table})
        try:
            outcome = batch.validate(
                suite,
                result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
                expectation_parameters=dict(parameters),
            )
        finally:
            batch.data.execution_engine.batch_manager.batch_data_cache.clear()
    return list(outcome.results)


@cache
def _definition() -> BatchDefinition[Any]:
    """What tables are handed to. It is made once a process, and holds no table afterwards."""
    import great_expectations
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    context = great_expectations.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        ),
    )
    return (
        context.data_sources.add_pandas("table")
        .add_dataframe_asset("table")
        .add_batch_definition_whole_dataframe("table")
    )


def _raised(result: ExpectationValidationResult) -> list[str]:
    """What went wrong in evaluating; one entry, or one for each metric behind the expectation."""
    information = result.exception_info or {}
    entries = [information] if "raised_exception" in information else information.values()
    return sorted({str(e["exception_message"]) for e in entries if e["raised_exception"]})
