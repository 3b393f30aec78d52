"""The champion for pictures behind BentoML's own router, with its adaptive batching and without.

It runs in the project's environment; `VIGIE_CHAMPIONS` names the folder of an export.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bentoml

from bento.loading import load_champion
from bento.problems import RequestError
from pipeline.case import find_case
from pipeline.packaging.bundles import read_bundle
from pipeline.packaging.settings import Settings

MOST = 32
"""Pictures of a batch."""
MOST_WAITING_MS = 60_000
"""So that no load is shed: what is measured is the work, and not how much of it is refused."""


class _Champion:
    def __init__(self) -> None:
        case = find_case(os.environ["PICTURES_CASE"])
        bundle = read_bundle(Path(os.environ["VIGIE_CHAMPIONS"]) / case.name)
        self.champion = load_champion(bundle, case, Settings(most_files=MOST))

    def answers(self, pictures: list[str]) -> list[dict[str, Any]]:
        """An answer a picture; one that can't be read spoils no other."""
        try:
            return self._answered(pictures)
        except RequestError as error:
            if len(pictures) == 1:
                return [{"error": error.detail}]
            return [self.answers([each])[0] for each in pictures]

    def _answered(self, pictures: list[str]) -> list[dict[str, Any]]:
        field = self.champion.upload
        body = {"records": [{field: picture} for picture in pictures]}
        records = self.champion.body.model_validate(body).records  # type: ignore[attr-defined]
        found: list[dict[str, Any]] = self.champion.answer(records).content["predictions"]
        return found


@bentoml.service(workers=1, traffic={"timeout": 60})
class Batched(_Champion):
    """Pictures of several calls are predicted together."""

    @bentoml.api(batchable=True, max_batch_size=MOST, max_latency_ms=MOST_WAITING_MS)
    def predict(self, pictures: list[str]) -> list[dict[str, Any]]:
        return self.answers(pictures)


@bentoml.service(workers=1, traffic={"timeout": 60})
class Single(_Champion):
    """Each call by itself."""

    @bentoml.api
    def predict(self, pictures: list[str]) -> list[dict[str, Any]]:
        return self.answers(pictures)
