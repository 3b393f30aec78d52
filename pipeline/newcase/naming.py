"""Names that a case and its columns may have: such as Python and Vigie don't use themselves."""

from __future__ import annotations

import keyword
import re
import unicodedata

from pipeline.errors import OptionError

TITLE = "a table of your own"
"""What a file should hold, to go on from "can't be read as"."""
PAST_STEP = "seconds_past_step"
"""Column that is added for the expectation that times lie on the grid."""
COLUMNS = frozenset(
    {"row", "copy", "prediction", "low", "high", "season_mean", PAST_STEP, *keyword.kwlist}
)
"""Names that Vigie gives to columns of its own, and words of Python."""
FOLDERS = frozenset({"assets", "cases", "schemas", "search"})
"""Folders of a site beside those of its cases."""
_ADDED = re.compile(r"(lag|mean)_\d+")
"""Columns of the past that a forecast is made from."""


def require_case_name(name: str) -> None:
    """Raises `OptionError` for what can be no module, or no folder of a site."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise OptionError(
            f"{name!r} is no name for a case: use small letters, digits and underscores."
        )
    if keyword.iskeyword(name) or name in FOLDERS:
        whose = "a word of Python" if keyword.iskeyword(name) else "a folder of the site"
        raise OptionError(f"{name!r} is no name for a case: it is {whose}. Choose another one.")


def column_names(headers: list[str]) -> dict[str, str]:
    """Headers -> names that programs can use: small letters, digits, underscores, each once."""
    found: dict[str, str] = {}
    for header in headers:
        plain = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode()
        name = re.sub(r"\W+", "_", plain).strip("_").lower() or "column"
        taken = name[0].isdigit() or name in COLUMNS or _ADDED.fullmatch(name)
        name = f"c_{name}" if taken else name
        number, free = 1, name
        while free in found.values():
            number += 1
            free = f"{name}_{number}"
        found[header] = free
    return found
