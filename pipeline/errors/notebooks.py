"""How a step or its notebook ended without doing its work."""

from __future__ import annotations

from signal import Signals
from typing import Self

from pipeline.errors.base import Failure, VigieError


class StepError(VigieError):
    """A step that ended without doing its work; `failure` says in one word how."""

    @classmethod
    def _of(cls, failure: Failure, sentence: str) -> Self:
        error = cls(sentence)
        error.failure = failure
        return error

    @classmethod
    def for_error(cls, notebook: str, name: str, message: str, *, copy: str) -> Self:
        """`copy` is where the traceback can be read."""
        interrupted = name == "KeyboardInterrupt"
        return cls._of(
            "interrupted" if interrupted else "error",
            f"Notebook {notebook} broke with {name}: {message} "
            f"The cell and its traceback are in {copy}, in the folder of the run.",
        )

    @classmethod
    def for_time(cls, notebook: str, what: str, seconds: float | None) -> Self:
        return cls._of(
            "timeout",
            f"Notebook {notebook}: {what} took longer than {seconds:g} s and was stopped. "
            "Give it more time or less data.",
        )

    @classmethod
    def for_output(cls, notebook: str, cell: int, limit: int) -> Self:
        return cls._of(
            "output",
            f"Notebook {notebook}: with cell {cell} it showed more than {limit / 1e6:g} MB and was "
            "stopped. See what the cell prints without end, or show less of it.",
        )

    @classmethod
    def for_death(cls, notebook: str, code: int | None, *, out_of_memory: bool) -> Self:
        """`code` as `subprocess` gives it: negative for the signal that ended the kernel."""
        remedy = "The last cell that it began is marked in the saved notebook."
        if code is None or code >= 0:
            how = f"ended with exit code {code}" if code is not None else "no longer answers"
        elif code != -9:
            how = f"died of signal {_signal(-code)}"
        elif out_of_memory:
            how = "was killed by the system for want of memory (SIGKILL)"
            remedy = "Free some memory or take less data (--set days=…), then run again."
        else:
            how = "was killed (SIGKILL), most often for want of memory"
            remedy = "Free some memory or take less data (--set days=…), then run again."
        return cls._of("died", f"Notebook {notebook}: its kernel {how}. {remedy}")

    @classmethod
    def for_interrupt(cls, notebook: str) -> Self:
        return cls._of(
            "interrupted", f"Notebook {notebook} was interrupted. Run again to go on from there."
        )

    @classmethod
    def for_start(cls, notebook: str, error: Exception) -> Self:
        return cls._of(
            "start",
            f"Notebook {notebook}: its kernel did not start: {error}. "
            "See that this environment is whole (make setup), or try --engine stock.",
        )


def _signal(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return str(number)


class WorkerError(StepError):
    """A process that fitted models for a notebook and died."""

    failure: Failure = "died"

    @classmethod
    def for_fits(cls) -> Self:
        return cls(
            "A process that fitted models for the notebook has died, most often for want of "
            "memory. Free some memory or take less data (--set days=…), then run again."
        )
