"""Every refusal in one form: problem details after RFC 9457, with the field named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ExceptionHandler

MEDIA_TYPE: Final = "application/problem+json"
MOST_SHOWN: Final = 100


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str = Field(description="name of the field; empty for the body as a whole")
    pointer: str = Field(description="JSON pointer into the body, as a URI fragment (RFC 6901)")
    detail: str


class ProblemDetails(BaseModel):
    """RFC 9457, section 3.1, with the extension member `errors`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


class RequestError(Exception):
    """A request that is answered with problem details."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        errors: Iterable[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers

    def response(self) -> JSONResponse:
        """The answer; of many field problems the first hundred are listed."""
        details = ProblemDetails(
            type=f"urn:vigie:problem:{self.kind}",
            title=self.status.phrase,
            status=self.status.value,
            detail=self.detail,
            errors=self.errors[:MOST_SHOWN],
        )
        return JSONResponse(
            details.model_dump(), self.status.value, self.headers, media_type=MEDIA_TYPE
        )


def field_problem(path: Iterable[str | int], detail: str) -> FieldProblem:
    """`path` leads from the body to the field: `("records", 3, "hour")`."""
    steps = [str(step) for step in path]
    escaped = [step.replace("~", "~0").replace("/", "~1") for step in steps]
    names = [step for step in steps if not step.isdigit()]
    return FieldProblem(
        field=names[-1] if names else "",
        pointer="#" + "".join(f"/{step}" for step in escaped),
        detail=detail,
    )


async def _from_problem(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestError):
        raise error
    return error.response()


async def _from_routing(request: Request, error: Exception) -> JSONResponse:
    """No such address, or an address that takes another method."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: f"There is nothing at {request.url.path!r}. GET /v1/cases lists "
        "the cases, / shows all addresses.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.url.path!r} does not take {request.method}. "
        f"It takes: {(error.headers or {}).get('Allow', 'nothing')}.",
    }.get(status, error.detail)
    kind = status.phrase.lower().replace(" ", "-")
    return RequestError(status, kind, detail, headers=error.headers).response()


async def _from_disconnect(_: Request, __: Exception) -> JSONResponse:
    return RequestError(
        HTTPStatus.BAD_REQUEST, "incomplete-body", "The connection ended before the body did."
    ).response()


async def _from_fault(_: Request, __: Exception) -> JSONResponse:
    """A fault of the service: the log has the traceback, the caller gets none of it."""
    return RequestError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal-error",
        "The service failed to answer this request. The service's log has the reason.",
    ).response()


HANDLERS: Final[Mapping[Any, ExceptionHandler]] = {
    RequestError: _from_problem,
    HTTPException: _from_routing,
    ClientDisconnect: _from_disconnect,
    Exception: _from_fault,
}
