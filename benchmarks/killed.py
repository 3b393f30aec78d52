"""Runs killed with SIGKILL at random moments, each followed by a plain run.

`python -m benchmarks.killed` replays 100 times of a schedule of the tests' case `tiny`. For each, a
process that runs it is killed at a random moment, and another runs it to its end. Some more are
whole commands with kernels, which must end too. It prints one JSON line: what was damaged, lost,
held or left running after the kills (all must be 0), and whether the end equals a home in which
nothing was killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from benchmarks.small import FAKES, LIGHT, names, settings, write_cases

sys.path.insert(0, str(FAKES))

EVERY = timedelta(hours=8)
MARK = "VIGIE_BENCHMARK_KILLED"
LEFT = ("held", "damaged_records", "damaged_tables", "doubled_rows")
"""What a kill must not leave."""
GRACE = 10
"""Seconds within which a kernel must have ended after its runner."""


def run(home: Path, case: str, moment: datetime) -> None:
    """A run that must end well."""
    from pipeline.runner import Order, run_cases
    from pipeline.store import Store

    order = Order(as_of=moment.isoformat(), own=LIGHT)
    (ran,) = run_cases(Store.at(home), [case], order, say=lambda line: None)
    if ran.outcome != "done":
        raise click.ClickException(f"{moment}: {ran.outcome}: {ran.sentence}")


def look(home: Path, case: str, found: Counter[str]) -> None:
    """Counts what a kill has left that it must not leave."""
    from deltalake import DeltaTable

    from pipeline.errors import StateError
    from pipeline.records import RECORDS
    from pipeline.store import Store
    from pipeline.store.locks import is_held

    store = Store.at(home)
    found["held"] += is_held(home, case)
    try:
        for kind in RECORDS.values():
            list(store.records(case, kind))
    except StateError:
        found["damaged_records"] += 1
    for name in ("observations", "quarantine"):
        path = home / "tables" / case / name
        try:
            if DeltaTable.is_deltatable(str(path)):
                rows = store.table(case, name).read()
                keys = rows.select(["series", "time"]).to_pylist()
                found["doubled_rows"] += len(keys) - len({tuple(key.values()) for key in keys})
        except StateError:
            found["damaged_tables"] += 1


def in_forks(folder: Path, count: int, chance: random.Random) -> dict[str, Any]:
    """Kills runs whose notebooks are executed in the run's own process."""
    import importlib

    import in_process
    import killed
    from small_cases.tiny import LAST_KNOWN

    import pipeline.runner
    from pipeline.runner.content import contents
    from pipeline.store import Store, project

    in_process.apply(setattr)
    pipeline.runner.mirror = lambda *given, **named: None  # MLflow is a view of the records.
    for name in killed.HEAVY:
        importlib.import_module(name)
    sys.modules["vl_convert"].vegalite_to_svg = lambda spec: "<svg/>"  # type: ignore[attr-defined]
    project.code_version()
    moments = [LAST_KNOWN - number * EVERY for number in reversed(range(count))]
    plain, disturbed = folder / "plain", folder / "disturbed"
    seconds = []
    for moment in moments:
        began = time.monotonic()
        whole(plain, moment)
        seconds.append(time.monotonic() - began)
    found: Counter[str] = Counter()
    died = 0
    for moment, took in zip(moments, seconds, strict=True):
        child = killed.child(lambda at=moment: run(disturbed, "tiny", at))
        time.sleep(chance.uniform(0, took))
        os.kill(child, signal.SIGKILL)
        died += killed.ended(child) == -signal.SIGKILL
        found.update(looked(disturbed, "tiny"))
        whole(disturbed, moment)
        found.update(looked(disturbed, "tiny"))
    rows = [
        Store.at(home)
        .table("tiny", "observations")
        .read()
        .sort_by([("series", "ascending"), ("time", "ascending")])
        for home in (plain, disturbed)
    ]
    after = Store.at(disturbed)
    runs = [after.run_record("tiny", run_id) for run_id in after.run_ids("tiny")]
    return {
        "runs": count,
        "killed_before_their_end": died,
        "gone_on_with": sum(bool(each and each.reused) for each in runs),
        "lost_rows": rows[0].num_rows - rows[1].num_rows,
        "tables_equal": rows[0].equals(rows[1]),
        "records_equal": contents(Store.at(plain), "tiny") == contents(after, "tiny"),
        **{
            name: found[name]
            for name in ("held", "damaged_records", "damaged_tables", "doubled_rows")
        },
    }


