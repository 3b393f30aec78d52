"""Looking at what was called: for people, and as a window for the drift step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.calls.database import reading
from pipeline.calls.inputs import as_sent
from pipeline.calls.predictions import spread
from pipeline.errors import StateError
from pipeline.schema import Schema

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class LoggedCall:
    """One line of the log, without what was sent."""

    id: str
    time: datetime
    key: str
    method: str
    route: str
    case: str
    status: int
    problem: str
    milliseconds: float
    records: int
    model: str
    digest: str


def read_calls(
    path: Path,
    *,
    case: str = "",
    key: str = "",
    least_status: int = 0,
    since: datetime | None = None,
    most: int = 50,
) -> list[LoggedCall]:
    """The newest calls that fit, newest first; raises `StateError` when there is no log."""
    with reading(path) as connection:
        rows = connection.execute(
            'SELECT id, time, key, method, route, "case", status, problem, milliseconds, records, '
            "model, digest FROM calls WHERE (? = '' OR \"case\" = ?) AND (? = '' OR key = ?) "
            "AND status >= ? AND time >= ? ORDER BY number DESC LIMIT ?",
            (case, case, key, key, least_status, since.timestamp() if since else 0.0, most),
        ).fetchall()
    return [_logged(*row) for row in rows]


def counted(path: Path, *, since: datetime, failed: int) -> dict[str, tuple[int, int]]:
    """Calls since, and those of them that were answered with status `failed` or above, by case.

    Calls of no case, such as of the documentation, are under the empty name. Raises `StateError`
    when there is no log.
    """
    with reading(path) as connection:
        rows = connection.execute(
            'SELECT "case", count(*), sum(status >= ?) FROM calls WHERE time >= ? GROUP BY "case"',
            (failed, since.timestamp()),
        ).fetchall()
    return {case: (calls, bad) for case, calls, bad in rows}


def _logged(name: str, moment: float, *others: Any) -> LoggedCall:
    key, method, route, case, status, problem, milliseconds, records, model, digest = others
    return LoggedCall(
        id=name,
        time=datetime.fromtimestamp(moment, UTC),
        key=key,
        method=method,
        route=route,
        case=case,
        status=status,
        problem=problem,
        milliseconds=milliseconds,
        records=records,
        model=model,
        digest=digest,
    )


def logged_inputs(
    path: Path, case: str, schema: Schema, *, since: datetime, until: datetime
) -> pa.Table:
    """What callers sent of a case in `[since, until)` and was predicted, as observations.

    Columns and types are the schema's; what a record did not hold is null, and so is the target
    unless its true value has come before `until`. Column `called` is the time of the call. Raises
    `StateError` when there is no log, or when it keeps digests only.
    """
    import pyarrow as pa

    spread(path)
    with reading(path) as connection:
        calls = connection.execute(
            'SELECT number, time, input FROM calls WHERE "case" = ? AND records > 0 '
            "AND status = 200 AND time >= ? AND time < ? ORDER BY number",
            (case, since.timestamp(), until.timestamp()),
        ).fetchall()
        truths = dict(_truths(connection, case, until))
    if calls and all(content is None for _, _, content in calls):
        raise StateError(
            f"{path} keeps only digests of what was sent. Serve with VIGIE_LOG_INPUTS=full to "
            "use calls as the current window."
        )
    rows = [
        record | {"called": moment, schema.target: truths.get((number, place))}
        for number, moment, content in calls
        if content is not None
        for place, record in enumerate(json.loads(as_sent(content))["records"])
    ]
    arrays = [_column([row.get(field.name) for row in rows], field) for field in schema.arrow()]
    called = pa.array(
        [datetime.fromtimestamp(row["called"], UTC) for row in rows], pa.timestamp("us", tz="UTC")
    )
    return pa.Table.from_arrays([*arrays, called], names=[*schema.names, "called"])


def newest_call(path: Path, case: str, *, until: datetime) -> str:
    """What changes when another call of the case is logged before a moment; empty without one."""
    if not path.is_file():
        return ""
    with reading(path) as connection:
        rows, number = connection.execute(
            'SELECT count(*), max(number) FROM calls WHERE "case" = ? AND records > 0 AND time < ?',
            (case, until.timestamp()),
        ).fetchone()
    return f"{rows} calls, the newest is {number}" if rows else ""


def _truths(connection: Any, case: str, until: datetime) -> Any:
    from pipeline.calls.actuals import BY_CALL, BY_KEY

    for match in (BY_KEY, BY_CALL):
        found = connection.execute(
            f'SELECT c.number, p.place, a.value {match} WHERE p."case" = ? AND a.time < ?',
            (case, until.timestamp()),
        )
        for number, place, value in found:
            yield (number, place), value


def _column(values: list[Any], field: pa.Field) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_timestamp(field.type):
        values = [
            datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else value
            for value in values
        ]
    return pa.array(values, field.type)
