"""The classifiers that are compared: batch methods on a split, and learners of a stream.

A batch method is a function of a :class:`~benchmarks.data.Split` that returns a function from
nothing to the decisions on the test rows, so that only fitting is on the clock. A learner has
``partial_fit`` and ``predict`` and does its own scaling.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient
from river import linear_model as river_linear
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks.measures import timed
from skfeamoe import FEAMOEClassifier
from skfeamoe.postprocessing import BiasScoreClassifier
from skfeamoe.streaming import StreamBatch, prequential

DRAWS = 5
"""Draws that estimate the expected rates of a randomized classifier."""

MOMENTS = {"demographic_parity": DemographicParity, "equalized_odds": EqualizedOdds}


# -------------------------------------------------------------------- batch methods


def make_feamoe(favorable: int, seed: int, **parameters) -> FEAMOEClassifier:
    """The estimator under test with its defaults but for the given parameters."""
    return FEAMOEClassifier(favorable_label=favorable, random_state=seed, **parameters)


def fit_feamoe(rows, *, sample_weight=None, **parameters) -> FEAMOEClassifier:
    """FEAMOE fitted on unscaled features."""
    model = make_feamoe(rows.favorable, rows.seed, **parameters)
    groups = None if parameters.get("constraints", "") is None else rows.groups
    return model.fit(rows.X, rows.y, sensitive_features=groups, sample_weight=sample_weight)


def feamoe(rows, **parameters):
    """FEAMOE, unscaled features."""
    model = fit_feamoe(rows, **parameters)
    return lambda: model.predict(rows.X_test)


def batches(n_rows: int, size: int) -> Iterator[slice]:
    """Rows in calls of this size."""
    return (slice(start, start + size) for start in range(0, n_rows, size))


def before_learning(model, X, y, groups, size: int) -> Iterator[tuple[slice, Any]]:
    """Places and rows of every call, each just before the model learns it."""
    for part in batches(len(y), size):
        rows = X.iloc[part] if isinstance(X, pd.DataFrame) else X[part]
        yield part, rows
        known = None if groups is None else groups[part]
        model.partial_fit(rows, y[part], [0, 1], sensitive_features=known)


def stream(model, X, y, groups, size: int):
    """The model, shown the rows once, so many at a time."""
    for _ in before_learning(model, X, y, groups, size):
        pass
    return model


def streamed_feamoe(rows, **parameters):
    """FEAMOE that sees the training rows once, 32 at a time."""
    model = make_feamoe(rows.favorable, rows.seed, **parameters)
    groups = None if parameters.get("constraints", "") is None else rows.groups
    stream(model, rows.X, rows.y, groups, 32)
    return lambda: model.predict(rows.X_test)


def logistic_regression(rows, *, scaled=True):
    """LogisticRegression; on standardized features it converges in a few dozen steps."""
    X, X_test = (rows.scaled, rows.scaled_test) if scaled else (rows.X, rows.X_test)
    model = LogisticRegression(max_iter=1000 if scaled else 100).fit(X, rows.y)
    return lambda: model.predict(X_test)


def sgd(rows):
    """SGDClassifier with the log loss, standardized features."""
    model = SGDClassifier(loss="log_loss", random_state=rows.seed).fit(rows.scaled, rows.y)
    return lambda: model.predict(rows.scaled_test)


def exponentiated_gradient(rows, *, constraints, difference_bound):
    """The reductions approach over LogisticRegression, standardized features."""
    moment = MOMENTS[constraints](difference_bound=difference_bound)
    model = ExponentiatedGradient(LogisticRegression(max_iter=1000), moment)
    model.fit(rows.scaled, rows.y, sensitive_features=rows.groups)
    return lambda: np.stack(
        [model.predict(rows.scaled_test, random_state=draw) for draw in range(DRAWS)]
    )


def threshold_optimizer(rows, *, constraints):
    """Thresholds by group over LogisticRegression: reads the sensitive value to predict."""
    base = LogisticRegression(max_iter=1000)
    model = ThresholdOptimizer(
        estimator=base, constraints=constraints, predict_method="predict_proba"
    )
    model.fit(rows.scaled, rows.y, sensitive_features=rows.groups)
    known = {"sensitive_features": rows.groups_test}
    return lambda: np.stack(
        [model.predict(rows.scaled_test, random_state=k, **known) for k in range(DRAWS)]
    )


def river_logistic(rows):
    """river's LogisticRegression, one row at a time, standardized features."""
    names = [f"x{j}" for j in range(rows.X.shape[1])]
    model = river_linear.LogisticRegression()
    for x, y in zip(rows.scaled.tolist(), rows.y.tolist(), strict=True):
        model.learn_one(dict(zip(names, x, strict=True)), y)
    test = pd.DataFrame(rows.scaled_test, columns=names)
    return lambda: model.predict_many(test).to_numpy().astype(int)


