"""Short-lived tokens, made of keys (RFC 6749, section 4.4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from bento.access import demand, unauthorized
from bento.answers import TokenAnswer
from bento.front import Exchange
from bento.problems import RequestError, query_problem
from bento.replies import Reply
from bento.requests import invalid_query, refuse_encoding
from pipeline.keys import SCOPES, Scope

FORM: Final = b"application/x-www-form-urlencoded"


async def token(exchange: Exchange) -> Reply:
    """A short-lived token for a key, with its scopes or some of them."""
    caller, request = exchange.caller, exchange.request
    request.refuse_query()
    if not caller.key:
        raise unauthorized("A token is made of a key. Send one as Authorization: Bearer …")
    if caller.by_token:
        raise RequestError(
            HTTPStatus.FORBIDDEN, "key-needed", "A token is made of a key, not of another token."
        )
    scopes = await _asked_scopes(exchange)
    for scope in scopes:
        demand(caller, scope)
    text, seconds = exchange.state.access.token(caller, scopes)
    answer = TokenAnswer(access_token=text, expires_in=seconds, scope=" ".join(scopes))
    return Reply(answer.model_dump_json().encode(), headers=((b"pragma", b"no-cache"),))


async def _asked_scopes(exchange: Exchange) -> list[Scope]:
    request = exchange.request
    content = await request.body(exchange.state.settings)
    if content:
        declared = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        refuse_encoding(request.headers)
        if declared != FORM:
            raise RequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                f"Send a form ({FORM.decode()}) or no body.",
            )
    form = _form(content)
    problems = [query_problem(name, "unknown") for name in form if name not in _FORM_FIELDS]
    if form.get("grant_type", "client_credentials") != "client_credentials":
        problems.append(query_problem("grant_type", "only client_credentials is known"))
    asked = form.get("scope", "").split()
    problems += [
        query_problem("scope", f"{name!r} is none") for name in asked if name not in SCOPES
    ]
    if problems:
        raise invalid_query(problems)
    return [scope for scope in SCOPES if scope in (asked or exchange.caller.scopes)]


_FORM_FIELDS: Final = ("grant_type", "scope")


def _form(content: bytes) -> dict[str, str]:
    try:
        found = parse_qsl(
            content.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(content),
            errors="strict",
            max_num_fields=10,
        )
    except ValueError as error:
        raise invalid_query([query_problem("", f"the form can't be read: {error}")]) from None
    if len(dict(found)) < len(found):
        raise invalid_query([query_problem("", "a field comes more than once")])
    return dict(found)
