"""Streams in which only the granted show an outcome: what is learned, and what is measured."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from skfeamoe import FEAMOEClassifier
from skfeamoe.streaming import PrequentialEvaluator, prequential

N, BATCH, FIRST = 2400, 40, 200
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
GROUP = RNG.choice(["f", "m"], N)
Y = np.where(X[:, 0] + 0.8 * RNG.logistic(size=N) > 0.3, "paid", "default")
BATCHES = [tuple(part[i : i + BATCH] for part in (X, Y, GROUP)) for i in range(0, N, BATCH)]
OPTIONS = {"favorable_label": "paid", "pretrain_rows": FIRST, "min_group_size": 1}


class Rule(ClassifierMixin, BaseEstimator):
    """Grants by a column, and writes down what it is shown."""

    def __init__(self, log):
        self.log = log

    def predict(self, X):
        return np.where(X[:, 1] > 0.5, "paid", "default")

    def _note(self, X, y, **more):
        self.classes_ = np.array(["default", "paid"])
        self.log.append({"X": X, "y": y, **more})
        return self


class Weighted(Rule):
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        return self._note(X, y, sample_weight=sample_weight)


class Plain(Rule):
    def partial_fit(self, X, y):
        return self._note(X, y)


class Informed(Rule):
    def partial_fit(self, X, y, classes=None, *, sensitive_features=None, propensity=None):
        return self._note(X, y, groups=sensitive_features, propensity=propensity)


def shown(log, after=FIRST // BATCH):
    """What was shown once labels were hidden."""
    later = log[after:]
    return {name: np.concatenate([entry[name] for entry in later]) for name in later[0]}


@pytest.mark.parametrize("label_delay", [0, 3])
def test_models_are_shown_the_granted_and_some_by_lot(label_delay):
    logs = {kind: [] for kind in (Weighted, Plain, Informed)}
    models = {kind.__name__: kind(log) for kind, log in logs.items()}
    prequential(
        models,
        BATCHES,
        labels="granted",
        exploration=0.2,
        label_delay=label_delay,
        classes=["default", "paid"],
        **OPTIONS,
    )
    first = max(FIRST // BATCH, 1 + label_delay)
    for log in logs.values():
        for entry, batch in zip(log[:first], BATCHES, strict=False):
            np.testing.assert_array_equal(entry["y"], batch[1])
    granted = X[FIRST:, 1] > 0.5
    told = shown(logs[Informed])
    np.testing.assert_array_equal(told["X"], X[FIRST:])
    np.testing.assert_array_equal(told["groups"], GROUP[FIRST:])
    np.testing.assert_array_equal(told["propensity"], np.where(granted, 1.0, 0.2))
    seen = np.array([label is not None for label in told["y"]])
    assert seen[granted].all()
    share = seen[~granted].mean()
    assert abs(share - 0.2) < 4 * np.sqrt(0.16 / (~granted).sum())
    np.testing.assert_array_equal(told["y"][seen], Y[FIRST:][seen])
    for kind in (Weighted, Plain):  # all models draw the same lots
        told = shown(logs[kind])
        np.testing.assert_array_equal(told["X"], X[FIRST:][seen])
        np.testing.assert_array_equal(told["y"], Y[FIRST:][seen])
    weights = np.where(granted, 1.0, 5.0)[seen]
    np.testing.assert_array_equal(shown(logs[Weighted])["sample_weight"], weights)


def test_seen_and_corrected_measures_are_those_of_the_seen_rows():
    log = []
    result = prequential(Informed(log), BATCHES, labels="granted", exploration=0.2, **OPTIONS)
    told = shown(log)
    seen = np.array([label is not None for label in told["y"]])
    views = result.points[-1].models["Informed"].views
    true, predicted = Y[FIRST:], Rule([]).predict(X[FIRST:])
    weight = 1.0 / told["propensity"][seen]
    for view, rows, of_rows in (
        ("cumulative", np.ones(len(seen), dtype=bool), None),
        ("seen", seen, None),
        ("corrected", seen, weight),
    ):
        pair = true[rows], predicted[rows]
        expected = accuracy_score(*pair, sample_weight=of_rows)
        assert views[view]["accuracy"] == pytest.approx(expected), view
        expected = balanced_accuracy_score(*pair, sample_weight=of_rows)
        assert views[view]["balanced_accuracy"] == pytest.approx(expected), view
        assert views[view].n_rows == rows.sum()
    table = result.table
    assert set(table["view"]) == {"cumulative", "window", "faded", "seen", "corrected"}


def test_corrected_measures_are_unbiased_and_seen_ones_are_not():
    """Mean over many lots; the truth is the same every time."""
    found = {"seen": [], "corrected": []}
    names = ("accuracy", "demographic_parity_difference", "equal_opportunity_difference")
    for seed in range(60):
        result = prequential(
            Plain([]),
            BATCHES[:25],
            labels="granted",
            exploration=0.1,
            random_state=seed,
            metrics=names,
            classes=["default", "paid"],
            **OPTIONS,
        )
        views = result.points[-1].models["Plain"].views
        for view, values in found.items():
            values.append(views[view]["accuracy"])
    truth = views["cumulative"]["accuracy"]
    error = np.std(found["corrected"]) / np.sqrt(60)
    assert abs(np.mean(found["corrected"]) - truth) < 4 * error
    assert abs(np.mean(found["seen"]) - truth) > 0.02


def test_with_no_exploration_only_the_granted_are_seen():
    log = []
    result = prequential(Plain(log), BATCHES, labels="granted", exploration=0, **OPTIONS)
    told = shown(log)
    assert (told["X"][:, 1] > 0.5).all()
    views = result.points[-1].models["Plain"].views
    assert views["seen"].measures["accuracy"] == views["corrected"].measures["accuracy"]


def test_feamoe_and_a_linear_model_go_through_and_a_save_changes_nothing():
    import pickle

    models = {
        "FEAMOE": FEAMOEClassifier(random_state=0),
        "SGD": SGDClassifier(loss="log_loss", random_state=0),
    }
    options = {**OPTIONS, "labels": "granted", "classes": ["default", "paid"]}
    evaluator = PrequentialEvaluator(models, **options)
    for i, batch in enumerate(BATCHES):
        if i == 20:
            saved = pickle.loads(pickle.dumps(evaluator))
        evaluator.update(batch)
    for batch in BATCHES[20:]:
        saved.update(batch)
    whole, again = evaluator.finish(), saved.finish()
    drop = ["predict_seconds", "train_seconds"]
    assert whole.summary().drop(columns=drop).equals(again.summary().drop(columns=drop))
    assert whole.settings["labels"] == "granted"
    people = whole.estimators["FEAMOE"]._model.monitor.people
    assert people.n_seen == N  # the refused count as people
    assert whole.estimators["FEAMOE"].n_samples_seen_ < 0.8 * N


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"labels": "some"}, "labels must be 'all' or 'granted'"),
        ({"exploration": 1.0}, r"exploration must be in \[0, 1\)"),
        ({"exploration": "x"}, r"exploration must be in \[0, 1\)"),
        ({"random_state": -1}, "random_state must be a whole number"),
    ],
)
def test_bad_parameters_are_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        prequential(Plain([]), BATCHES, **{"labels": "granted", **wrong})
