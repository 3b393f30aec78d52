"""A champion asked from the command line: the same code as the service, without HTTP."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from bento.champion import Champion
from bento.loading import load_champion
from bento.problems import RequestError
from bento.requests import parse
from pipeline.case import Case
from pipeline.errors import OptionError
from pipeline.packaging import export_champions
from pipeline.packaging.settings import Settings
from pipeline.store import Store


def ask(store: Store, case: Case, records: list[Any], interval: float | None) -> dict[str, Any]:
    """The service's answer, to as many records as there are: as many at a time as a call may hold.

    Raises `ServiceError` without a champion, `OptionError` for records that can't be predicted.
    """
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        (bundle,) = export_champions(store, Path(folder) / "champions", cases={case.name: case})
        champion = load_champion(bundle, case, settings)
        most = settings.most_files if champion.upload else settings.most_records
        try:
            answer = _answer(champion, records[:most], interval, first=0)
            for first in range(most, len(records), most):
                part = _answer(champion, records[first : first + most], interval, first=first)
                answer["predictions"] += part["predictions"]
        finally:
            champion.close()
    return answer


def _answer(
    champion: Champion, records: list[Any], interval: float | None, *, first: int
) -> dict[str, Any]:
    """To one piece, whose records are counted from `first`."""
    content = json.dumps({"records": records, "interval": interval}).encode()
    try:
        body = parse(champion.body, content)
        return champion.answer(body.records, level=body.interval).content
    except RequestError as error:
        lines = [f"{_placed(each.pointer, first)}: {each.detail}" for each in error.errors]
        raise OptionError.for_problems(error.detail.removesuffix(" See errors."), lines) from error


def _placed(pointer: str, first: int) -> str:
    """Where a field is among all records."""
    found = re.fullmatch(r"#/records/(\d+)(.*)", pointer)
    return f"records/{int(found[1]) + first}{found[2]}" if found else pointer.removeprefix("#/")
