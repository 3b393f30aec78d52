"""What a user can mend. A message names the thing, what was found and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from signal import Signals
from typing import ClassVar, Literal, Self

Failure = Literal["error", "timeout", "output", "died", "interrupted", "start"]
"""How a step ended without doing its work: its code raised an error, it took too long, it showed
too much, its kernel died, somebody interrupted it, or its kernel did not start."""


class VigieError(Exception):
    """Base of all errors that Vigie raises on purpose; shown to the user without a traceback."""

    exit_code: ClassVar[int] = 4
    failure: Failure = "error"

    @classmethod
    def for_problems(cls, heading: str, problems: Iterable[str]) -> Self:
        """One error for all problems of one thing, sorted, a line each."""
        return cls("\n".join([heading, *(f"  - {problem}" for problem in sorted(problems))]))


class OptionError(VigieError):
    """A parameter or a command-line value that can't be used."""

    exit_code = 2

    @classmethod
    def for_unknown_case(cls, name: str, known: Iterable[str]) -> Self:
        return cls(f"There is no case {name!r}. Choose one of: {', '.join(sorted(known))}.")

    @classmethod
    def for_missing_mode(cls, case: str, mode: str, known: Iterable[str]) -> Self:
        return cls(
            f"Case {case!r} has no source {mode!r}. Choose one of: {', '.join(sorted(known))}."
        )


class CaseError(VigieError):
    """A case folder whose declarations don't fit together."""

    @classmethod
    def for_missing_declaration(cls, module: str) -> Self:
        return cls(
            f"{module} has no CASE. Every folder of pipeline/cases declares "
            "one: CASE = Case(...) in its __init__.py."
        )


class SourceError(VigieError):
    """A source that can't be read, or that holds something else than it should."""

    transient: ClassVar[bool] = False
    """Whether the same request may succeed a little later."""

    @classmethod
    def for_address(cls, address: str, found: str, remedy: str) -> Self:
        """`address` is as it may be shown: without its secrets."""
        return cls(f"{address} {found}. {remedy}")

    @classmethod
    def for_page(cls, address: str, wanted: str, problems: Iterable[str]) -> Self:
        """All problems of one answer that arrived whole and isn't what it should be."""
        return cls.for_problems(
            f"The answer of {address} can't be read as {wanted}. The publisher may have changed "
            "its format; look at the address in a browser:",
            problems,
        )

    @classmethod
    def for_unnamed_folder(cls, wanted: str) -> Self:
        return cls(f"No folder is named that holds {wanted}. Name one with --data.")

    @classmethod
    def for_missing_folder(cls, folder: Path) -> Self:
        return cls(
            f"There is no folder {str(folder)!r}. Make it and put the case's files there, or name "
            "another with --data (it holds one folder for each case)."
        )

    @classmethod
    def for_unreadable(cls, path: Path, error: OSError) -> Self:
        return cls(
            f"{path} can't be read: {error.strerror or error}. See that it is there and that this "
            "user has the right to read it, then run again."
        )

    @classmethod
    def for_no_files(cls, folder: Path, wanted: Iterable[str], found: Iterable[str]) -> Self:
        names = sorted(found)
        shown = ", ".join(repr(name) for name in names[:5]) or "nothing"
        others = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return cls(
            f"{folder} holds none of the files looked for: {'; '.join(wanted)}. "
            f"Found: {shown}{others}. Put a file there, or name another folder with --data."
        )

    @classmethod
    def for_foreign_content(cls, path: Path, wanted: str, found: str) -> Self:
        return cls(
            f"{path} should hold {wanted}, and it is {found}. "
            "Fetch it again from its publisher, or take it out of the folder."
        )

    @classmethod
    def for_file(cls, path: Path, wanted: str, problems: Iterable[str]) -> Self:
        """All problems of one file; each names its column or line and the remedy."""
        return cls.for_problems(
            f"{path} can't be read as {wanted}. Mend it or fetch it again:", problems
        )


class SourceUnavailableError(SourceError):
    """A publisher that does not answer, is overloaded or asks to wait: worth another try."""

    transient = True
    retry_after: float | None = None
    """Seconds that the publisher asks to wait, where it says so."""


class PictureError(VigieError):
    """Bytes that are no picture, or one that is not taken; the message goes on from "it"."""


class StateError(VigieError):
    """A home folder that can't be read or written, or that holds something unexpected."""

    @classmethod
    def for_mixed_sources(cls, home: Path, case: str, held: str, asked: str) -> Self:
        return cls(
            f"{home} holds {held!r} data of case {case!r}, and this run asks for {asked!r}. "
            "Real and simulated data are never mixed in one home: name another with --home "
            "(or VIGIE_HOME)."
        )

    @classmethod
    def for_missing_record(cls, case: str, step: str, home: Path) -> Self:
        return cls(
            f"{home} has no record of step {step!r} of case {case!r}. "
            f"Run the steps before it first: vigie run {case} --home {home}."
        )

    @classmethod
    def for_failed_write(cls, path: Path, error: Exception) -> Self:
        found = getattr(error, "strerror", None) or str(error)
        return cls(
            f"{path} can't be written: {found}. What was there before is unchanged. "
            "Free some space or choose another folder with --home, then run again."
        )

    @classmethod
    def for_damaged_file(cls, path: Path, found: str) -> Self:
        return cls(
            f"{path} is damaged: {found}. Put the file back from a copy, or remove the run "
            "folder that holds it and run again."
        )

    @classmethod
    def for_later_version(cls, path: Path, found: str) -> Self:
        return cls(
            f"{path} was written by a later version of Vigie: it has {found}. Update Vigie here, "
            "or name another home with --home. Nothing was changed."
        )

    @classmethod
    def for_other_columns(cls, path: Path, held: Iterable[str], wanted: Iterable[str]) -> Self:
        return cls(
            f"{path} holds columns {', '.join(held)}, and the case now has "
            f"{', '.join(wanted)}. Begin a new home with --home, or remove the table and run again."
        )

    @classmethod
    def for_lost_case(cls, case: str, lease: float) -> Self:
        return cls(
            f"Another run has taken case {case!r} over: this one gave no sign of life for "
            f"{lease:.0f} s, as after a sleep. See how the other ends: vigie status."
        )


