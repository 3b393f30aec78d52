"""CO2 of models on sale in Canada, from the fuel consumption ratings by model year."""

from __future__ import annotations

from datetime import timedelta

from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.cases.ratings import candidates
from pipeline.cases.ratings.checks import check_columns
from pipeline.cases.ratings.columns import COLUMNS
from pipeline.cases.ratings.simulate import RatingSimulator
from pipeline.cases.ratings.source import RatingFiles
from pipeline.schema import Schema
from pipeline.tasks.divisions import Division
from pipeline.tasks.regression import Regression
from pipeline.trends import TrendView

COMPUTED_FROM_IT = (
    "No: the publisher computes CO2 from fuel consumption. Whoever knows it needs no model."
)
TWO_YEARS = timedelta(days=731)

CASE = Case(
    name="ratings",
    title="CO2 ratings of cars in Canada",
    question="How much CO2 will a model be rated at in Canada, told from its engine and class?",
    task=Regression(
        division=Division(groups=("family",), held_out=0.25),
        segments_by=("make", "fuel", "vehicle_class"),
        baseline_by=("fuel", "vehicle_class"),
        floor=0.0,
    ),
    schema=Schema(
        columns=COLUMNS,
        key=(
            "begins",
            "make",
            "model",
            "vehicle_class",
            "engine_size",
            "cylinders",
            "transmission",
            "fuel",
        ),
        time="begins",
        target="co2",
        # Models are rated until the model year ends; 365 days, so that a leap year's last day
        # does not fall into the next model year.
        known_after=timedelta(days=365),
    ),
    sources={"files": RatingFiles(), "sample": RatingSimulator()},
    candidates=(
        Candidate(
            name="forest",
            title="Random forest on engine, class, transmission, fuel and model year",
            build=candidates.forest,
        ),
        Candidate(
            name="forest_with_make",
            title="Random forest on the same and the make",
            build=candidates.forest_with_make,
        ),
        Candidate(
            name="forest_with_consumption",
            title="Random forest on the same and the combined fuel consumption",
            build=candidates.forest_with_consumption,
            not_eligible=COMPUTED_FROM_IT,
        ),
        Candidate(
            name="boosting",
            title="Histogram gradient boosting on the same and the make",
            build=candidates.boosting,
        ),
        Candidate(
            name="linear",
            title="Ridge regression on the same and the make",
            build=candidates.linear,
        ),
    ),
    # Models change from year to year: folds go forward in time, as the held-out window does.
    windows=Windows(
        folds=4,
        # 730 days, so that a fold's origin knows the model year that has just ended.
        fold=timedelta(days=730),
        held_out=TWO_YEARS,
        current=TWO_YEARS,
        block=timedelta(days=366),
    ),
    gates=Gates(
        most_quarantined=0.1,
        fresh=timedelta(days=800),
        degradation=0.2,
        oldest_champion=timedelta(days=800),
        margin=0.01,
    ),
    check_columns=check_columns,
    check_rows_alone=True,
    trends=(
        TrendView(
            name="classes",
            title="Rated CO2 by class of vehicle, model year by model year",
            bucket="year",
            panels="vehicle_class",
        ),
        TrendView(
            name="fuels",
            title="Rated CO2 by fuel, model year by model year: X regular and Z premium gasoline, "
            "D diesel, E ethanol (E85), N natural gas",
            bucket="year",
            lines="fuel",
        ),
    ),
)
