"""The addresses of the service. Cases are looked up among the champions found, never by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, Router

from bento.answers import CasesAnswer
from bento.champion import Champion
from bento.openapi import document
from bento.problems import HANDLERS
from bento.requests import parse, read_body

PAGES: Final = Path(__file__).parent / "pages"
ONLY_OWN_FILES: Final = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:",
}


def create_app(load: Callable[[], Mapping[str, Champion]]) -> Starlette:
    """The application; `load` is called once when it starts."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.champions = load()
        app.state.document = document(app.state.champions)
        yield

    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/docs.js", _script),
            Route("/openapi.json", _document),
            Route("/docs.json", _document),
            Mount("/v1", Router(VERSION_1, redirect_slashes=False)),
        ],
        lifespan=lifespan,
        exception_handlers=HANDLERS,
    )
    app.router.redirect_slashes = False
    return app


async def _page(_: Request) -> Response:
    return FileResponse(PAGES / "index.html", headers=ONLY_OWN_FILES)


async def _script(_: Request) -> Response:
    return FileResponse(PAGES / "docs.js", headers=ONLY_OWN_FILES)


async def _document(request: Request) -> Response:
    return JSONResponse(request.app.state.document)


async def _cases(request: Request) -> Response:
    champions: Mapping[str, Champion] = request.app.state.champions
    answer = CasesAnswer(cases=[champion.summary for champion in champions.values()])
    return JSONResponse(answer.model_dump(mode="json"))


async def _model(request: Request) -> Response:
    return JSONResponse(_champion(request).card.model_dump(mode="json"))


async def _predict(request: Request) -> Response:
    champion = _champion(request)
    content = await read_body(request)
    return JSONResponse(await run_in_threadpool(_answer, champion, content))


def _answer(champion: Champion, content: bytes) -> dict[str, Any]:
    return champion.answer(parse(champion.body, content))


def _champion(request: Request) -> Champion:
    champions: Mapping[str, Champion] = request.app.state.champions
    found = champions.get(request.path_params["case"])
    if found is None:
        raise HTTPException(404)
    return found


VERSION_1: Final = (
    Route("/cases", _cases),
    Route("/{case}/model", _model),
    Route("/{case}/predict", _predict, methods=["POST"]),
)
