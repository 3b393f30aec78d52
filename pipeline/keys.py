"""API keys of the service: made once, shown once, and kept as digests only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.errors import OptionError, StateError
from pipeline.store.atomic import write_bytes
from pipeline.store.locks import take_turns

Scope = Literal["predict", "read", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
PREFIX: Final = "vigie"
NOBODY: Final = hashlib.sha256(b"").hexdigest()


class Key(BaseModel):
    """What is kept of a key: enough to know it again, not enough to use it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """Public: it stands in the call log."""
    name: str
    digest: str = Field(repr=False)
    """SHA-256 of the secret. The secret has 256 random bits, so that a slow hash, which is made
    for passwords that people choose, would add nothing but time to every call."""
    scopes: tuple[Scope, ...]
    made: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked is None and (self.expires is None or now < self.expires)


KEYS: Final = TypeAdapter(dict[str, Key])


def read_keys(path: Path) -> dict[str, Key]:
    """All keys by id, revoked ones too; raises `StateError` for a file that holds anything else."""
    try:
        return KEYS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise StateError.for_damaged_file(path, type(error).__name__) from None


def make_key(
    path: Path,
    name: str,
    scopes: Iterable[Scope],
    *,
    now: datetime,
    expires: datetime | None = None,
) -> tuple[Key, str]:
    """A new key and its text, which is nowhere else; raises `OptionError` for a name in use."""
    if not name.strip() or not name.isprintable():
        raise OptionError(f"{name!r} is no name for a key. Name who uses it, such as 'dashboard'.")
    secret = secrets.token_urlsafe(32)
    with take_turns(path.parent, path.stem):
        known = read_keys(path)
        if any(key.name == name and key.is_valid(now) for key in known.values()):
            raise OptionError(
                f"There is a key {name!r} already. Revoke it first (vigie keys revoke {name}), or "
                "choose another name."
            )
        key = Key(
            id=_new_id(known),
            name=name,
            digest=_digest(secret),
            scopes=tuple(scope for scope in SCOPES if scope in set(scopes)),
            made=now,
            expires=expires,
        )
        _write(path, {**known, key.id: key})
    return key, f"{PREFIX}_{key.id}_{secret}"


def revoke_key(path: Path, name: str, *, now: datetime) -> Key:
    """Ends a key, by its name or id; raises `OptionError` when there is no such valid key."""
    with take_turns(path.parent, path.stem):
        known = read_keys(path)
        found = [key for key in known.values() if name in (key.id, key.name) and not key.revoked]
        if not found:
            names = ", ".join(sorted(key.name for key in known.values() if not key.revoked))
            raise OptionError(f"There is no key {name!r}. Keys in use: {names or 'none'}.")
        key = found[0].model_copy(update={"revoked": now})
        _write(path, {**known, key.id: key})
    return key


def find_key(known: Mapping[str, Key], text: str, *, now: datetime) -> Key | None:
    """The valid key that `text` is, or `None`; takes the same time for any wrong secret."""
    prefix, _, rest = text.partition("_")
    name, _, secret = rest.partition("_")
    key = known.get(name)
    same = hmac.compare_digest(_digest(secret), key.digest if key else NOBODY)
    return key if key and same and prefix == PREFIX and key.is_valid(now) else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _new_id(known: Mapping[str, Key]) -> str:
    while (name := secrets.token_hex(4)) in known:
        continue
    return name


def _write(path: Path, keys: Mapping[str, Key]) -> None:
    write_bytes(path, KEYS.dump_json(dict(keys), indent=1) + b"\n")
    path.chmod(0o600)
