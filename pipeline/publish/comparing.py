"""A run beside the one before it and the one that trained its champion, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.metrics import score_name
from pipeline.options import NOTEBOOKS
from pipeline.publish import words
from pipeline.publish.repeat import parameter_rows
from pipeline.publish.runfacts import RunFacts
from pipeline.records import IngestRecord, SystemScores
from pipeline.steps.wording import listed

ABSENT = "\N{EN DASH}"
Read = Callable[[RunFacts], str]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One line of the table."""

    name: str
    values: tuple[str, ...]
    """One a run, in their order."""

    @property
    def same(self) -> bool:
        """Whether all runs agree."""
        return len(set(self.values)) == 1


def compared(runs: Sequence[RunFacts]) -> list[Compared]:
    """Data, decision, scores and drift of each run, and the parameters in which they differ."""
    lines = [
        Compared(name=name, values=tuple(read(run) or ABSENT for run in runs))
        for name, read in READ.items()
    ]
    return [*lines, *_parameters(runs)]


def _parameters(runs: Sequence[RunFacts]) -> Iterator[Compared]:
    held = [
        {
            (notebook.name, name): value
            for notebook in run.notebooks
            if notebook.records
            for name, value, _, _ in parameter_rows(NOTEBOOKS[notebook.name], notebook.records[-1])
        }
        for run in runs
    ]
    for key in dict.fromkeys(key for each in held for key in each):
        line = Compared(
            name=f"Parameter {key[1]} of {key[0]}",
            values=tuple(each.get(key, ABSENT) for each in held),
        )
        if not line.same:
            yield line


def _as_of(run: RunFacts) -> str:
    return words.moment_text(run.as_of) if run.as_of else ""


def _ingest(run: RunFacts) -> IngestRecord | None:
    return next((one for one in run.run.records if isinstance(one, IngestRecord)), None)


def _data(run: RunFacts) -> str:
    found = _ingest(run)
    if found is None:
        return ""
    table = found.observations
    return f"version {table.version}, {words.number(table.rows)} rows"


def _newest(run: RunFacts) -> str:
    found = _ingest(run)
    return words.moment_text(found.newest) if found and found.newest else ""


def _arrived(run: RunFacts) -> str:
    found = _ingest(run)
    if found is None:
        return ""
    return f"{words.number(found.inserted)} new, {words.number(found.updated)} revised"


def _quarantined(run: RunFacts) -> str:
    return f"{words.number(run.validate.quarantined)} rows" if run.validate else ""


def _drift(run: RunFacts) -> str:
    if run.drift is None:
        return ""
    return listed([one.column for one in run.drift.columns if one.alarm]) or "none"


def _decision(run: RunFacts) -> str:
    asked = run.decide.decision if run.decide else ""
    return ", then ".join(filter(None, [asked, run.promote.action if run.promote else ""]))


def _champion(run: RunFacts) -> str:
    if run.promote is None:
        return ""
    ref = run.promote.champion.ref
    return f"{ref.candidate}, trained in run {ref.run_id}"


def _champion_score(run: RunFacts) -> str:
    return _score(run, run.score)


def _baseline_score(run: RunFacts) -> str:
    return _score(run, run.baseline)


def _challenger_score(run: RunFacts) -> str:
    found = _system(run, "challenger")
    if found is None or run.promote is None or run.promote.primary not in found.scores:
        return ""
    return f"{_score(run, found.scores[run.promote.primary])} ({found.candidate})"


def _score(run: RunFacts, value: float | None) -> str:
    if value is None or run.promote is None:
        return ""
    return f"{score_name(run.promote.primary)} {words.quantity(value, run.score_unit)}"


def _coverage(run: RunFacts) -> str:
    if run.promote is None or run.evaluate is None:
        return ""
    ref = run.promote.champion.ref
    for one in run.evaluate.systems:
        if (one.candidate, one.run_id) == (ref.candidate, ref.run_id):
            return f"{100 * one.coverage:.1f}% of {words.share(one.level)} promised"
    return ""


def _system(run: RunFacts, role: str) -> SystemScores | None:
    systems = run.evaluate.systems if run.evaluate else ()
    return next((one for one in systems if one.role == role), None)


def _outcome(run: RunFacts) -> str:
    return run.outcome


def _code(run: RunFacts) -> str:
    return ", ".join(dict.fromkeys(code for code, _ in run.versions))


READ: dict[str, Read] = {
    "As of": _as_of,
    "Outcome": _outcome,
    "Observations": _data,
    "Newest row": _newest,
    "What arrived": _arrived,
    "In quarantine": _quarantined,
    "Columns with an alarm": _drift,
    "Decision": _decision,
    "Champion": _champion,
    "Error of the champion": _champion_score,
    "Error of the challenger": _challenger_score,
    "Error of the baseline": _baseline_score,
    "Truth inside the intervals or sets of the champion": _coverage,
    "Code": _code,
}
