"""The service that BentoML runs. A Bento carries the champions itself, beside this package.

The application stands before BentoML's router, and its measuring, tracing and logging of access
are off, by BentoML's own settings: together they cost several times what a prediction costs, and
the application measures and logs by itself.
"""

from __future__ import annotations

import logging
import os
from typing import Any, Final

import bentoml
from starlette.types import ASGIApp

from bento.app import create_app
from bento.connections import take_over
from pipeline.case import find_cases
from pipeline.packaging.settings import Settings

SECONDS: Final = 60
LEAN: Final[dict[str, Any]] = {
    "metrics": {"enabled": False},
    "logging": {"access": {"enabled": False}},
    "tracing": {"excluded_urls": ".*"},
}
SETTINGS: Final = Settings.from_environment(os.environ)
take_over(SETTINGS)


def front(app: ASGIApp) -> ASGIApp:
    """The application around BentoML's own."""
    logging.getLogger("vigie").setLevel(logging.INFO)
    return create_app(SETTINGS, find_cases(), around=app)


class _Vigie:
    """Predictions and what surrounds them, from the champion of every case."""


Vigie: Any = bentoml.service(
    _Vigie, name="vigie", workers=SETTINGS.workers, traffic={"timeout": SECONDS}, **LEAN
)
Vigie.add_asgi_middleware(front)
