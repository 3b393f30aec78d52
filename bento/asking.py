"""A champion asked from the command line: the same code as the service, without HTTP."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from bento.loading import load_champion
from bento.problems import RequestError
from bento.requests import parse
from pipeline.case import Case
from pipeline.errors import OptionError
from pipeline.packaging import export_champions
from pipeline.packaging.settings import Settings
from pipeline.store import Store


def ask(store: Store, case: Case, records: list[Any], interval: float | None) -> dict[str, Any]:
    """The service's answer; raises `ServiceError` without a champion, `OptionError` for records
    that can't be predicted.
    """
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        (bundle,) = export_champions(store, Path(folder) / "champions", cases={case.name: case})
        champion = load_champion(bundle, case, settings)
        try:
            content = json.dumps({"records": records, "interval": interval}).encode()
            body = parse(champion.body, content)
            return champion.answer(body.records, level=body.interval).content
        except RequestError as error:
            lines = [f"{each.pointer.removeprefix('#/')}: {each.detail}" for each in error.errors]
            raise OptionError.for_problems(
                error.detail.removesuffix(" See errors."), lines
            ) from error
        finally:
            champion.close()
