"""Every refusal in one form: problem details after RFC 9457, with the field named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from bento.replies import Reply

MEDIA_TYPE: Final = "application/problem+json"
MOST_SHOWN: Final = 100


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str = Field(description="name of the field; empty for the body as a whole")
    pointer: str = Field(
        description="JSON pointer into the body, as a URI fragment (RFC 6901); empty for a query"
    )
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
        self.headers = headers or {}

    def reply(self) -> Reply:
        """The answer; of many field problems the first hundred are listed."""
        details = ProblemDetails(
            type=f"urn:vigie:problem:{self.kind}",
            title=self.status.phrase,
            status=self.status.value,
            detail=self.detail,
            errors=self.errors[:MOST_SHOWN],
        )
        return Reply(
            details.model_dump_json().encode(errors="backslashreplace"),
            self.status.value,
            MEDIA_TYPE.encode(),
            tuple((name.encode(), value.encode()) for name, value in self.headers.items()),
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


def query_problem(name: str, detail: str) -> FieldProblem:
    """A parameter of the address that doesn't fit."""
    return FieldProblem(field=name, pointer="", detail=detail)


def not_found(path: str) -> RequestError:
    """No such address."""
    return RequestError(
        HTTPStatus.NOT_FOUND,
        "not-found",
        f"There is nothing at {path!r}. GET /v1/cases lists the cases, / shows all addresses.",
    )


def method_not_allowed(path: str, method: str, allowed: Iterable[str]) -> RequestError:
    """An address that takes other methods."""
    names = ", ".join(sorted(allowed))
    return RequestError(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method-not-allowed",
        f"{path!r} does not take {method}. It takes: {names}.",
        headers={"allow": names},
    )


def incomplete_body() -> RequestError:
    return RequestError(
        HTTPStatus.BAD_REQUEST, "incomplete-body", "The connection ended before the body did."
    )


def internal_error() -> RequestError:
    """A fault of the service: the log has the traceback, the caller gets none of it."""
    return RequestError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal-error",
        "The service failed to answer this request. The service's log has the reason.",
    )


def overloaded(detail: str) -> RequestError:
    return RequestError(
        HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail, headers={"retry-after": "1"}
    )


def unavailable() -> RequestError:
    """A file that the answer rests on can't be read or written, by no fault of the caller."""
    return RequestError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The service can't reach the files that this needs, so nothing was done. Call again later; "
        "its log has the reason.",
        headers={"retry-after": "60"},
    )
