"""The models of the plants case; each takes the table of pictures and gives probabilities."""

from __future__ import annotations

from typing import Any


def vectors(seed: int) -> Any:
    """Support vector machine with a Gaussian kernel on colours, edges and texture."""
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    from pipeline.cases.plants.models import BothSides, EqualBlocks, Looks

    machine = make_pipeline(EqualBlocks(), SVC(C=4.0, gamma=0.33))
    return make_pipeline(Looks(), BothSides(machine, seed=seed))


def boosting(seed: int) -> Any:
    """Histogram gradient boosting on principal components of the same."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    from pipeline.cases.plants.models import BothSides, EqualBlocks, Looks

    model = HistGradientBoostingClassifier(
        max_iter=80,
        learning_rate=0.1,
        max_leaf_nodes=8,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    )
    parts = PCA(n_components=40, svd_solver="randomized", random_state=seed)
    return make_pipeline(Looks(), BothSides(make_pipeline(EqualBlocks(), parts, model), seed=seed))


def network(seed: int) -> Any:
    """A small convolutional network that has seen nothing but these pictures."""
    from pipeline.cases.plants.network import PictureNetwork

    return PictureNetwork(seed=seed)


def together(seed: int) -> Any:
    """The network and the support vector machine, each counting alike."""
    from pipeline.cases.plants.network import Pooled

    return Pooled((network(seed), vectors(seed)))


def missing_backbone() -> str:
    """What to do where the weights of the ResNet-18 are not there."""
    from pipeline.cases.plants.backbone import missing_backbone

    return missing_backbone()


def backbone(seed: int) -> Any:
    """Logistic regression on features of a ResNet-18 that was learned elsewhere."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from pipeline.cases.plants.backbone import Backbone

    model = LogisticRegression(C=0.01, max_iter=500, random_state=seed)
    return make_pipeline(Backbone(), StandardScaler(), model)
