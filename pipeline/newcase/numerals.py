"""How a file writes numbers: decimal sign, sign between thousands, and words for what is missing.

Where two readings of all numbers are possible that differ by a thousand, neither is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.newcase.naming import TITLE
from pipeline.sources.flat import number_shape

MISSING = frozenset(
    {"na", "n/a", "#n/a", "n.a.", "nan", "null", "none", "nil", "missing", "?", "-", "--", "."}
)
"""Words for no value, in small letters; taken as such only where all else is a number."""
SPACES = (" ", "\u00a0", "\u202f")
FORMS: tuple[tuple[str, str], ...] = (
    (".", ""),
    (",", ""),
    (".", ","),
    (",", "."),
    *((decimal, group) for group in (*SPACES, "'", "\u2019") for decimal in (".", ",")),
)
"""Decimal sign and sign between thousands; of those that fit, the first is meant."""
_WHOLE = re.compile(r"[+-]?\d+")


@dataclass(frozen=True, kw_only=True)
class Numerals:
    """How numbers are written, everywhere in a file."""

    decimal: str = "."
    group: str = ""
    """Between thousands; empty where nothing is."""
    missing: tuple[str, ...] = ()
    """Words that stand for no value among numbers."""

    def is_number(self, text: str) -> bool:
        return re.fullmatch(number_shape(self.decimal, self.group), text) is not None

    def is_whole(self, text: str) -> bool:
        return _WHOLE.fullmatch(text) is not None

    def value(self, text: str) -> float:
        return float((text.replace(self.group, "") if self.group else text).replace(",", "."))

    def without_words(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """A column of numbers with its words for no value made empty; any other as it is."""
        if not self.missing:
            return values
        plain = tuple("" if value in self.missing else value for value in values)
        numbers = any(plain) and all(self.is_number(value) for value in set(plain) if value)
        return plain if numbers else values


def guess_numerals(
    columns: dict[str, tuple[str, ...]], path: Path, delimiter: str
) -> tuple[Numerals, tuple[str, ...]]:
    """The signs that fit most columns, and on what grounds; raises `SourceError` if two do.

    Where commas part columns, nobody writes fractions with them, nor points between thousands.
    """
    written: dict[str, set[tuple[str, str]]] = {}
    words: set[str] = set()
    for name, values in columns.items():
        given = set(values) - {""}
        missing = {value for value in given if value.casefold() in MISSING}
        fitting = _fitting(given - missing)
        if fitting:
            words |= missing
            if not all(_WHOLE.fullmatch(value) for value in given - missing):
                written[name] = fitting
    votes = {form: sum(form in fitting for fitting in written.values()) for form in FORMS}
    fit = [form for form in FORMS if votes[form] == max(votes.values())]
    if fit[0] == (",", "") and (".", ",") in fit:
        _refuse_grouped(columns, written, path, ",")
    if written and fit[0] == (".", "") and (",", ".") in fit and delimiter != ",":
        _refuse_grouped(columns, written, path, ".")
    decimal, group = fit[0]
    found = Numerals(decimal=decimal, group=group, missing=tuple(sorted(words)))
    return found, _grounds(found, columns, written)


def _fitting(values: set[str]) -> set[tuple[str, str]]:
    """Forms that all of the values have; none where there is no value."""
    if not values:
        return set()
    patterns = {form: re.compile(number_shape(*form)) for form in FORMS}
    return {
        form
        for form, pattern in patterns.items()
        if all(pattern.fullmatch(value) for value in values)
    }


def _refuse_grouped(
    columns: dict[str, tuple[str, ...]], written: Iterable[str], path: Path, sign: str
) -> None:
    name = next(name for name in written if any(sign in value for value in columns[name]))
    shown = next(value for value in columns[name] if sign in value)
    called = {",": "comma", ".": "point"}[sign]
    raise SourceError.for_file(
        path,
        TITLE,
        [
            f"column {name!r}: the {called} in {shown!r} may stand between thousands or before a "
            "fraction, and no number settles it: write numbers without a sign between thousands, "
            "or fractions with other than three digits"
        ],
    )


def _grounds(
    found: Numerals, columns: dict[str, tuple[str, ...]], written: Iterable[str]
) -> tuple[str, ...]:
    told = {".": "a point", ",": "a comma"}

    def shown(sign: str) -> str | None:
        for name in written:
            for value in columns[name]:
                if sign in value and found.is_number(value):
                    return f"as in {value!r} of column {name!r}"
        return None

    settled = shown(found.decimal) or "no column has numbers with a comma"
    said = [f"Decimal sign: {told[found.decimal]}; {settled}."]
    if found.group:
        said.append(f"Between thousands: {found.group!r}; {shown(found.group)}.")
    if found.missing:
        listed = ", ".join(repr(word) for word in found.missing)
        said.append(f"Taken as no value where all else is a number: {listed}.")
    return tuple(said)
