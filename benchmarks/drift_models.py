"""The classifiers of the drift benchmark, all behind ``partial_fit`` and ``predict``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from river import forest, linear_model, preprocessing, tree
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.drift_streams import Stream
from benchmarks.models import make_feamoe
from skfeamoe._mixture.forward import proba
from skfeamoe._training import trainer
from skfeamoe._training.state import layout_of, prior_scores

BOUND = 0.05
PROBE_ROWS = 500

FEAMOE = {
    "FEAMOE, drift": {"growth": "drift"},
    "FEAMOE, interval": {"growth": "interval"},
    "FEAMOE, one expert": {"growth": None},
    "FEAMOE, drift, no constraint": {"growth": "drift", "constraints": None},
    "one network with penalties": {
        "growth": None,
        "expert": "mlp",
        "hidden_layer_sizes": (30, 30),
    },
    "FEAMOE, individual fairness": {"growth": "individual_fairness"},
}
STATIC = "LogisticRegression, static"
ONLINE_PEERS = (
    "one network with penalties",
    "SGDClassifier",
    "MLPClassifier",
    "river LogisticRegression",
    "river HoeffdingAdaptiveTree",
    "river ARF",
)


class Scaled:
    """A scikit-learn classifier with ``partial_fit`` behind a running StandardScaler."""

    def __init__(self, model):
        self.scaler = StandardScaler()
        self.model = model

    def partial_fit(self, X, y, classes, *, sensitive_features=None):
        """Learn from a batch; the groups are not used."""
        self.model.partial_fit(self.scaler.partial_fit(X).transform(X), y, classes=classes)
        return self

    def predict(self, X):
        """Decisions."""
        return self.model.predict(self.scaler.transform(X))


class River:
    """A river classifier, row by row; it decides on a whole batch before it learns from it."""

    def __init__(self, model):
        self.model = model

    def partial_fit(self, X, y, classes, *, sensitive_features=None):
        """Learn from the rows; the groups are not used."""
        for row, label in zip(X.tolist(), y.tolist(), strict=True):
            self.model.learn_one(dict(enumerate(row)), label)
        return self

    def predict(self, X):
        """Decisions."""
        found = (self.model.predict_one(dict(enumerate(row))) for row in X.tolist())
        return np.array([int(label or 0) for label in found])


class Static:
    """Fitted once on the past of a stream."""

    def __init__(self, stream: Stream):
        past = slice(0, stream.n_past)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        self.model = model.fit(stream.X[past], stream.y[past])

    def partial_fit(self, X, y, classes, *, sensitive_features=None):
        """Nothing."""
        return self

    def predict(self, X):
        """Decisions."""
        return self.model.predict(X)


def make(name: str, stream: Stream, seed: int):
    """An unfitted model by its name (the static one is fitted on the past)."""
    if name in FEAMOE:
        parameters = {"difference_bound": BOUND} | FEAMOE[name]
        if parameters["growth"] == "individual_fairness":
            parameters["counterfactual_columns"] = list(stream.counterfactual)
        return make_feamoe(stream.favorable, seed, **parameters)
    makers = {
        STATIC: lambda: Static(stream),
        "SGDClassifier": lambda: Scaled(
            SGDClassifier("log_loss", learning_rate="constant", eta0=0.01, random_state=seed)
        ),
        "MLPClassifier": lambda: Scaled(MLPClassifier((30, 30), random_state=seed)),
        "river LogisticRegression": lambda: River(
            preprocessing.StandardScaler() | linear_model.LogisticRegression()
        ),
        "river HoeffdingAdaptiveTree": lambda: River(
            tree.HoeffdingAdaptiveTreeClassifier(seed=seed)
        ),
        "river ARF": lambda: River(forest.ARFClassifier(seed=seed)),
    }
    return makers[name]()


@contextmanager
def growth_steps(X: np.ndarray) -> Iterator[list[float]]:
    """Mean absolute change of the probabilities at every step of growth within the block.

    The trainer's two acts of growth are measured from outside, before and after, on rows
    spread over the stream, so that no step of learning lies in between.
    """
    changes: list[float] = []
    probe = X[:: max(len(X) // PROBE_ROWS, 1)]
    acts = {name: getattr(trainer, name) for name in ("add_expert", "add_generation")}

    def predicted(state):
        Z = state["terms"].transform(probe)
        return proba(Z, state["average"], layout_of(state), prior_scores(state))

    def measured(act):
        def measuring(state, max_experts):
            before = predicted(state)
            act(state, max_experts)
            changes.append(float(np.abs(predicted(state) - before).mean()))

        return measuring

    for name, act in acts.items():
        setattr(trainer, name, measured(act))
    try:
        yield changes
    finally:
        for name, act in acts.items():
            setattr(trainer, name, act)


def decisions(model, stream: Stream, *, batch: int) -> np.ndarray:
    """Decisions on every batch just before it is learned; the first batch counts as refused."""
    classes = np.unique(stream.y)
    found = np.full(len(stream.y), 1 - stream.favorable)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for start in range(0, len(stream.y), batch):
            rows = slice(start, start + batch)
            if start or isinstance(model, Static):
                found[rows] = model.predict(stream.X[rows])
            model.partial_fit(
                stream.X[rows], stream.y[rows], classes, sensitive_features=stream.groups[rows]
            )
    return found
