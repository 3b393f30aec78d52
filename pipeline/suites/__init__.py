"""Runs a Great Expectations suite over a table and tells which rows failed which expectation.

The suite file is Great Expectations' own JSON, and what a failure does follows its own severity:
critical is a gate, warning sends rows to quarantine, info is a note. What could not be evaluated
never counts as passed.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pipeline.errors import SuiteError
from pipeline.records import Finding, Severity

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

SEVERITIES: dict[str, Severity] = {"critical": "gate", "warning": "row", "info": "note"}

_SUBJECTS = ("column", "column_A", "column_B", "column_list", "column_set")
_SHOWN_VALUES = 5


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a suite found, in the order of its file."""

    findings: tuple[Finding, ...]
    failing: dict[str, list[int]]
    """Name of a row expectation -> positions in the table of the rows that failed it, ascending;
    expectations without a failing row are left out."""

    @property
    def stopped_by(self) -> tuple[Finding, ...]:
        """The gates that failed."""
        return tuple(f for f in self.findings if f.severity == "gate" and not f.success)

    def reasons(self) -> dict[int, str]:
        """Position of each failing row, ascending -> names of what it failed, comma separated."""
        names: dict[int, list[str]] = {}
        for name, positions in self.failing.items():
            for position in positions:
                names.setdefault(position, []).append(name)
        return {position: ", ".join(names[position]) for position in sorted(names)}


def check(table: pd.DataFrame, suite: Path, *, parameters: Mapping[str, object]) -> Verdict:
    """Judge a table by a suite file.

    `parameters` are the values for `{"$PARAMETER": name}` in the suite; those that the suite
    doesn't ask for are left alone. Rows are told by position, whatever the table's index. A row
    expectation with `mostly` succeeds as it says, and still names every row that failed it.

    Raises `SuiteError` for a suite that can't be used, a parameter that is missing, and an
    expectation that could not be evaluated.
    """
    expectations = read(suite)
    values = {**expectations.suite_parameters, **parameters}
    require_parameters(suite, expectations, values)
    positioned = table.reset_index(drop=True)
    results = _results(positioned, suite, expectations, values)
    findings = tuple(finding(result, positioned) for result in results)
    failing = {
        found.name: positions(result)
        for found, result in zip(findings, results, strict=True)
        if found.severity == "row" and found.unexpected
    }
    return Verdict(findings=findings, failing=failing)


def require_parameters(
    suite: Path, expectations: ExpectationSuite, values: Mapping[str, object]
) -> None:
    """Raises `SuiteError` where the suite asks for a parameter that has no value."""
    missing = [name for name in expectations.suite_parameter_options if values.get(name) is None]
    if missing:
        raise SuiteError.for_missing_parameters(suite, missing, values)


def entries(path: Path) -> list[dict[str, Any]]:
    """The expectations of a suite file that `read` has taken."""
    return list(_document(path)["expectations"])


def evaluate(
    table: pd.DataFrame,
    path: Path,
    chosen: list[dict[str, Any]],
    values: Mapping[str, object],
) -> list[ExpectationValidationResult]:
    """Some expectations of the suite file over a table; raises `SuiteError` as `check` does."""
    with _quiet_import():
        from great_expectations import ExpectationSuite
    suite = ExpectationSuite(**{**_document(path), "expectations": chosen})
    return _results(table, path, suite, values)


def name_of(entry: Mapping[str, Any]) -> str:
    return str(entry["meta"]["name"])


def subjects(entry: Mapping[str, Any]) -> list[str]:
    """The columns that an expectation is about."""
    named = (entry["kwargs"][subject] for subject in _SUBJECTS if subject in entry["kwargs"])
    return [name for one in named for name in ([one] if isinstance(one, str) else one)]


def asked(entry: Mapping[str, Any]) -> list[str]:
    """The columns that an expectation is about, and the one that tells its failing rows."""
    show = entry["meta"].get("show")
    return [*subjects(entry), *([show] if show else [])]


