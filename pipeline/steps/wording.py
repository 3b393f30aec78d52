"""Names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

MOST_NAMED = 4
"""Names in a sentence; of more, only the first are told."""


def listed(names: Sequence[str]) -> str:
    """Several names as a reader would list them; empty for none.

    >>> listed(["rain"]), listed(["rain", "wind", "count"])
    ('rain', 'rain, wind and count')
    >>> listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    if len(names) <= 1:
        return "".join(names)
    if len(names) > MOST_NAMED:
        shown = names[: MOST_NAMED - 1]
        return f"{', '.join(shown)} and {len(names) - len(shown)} more"
    return f"{', '.join(names[:-1])} and {names[-1]}"
