"""Drift alarms against known truth: false alarms on stable data, power, and delay.

`python -m benchmarks.drift_truth` simulates a little in some minutes, `--full` hundreds of runs; it
prints tables and, last, one JSON line: `false_alarm_rate` is
the one farthest from alpha over the stable settings, `power_of_oracle` the least ratio over the
shifts that the oracle itself finds in at least a quarter of runs (where it finds next to nothing,
a ratio compares noise with noise; `power_of_oracle_overall` is over all shifts: found by us over
found by the oracle), `found_of_changes` the least share of the simulator's documented changes that
were alarmed within three weekly runs. Rates come with the standard error of a binomial; that of the
farthest rate is of one setting, that of the mean of all their runs.

The oracle tests the mean of every column by generalised least squares with the true
autocorrelation and variance, at the level that gives a run of 20 independent columns its alpha
(Šidák 1967). The reference is two years of hourly rows.
"""

from __future__ import annotations

import json
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import norm

from pipeline.case import Case, find_case
from pipeline.cases.bikes.changes import documented_changes
from pipeline.cases.bikes.simulate import CounterSimulator
from pipeline.injections import Change
from pipeline.shift import Measured, Table, Watched, compare, judge
from pipeline.sources import Request
from pipeline.steps.shifts import compare_windows

Floats = NDArray[np.float64]

ALPHA = 0.05
COLUMNS = 20
HOURS_OF_REFERENCE = 730 * 24
FIRST = np.datetime64("2021-01-04T00:00:00", "us")
DAY = timedelta(days=1)
SHIFTS = (0.25, 0.5, 1.0, 2.0)
WEEKS = (1, 2, 4, 8)
MEMORIES = (0.0, 0.9, 0.97)
LEAST_ORACLE = 0.25
RUNS_AFTER = (7, 14, 21)
"""Days after a change at which the weekly runs look."""


@dataclass(frozen=True, kw_only=True)
class Stable:
    """A setting in which nothing changes."""

    name: str
    memory: float
    weeks: int
    season: float = 0.0
    """Size of the daily, weekly and yearly seasons in standard deviations of the noise."""
    years: float = 2


STABLE = (
    Stable(name="independent rows", memory=0.0, weeks=1),
    Stable(name="independent rows", memory=0.0, weeks=4),
    Stable(name="AR(1) 0.9", memory=0.9, weeks=1),
    Stable(name="AR(1) 0.9", memory=0.9, weeks=4),
    Stable(name="AR(1) 0.97", memory=0.97, weeks=1),
    Stable(name="AR(1) 0.97", memory=0.97, weeks=8),
    Stable(name="seasons, AR(1) 0.9", memory=0.9, weeks=4, season=1.0),
    Stable(name="seasons, AR(1) 0.97", memory=0.97, weeks=2, season=1.0),
    Stable(name="seasons, AR(1) 0.9, 14 months", memory=0.9, weeks=2, season=1.0, years=1.2),
)


def noise(memory: float, hours: int, columns: int, random: np.random.Generator) -> Floats:
    """AR(1) of unit variance, hours x columns."""
    fresh = random.standard_normal((hours, columns)) * math.sqrt(1 - memory**2)
    start = memory * random.standard_normal((1, columns))
    made: Floats = lfilter([1.0], [1.0, -memory], fresh, axis=0, zi=start)[0]
    return made


