"""The application: its settings, what it holds between requests, and its addresses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from bento.front import Front, nothing
from bento.roster import Roster
from bento.state import State
from bento.ways import ways
from pipeline.case import Case
from pipeline.packaging.settings import Settings

BESIDE_THIS_PACKAGE: Final = Path(__file__).parent.parent / "champions"


def create_app(
    settings: Settings, cases: Mapping[str, Case], *, around: ASGIApp = nothing
) -> ASGIApp:
    """The service of the champions in the folder of the settings, else beside this package."""
    roster = Roster(settings.champions or BESIDE_THIS_PACKAGE, cases, settings)
    front = Front(around, ways=ways(), state=State(settings, roster))
    if not settings.cors:
        return front
    return CORSMiddleware(
        front,
        allow_origins=settings.cors,
        allow_methods=("GET", "POST"),
        allow_headers=("authorization", "content-type", "x-api-key"),
        expose_headers=("x-request-id", "x-total-count", "retry-after"),
        max_age=600,
    )
