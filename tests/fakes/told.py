"""Somebody who is told, or can't be reached."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.notify.events import Event


@dataclass
class Listener:
    name: str = "listener"
    problem: str = ""
    heard: list[Event] = field(default_factory=list)

    def send(self, event: Event) -> str:
        if not self.problem:
            self.heard.append(event)
        return self.problem

    @property
    def rules(self) -> list[str]:
        return [event.rule for event in self.heard]
