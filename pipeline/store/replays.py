"""Where a case's replay of policies is kept: beside the runs, the newest one only."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import StateError
from pipeline.records import PolicyRecord
from pipeline.store.atomic import write_bytes

RECORD = "policies.json"


def replay_folder(home: Path, case: str) -> Path:
    """Holds the record, and what its files are relative to."""
    return home / "policies" / case


def read_replay(home: Path, case: str) -> PolicyRecord | None:
    """The newest replay; `None` before the first. Raises `StateError` for a damaged record."""
    path = replay_folder(home, case) / RECORD
    if not path.exists():
        return None
    try:
        return PolicyRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise StateError.for_damaged_file(path, str(error).splitlines()[0]) from error


def write_replay(home: Path, record: PolicyRecord) -> None:
    """Last of all that a replay writes: without it, there was none."""
    write_bytes(replay_folder(home, record.case) / RECORD, record.model_dump_json().encode())