# ------------------------------------------------------------- learners of a stream


class Scaled(BaseEstimator):
    """A scikit-learn classifier with ``partial_fit`` behind a running StandardScaler."""

    def __init__(self, model):
        self.model = model
        self.scaler = StandardScaler()

    def partial_fit(self, X, y, classes=None):
        """Learn from a batch."""
        self.model.partial_fit(self.scaler.partial_fit(X).transform(X), y, classes=classes)
        return self

    def predict(self, X):
        """Decisions."""
        return self.model.predict(self.scaler.transform(X))


class River(BaseEstimator):
    """A river classifier, row by row; it decides on a whole batch before it learns from it."""

    def __init__(self, model):
        self.model = model

    def partial_fit(self, X, y, classes=None):
        """Learn from the rows."""
        for row, label in zip(X.tolist(), y.tolist(), strict=True):
            self.model.learn_one(dict(enumerate(row)), label)
        return self

    def predict(self, X):
        """Decisions."""
        found = (self.model.predict_one(dict(enumerate(row))) for row in X.tolist())
        return np.array([int(label or 0) for label in found])


def online_sgd(seed: int, **parameters) -> Scaled:
    """SGDClassifier with the log loss behind a running scaler."""
    return Scaled(SGDClassifier(loss="log_loss", random_state=seed, **parameters))


class Recorded(BaseEstimator):
    """A model that keeps its decisions and its processor time while others drive it."""

    def __init__(self, model, static=False):
        self.model = model
        self.kept: list[np.ndarray] = []
        self.seconds = 0.0
        if static:
            self.classes_ = np.array([0, 1])

    def predict(self, X):
        """Decisions, which are kept."""
        found, told = timed(self.model.predict, X)
        self.seconds += told["seconds"]
        self.kept.append(found)
        return found

    def partial_fit(self, X, y, classes=None, *, sensitive_features=None):
        """Learn from a batch; what can bound gaps is told the groups."""
        known = {"sensitive_features": sensitive_features}
        known = known if isinstance(self.model, FEAMOEClassifier | BiasScoreClassifier) else {}
        told = timed(self.model.partial_fit, X, y, classes=classes, **known)[1]
        self.seconds += told["seconds"]
        self.classes_ = np.array(classes)
        return self


def decisions(model, X, y, groups, *, batch: int, favorable: int = 1, static: bool = False):
    """Decisions on every batch just before it is learned, and their processor seconds.

    The loop is :func:`skfeamoe.streaming.prequential`. An unfitted model cannot decide: the
    rows of the first batch count as refused. A static model never learns.
    """
    recorded = Recorded(model, static)
    parts = (StreamBatch(X[p], y[p], groups[p]) for p in batches(len(y), batch))
    options = {"metrics": ["accuracy"], "window": None, "fading_factor": None}
    prequential(recorded, parts, classes=[0, 1], train=not static, **options)
    found = np.concatenate(recorded.kept)
    refused = np.full(len(y) - len(found), 1 - favorable)
    return np.append(refused, found), {"seconds": recorded.seconds}
