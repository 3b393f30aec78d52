"""Who calls, and what they may: API keys and the short-lived tokens that are made of them."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import jwt

from bento.problems import RequestError
from pipeline.errors import OptionError
from pipeline.keys import SCOPES, Key, Scope, find_key, read_keys
from pipeline.packaging.settings import Settings

ISSUER: Final = "vigie"
AUDIENCE: Final = "vigie"
ALGORITHM: Final = "HS256"
LEAST_SECRET: Final = 32
ALL: Final[frozenset[Scope]] = frozenset(SCOPES)
HOW: Final = "Send a key as Authorization: Bearer … or X-API-Key: …, never in the address."


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in."""

    key: str
    """Id of the key; empty where the service is open."""
    scopes: frozenset[Scope]
    by_token: bool = False


NOBODY: Final = Caller("", frozenset())
ANYBODY: Final = Caller("", ALL)


class Access:
    """Knows keys and tokens. A key that is revoked ends at once, and its tokens with it."""

    def __init__(self, settings: Settings) -> None:
        self._open = settings.open
        self._path = settings.keys
        self._life = timedelta(minutes=settings.token_minutes)
        self._secret = _secret(settings)
        self._keys: Mapping[str, Key] = {}
        self._stamp: tuple[int, int, int] | None = None

    def identify(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Who sends these headers, `NOBODY` where they name nobody; raises `RequestError` for a
        key or token that isn't valid.
        """
        shown = _credential(headers)
        if shown is None:
            return ANYBODY if self._open else NOBODY
        now = datetime.now(UTC)
        if shown.count(".") == 2:
            return self._from_token(shown, now)
        key = find_key(self._known(), shown, now=now)
        if key is None:
            raise unauthorized(f"The key is not valid. {HOW}")
        return Caller(key.id, _with_implied(key.scopes))

    def token(self, caller: Caller, scopes: Iterable[Scope]) -> tuple[str, int]:
        """A token for some of the caller's scopes, and its life in seconds."""
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": caller.key,
            "scope": " ".join(scopes),
            "iat": now,
            "exp": now + self._life,
            "jti": secrets.token_hex(8),
        }
        text = jwt.encode(claims, self._secret, algorithm=ALGORITHM)
        return text, int(self._life.total_seconds())

    def _from_token(self, text: str, now: datetime) -> Caller:
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                self._secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.ExpiredSignatureError:
            raise unauthorized("The token has expired. Get another: POST /token.") from None
        except jwt.InvalidTokenError:
            raise unauthorized("The token is not valid. Get another: POST /token.") from None
        key = self._known().get(claims["sub"])
        if key is None or not key.is_valid(now):
            raise unauthorized("The key behind the token is not valid any more.")
        asked = [scope for scope in SCOPES if scope in str(claims.get("scope", "")).split()]
        return Caller(key.id, _with_implied(key.scopes) & _with_implied(asked), by_token=True)

    def _known(self) -> Mapping[str, Key]:
        """The keys, read again when the file has changed."""
        if self._path is None:
            return {}
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return {}
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp != self._stamp:
            self._keys, self._stamp = read_keys(self._path), stamp
        return self._keys


def demand(caller: Caller, scope: Scope) -> None:
    """Raises `RequestError` for a caller who may not."""
    if scope in caller.scopes:
        return
    if not caller.key:
        raise unauthorized(f"This needs a key with scope {scope!r}. {HOW}")
    raise RequestError(
        HTTPStatus.FORBIDDEN,
        "scope-too-small",
        f"This needs scope {scope!r}; the key has: {', '.join(sorted(caller.scopes)) or 'none'}.",
        headers={"www-authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
    )


def unauthorized(detail: str) -> RequestError:
    return RequestError(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        detail,
        headers={"www-authenticate": 'Bearer realm="vigie"'},
    )


def _with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Who administers may do everything."""
    found = frozenset(scopes)
    return ALL if "admin" in found else found


def _credential(headers: Mapping[bytes, bytes]) -> str | None:
    """The key or token that the headers hold."""
    authorization, plain = headers.get(b"authorization"), headers.get(b"x-api-key")
    if authorization is None and plain is None:
        return None
    if authorization is not None and plain is not None:
        raise unauthorized("Two keys were sent, in Authorization and in X-API-Key. Send one.")
    if plain is not None:
        return plain.strip().decode("latin-1")
    scheme, _, rest = (authorization or b"").strip().partition(b" ")
    if scheme.lower() == b"basic":
        return _from_basic(rest)
    if scheme.lower() != b"bearer":
        raise unauthorized(f"Of Authorization, the schemes Bearer and Basic are known. {HOW}")
    return rest.strip().decode("latin-1")


def _from_basic(rest: bytes) -> str:
    """The password of HTTP Basic, whose user is the key's id (RFC 6749, section 2.3.1)."""
    try:
        name, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise unauthorized(f"Authorization: Basic can't be read. {HOW}") from None
    if password.split("_")[1:2] != [name]:
        raise unauthorized("The user of Basic is not the id of the key in the password.")
    return password


def _secret(settings: Settings) -> bytes:
    """What signs tokens: of the settings, else of a file beside the keys, made once."""
    if settings.token_secret is not None:
        secret = settings.token_secret.get_secret_value().encode()
        if len(secret) < LEAST_SECRET:
            raise OptionError(
                f"VIGIE_TOKEN_SECRET has {len(secret)} bytes; give it {LEAST_SECRET} or more."
            )
        return secret
    if settings.keys is None:
        return secrets.token_bytes(LEAST_SECRET)
    return _kept_secret(settings.keys.with_name("token.secret"))


def _kept_secret(path: Path) -> bytes:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        work = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(work, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(LEAST_SECRET))
        # Of several workers that start together, the first one's file stays.
        with suppress(FileExistsError):
            os.link(work, path)
        work.unlink()
        return path.read_bytes()
    except OSError as error:
        raise OptionError(
            f"{path} can't be made: {error.strerror}. Name a secret in VIGIE_TOKEN_SECRET, or let "
            "the service write beside the keys."
        ) from None
