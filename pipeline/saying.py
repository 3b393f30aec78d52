"""How work in progress tells what it does: one line of text at a time, to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Say: TypeAlias = Callable[[str], None]
