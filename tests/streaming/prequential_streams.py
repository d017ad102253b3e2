"""A drifting stream with groups, and a model that records what it is asked."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB

from skfeamoe.streaming import StreamBatch


class Recorder(ClassifierMixin, BaseEstimator):
    """A naive Bayes classifier that writes down what it was asked and taught."""

    def __init__(self, log=None):
        self.log = log

    def partial_fit(self, X, y, classes=None, *, sensitive_features=None, sample_weight=None):
        if not hasattr(self, "model_"):
            self.model_ = GaussianNB()
        self.log.append(("train", X[:, 0].tolist(), sensitive_features, sample_weight))
        self.model_.partial_fit(X, y, classes=classes, sample_weight=sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        self.log.append(("predict", X[:, 0].tolist()))
        self.log.append(("predicted", self.model_.predict(X), self.model_.predict_proba(X)))
        return self.model_.predict(X)

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def distance_to_boundary(self, X):
        return np.abs(X[:, 1])

    @property
    def n_experts_(self):
        return 3


def make_stream(n_rows=1200, batch_size=40, n_classes=2, seed=0, weighted=False, unknown=0.0):
    """Rows whose first feature is the row number, drifting, with groups of unequal size."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    X[:, 0] = np.arange(n_rows) / n_rows
    race = rng.choice(["a", "b", "c"], n_rows, p=[0.6, 0.3, 0.1]).astype(object)
    score = X[:, 1] * np.where(np.arange(n_rows) < n_rows / 2, 1, -0.5) + (race == "a") * 0.7
    edges = np.quantile(score, np.arange(1, n_classes) / n_classes)
    y = np.digitize(score + rng.normal(scale=0.7, size=n_rows), edges)
    race[rng.random(n_rows) < unknown] = None
    weight = rng.exponential(size=n_rows) if weighted else None
    stream = {"X": X, "y": y, "race": race, "weight": weight}
    stream["batches"] = [
        StreamBatch(
            X[i : i + batch_size],
            y[i : i + batch_size],
            race[i : i + batch_size],
            None if weight is None else weight[i : i + batch_size],
            np.arange(i, min(i + batch_size, n_rows)),
        )
        for i in range(0, n_rows, batch_size)
    ]
    return stream
