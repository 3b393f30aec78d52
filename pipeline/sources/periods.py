"""Times that are written as periods: quarters, weeks and months. Each stands for its first moment.

Forms have the directives of `strptime`, and `%q` for the number of a quarter. Weeks are those of
ISO 8601, from Monday. Names of months are English, whole or of three letters, in any case.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

QUARTERS = ("%Y-Q%q", "%YQ%q", "%Y Q%q", "%Y/Q%q", "Q%q %Y", "Q%q-%Y", "Q%q/%Y")
WEEKS = ("%G-W%V", "%GW%V", "%G W%V")
MONTHS = (
    *("%Y-%m", "%Y/%m", "%Y.%m", "%YM%m", "%Y-M%m", "%Y%m", "%m/%Y", "%m.%Y", "%m-%Y"),
    *("%b %Y", "%b-%Y", "%b. %Y", "%Y %b", "%Y-%b"),
)
PERIODS = {
    **dict.fromkeys(QUARTERS, "quarters"),
    **dict.fromkeys(WEEKS, "ISO weeks, which begin on Monday"),
    **dict.fromkeys(MONTHS, "months"),
}
"""Form -> what its periods are."""
_PARTS = {
    "%Y": r"(?P<year>[0-9]{4})",
    "%G": r"(?P<year>[0-9]{4})",
    "%q": r"(?P<quarter>[1-4])",
    "%V": r"(?P<week>[0-9]{2})",
    "%m": r"(?P<month>[0-9]{2})",
    "%b": r"(?P<name>[A-Za-z]{3,9})",
}
_NAMES = {
    name.casefold(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
} | {"sept": 9}


def begin(text: str, form: str) -> datetime:
    """The first moment of a period, in UTC; raises `ValueError` for what isn't written so, and for
    a period that there is not, such as a week 53 of most years.
    """
    found = _pattern(form).fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not written {form}")
    told = {name: value for name, value in found.groupdict().items() if name != "name"}
    numbers = {name: int(value) for name, value in told.items()}
    year = numbers["year"]
    if "week" in numbers:
        day = date.fromisocalendar(year, numbers["week"], 1)
    elif "quarter" in numbers:
        day = date(year, 3 * numbers["quarter"] - 2, 1)
    else:
        named = found.groupdict().get("name", "").casefold()
        day = date(year, _NAMES.get(named, 0) if named else numbers["month"], 1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def shape(form: str) -> str:
    """Pattern (RE2) of texts of a form."""
    return re.sub(r"\(\?P<[a-z]+>", "(", _pattern(form).pattern)


def begins(texts: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    """The same for a column, null where it is; raises `pa.ArrowInvalid` for another text."""
    named = pc.drop_null(pc.unique(texts))
    try:
        moments = [begin(text, form) for text in named.to_pylist()]
    except ValueError as error:
        raise pa.ArrowInvalid(str(error)) from error
    places = pc.index_in(texts, value_set=named)
    return pc.take(pa.array(moments, pa.timestamp("us", tz="UTC")), places)


@cache
def _pattern(form: str) -> re.Pattern[str]:
    parts = re.split(r"(%[A-Za-z])", form)
    return re.compile("".join(_PARTS.get(part) or _either_case(part) for part in parts))


def _either_case(text: str) -> str:
    """Letters of a form, such as the Q of a quarter, in both cases."""
    return "".join(
        f"[{sign.upper()}{sign.lower()}]" if sign.isalpha() else re.escape(sign) for sign in text
    )
