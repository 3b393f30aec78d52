"""Parameters of notebooks as people and forms write them: text that becomes typed values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pipeline.errors import OptionError
from pipeline.options import SETTINGS_OF_A_RUN

OF_A_FORM = SETTINGS_OF_A_RUN | {"cases"}
"""What a form holds beside parameters of notebooks."""


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """From `name=value` to values: numbers, true, false and null as in JSON, else text."""
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise OptionError(f"--set {setting!r} has no value; write it like --set folds=2.")
        found[name] = _value(text)
    return found


def parse_form(text: str) -> dict[str, Any]:
    """From the JSON object of a form's fields to values; empty fields keep the defaults.

    Raises `OptionError` for what is no object.
    """
    try:
        fields = json.loads(text or "null") or {}
        given = {name: value for name, value in fields.items() if name not in OF_A_FORM}
    except (ValueError, AttributeError) as error:
        raise OptionError(
            f"--parameters {text[:60]!r} is no JSON object; write it like "
            """'{"folds": 2}'."""
        ) from error
    return {
        name: _value(value) if isinstance(value, str) else value
        for name, value in given.items()
        if value not in {None, ""}
    }


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
