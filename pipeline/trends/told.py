"""An answer as a terminal or another program takes it."""

from __future__ import annotations

from pipeline.trends.answers import Answer, Cell


def told(answer: Answer, form: str) -> str:
    """As `csv`, as `json`, else as a table to read, which says how many rows are left out."""
    if form == "csv":
        return answer.csv()
    if form == "json":
        return answer.json() + "\n"
    return _table(answer)


def _table(answer: Answer) -> str:
    if not answer.rows:
        return "No rows: no observation fits, or --offset is beyond the last row.\n"
    texts = [[_text(cell) for cell in row] for row in answer.rows]
    right = [all(_is_number(row[place]) for row in answer.rows) for place in _places(answer)]
    widths = [
        max(len(name), *(len(row[place]) for row in texts))
        for place, name in enumerate(answer.columns)
    ]
    lines = [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in [list(answer.columns), ["-" * width for width in widths], *texts]
    ]
    left = answer.total - len(answer.rows)
    more = [f"{left:,} of {answer.total:,} rows are not shown: see --limit."] if left else []
    return "\n".join([*lines, *more]) + "\n"


def _places(answer: Answer) -> range:
    return range(len(answer.columns))


def _is_number(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:,.6g}" if isinstance(cell, float) else str(cell)
