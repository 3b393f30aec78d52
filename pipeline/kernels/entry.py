"""What papermill finds as its engine `warm`.

It imports the engine when a notebook is executed: papermill looks its engines up while it is
being imported itself.
"""

from __future__ import annotations

from typing import Any


class WarmEngine:
    """The verbs that papermill asks of an engine."""

    @staticmethod
    def execute_notebook(nb: Any, kernel_name: str, **named: Any) -> Any:
        return _engine().execute_notebook(nb, kernel_name, **named)

    @staticmethod
    def nb_kernel_name(nb: Any, name: str | None = None) -> Any:
        return _engine().nb_kernel_name(nb, name)

    @staticmethod
    def nb_language(nb: Any, language: str | None = None) -> Any:
        return _engine().nb_language(nb, language)


def _engine() -> Any:
    from pipeline.kernels import engine

    return engine.WarmEngine
