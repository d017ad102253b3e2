"""Data and models that the tests of the rule share."""

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin

from skfeamoe.postprocessing import BiasScoreClassifier
from skfeamoe.postprocessing._held_out import HeldOut


def sign_of_first(X):
    """Group of every row; None where X is not a table of numbers, which X's check reports."""
    try:
        first = X.tocsr()[:, [0]].toarray() if hasattr(X, "tocsr") else np.asarray(X)[:, [0]]
        signs = np.where(first.real.astype(float).ravel() > 0, "up", "down")
    except (IndexError, TypeError, ValueError):
        return None
    return signs if min((signs == s).sum() for s in ("up", "down")) > 3 else None


class BoundedByX(BiasScoreClassifier):
    """Groups from the first column, so that checks, which pass none, meet bounds."""

    def fit(self, X, y, sample_weight=None):
        groups = sign_of_first(X)
        return super().fit(X, y, sensitive_features=groups, sample_weight=sample_weight)


def make_world(n_samples, *, n_groups=2, seed=0, shift=1.0):
    """Features, labels, groups: labels follow two columns, the last tells the group."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(n_groups, size=n_samples)
    X = rng.normal(size=(n_samples, 4))
    X[:, 0] -= shift * groups / max(n_groups - 1, 1)
    X[:, 3] += 1.5 * groups
    y = (rng.random(n_samples) < expit(1.5 * X[:, 0] + X[:, 1] + 0.3)).astype(int)
    return X, y, np.array(list("abcdefgh"))[groups]


class Known(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are given by a function, and that learns nothing."""

    def __init__(self, function=None, classes=None):
        self.function = function
        self.classes = classes

    def fit(self, X, y):
        self.classes_ = np.unique(y) if self.classes is None else np.asarray(self.classes)
        return self

    def predict_proba(self, X):
        return self.function(np.asarray(X))


def random_rows(n_samples, *, n_groups=2, n_labels=1, seed=0, sure=False):
    """Held-out rows of two calibrated models; the first group is favored least."""
    rng = np.random.default_rng(seed)
    pi = rng.dirichlet(np.full(n_groups, 0.1 if sure else 0.6), size=n_samples)
    eta = expit(pi @ np.linspace(-1.8, 1.8, n_groups) + 1.5 * rng.normal(size=n_samples) - 0.3)
    groups = (rng.random(n_samples)[:, None] > np.cumsum(pi, axis=1)[:, :-1]).sum(axis=1)
    favored = rng.random(n_samples) < eta
    if n_labels == 2:
        pi = np.stack([pi * (1.0 - eta)[:, None], pi * eta[:, None]], axis=2)
    else:
        pi = pi[:, :, None]
    return HeldOut(eta, pi, groups, favored, np.ones(n_samples))
