"""What of a file is the table: titles above its header and totals below it are no part of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.newcase.naming import TITLE

FEWEST_ROWS = 40
ABOVE = 20
"""Records among which a header is looked for that has others above it."""
_TOTAL = re.compile(
    r"((grand|sub) ?)?(total|totals|sum|totale|totaal|summe|gesamt|gesamtsumme|insgesamt|somme"
    r"|suma)"
    r"( g.n.rale?| general)?:?",
    re.IGNORECASE,
)

Records = list[list[str]]


def without_ends(header: list[str], rows: Records) -> tuple[list[str], Records, tuple[str, ...]]:
    """Without columns at the end that have neither name nor value, as separators at the ends of
    lines make them; and what is to be said of that.
    """
    width = len(header)
    while width and not header[width - 1].strip():
        width -= 1
    if width == len(header) or any(any(map(str.strip, row[width:])) for row in rows):
        return header, rows, ()
    told = "Each line ends with a separator: what would stand after it is left out."
    return header[:width], [row[:width] for row in rows], (told,)


def require_table(path: Path, header: Sequence[str], rows: Records) -> None:
    """Raises `SourceError` with all that keeps the records from being one table."""
    above = _lines_above(header, rows)
    if above:
        raise SourceError.for_file(
            path,
            TITLE,
            [
                f"its first record, {_shown(header)!r}, is no header of the values below: record "
                f"{above + 1} looks like it ({_shown(rows[above - 1])!r}). Remove what is above it"
            ],
        )
    problems = [*_of_names(header), *_of_rows(header, rows)]
    if problems:
        raise SourceError.for_file(path, TITLE, problems)


def _of_names(header: Sequence[str]) -> Iterator[str]:
    for name, times in Counter(header).items():
        if times > 1 and name:
            yield f"column {name!r} is there {times} times: give each a name of its own"
        if "\n" in name or "\r" in name:
            yield f"the name of column {name!r} has a line break: write it on one line"
    if "" in header:
        places = [place for place, name in enumerate(header, 1) if not name]
        yield f"column {places[0]} has no name: give it one, or remove it"


def _of_rows(header: Sequence[str], rows: Records) -> Iterator[str]:
    uneven = [number for number, row in enumerate(rows, 2) if len(row) != len(header)]
    if uneven:
        yield (
            f"record {uneven[0]} has another number of values than the header's {len(header)}, and "
            f"{len(uneven) - 1} others have: mend or quote them"
        )
    if len(rows) < FEWEST_ROWS:
        yield f"it has {len(rows)} rows: nothing can be learned from less than {FEWEST_ROWS}"
    elif (word := _total(rows)) is not None:
        yield f"its last record looks like a total ({word!r}): remove it, it is no row like others"


def _total(rows: Records) -> str | None:
    """The word of the last record that says that it is a sum, where no other record has it."""
    for place, cell in enumerate(rows[-1]):
        word = cell.strip()
        if _TOTAL.fullmatch(word) and not any(
            row[place : place + 1] == [cell] for row in rows[:-1]
        ):
            return word
    return None


def _lines_above(header: Sequence[str], rows: Records) -> int:
    """How many records lie above the one that has a text in each column; 0 where the first has, or
    none of the next.
    """
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    filled = sum(map(bool, header))
    if width < 2 or filled > width / 2:
        return 0
    for number, row in enumerate(rows[:ABOVE], 1):
        if len(row) == width and all(cell.strip() for cell in row):
            return number
    return 0


def _shown(record: Sequence[str]) -> str:
    return ", ".join(cell.strip() for cell in record if cell.strip())[:60]
