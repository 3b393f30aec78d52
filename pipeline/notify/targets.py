"""Who is told: a webhook, a chat that takes Slack's messages, a mailbox, or GitHub's issues.

An address may hold a secret, so it is never shown: a target is called by its kind and host.
"""

from __future__ import annotations

import hashlib
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import urlsplit

from pipeline.errors import OptionError
from pipeline.github import repository_of
from pipeline.notify.events import Event
from pipeline.notify.issues import Issues

SECONDS = 10.0
KINDS = "webhook:https://…, slack:https://…, mailto:someone@example.org or github-issues:OWNER/REPO"


class Target(Protocol):
    """Somebody who can be told."""

    @property
    def name(self) -> str:
        """Kind and host, and a digest that tells two of one host apart."""

    def send(self, event: Event) -> str:
        """Tells of the event; gives what went wrong, or nothing."""


def target_of(address: str, environment: Mapping[str, str]) -> Target:
    """The target of an address; raises `OptionError` for one that can't be understood."""
    kind, _, rest = address.partition(":")
    if kind in {"webhook", "slack"} and _is_web(rest):
        return Webhook(kind=kind, url=rest)
    if kind == "mailto" and "@" in rest:
        return Mailbox.at(rest, environment)
    if kind == "github-issues":
        return Issues(repository=repository_of(rest))
    raise OptionError(f"A target that begins with {kind[:12]!r} is not known. Write {KINDS}.")


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """An address that takes a POST of JSON."""

    kind: str
    url: str

    @property
    def name(self) -> str:
        return f"{self.kind} {urlsplit(self.url).hostname} {_digest(self.url)}"

    def send(self, event: Event) -> str:
        import httpx

        try:
            answer = httpx.post(self.url, json=self._body(event), timeout=SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}"
        return "" if answer.is_success else f"it answered {answer.status_code}"

    def _body(self, event: Event) -> dict[str, str]:
        if self.kind == "slack":
            return {"text": _escaped(event.text)}
        return {
            "case": event.case,
            "rule": event.rule,
            "state": event.state,
            "title": event.title,
            "sentence": event.sentence,
            "number": event.number,
            "link": event.link,
        }


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """A mailbox, through an SMTP server."""

    to: str
    sender: str
    host: str
    port: int
    user: str
    password: str
    encrypt: bool

    @classmethod
    def at(cls, to: str, environment: Mapping[str, str]) -> Mailbox:
        """With the server in VIGIE_SMTP_HOST, _PORT, _USER, _PASSWORD, _FROM and _TLS (yes, no)."""
        host = environment.get("VIGIE_SMTP_HOST", "")
        if not host:
            raise OptionError(
                "E-mail needs a server: set VIGIE_SMTP_HOST, and VIGIE_SMTP_PORT, "
                "VIGIE_SMTP_USER, VIGIE_SMTP_PASSWORD, VIGIE_SMTP_FROM as it asks for."
            )
        return cls(
            to=to,
            sender=environment.get("VIGIE_SMTP_FROM") or to,
            host=host,
            port=_port(environment.get("VIGIE_SMTP_PORT") or "587"),
            user=environment.get("VIGIE_SMTP_USER", ""),
            password=environment.get("VIGIE_SMTP_PASSWORD", ""),
            encrypt=environment.get("VIGIE_SMTP_TLS", "yes") != "no",
        )

    @property
    def name(self) -> str:
        return f"e-mail {_digest(self.to)}"

    def send(self, event: Event) -> str:
        message = EmailMessage()
        message["Subject"] = f"[Vigie] {' '.join(event.title.split())}"
        message["From"], message["To"] = self.sender, self.to
        message.set_content(event.text)
        try:
            with smtplib.SMTP(self.host, self.port, timeout=SECONDS) as server:
                if self.encrypt:
                    server.starttls()
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            return type(error).__name__
        return ""


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise OptionError(f"VIGIE_SMTP_PORT is {text!r}. Set it to a port, such as 587.")
    return int(text)


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:8]


def _escaped(text: str) -> str:
    """As Slack wants it: its three control characters as entities, so that none is markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
