"""Reads suite files, and says everything that is wrong with one."""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import SuiteError
from pipeline.records import Severity

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

SEVERITIES: dict[str, Severity] = {"critical": "gate", "warning": "row", "info": "note"}
SUBJECTS = ("column", "column_A", "column_B", "column_list", "column_set")


def read(path: Path) -> ExpectationSuite:
    """The suite of a file; raises `SuiteError` with everything that is wrong with it."""
    whole = document(path)
    entries = whole["expectations"]
    uses = Counter(str(_meta(entry).get("name")) for entry in entries if _meta(entry).get("name"))
    problems = [
        *(problem for number, entry in enumerate(entries, 1) for problem in _flaws(number, entry)),
        *(f"{name!r} names {n} expectations: name one" for name, n in uses.items() if n > 1),
    ]
    if problems:
        raise SuiteError.for_malformed(path, problems)
    with quiet_import():
        from great_expectations import ExpectationSuite
    try:
        return ExpectationSuite(**whole)
    except (TypeError, ValueError) as error:
        raise SuiteError.for_malformed(path, [str(error)]) from error


def entries(path: Path) -> list[dict[str, Any]]:
    """The expectations of a suite file that `read` has taken."""
    return list(document(path)["expectations"])


def require_parameters(
    suite: Path, expectations: ExpectationSuite, values: Mapping[str, object]
) -> None:
    """Raises `SuiteError` where the suite asks for a parameter that has no value."""
    missing = [name for name in expectations.suite_parameter_options if values.get(name) is None]
    if missing:
        raise SuiteError.for_missing_parameters(suite, missing, values)


def name_of(entry: Mapping[str, Any]) -> str:
    return str(entry["meta"]["name"])


def subjects(entry: Mapping[str, Any]) -> list[str]:
    """The columns that an expectation is about."""
    named = (entry["kwargs"][subject] for subject in SUBJECTS if subject in entry["kwargs"])
    return [name for one in named for name in ([one] if isinstance(one, str) else one)]


def asked(entry: Mapping[str, Any]) -> list[str]:
    """The columns that an expectation is about, and the one that tells its failing rows."""
    show = entry["meta"].get("show")
    return [*subjects(entry), *([show] if show else [])]


def document(path: Path) -> dict[str, Any]:
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SuiteError.for_unreadable(path, error) from error
    entries = whole.get("expectations") if isinstance(whole, dict) else None
    if not isinstance(whole, dict) or not isinstance(entries, list) or not entries:
        wanted = 'write an object with "name" and a list "expectations" that is not empty'
        raise SuiteError.for_malformed(path, [f"found {str(whole)[:60]!r}: {wanted}"])
    return whole


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
        yield from (f"{label}: {flaw}" for flaw in _type_flaws(json.dumps(entry), str(severity)))


@lru_cache(maxsize=1024)
def _type_flaws(text: str, severity: str) -> tuple[str, ...]:
    """What Great Expectations has against an entry, as JSON, and a row severity without rows.

    Its answer takes 10 ms, and a process asks for the same suite again and again.
    """
    with quiet_import():
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
        expectation = ExpectationConfiguration(**json.loads(text)).to_domain_obj()
    except (GreatExpectationsError, TypeError, ValueError) as error:
        return (f"{' '.join(str(error).split())}: see the gallery of Great Expectations",)
    if severity == "warning" and not isinstance(expectation, judges_rows):
        return ("it judges no single rows: make its severity critical or info",)
    return ()


@contextmanager
def quiet_import() -> Iterator[None]:
    """Great Expectations imports a deprecated module, and a progress bar for widgets."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "module 'sre_", DeprecationWarning)
        warnings.filterwarnings("ignore", "IProgress not found")
        yield
