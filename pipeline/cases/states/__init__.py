"""Yearly CO2 of US electric power by state, producer and fuel, forecast a year ahead."""

from __future__ import annotations

from datetime import timedelta

from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.cases.states import candidates
from pipeline.cases.states.checks import check_columns
from pipeline.cases.states.simulate import EmissionSimulator
from pipeline.cases.states.source import EmissionFeed, EmissionFiles
from pipeline.schema import Column, Schema
from pipeline.tasks.forecasting import Forecasting
from pipeline.tasks.timesteps import YEAR
from pipeline.trends import TrendView

CASE = Case(
    name="states",
    title="CO2 of electric power in the United States",
    question="How much CO2 will power plants emit next year, by state, producer and fuel?",
    use="To see where the emissions of a state's power plants are heading, a year ahead. Not for "
    "scenarios: it knows no law, price, or plant that opens or closes.",
    task=Forecasting(
        every="Y",
        horizon=1,
        season=1,
        season_name="same as the year before",
        lags=(1, 2, 3),
        means=(5,),
        seasons=4,
        growths=(("fuel", 8),),
        unseen=0.0,
        floor=0.0,
        tails_by="fuel",
        # Half of an error's weight is gone after three years: what a fuel does changes slowly.
        memory=3,
        losses_hang_together=0,
    ),
    schema=Schema(
        columns=(
            Column(
                name="state",
                kind="category",
                description="two letters of the state; US for the nation",
            ),
            Column(
                name="producer",
                kind="category",
                description="who runs the plant; in the account of all energy, the sector",
            ),
            Column(name="fuel", kind="category", description="what is burned"),
            Column(
                name="time",
                kind="time",
                description="start of the year, UTC",
                known_ahead=True,
            ),
            Column(
                name="co2",
                kind="number",
                unit="Mt",
                description="CO2 emitted in the year, million metric tons",
            ),
            Column(
                name="account",
                kind="category",
                description="power plants, or all energy (State Energy Data System)",
                known_ahead=True,
                fixed=True,
            ),
            Column(
                name="part",
                kind="boolean",
                description="a part of the power plants' account, not a sum of others",
                known_ahead=True,
                fixed=True,
            ),
        ),
        key=("state", "producer", "fuel", "time"),
        time="time",
        target="co2",
        parts="part",
        # A year's value counts as known when it ends. 365 days, in a leap year a day too early:
        # the last day must not fall into the next year, where the forecast begins.
        known_after=timedelta(days=365),
    ),
    sources={
        "live": EmissionFeed(),
        "files": EmissionFiles(),
        "sample": EmissionSimulator(),
    },
    candidates=(
        Candidate(
            name="fuel_trend",
            title="Last year's value, grown as its fuel has grown over eight years in all states",
            build=candidates.fuel_trend,
        ),
        Candidate(
            name="half_fuel_trend",
            title="Last year's value, with half of its fuel's growth",
            build=candidates.half_fuel_trend,
        ),
        Candidate(
            name="damped_trend",
            title="Last year's value and a learned share of its own last change",
            build=candidates.damped_trend,
        ),
        Candidate(
            name="ridge",
            title="Ridge regression of the relative change on the changes before",
            build=candidates.ridge,
        ),
        Candidate(
            name="boosting",
            title="Gradient boosting of the relative change on the changes before and on names",
            build=candidates.boosting,
        ),
        Candidate(
            name="names_only",
            title="Random forest on state, producer, fuel and year, without past values",
            build=candidates.names_only,
        ),
    ),
    windows=Windows(
        fold=YEAR,
        folds=6,
        held_out=8 * YEAR,
        current=4 * YEAR,
        block=timedelta(days=365),
        hindsight=YEAR,
    ),
    gates=Gates(
        most_quarantined=0.05,
        # A year is published ten to eleven months after its end.
        fresh=timedelta(days=3 * 366),
        degradation=0.1,
        # A champion has not seen the eight years on which it was tested.
        oldest_champion=10 * YEAR,
        margin=0.01,
    ),
    check_columns=check_columns,
    trends=(
        TrendView(
            name="states",
            title="CO2 of power plants by state and fuel, year by year",
            bucket="year",
            panels="state",
            lines="fuel",
            aggregate="sum",
        ),
        TrendView(
            name="fuels",
            title="CO2 of power plants by fuel, year by year",
            bucket="year",
            lines="fuel",
            aggregate="sum",
        ),
    ),
)