def read(path: Path) -> ExpectationSuite:
    """The suite of a file; raises `SuiteError` with everything that is wrong with it."""
    document = _document(path)
    entries = document["expectations"]
    uses = Counter(str(_meta(entry).get("name")) for entry in entries if _meta(entry).get("name"))
    problems = [
        *(problem for number, entry in enumerate(entries, 1) for problem in _flaws(number, entry)),
        *(f"{name!r} names {n} expectations: name one" for name, n in uses.items() if n > 1),
    ]
    if problems:
        raise SuiteError.for_malformed(path, problems)
    with _quiet_import():
        from great_expectations import ExpectationSuite
    try:
        return ExpectationSuite(**document)
    except (TypeError, ValueError) as error:
        raise SuiteError.for_malformed(path, [str(error)]) from error


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SuiteError.for_unreadable(path, error) from error
    entries = document.get("expectations") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(entries, list) or not entries:
        wanted = 'write an object with "name" and a list "expectations" that is not empty'
        raise SuiteError.for_malformed(path, [f"found {str(document)[:60]!r}: {wanted}"])
    return document


def _meta(entry: object) -> dict[str, Any]:
    meta = entry.get("meta") if isinstance(entry, dict) else None
    return meta if isinstance(meta, dict) else {}


def _flaws(number: int, entry: object) -> Iterator[str]:
    """What is wrong with one entry, which is told by its name or else its number."""
    meta, severity = _meta(entry), entry.get("severity") if isinstance(entry, dict) else None
    label = f"expectation {number} ({meta.get('name', 'without name')!r})"
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", str(meta.get("name", ""))):
        yield f"{label}: write meta.name as lower-case words joined by hyphens"
    if not str(meta.get("sentence", "")).strip():
        yield f"{label}: write in meta.sentence what a reader should know"
    if severity not in SEVERITIES:
        yield f"{label}: severity is {severity!r}: choose one of {', '.join(SEVERITIES)}"
    else:
        yield from (f"{label}: {flaw}" for flaw in _type_flaws(entry, str(severity)))


def _type_flaws(entry: Any, severity: str) -> Iterator[str]:
    """What Great Expectations has against an entry, and a row severity without rows."""
    with _quiet_import():
        from great_expectations.exceptions.exceptions import GreatExpectationsError
        from great_expectations.expectations import expectation as kinds
        from great_expectations.expectations.expectation_configuration import (
            ExpectationConfiguration,
        )
    judges_rows = (
        kinds.ColumnMapExpectation,
        kinds.ColumnPairMapExpectation,
        kinds.MulticolumnMapExpectation,
    )
    try:
        expectation = ExpectationConfiguration(**entry).to_domain_obj()
    except (GreatExpectationsError, TypeError, ValueError) as error:
        yield f"{' '.join(str(error).split())}: see the gallery of Great Expectations"
    else:
        if severity == "warning" and not isinstance(expectation, judges_rows):
            yield "it judges no single rows: make its severity critical or info"


def _results(
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
        f"{_name(result)!r} (column {_column(result)!r}): {message}"
        for result in found
        for message in _raised(result)
    ]
    if problems:
        raise SuiteError.for_unevaluated(path, problems)
    order = [(expectation.meta or {})["name"] for expectation in suite.expectations]
    return sorted(found, key=lambda result: order.index(_name(result)))


def _validate(
    table: pd.DataFrame, suite: ExpectationSuite, parameters: Mapping[str, object]
) -> list[ExpectationValidationResult]:
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
    # even a bar that is switched off would start tqdm's watching thread, which a fork can't survive
    import_module("tqdm").tqdm.monitor_interval = 0
    definition = (
        context.data_sources.add_pandas("table")
        .add_dataframe_asset("table")
        .add_batch_definition_whole_dataframe("table")
    )
    batch = definition.get_batch({"dataframe": table})
    outcome = batch.validate(
        suite,
        result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
        expectation_parameters=dict(parameters),
    )
    return list(outcome.results)


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Great Expectations imports a deprecated module, and a progress bar for widgets."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "module 'sre_", DeprecationWarning)
        warnings.filterwarnings("ignore", "IProgress not found")
        yield


def _config(result: ExpectationValidationResult) -> ExpectationConfiguration:
    return cast("ExpectationConfiguration", result.expectation_config)


def _name(result: ExpectationValidationResult) -> str:
    return str((_config(result).meta or {})["name"])


