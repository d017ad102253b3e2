"""The classifiers that are compared, behind one signature: fit a split, give decisions.

A method is a function of a :class:`~benchmarks.common.Split` that returns a function from
nothing to the decisions on the test rows, so that only fitting is on the clock.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient
from river import linear_model as river_linear
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.preprocessing import StandardScaler

from skfeamoe import FEAMOEClassifier

DRAWS = 5
"""Draws that estimate the expected rates of a randomized classifier."""

MOMENTS = {"demographic_parity": DemographicParity, "equalized_odds": EqualizedOdds}


def make_feamoe(favorable: int, seed: int, **parameters) -> FEAMOEClassifier:
    """The estimator under test with its defaults but for the given parameters."""
    return FEAMOEClassifier(favorable_label=favorable, random_state=seed, **parameters)


def fit_feamoe(rows, **parameters) -> FEAMOEClassifier:
    """FEAMOE fitted on unscaled features."""
    model = make_feamoe(rows.favorable, rows.seed, **parameters)
    groups = None if parameters.get("constraints", "") is None else rows.groups
    return model.fit(rows.X, rows.y, sensitive_features=groups)


def feamoe(rows, **parameters):
    """FEAMOE, unscaled features."""
    model = fit_feamoe(rows, **parameters)
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
    model = ThresholdOptimizer(
        estimator=LogisticRegression(max_iter=1000),
        constraints=constraints,
        predict_method="predict_proba",
    )
    model.fit(rows.scaled, rows.y, sensitive_features=rows.groups)
    return lambda: np.stack(
        [
            model.predict(
                rows.scaled_test, sensitive_features=rows.groups_test, random_state=draw
            )
            for draw in range(DRAWS)
        ]
    )


def river_logistic(rows):
    """river's LogisticRegression, one row at a time, standardized features."""
    names = [f"x{j}" for j in range(rows.X.shape[1])]
    model = river_linear.LogisticRegression()
    for x, y in zip(rows.scaled.tolist(), rows.y.tolist(), strict=True):
        model.learn_one(dict(zip(names, x, strict=True)), y)
    test = pd.DataFrame(rows.scaled_test, columns=names)
    return lambda: model.predict_many(test).to_numpy().astype(int)


class OnlineSGD:
    """SGDClassifier behind a running StandardScaler, for streams."""

    def __init__(self, seed: int):
        self.scaler = StandardScaler()
        self.model = SGDClassifier(loss="log_loss", random_state=seed)

    def partial_fit(self, X, y, classes=None, *, sensitive_features=None):
        """Learn from a batch; the groups are not used."""
        self.model.partial_fit(self.scaler.partial_fit(X).transform(X), y, classes=classes)
        return self

    def predict(self, X):
        """Decisions."""
        return self.model.predict(self.scaler.transform(X))


def prequential_decisions(model, X, y, groups, *, batch: int):
    """Decisions on every batch just before it is learned.

    An unfitted model cannot decide: the rows of the first batch count as refused.
    """
    classes = np.unique(y)
    decisions = np.full(len(y), classes[0])
    for start in range(0, len(y), batch):
        rows = slice(start, start + batch)
        if start:
            decisions[rows] = model.predict(X[rows])
        model.partial_fit(X[rows], y[rows], classes=classes, sensitive_features=groups[rows])
    return decisions
