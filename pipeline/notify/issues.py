"""One GitHub issue a case: opened when something is wrong, closed when all is well again."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pipeline.errors import GitHubError
from pipeline.github import gh
from pipeline.notify.events import Event

LABEL = "vigie"


@dataclass(frozen=True, kw_only=True)
class Issues:
    """The issues of a repository, told apart by their title."""

    repository: str

    @property
    def name(self) -> str:
        return f"issues of {self.repository}"

    def send(self, event: Event) -> str:
        try:
            self._write(event)
        except GitHubError as error:
            return str(error)
        return ""

    def _write(self, event: Event) -> None:
        title = f"[Vigie] {event.case} needs a look"
        number = self._open_one(title)
        if number is None and not event.calm:
            self._gh("label", "create", LABEL, "--force", "--description", "Opened by vigie notify")
            self._gh("issue", "create", "--title", title, "--body", event.text, "--label", LABEL)
        elif number is not None:
            self._gh("issue", "comment", number, "--body", event.text)
            if event.well:
                self._gh("issue", "close", number)

    def _open_one(self, title: str) -> str | None:
        asked = ("--state", "open", "--label", LABEL, "--limit", "100", "--json", "number,title")
        found = json.loads(self._gh("issue", "list", *asked))
        return next((str(one["number"]) for one in found if one["title"] == title), None)

    def _gh(self, *arguments: str) -> str:
        return gh(self.repository, *arguments)