def _column(result: ExpectationValidationResult) -> str:
    kwargs = _config(result).kwargs
    subjects = (kwargs[subject] for subject in _SUBJECTS if subject in kwargs)
    return ", ".join(s if isinstance(s, str) else ", ".join(map(str, s)) for s in subjects)


def _raised(result: ExpectationValidationResult) -> list[str]:
    """What went wrong in evaluating; one entry, or one for each metric behind the expectation."""
    information = result.exception_info or {}
    entries = [information] if "raised_exception" in information else information.values()
    return sorted({str(e["exception_message"]) for e in entries if e["raised_exception"]})


def positions(result: ExpectationValidationResult) -> list[int]:
    """Positions of the failing rows, ascending."""
    return sorted(int(position) for position in result.result.get("unexpected_index_list") or [])


def judges_rows(result: ExpectationValidationResult) -> bool:
    """Whether rows were judged one by one, rather than the values of a column together."""
    return {"element_count", "unexpected_count"} <= set(result.result)


def finding(result: ExpectationValidationResult, table: pd.DataFrame) -> Finding:
    """One expectation's result, in words."""
    config = _config(result)
    meta = config.meta or {}
    by_row = judges_rows(result)
    return Finding(
        name=meta["name"],
        expectation=config.type,
        column=_column(result),
        severity=SEVERITIES[config.severity.value],
        success=bool(result.success),
        evaluated=int(result.result.get("element_count", len(table))),
        unexpected=int(result.result["unexpected_count"]) if by_row else 0,
        observed=_observed_rows(result, table, meta.get("show"))
        if by_row
        else words(result.result.get("observed_value", "")),
        expected=_expected(config.type, config.kwargs),
        sentence=meta["sentence"],
    )


def _observed_rows(
    result: ExpectationValidationResult, table: pd.DataFrame, show: str | None
) -> str:
    """How many rows failed and by which values, or between which values they all lie.

    The column `show` tells the failing rows by all of its values, in place of a few of their own.
    """
    told = f"{result.result['unexpected_count']:,} of {result.result['element_count']:,} rows"
    column = show or _column(result)
    failing = positions(result)
    if column not in table:
        return told
    if not failing:
        judged = _column(result)
        return f"{told}{range_words(ends(table[judged])) if judged in table else ''}"
    seen = [words(value) for value in table[column].iloc[failing].dropna().drop_duplicates()]
    return failing_words(told, seen, whole=bool(show))


def failing_words(told: str, seen: list[str], *, whole: bool) -> str:
    """How many rows failed, and by which values: a few of them unless all are to be told."""
    shown = seen if whole or len(seen) <= _SHOWN_VALUES else [*seen[:_SHOWN_VALUES], "…"]
    return ": ".join([told, *([", ".join(shown)] if shown else [])])


def ends(values: pd.Series[Any]) -> list[Any]:
    """The lowest and the highest, of numbers and times; nothing of others."""
    known = values.dropna()
    ordered = not known.empty and known.dtype.kind in "iufM"
    return [known.min(), known.max()] if ordered else []


def range_words(found: list[Any]) -> str:
    """Between which values all lie."""
    if not found:
        return ""
    low, high = words(min(found)), words(max(found))
    return f"; all values {low}" if low == high else f"; values from {low} to {high}"


def _expected(kind: str, kwargs: Mapping[str, Any]) -> str:
    """An expectation's type and arguments as words: 'values to be at least 0 and below 72'."""
    told_kind = kind.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    ends = [
        ("above" if kwargs.get("strict_min") else "at least", kwargs.get("min_value")),
        ("below" if kwargs.get("strict_max") else "at most", kwargs.get("max_value")),
    ]
    bounds = " and ".join(f"{word} {words(end)}" for word, end in ends if end is not None)
    told = {*_SUBJECTS, "batch_id", "min_value", "max_value", "strict_min", "strict_max"}
    rest = [f"{key.replace('_', ' ')} {words(kwargs[key])}" for key in kwargs if key not in told]
    return ", ".join([told_kind.removesuffix("between") + bounds, *rest])


def words(value: object) -> str:
    """A value as a page shows it."""
    if isinstance(value, (list, tuple, set)):
        return ", ".join(words(each) for each in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.4g}"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}"
    return "nothing" if value is None else str(value)
