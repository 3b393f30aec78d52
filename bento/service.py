"""The service that BentoML runs: the champions in the folder VIGIE_CHAMPIONS, one process each
worker. A Bento carries the folder itself, beside this package.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import bentoml

from bento.app import create_app
from bento.champion import Champion, load_champions
from pipeline.case import find_cases

BESIDE_THIS_PACKAGE: Final = Path(__file__).parent.parent / "champions"
SECONDS: Final = 30


def champions() -> dict[str, Champion]:
    """The champions that this process serves; raises `ServiceError`."""
    folder = os.environ.get("VIGIE_CHAMPIONS", "") or str(BESIDE_THIS_PACKAGE)
    return load_champions(Path(folder), find_cases())


app = create_app(champions)


@bentoml.service(name="vigie", traffic={"timeout": SECONDS})
@bentoml.asgi_app(app, path="/")
class Vigie:
    """Predictions and their regions from the champion of every case."""
