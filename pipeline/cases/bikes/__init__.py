"""Hourly bicycle counts in Paris, forecast a day ahead."""

from __future__ import annotations

from datetime import timedelta

from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.cases.bikes import candidates
from pipeline.cases.bikes.checks import check_columns
from pipeline.cases.bikes.live import CounterFeed
from pipeline.cases.bikes.simulate import CounterSimulator
from pipeline.cases.bikes.source import CounterFiles
from pipeline.schema import Column, Schema
from pipeline.tasks.forecasting import Forecasting
from pipeline.trends import TrendView

PARIS = "Europe/Paris"
FED_OBSERVED_WEATHER = (
    "No: it is fed the weather that was observed, which nobody knows a day ahead. Its score is "
    "what a perfect weather forecast would give."
)

CASE = Case(
    name="bikes",
    title="Bicycle counts in Paris",
    question="How many bicycles will pass each counter in each hour of the coming day?",
    use="To see how busy a counted street will be tomorrow, hour by hour. Not for streets without "
    "a counter, and not for the traffic of the whole city.",
    task=Forecasting(
        every="h",
        horizon=24,
        season=168,
        season_name="same hour a week before",
        lags=(24, 48, 168, 336),
        means=(24, 168),
        seasons=4,
        floor=0.0,
        memory=28 * 24,
    ),
    schema=Schema(
        columns=(
            Column(
                name="counter",
                kind="category",
                description="name of the counter, with its direction",
            ),
            Column(
                name="time",
                kind="time",
                description="start of the counted hour, UTC",
                known_ahead=True,
            ),
            Column(
                name="count",
                kind="integer",
                unit="bicycles/h",
                description="bicycles that passed in the hour",
            ),
            Column(
                name="latitude",
                kind="number",
                unit="°N",
                description="where the counter stands",
                known_ahead=True,
                fixed=True,
            ),
            Column(
                name="longitude",
                kind="number",
                unit="°E",
                description="where the counter stands",
                known_ahead=True,
                fixed=True,
            ),
            Column(
                name="temperature",
                kind="number",
                unit="°C",
                description="air temperature at Paris-Orly",
                nullable=True,
                known_ahead=True,
            ),
            Column(
                name="rain",
                kind="number",
                unit="mm/h",
                description="rain at Paris-Orly",
                nullable=True,
                known_ahead=True,
            ),
            Column(
                name="wind",
                kind="number",
                unit="m/s",
                description="mean wind at Paris-Orly",
                nullable=True,
                known_ahead=True,
            ),
        ),
        key=("counter", "time"),
        time="time",
        target="count",
        known_after=timedelta(hours=1),
    ),
    sources={
        "live": CounterFeed(),
        "files": CounterFiles(),
        "sample": CounterSimulator(counters=8, days=240),
    },
    candidates=(
        Candidate(
            name="boosting",
            title="Gradient boosting on calendar, counter and past counts (Poisson loss)",
            build=candidates.boosting,
        ),
        Candidate(
            name="boosting_with_weather",
            title="The same, and the weather of the hour",
            build=candidates.boosting_with_weather,
            not_eligible=FED_OBSERVED_WEATHER,
        ),
        Candidate(
            name="forest",
            title="Random forest on calendar, counter and past counts",
            build=candidates.forest,
        ),
        Candidate(
            name="linear",
            title="Ridge regression on past counts and calendar dummies",
            build=candidates.linear,
        ),
        Candidate(
            name="calendar_only",
            title="Gradient boosting on calendar and coordinates, without past counts",
            build=candidates.calendar_only,
        ),
    ),
    windows=Windows(
        fold=timedelta(days=28),
        folds=4,
        held_out=timedelta(days=56),
        current=timedelta(days=28),
        block=timedelta(days=1),
        zone=PARIS,
    ),
    gates=Gates(
        most_quarantined=0.05,
        fresh=timedelta(days=3),
        degradation=0.1,
        oldest_champion=timedelta(days=84),
        margin=0.01,
    ),
    check_columns=check_columns,
    prepare=candidates.prepare,
    trends=(
        TrendView(
            name="counters",
            title="Bicycles an hour by counter, month by month",
            bucket="month",
            panels="counter",
            zone=PARIS,
            own_scales=True,
        ),
        TrendView(
            name="hours",
            title="Bicycles an hour by counter and hour of the day",
            bucket="hour",
            panels="counter",
            zone=PARIS,
            own_scales=True,
        ),
        TrendView(
            name="weekdays",
            title="Bicycles an hour by counter and weekday",
            bucket="weekday",
            panels="counter",
            zone=PARIS,
            own_scales=True,
        ),
    ),
)
