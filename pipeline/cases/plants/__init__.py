"""Which plant a picture shows: image classification through the same notebooks."""

from __future__ import annotations

from datetime import timedelta

from pipeline.case import Candidate, Case, Gates, Windows
from pipeline.cases.plants import candidates
from pipeline.cases.plants.checks import check_columns
from pipeline.cases.plants.columns import SCHEMA, WATCHED
from pipeline.cases.plants.division import DIVISION
from pipeline.cases.plants.learning import missing_torch
from pipeline.cases.plants.pictures import with_pictures
from pipeline.cases.plants.simulate import PlantSimulator
from pipeline.cases.plants.source import PlantFiles
from pipeline.tasks.pictures import PictureClassification

CASE = Case(
    name="plants",
    title="Plants on pictures",
    question="Which plant does a picture show?",
    use="To tell a daisy from a dandelion on a photograph of one of the two. Not for other plants: "
    "it knows no third answer, and calls a rose one of these.",
    task=PictureClassification(
        classes=("daisy", "dandelion"),
        division=DIVISION,
        watched=WATCHED,
    ),
    schema=SCHEMA,
    sources={"files": PlantFiles(), "sample": PlantSimulator()},
    candidates=(
        Candidate(
            name="vectors",
            title="Support vector machine on colours, edges and texture",
            build=candidates.vectors,
        ),
        Candidate(
            name="boosting",
            title="Gradient boosting on principal components of the same",
            build=candidates.boosting,
        ),
        Candidate(
            name="network",
            title="Small convolutional network, learned from these pictures alone",
            build=candidates.network,
            missing=missing_torch,
        ),
        Candidate(
            name="together",
            title="The network and the support vector machine, each counting alike",
            build=candidates.together,
            missing=missing_torch,
        ),
        Candidate(
            name="backbone",
            title="Logistic regression on features of a ResNet-18 that was learned elsewhere",
            build=candidates.backbone,
            missing=candidates.missing_backbone,
        ),
    ),
    windows=Windows(folds=5),
    gates=Gates(
        most_quarantined=0.2,
        # Pictures carry no time; the gate of freshness is not asked for.
        fresh=timedelta(days=3650),
        degradation=0.25,
        oldest_champion=timedelta(days=365),
        margin=0.01,
    ),
    check_columns=check_columns,
    with_files=with_pictures,
)
