"""Numbers, times and names as a reader sees them: few digits, separators, units, full dates."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
SIGNIFICANT = 3
SMALL_PERCENT = 9.95
"""What is rounded to 10 has no decimal."""
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LEAST_CHANCE = 0.001
NEARLY_ALL = 99.9
"""Per cent, above which a share is not told more exactly."""
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def number(value: float) -> str:
    """Three significant digits, whole numbers whole, thousands separated.

    >>> number(25.6311), number(1234567), number(0.04567)
    ('25.6', '1,234,567', '0.0457')
    """
    if value == int(value):
        text = f"{int(value):,}"
    else:
        decimals = max(0, SIGNIFICANT - 1 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{decimals}f}"
    return text.replace("-", MINUS)


def share(value: float) -> str:
    """A share in per cent; one decimal below ten.

    >>> share(0.4372), share(0.0149)
    ('44%', '1.5%')
    """
    percent = 100 * value
    decimals = 1 if 0 < abs(percent) < SMALL_PERCENT else 0
    return f"{percent:,.{decimals}f}".replace("-", MINUS) + "%"


def lower_by(value: float) -> str:
    """How much lower something is, as a share of it.

    >>> lower_by(0.331), lower_by(-0.02), lower_by(0.0)
    ('33% lower', '2.0% higher', 'the same')
    """
    if not value:
        return "the same"
    return f"{share(abs(value))} {'lower' if value > 0 else 'higher'}"


def p_value(value: float) -> str:
    """How often chance alone shows as much, in per cent.

    >>> p_value(0.0000354), p_value(0.032), p_value(0.41)
    ('less than 0.1% of the time', '3.2% of the time', '41% of the time')
    """
    return f"{'less than 0.1%' if value < LEAST_CHANCE else share(value)} of the time"


def effect(value: float) -> str:
    """The size of a change with its sign, two decimals.

    >>> effect(1.394), effect(-0.02), effect(0.0)
    ('+1.39', '\N{MINUS SIGN}0.02', '0.00')
    """
    text = f"{value:+.2f}".replace("-", MINUS)
    return text.lstrip(f"+{MINUS}") if float(f"{value:.2f}") == 0 else text


def pass_rate(evaluated: int, unexpected: int) -> str:
    """The share of rows that passed; never rounded up to all of them.

    >>> pass_rate(1000, 0), pass_rate(1000, 25), pass_rate(1234555, 3), pass_rate(0, 0)
    ('100%', '97.5%', '> 99.9%', '')
    """
    if not evaluated:
        return ""
    percent = 100 * (1 - unexpected / evaluated)
    if unexpected and percent > NEARLY_ALL:
        return f"> {NEARLY_ALL}%"
    return f"{percent:.1f}%" if unexpected else "100%"


def quantity(value: float, unit: str) -> str:
    """A number with its unit, on one line."""
    return f"{number(value)}{NO_BREAK}{unit}" if unit else number(value)


def day(value: datetime) -> Markup:
    """The UTC date as a `<time>` element."""
    return _element(value, date_text(value))


def short_day(value: datetime) -> Markup:
    """The UTC date as a `<time>` element, the month in three letters: for heads of narrow columns.

    >>> short_day(datetime(2021, 9, 9, 22, tzinfo=UTC)).striptags()
    '9 Sep 2021'
    """
    known = value.astimezone(UTC)
    return _element(value, f"{known.day} {MONTHS[known.month - 1][:3]} {known.year}")


def moment(value: datetime) -> Markup:
    """Date and minute in UTC as a `<time>` element."""
    return _element(value, moment_text(value).replace(" UTC", f"{NO_BREAK}UTC"))


def moment_text(value: datetime) -> str:
    """Date and minute in UTC, as plain words; the date alone for midnight, when it begins.

    >>> moment_text(datetime(2021, 9, 9, 22, tzinfo=UTC))
    '9 September 2021, 22:00 UTC'
    >>> moment_text(datetime(2021, 9, 9, tzinfo=UTC))
    '9 September 2021'
    """
    known = value.astimezone(UTC)
    midnight = (known.hour, known.minute) == (0, 0)
    return date_text(known) if midnight else f"{date_text(known)}, {known:%H:%M} UTC"


def date_text(value: datetime) -> str:
    """The UTC date in plain words.

    >>> date_text(datetime(2021, 9, 9, 22, tzinfo=UTC))
    '9 September 2021'
    """
    known = value.astimezone(UTC)
    return f"{known.day} {MONTHS[known.month - 1]} {known.year}"


def stamp(value: datetime) -> str:
    """ISO 8601 in UTC to the second, for machines."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def interval(hours: float) -> str:
    """A length of time as a schedule is told.

    >>> interval(24), interval(168), interval(1), interval(36), interval(0.5)
    ('every day', 'every 7 days', 'every hour', 'every 36 hours', 'every 30 minutes')
    """
    amount, unit = hours, "hour"
    if hours >= 24 and hours % 24 == 0:
        amount, unit = hours / 24, "day"
    elif hours < 1:
        amount, unit = hours * 60, "minute"
    if round(amount) == 1:
        return f"every {unit}"
    return f"every {number(round(amount))} {unit}s"


def xml_text(text: str) -> str:
    r"""Text that an XML file can hold: what XML 1.0 can't, even escaped, is replaced. An error may
    bring along the colours of a terminal.

    >>> xml_text("\x1b[31mred") == "\N{REPLACEMENT CHARACTER}[31mred"
    True
    """
    return _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", text)


def duration(value: timedelta) -> str:
    r"""A stretch of time in its two largest units.

    >>> duration(timedelta(seconds=92)), duration(timedelta(hours=27)), duration(timedelta())
    ('1\xa0min 32\xa0s', '1\xa0d 3\xa0h', '0\xa0s')
    """
    left, parts = round(value.total_seconds()), []
    for name, seconds in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        whole, left = divmod(left, seconds)
        if whole:
            parts.append(f"{whole}{NO_BREAK}{name}")
    return " ".join(parts[:2]) or f"0{NO_BREAK}s"


def _element(value: datetime, text: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(stamp(value), text)