def looked(home: Path, case: str) -> Counter[str]:
    """The same as `look`, done by a fork: reading a table starts threads, and no process that has
    threads of deltalake can be forked.
    """
    import killed

    told = home.parent / f"{home.name}.json"

    def work() -> None:
        found: Counter[str] = Counter()
        look(home, case, found)
        told.write_text(json.dumps(found))

    if killed.ended(killed.child(work)):
        raise click.ClickException(f"What the kill left in {home} could not be looked at.")
    return Counter(json.loads(told.read_text()))


def whole(home: Path, moment: datetime) -> None:
    import killed

    code = killed.ended(killed.child(lambda: run(home, "tiny", moment)))
    if code:
        raise click.ClickException(f"The plain run as of {moment} ended with {code}.")


def with_kernels(folder: Path, count: int, chance: random.Random) -> dict[str, Any]:
    """Kills whole commands, and looks for what of them still runs."""
    from pipeline.runner.content import content
    from pipeline.store import Store

    environment = write_cases(folder / "cases", count + 1) | {MARK: "yes"}
    cases = names(count + 1)

    def command(case: str) -> list[str]:
        home = str(folder / "real")
        return [sys.executable, "-m", "pipeline", "run", case, "--home", home, *settings()]

    began = time.monotonic()
    subprocess.run(command(cases[0]), env=environment, check=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - began
    found: Counter[str] = Counter()
    store = Store.at(folder / "real")
    equal = 0
    for case in cases[1:]:
        process = subprocess.Popen(command(case), env=environment, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.1, 0.9) * took)
        process.kill()
        process.wait()
        until = time.monotonic() + GRACE
        while orphans() and time.monotonic() < until:
            time.sleep(0.1)
        found["orphans"] += len(orphans())
        look(store.home, case, found)
        subprocess.run(command(case), env=environment, check=True, stdout=subprocess.DEVNULL)
        newest, first = (store.run_ids(each)[-1] for each in (case, cases[0]))
        one, other = content(store, case, newest), content(store, cases[0], first)
        equal += renamed(one, case) == renamed(other, cases[0])
    left = {name: found[name] for name in ("orphans", *LEFT)}
    return {"runs": count, "equal": equal, **left}


def renamed(found: dict[str, Any], case: str) -> str:
    """What a run found, whatever its case is called; files that name the case are left out."""
    told = {
        step: {name: value for name, value in said.items() if name != "files"}
        if isinstance(said, dict)
        else said
        for step, said in found.items()
    }
    return json.dumps(told, sort_keys=True, default=str).replace(case, "CASE")


def orphans() -> list[int]:
    """Processes that descend from a killed command: they have its mark in their environment."""
    left = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if f"{MARK}=yes".encode() in (folder / "environ").read_bytes():
                    left.append(int(folder.name))
            except OSError:
                continue
    return left


@click.command()
@click.option("--count", default=100, show_default=True, help="Runs killed in forks.")
@click.option("--kernels", default=8, show_default=True, help="Commands killed with their kernels.")
@click.option("--seed", default=7, show_default=True, help="Of the moments.")
def main(count: int, kernels: int, seed: int) -> None:
    """Print what the kills left as one JSON line."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        forks = in_forks(folder, count, chance)
        # Last, since it reads tables in this process, which can't be forked from then on.
        real = with_kernels(folder, kernels, chance) if kernels else {}
        told = {
            "benchmark": "killed",
            "measured": "what runs killed with SIGKILL left; the end against an undisturbed one",
            "forks": forks,
            "commands": real,
            "ratio": float(forks["records_equal"] and forks["tables_equal"]),
        }
        print(json.dumps(told))


if __name__ == "__main__":
    main()
