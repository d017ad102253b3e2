"""A small lending problem with a wide gap between groups, shared by the estimator's tests."""

import copy
import pickle
from functools import wraps

import numpy as np

from skfeamoe import FEAMOEClassifier


def make_lending(
    n_samples=2000, *, n_classes=2, n_groups=2, n_features=6, noise=1.0, proxy=2.0, seed=0
):
    """Features, labels and group names; the last group's scores lie lower.

    ``noise`` blurs the labels; ``proxy`` is how far the last feature, which says nothing of
    the label, tells the groups apart.
    """
    rng = np.random.default_rng(seed)
    code = rng.integers(n_groups, size=n_samples)
    X = rng.normal(size=(n_samples, n_features))
    X[:, 0] -= 0.7 * code / max(n_groups - 1, 1)
    X[:, 1] -= 0.4 * code / max(n_groups - 1, 1)
    X[:, -1] += proxy * code
    score = X[:, 0] + 0.5 * X[:, 1] - 0.7 * X[:, 2] + noise * rng.logistic(size=n_samples)
    edges = np.linspace(-1.0, 0.5, n_classes - 1) if n_classes > 2 else [-0.4]
    y = np.digitize(score, edges)
    return X, y, np.array(list("abcdefghij"))[code]


def stream(model, X, y, groups=None, *, rows=160, weight=None, classes=None):
    """The model after the rows have streamed through it, ``rows`` at a time."""
    classes = np.unique(y) if classes is None else classes
    for start in range(0, len(y), rows):
        part = slice(start, start + rows)
        model.partial_fit(
            X[part],
            y[part],
            classes,
            sensitive_features=None if groups is None else groups[part],
            sample_weight=None if weight is None else weight[part],
        )
    return model


def made_once(make):
    """What a function makes of the same parameters, made once; every call gets a copy."""
    made = {}

    @wraps(make)
    def copied(*args, **parameters):
        key = repr((args, sorted(parameters.items())))
        if key not in made:
            made[key] = make(*args, **parameters)
        return copy.deepcopy(made[key])

    return copied


def frozen(model):
    """Everything that the model is, to compare before and after."""
    return pickle.dumps(model)


def assert_same_state(a, b, path="state", **tolerance):
    """Two training states are equal, bit for bit unless a tolerance is given."""
    if hasattr(a, "to_dict"):
        a, b = a.to_dict(), b.to_dict()
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for name in a:
            assert_same_state(a[name], b[name], f"{path}.{name}", **tolerance)
    elif tolerance and a is not None and not isinstance(a, (str, list)):
        np.testing.assert_allclose(a, b, err_msg=path, **tolerance)
    else:
        np.testing.assert_array_equal(a, b, err_msg=path)


class GroupsFromX(FEAMOEClassifier):
    """Takes the sign of the first column for the group, so that constraints always act."""

    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        return super().fit(
            X, y, sensitive_features=sign_of_first(X), sample_weight=sample_weight
        )

    def partial_fit(self, X, y, classes=None, *, sensitive_features=None, sample_weight=None):
        return super().partial_fit(
            X, y, classes, sensitive_features=sign_of_first(X), sample_weight=sample_weight
        )


def sign_of_first(X):
    """Group of every row; None where X is not a table of numbers, which X's check reports."""
    try:
        first = X.tocsr()[:, [0]].toarray() if hasattr(X, "tocsr") else np.asarray(X)[:, [0]]
        return np.where(first.real.astype(float).ravel() > 0, "up", "down")
    except (IndexError, TypeError, ValueError):
        return None
