"""CO2 of newly registered cars in the WLTP test, from their technical data."""

from __future__ import annotations

from datetime import timedelta

from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.cases.vehicles import candidates
from pipeline.cases.vehicles.checks import check_columns
from pipeline.cases.vehicles.columns import COLUMNS
from pipeline.cases.vehicles.live import VehicleFeed
from pipeline.cases.vehicles.simulate import VehicleSimulator
from pipeline.cases.vehicles.source import VehicleFiles
from pipeline.schema import Schema
from pipeline.tasks.divisions import Division
from pipeline.tasks.regression import Regression
from pipeline.trends import TrendView

MEASURED_TOGETHER = (
    "No: fuel consumption comes out of the same test as CO2. Whoever knows it has measured what is "
    "asked for."
)

CASE = Case(
    name="vehicles",
    title="CO2 of new cars",
    question="How much CO2 does a car emit in the WLTP test, told from its technical data?",
    use="To check or fill in the declared CO2 of a new car from its technical data. Not for what "
    "it emits on the road, least of all for plug-in hybrids.",
    task=Regression(
        division=Division(groups=("approval",), held_out=0.25),
        segments_by=("make", "country", "fuel"),
        baseline_by=("fuel", "fuel_mode"),
        floor=0.0,
    ),
    schema=Schema(
        columns=COLUMNS,
        key=("id",),
        time="registered",
        target="co2",
        known_after=timedelta(days=1),
    ),
    sources={"live": VehicleFeed(), "files": VehicleFiles(), "sample": VehicleSimulator()},
    candidates=(
        Candidate(
            name="extra_trees",
            title="Extremely randomised trees on technical data and fuel",
            build=candidates.extra_trees,
        ),
        Candidate(
            name="forest",
            title="Random forest on technical data and fuel",
            build=candidates.forest,
        ),
        Candidate(
            name="forest_with_make",
            title="Random forest on technical data, fuel and make",
            build=candidates.forest_with_make,
        ),
        Candidate(
            name="forest_with_consumption",
            title="Random forest on technical data, fuel and fuel consumption",
            build=candidates.forest_with_consumption,
            not_eligible=MEASURED_TOGETHER,
        ),
        Candidate(
            name="forest_with_both",
            title="Random forest on technical data, fuel, make and fuel consumption",
            build=candidates.forest_with_both,
            not_eligible=MEASURED_TOGETHER,
        ),
        Candidate(
            name="boosting",
            title="Histogram gradient boosting on technical data and fuel",
            build=candidates.boosting,
        ),
        Candidate(
            name="linear",
            title="Ridge regression on technical data and fuel",
            build=candidates.linear,
        ),
        Candidate(
            name="neighbours",
            title="Mean of the ten most similar cars, by technical data and fuel",
            build=candidates.neighbours,
        ),
    ),
    windows=Windows(
        folds=5,
        held_out=timedelta(days=91),
        current=timedelta(days=91),
        block=timedelta(days=7),
    ),
    gates=Gates(
        most_quarantined=0.2,
        fresh=timedelta(days=550),
        degradation=0.2,
        oldest_champion=timedelta(days=400),
        margin=0.01,
    ),
    check_columns=check_columns,
    check_rows_alone=True,
    trends=(
        TrendView(
            name="fuels",
            title="CO2 of new cars by fuel, month by month",
            bucket="month",
            panels="fuel",
            own_scales=True,
        ),
        TrendView(
            name="makes",
            title="CO2 of new cars that burn fuel, by make, month by month",
            bucket="month",
            panels="make",
            where=("fuel!=ELECTRIC",),
        ),
        TrendView(
            name="years",
            title="CO2 of new cars by fuel, year by year",
            bucket="year",
            lines="fuel",
        ),
    ),
)