def seasons(hours: int, size: float) -> Floats:
    """A daily and a yearly wave and weekends."""
    clock = np.arange(hours)
    daily, yearly = (np.sin(clock * math.tau / period) for period in (24, 8766))
    weekend = (clock // 24 % 7 >= 5) - 2 / 7
    made: Floats = size * (daily + weekend + yearly)
    return made


def measure(values: Floats, reference: int) -> tuple[Measured, ...]:
    """All columns (hours x columns), of which the first hours are the reference."""
    times = FIRST + np.arange(len(values)) * np.timedelta64(1, "h")
    names = [f"x{place}" for place in range(values.shape[1])]
    before, now = (
        Table(columns=dict(zip(names, values[part].T, strict=True)), times=times[part])
        for part in (slice(0, reference), slice(reference, None))
    )
    return compare(before, now, [Watched(name=name, kind="number") for name in names], block=DAY)


def false_alarms(setting: Stable, runs: int) -> dict[str, Any]:
    """Share of runs with an alarm of any kind."""
    reference, now = round(setting.years * 365) * 24, setting.weeks * 168
    alarms = 0
    for run in range(runs):
        # Settings share no draws: their rates can be averaged.
        random = np.random.default_rng([1, STABLE.index(setting), run])
        values = noise(setting.memory, reference + now, COLUMNS, random)
        values += seasons(reference + now, setting.season)[:, None]
        alarms += any(shift.alarm for shift in judge(measure(values, reference), alpha=ALPHA))
    return {
        "setting": setting.name,
        "weeks": setting.weeks,
        "runs": runs,
        "false_alarm_rate": round(alarms / runs, 4),
        "standard_error": _standard_error(alarms / runs, runs),
    }


def _standard_error(rate: float, runs: int) -> float:
    return round(math.sqrt(rate * (1 - rate) / runs), 4)


def oracle_power(shift: float, memory: float, weeks: int) -> float:
    """Of the z-test that knows the noise, two-sided."""
    hours = weeks * 168
    known = (1 - memory**2) / ((hours - (hours - 2) * memory) * (1 - memory))
    known += (1 + memory) / (1 - memory) / HOURS_OF_REFERENCE
    limit = norm.isf((1 - (1 - ALPHA) ** (1 / COLUMNS)) / 2)
    centre = shift / math.sqrt(known)
    return float(norm.sf(limit - centre) + norm.cdf(-limit - centre))


def power(memory: float, weeks: int, rounds: int) -> list[dict[str, Any]]:
    """Share of runs in which the one shifted column of 20 alarms.

    Each simulated window serves for 20 runs, each column being the shifted one in turn: its
    measurement after the shift is judged with those of the others before it.
    """
    found = dict.fromkeys(SHIFTS, 0)
    for number in range(rounds):
        random = np.random.default_rng([2, number])
        values = noise(memory, HOURS_OF_REFERENCE + weeks * 168, COLUMNS, random)
        plain = measure(values, HOURS_OF_REFERENCE)
        for shift in SHIFTS:
            moved = values.copy()
            moved[HOURS_OF_REFERENCE:] += shift
            after = measure(moved, HOURS_OF_REFERENCE)
            for place in range(COLUMNS):
                family = (*plain[:place], after[place], *plain[place + 1 :])
                found[shift] += judge(family, alpha=ALPHA)[place].alarm
    rows = []
    for shift, alarms in found.items():
        oracle = oracle_power(shift, memory, weeks)
        ours = alarms / (rounds * COLUMNS)
        rows.append(
            {
                "memory": memory,
                "weeks": weeks,
                "shift": shift,
                "power": round(ours, 3),
                "oracle": round(oracle, 3),
                "ratio": round(ours / oracle, 3),
                "runs": rounds * COLUMNS,
            }
        )
    return rows


def detection(name: str, *, days: int, seeds: int, counters: int = 8) -> dict[str, Any]:
    """How soon a documented change alarms in weekly runs of the bikes case; without a change
    (name ""), how many runs alarm.
    """
    case = find_case("bikes")
    delays, alarms = [], 0
    for seed in range(seeds):
        plain = CounterSimulator(
            seed=seed, days=days, counters=counters, shift_share=0.0, stuck_days=0, absurd_rows=0
        )
        start = plain.last + timedelta(hours=1) - timedelta(days=RUNS_AFTER[-1])
        changes = documented_changes(start, plain.names)[name] if name else ()
        rows = _rows(case, replace(plain, changes=changes))
        seen = [_alarms(case, rows, start, after, changes) for after in RUNS_AFTER]
        alarms += sum(seen)
        delays.append(next((at for at, hit in zip(RUNS_AFTER, seen, strict=True) if hit), None))
    known = sorted(delay for delay in delays if delay is not None)
    return {
        "change": name or "none",
        "days_of_history": days,
        "schedules": seeds,
        "found": round(len(known) / seeds, 3),
        "median_delay_days": known[len(known) // 2] if known else None,
        "alarmed_runs": round(alarms / seeds / len(RUNS_AFTER), 3),
    }


def _rows(case: Case, simulator: CounterSimulator) -> Any:
    import pyarrow as pa

    batches = simulator.fetch(Request(schema=case.schema)).batches
    return pa.Table.from_batches(batches, case.schema.arrow()).to_pandas()


def _alarms(
    case: Case, rows: Any, start: datetime, after: int, changes: tuple[Change, ...]
) -> bool:
    """Whether a run so many days after the change alarms for the column that changed (or at all,
    when none did). The champion has learned until the current window of the first run begins.
    """
    as_of = start + timedelta(days=after)
    learned = start + timedelta(days=RUNS_AFTER[0]) - case.windows.current
    times = rows[case.schema.time]
    shifts = compare_windows(
        case,
        rows[(times < learned).to_numpy()],
        rows[((times >= as_of - case.windows.current) & (times < as_of)).to_numpy()],
        alpha=ALPHA,
    )
    changed = {change.column for change in changes}
    return any(shift.column in changed or not changed for shift in shifts.alarms)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is simulated."""

    stable_runs: int
    power_rounds: int
    """Each is 20 runs for every shift."""
    schedules: int
    days: tuple[int, ...]
    """Days of history of the schedules."""


SMALL = Size(stable_runs=20, power_rounds=1, schedules=3, days=(450,))
FULL = Size(stable_runs=300, power_rounds=15, schedules=20, days=(240, 450))


@click.command()
@click.option("--full", is_flag=True, help="Hundreds of runs, which take minutes on 2 cores.")
@click.option(
    "--stable-runs", type=int, help="Runs of each stable setting, in place of the size's."
)
@click.option("--rounds", type=int, help="Rounds of each power setting, of 20 runs a shift.")
@click.option("--schedules", type=int, help="Schedules of each change.")
@click.option("--processes", default=2, show_default=True, help="How many run side by side.")
def main(
    full: bool,
    stable_runs: int | None,
    rounds: int | None,
    schedules: int | None,
    processes: int,
) -> None:
    """Print the tables, then one JSON line."""
    size = FULL if full else SMALL
    size = replace(
        size,
        stable_runs=stable_runs or size.stable_runs,
        power_rounds=rounds or size.power_rounds,
        schedules=schedules or size.schedules,
    )
    names = ("", *documented_changes(datetime(2024, 1, 1), ("a", "b")))  # noqa: DTZ001
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        stable = [pool.submit(false_alarms, setting, size.stable_runs) for setting in STABLE]
        shifts = [
            pool.submit(power, memory, weeks, size.power_rounds)
            for memory in MEMORIES
            for weeks in WEEKS
        ]
        found = [
            pool.submit(detection, name, days=days, seeds=size.schedules)
            for days in size.days
            for name in names
        ]
        stable_rows = [_told(each.result()) for each in stable]
        shift_rows = [_told(row) for each in shifts for row in each.result()]
        change_rows = [_told(each.result()) for each in found]
    print(json.dumps(summary(stable_rows, shift_rows, change_rows)))


def summary(
    stable: list[dict[str, Any]], shifts: list[dict[str, Any]], changes: list[dict[str, Any]]
) -> dict[str, Any]:
    """The figures that the targets are about, and all tables."""
    rates = [row["false_alarm_rate"] for row in stable]
    mean, runs = sum(rates) / len(rates), sum(row["runs"] for row in stable)
    farthest = max(stable, key=lambda row: abs(row["false_alarm_rate"] - ALPHA))
    judged = [row for row in shifts if row["oracle"] >= LEAST_ORACLE]
    return {
        "benchmark": "drift_truth",
        "alpha": ALPHA,
        "false_alarm_rate": farthest["false_alarm_rate"],
        "false_alarm_rate_standard_error": farthest["standard_error"],
        "false_alarm_rates": [min(rates), max(rates)],
        "false_alarm_rate_mean": round(mean, 4),
        "false_alarm_rate_mean_standard_error": _standard_error(mean, runs),
        "power_of_oracle": min(row["ratio"] for row in judged),
        "power_of_oracle_overall": round(
            sum(row["power"] for row in shifts) / sum(row["oracle"] for row in shifts), 3
        ),
        "least_oracle_power": LEAST_ORACLE,
        "found_of_changes": min(row["found"] for row in changes if row["change"] != "none"),
        "stable": stable,
        "shifts": shifts,
        "changes": changes,
    }


def _told(row: dict[str, Any]) -> dict[str, Any]:
    print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return row


if __name__ == "__main__":
    main()
