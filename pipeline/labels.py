"""What each mark of a chart says of itself: its values, as a label in the drawing.

A line is one mark, so that only its beginning is labelled. Each of its points gets a label that
takes no ink: a page shows it to whoever points there. Nothing else about the chart changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MOST_POINTS = 1000
"""Rows of a chart, above which its lines are left as they are: the drawing would weigh too much."""
AXIS_TIMES = (
    "{'quarter': '%b', 'month': '%b', 'week': '%-d %b', 'date': '%-d %b', "
    "'hours': '%H:%M', 'minutes': '%H:%M'}"
)
"""Formats of D3 by what a mark of the axis begins."""
_UNSEEN = re.compile(
    r'<path aria-label=(?P<label>"[^"]*") role="graphics-symbol" aria-roledescription="point" '
    r'transform="translate\((?P<x>[-\d.e]+),(?P<y>[-\d.e]+)\)"[^>]* opacity="0"/>'
)
_SEEN = re.compile(
    r'<path aria-label=("[^"]*") role="graphics-symbol" aria-roledescription="point"'
    r'[^>]*(?<! opacity="0")/>'
)
_DAY = re.compile(r"\d{4}-(?P<month>\d\d)-(?P<day>\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?))?")
MIDNIGHT = frozenset({None, "00:00", "00:00:00"})


def with_points(spec: dict[str, Any]) -> dict[str, Any]:
    """The Vega-Lite specification with points on its lines that are not seen, and with times
    written out as finely as they are apart; on axes, the day before the month as in all words.
    """
    spec = _changed(spec, _dated)
    rows = [row for rows in spec.get("datasets", {}).values() for row in rows]
    if len(rows) > MOST_POINTS:
        return spec
    times = [str(row[name]) for name in set(_temporal(spec)) for row in rows if row.get(name)]
    config = {**spec.get("config", {}), "timeFormat": time_format(times)}
    return {**_changed(spec, _pointed), "config": config}


def time_format(times: list[str]) -> str:
    """The format of D3 in which times of ISO 8601 are told: year, month, day or minute.

    >>> time_format(["2015-01-01T00:00:00", "2016-01-01T00:00:00"]), time_format(["2015-03-02"])
    ('%Y', '%-d %B %Y')
    """
    found = [told for time in times if (told := _DAY.match(time))]
    if any(told["time"] not in MIDNIGHT for told in found):
        return "%-d %B %Y, %H:%M"
    if found and all((told["month"], told["day"]) == ("01", "01") for told in found):
        return "%Y"
    return "%B %Y" if found and all(told["day"] == "01" for told in found) else "%-d %B %Y"


def compacted(svg: str) -> str:
    """The drawing with unseen points reduced to place and label, each label once at a place."""
    seen = set(_SEEN.findall(svg))

    def short(found: re.Match[str]) -> str:
        if found["label"] in seen:
            return ""
        x, y = (f"{float(found[name]):.1f}".removesuffix(".0") for name in ("x", "y"))
        return f'<path class="said" data-said={found["label"]} transform="translate({x},{y})"/>'

    return _UNSEEN.sub(short, svg)


def _changed(part: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The part of a specification with each of its objects changed, data apart."""
    if isinstance(part, list):
        return [_changed(each, change) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {"datasets", "config"}
    return change(
        {name: held if name in kept else _changed(held, change) for name, held in part.items()}
    )


def _pointed(part: dict[str, Any]) -> dict[str, Any]:
    """A chart of a line without points, with unseen ones."""
    mark = part.get("mark")
    described = {"type": mark} if isinstance(mark, str) else mark
    if not isinstance(described, dict) or described.get("type") != "line":
        return part
    return {**part, "mark": {**described, "point": described.get("point") or "transparent"}}


def _dated(part: dict[str, Any]) -> dict[str, Any]:
    """The encoding of a chart over time, with words for its axis where it has none of its own."""
    across = part.get("x")
    if not isinstance(across, dict) or across.get("type") != "temporal":
        return part
    axis = across.get("axis", {})
    if not isinstance(axis, dict) or axis.keys() & {"format", "labelExpr", "labels"}:
        return part
    told = "utcFormat" if across.get("scale", {}).get("type") == "utc" else "timeFormat"
    words = {**axis, "labelExpr": f"{told}(datum.value, {AXIS_TIMES})"}
    return {**part, "x": {**across, "axis": words}}


def _temporal(part: Any) -> Iterator[str]:
    """Fields that a specification draws as times."""
    if isinstance(part, Mapping):
        if part.get("type") == "temporal" and isinstance(part.get("field"), str):
            yield part["field"]
        for name, held in part.items():
            if name != "datasets":
                yield from _temporal(held)
    elif isinstance(part, list):
        for each in part:
            yield from _temporal(each)