class HeldError(StateError):
    """A case that another run is working on."""

    exit_code = 5

    @classmethod
    def for_held_case(cls, case: str, owner: str) -> Self:
        return cls(
            f"Case {case!r} is being run by {owner}. Wait until it has ended, or run another case."
        )


class GitHubError(VigieError):
    """GitHub's command is not there, or it refused."""


class SnapshotError(VigieError):
    """State that can't be moved: a damaged snapshot, another writer, a place out of reach."""

    damaged: ClassVar[bool] = False

    @classmethod
    def for_unknown_place(cls, address: str, error: Exception) -> Self:
        return cls(
            f"{address} can't be reached: {error}. Install what its kind of place needs "
            "(pip install 'vigie[s3]', 'vigie[gcs]' or 'vigie[azure]')."
        )

    @classmethod
    def for_unsafe_place(cls, address: str, known: Iterable[str]) -> Self:
        return cls(
            f"{address} is on a kind of place where two machines that push at once can't be told "
            "apart. Name a folder, github-release:OWNER/REPO/TAG, or an address that begins "
            f"with one of: {', '.join(f'{name}://' for name in sorted(known))}."
        )

    @classmethod
    def for_empty_place(cls, address: str) -> Self:
        return cls(
            f"{address} holds no snapshot. See that the address is right; a first one is made by: "
            f"vigie state push {address}."
        )

    @classmethod
    def for_missing(cls, address: str, number: int, known: Iterable[int]) -> Self:
        shown = ", ".join(str(one) for one in known) or "none"
        return cls(f"{address} has no snapshot {number}. There are: {shown}.")

    @classmethod
    def for_other_writer(cls, address: str, newest: int, base: int) -> Self:
        came = f"comes from snapshot {base}" if base else "comes from none of its snapshots"
        return cls(
            f"{address} has snapshot {newest}, and this home {came}: somebody else has pushed. "
            "Nothing was changed on either side. Pull into another home and run there "
            f"(vigie state pull {address} --home DIR), or give up what is new here "
            f"(vigie state pull {address} --replace)."
        )

    @classmethod
    def for_unpushed_work(cls, home: Path, address: str, new: list[str]) -> Self:
        return cls(
            f"{home} holds {len(new)} files that were never pushed, {new[0]} among them, and a "
            f"pull would lose them. Push first (vigie state push {address}), name another home "
            "with --home, or say --replace."
        )

    @classmethod
    def for_damage(cls, name: str, problems: Iterable[str]) -> SnapshotError:
        return DamagedSnapshotError.for_problems(f"{name} is damaged:", problems)

    @classmethod
    def for_unknown_format(cls, name: str, found: object, version: object) -> Self:
        return cls(
            f"{name} was written by Vigie {version} in format {found!r}, which this version can't "
            "read. Install that version or a newer one; nothing was changed."
        )


class DamagedSnapshotError(SnapshotError):
    """A snapshot whose bytes are not what its digests say."""

    damaged: ClassVar[bool] = True


class SuiteError(VigieError):
    """A suite file that can't be used, or an expectation that could not be evaluated."""

    @classmethod
    def for_unreadable(cls, path: Path, error: Exception) -> Self:
        return cls(
            f"{path} can't be read as JSON: {error}. "
            "Put a suite there in Great Expectations' own format."
        )

    @classmethod
    def for_malformed(cls, path: Path, problems: Iterable[str]) -> Self:
        return cls.for_problems(f"{path} can't be used as a suite. Mend it in the file:", problems)

    @classmethod
    def for_missing_parameters(
        cls, path: Path, missing: Iterable[str], given: Iterable[str]
    ) -> Self:
        return cls.for_problems(
            f"{path} asks for parameters that the run doesn't give. Choose of "
            f"{sorted(given)!r}, or write a value in their place:",
            [repr(name) for name in missing],
        )

    @classmethod
    def for_unevaluated(cls, path: Path, problems: Iterable[str]) -> Self:
        return cls.for_problems(
            f"Expectations of {path} could not be evaluated. "
            "Mend the expectation, or the column that it looks at:",
            problems,
        )


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


class SiteError(VigieError):
    """A page that can't be rendered."""


class ServiceError(VigieError):
    """A champion that can't be packaged or served."""


class RecordError(ServiceError):
    """Records of a call that can't be predicted: where, which field, and why."""

    def __init__(self, problems: Iterable[tuple[int, str, str]]) -> None:
        self.problems = tuple(sorted(problems))
        lines = [f"record {place}, {field}: {found}" for place, field, found in self.problems]
        super().__init__("\n".join(lines))
